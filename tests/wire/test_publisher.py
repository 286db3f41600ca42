import subprocess
import sys
from functools import partial

import pytest

from schemas.errors import HaltError, RejectError, RetryError
from schemas.lanes import room_for
from wire.publisher import NotAcknowledged, Publisher, TransactionalPublisher
from wire.reading import read_all
from wire.settings import KafkaSettings

pytestmark = pytest.mark.kafka


@pytest.fixture
def lane(provisioner):
    provisioner.ensure_lanes({"raw.health": 1})
    return "raw.health"


def values(admin, lane):
    return [record.value for record in read_all(admin, [lane])]


def test_a_transaction_shows_all_of_itself(admin, lane):
    with TransactionalPublisher(admin, "connect.a") as publisher, publisher.transaction():
        publisher.send(lane, b"k", b"one")
        publisher.send(lane, b"k", None)
    assert values(admin, lane) == [b"one", None]


def test_an_aborted_transaction_shows_nothing_and_the_next_one_goes_through(admin, lane):
    with TransactionalPublisher(admin, "connect.a", told=True) as publisher:
        with pytest.raises(ZeroDivisionError), publisher.transaction():
            publisher.send(lane, b"k", b"lost")
            publisher.flush()
            assert publisher.delivered == {(lane, 0): 1}, "it reached the broker before it was aborted"
            raise ZeroDivisionError
        assert values(admin, lane) == []
        with publisher.transaction():
            publisher.send(lane, b"k", b"kept")
    assert values(admin, lane) == [b"kept"]


def test_a_second_owner_of_the_id_fences_the_first_and_ends_its_transaction(admin, lane):
    first = TransactionalPublisher(admin, "connect.a")
    with pytest.raises(HaltError, match=r"connect\.a") as fenced, first.transaction():
        first.send(lane, b"k", b"from the first")
        first.flush()
        with TransactionalPublisher(admin, "connect.a") as second, second.transaction():
            second.send(lane, b"k", b"from the second")
    assert "隔离" in fenced.value.problem.zh
    assert values(admin, lane) == [b"from the second"]
    with pytest.raises(HaltError), first.transaction():
        first.send(lane, b"k", b"again")


def test_a_record_too_large_for_its_lane_is_refused_before_it_is_sent(admin, lane):
    with TransactionalPublisher(admin, "connect.a") as publisher:
        with publisher.transaction():
            publisher.send(lane, b"k", b"x" * (room_for(lane) - 1))
            with pytest.raises(RejectError) as refused:
                publisher.send(lane, b"k", b"x" * room_for(lane))
            publisher.send(lane, b"k", b"after")
        assert refused.value.code == "too_large"
    assert [len(value or b"") for value in values(admin, lane)] == [room_for(lane) - 1, 5]


def test_a_record_that_only_the_broker_finds_too_large_halts(admin, provisioner):
    provisioner.ensure_lanes({"raw.small": 1}, {"raw.small": {"max.message.bytes": "2000"}})
    publisher = TransactionalPublisher(admin, "connect.a")
    with pytest.raises(HaltError, match=r"raw\.small"), publisher.transaction():
        publisher.send("raw.small", b"k", b"would have fitted")
        publisher.send("raw.small", b"k", bytes(range(256)) * 4000)
    with TransactionalPublisher(admin, "connect.a") as successor, successor.transaction():
        successor.send("raw.small", b"k", b"fits")
    assert values(admin, "raw.small") == [b"fits"]


def test_a_lane_that_is_not_there_is_named(admin, lane):
    publisher = TransactionalPublisher(admin, "connect.a", topic_metadata_propagation_max_ms=500)
    with pytest.raises(RetryError, match=r"raw\.nowhere"), publisher.transaction():
        publisher.send("raw.nowhere", b"k", b"v")


def test_a_killed_publishers_open_transaction_is_ended_by_its_successor(admin, lane):
    program = """
import os, signal, sys
from wire.publisher import TransactionalPublisher
from wire.settings import KafkaSettings
publisher = TransactionalPublisher(KafkaSettings(), "connect.a")
with publisher.transaction():
    publisher.send("raw.health", b"k", b"half")
    publisher.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert admin.kafka_password is not None
    environment = {"SHUTONG_BOOTSTRAP": admin.bootstrap, "SHUTONG_KAFKA_USER": "admin", "SHUTONG_PREFIX": admin.prefix,
                   "SHUTONG_KAFKA_PASSWORD": admin.kafka_password.get_secret_value(), "PYTHONPATH": ":".join(sys.path)}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert done.returncode == -9
    with TransactionalPublisher(admin, "connect.a") as successor, successor.transaction():
        successor.send(lane, b"k", b"whole")
    assert values(admin, lane) == [b"whole"]


def test_a_flush_acknowledges_what_was_sent_since_the_last(admin, lane):
    with Publisher(admin) as publisher:
        for number in range(3000):
            publisher.send(lane, b"k%d" % number, b"v%d" % number)
        assert publisher.flush() == 3000
        assert publisher.flush() == 0
        publisher.send(lane, b"k", b"last")
    assert values(admin, lane) == [*(b"v%d" % number for number in range(3000)), b"last"]


def test_a_plain_record_too_large_is_refused_and_the_others_go(admin, lane):
    with Publisher(admin) as publisher:
        publisher.send(lane, b"k", b"one")
        with pytest.raises(RejectError, match=r"raw\.health"):
            publisher.send(lane, b"k", b"x" * (1 << 20))
        publisher.send(lane, b"k", b"two")
        assert publisher.flush() == 2


def test_what_no_broker_took_is_told_by_its_place_in_the_flush():
    nowhere = KafkaSettings(bootstrap="127.0.0.1:1", security="PLAINTEXT")
    publisher = Publisher(nowhere, message_timeout_ms=300)
    publisher.send("raw.health", b"k", b"one")
    publisher.send("raw.health", b"k", b"two")
    with pytest.raises(NotAcknowledged, match="2") as told:
        publisher.flush()
    assert told.value.indices == (0, 1)
    assert "没有应答" in told.value.why.problem.zh


def test_writing_without_the_right_halts_with_the_lanes_name(admin, lane, join):
    tax = join("subscriber.tax")
    with pytest.raises(HaltError, match=r"subscriber\.tax") as refused, Publisher(tax) as publisher:
        publisher.send(lane, b"k", b"v")
        publisher.flush()
    assert "无权" in refused.value.problem.zh
    with pytest.raises(HaltError, match=r"subscriber\.tax"):
        TransactionalPublisher(tax, "connect.a")
    assert values(admin, lane) == []


def test_each_record_of_a_transaction_may_ask_where_it_was_placed(admin, lane):
    with TransactionalPublisher(admin, "connect.a", told=True) as publisher:
        with publisher.transaction():
            publisher.send(lane, b"k", b"first")
        placed: dict[str, int] = {}
        with publisher.transaction():
            for name in ("one", "two"):
                publisher.send(lane, b"k", name.encode(), 0, placed=partial(placed.__setitem__, name))
            publisher.flush()
            asked = dict(placed)
    lying = {(record.value or b"").decode(): record.offset for record in read_all(admin, [lane])}
    assert asked == {name: lying[name] for name in ("one", "two")}
