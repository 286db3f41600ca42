import pytest

from wire.compacted import CompactedReader, read_compacted
from wire.publisher import TransactionalPublisher

pytestmark = pytest.mark.kafka
LANES = {"bus.cursors": 1, "bus.workers": 1}


@pytest.fixture
def publisher(admin, provisioner):
    provisioner.ensure_lanes(LANES)
    with TransactionalPublisher(admin, "connect.a") as made:
        yield made


def test_each_key_has_its_newest_value_and_tombstones_take_keys_out(admin, publisher):
    with publisher.transaction():
        for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None)):
            publisher.send("bus.cursors", key, value)
    with pytest.raises(ZeroDivisionError), publisher.transaction():
        publisher.send("bus.cursors", b"a", b"aborted")
        publisher.flush()
        raise ZeroDivisionError
    assert read_compacted(admin, "bus.cursors") == {b"a": b"2"}
    assert read_compacted(admin, "bus.workers") == {}


def test_a_table_is_kept_up_to_date(admin, publisher):
    with CompactedReader(admin, LANES) as reader:
        assert reader.load() == {"bus.cursors": {}, "bus.workers": {}}
        with publisher.transaction():
            publisher.send("bus.cursors", b"a", b"1")
        changes = reader.poll(10)
        assert [(change.lane, change.key, change.value) for change in changes] == [("bus.cursors", b"a", b"1")]
        assert reader.tables["bus.cursors"] == {b"a": b"1"}
        with publisher.transaction():
            publisher.send("bus.cursors", b"a", None)
            publisher.send("bus.workers", b"w", b"up")
        assert reader.load() == {"bus.cursors": {}, "bus.workers": {b"w": b"up"}}
