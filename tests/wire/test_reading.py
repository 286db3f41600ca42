import threading
import time

import pytest

from schemas.errors import HaltError, RetryError
from wire.cluster import Cluster, Commit
from wire.publisher import Publisher, TransactionalPublisher
from wire.reading import LaneReader, Record, committed, ends, read_all, read_with_headers

pytestmark = pytest.mark.kafka
LANE = "clean.health"


@pytest.fixture
def lane(provisioner):
    provisioner.ensure_lanes({LANE: 3})
    return LANE


@pytest.fixture
def filled(admin, lane):
    """Ten records on each partition."""
    with Publisher(admin) as publisher:
        for number in range(30):
            publisher.send(lane, b"key", b"%d" % number, partition=number % 3, timestamp=1000 + number)
    return lane


def first_of(reader: LaneReader) -> list[Record]:
    """The first batch that is not empty."""
    return next((batch for batch in (reader.batch(0.5) for _ in range(20)) if batch), [])


def test_every_record_comes_once_and_in_order_per_partition(admin, filled):
    records = list(read_all(admin, [filled]))
    assert sorted(int(record.value or b"") for record in records) == list(range(30))
    for number in range(3):
        mine = [record for record in records if record.partition == number]
        assert [record.offset for record in mine] == list(range(10))
        assert [record.timestamp for record in mine] == [1000 + int(record.value or b"") for record in mine]
    assert {record.lane for record in records} == {filled}


def test_headers_come_with_their_records_where_they_are_asked_for(admin, lane):
    with Publisher(admin) as publisher:
        publisher.send(lane, b"key", b"plain", partition=0)
        publisher.send(lane, b"key", b"told", partition=0, headers=[("findings", b"[]")])
    assert [(record.value, headers) for record, headers in read_with_headers(admin, [lane])] == [
        (b"plain", []), (b"told", [("findings", b"[]")])]


def test_a_reader_starts_where_it_is_told_and_knows_where_it_is(admin, filled):
    with LaneReader(admin, [filled], {(filled, 0): 9, (filled, 1): 10}) as reader:
        assert reader.positions == {(filled, 0): 9, (filled, 1): 10, (filled, 2): 0}
        records = [record for batch in reader.to_end() for record in batch]
        assert sorted((record.partition, record.offset) for record in records) == [
            (0, 9),
            *((2, at) for at in range(10)),
        ]
        assert reader.positions == ends(admin, [filled]) == {(filled, number): 10 for number in range(3)}


def test_a_reader_from_the_end_sees_only_what_comes(admin, filled):
    with LaneReader(admin, [filled], "end") as reader, Publisher(admin) as publisher:
        publisher.send(filled, b"key", b"new", partition=1)
        publisher.flush()
        assert [record.value for record in first_of(reader)] == [b"new"]


def test_a_batch_is_no_larger_than_asked(admin, filled):
    with LaneReader(admin, [filled]) as reader:
        sizes = [len(batch) for batch in reader.to_end(limit=7)]
    assert sum(sizes) == 30
    assert max(sizes) <= 7


def test_the_end_lies_behind_an_open_transaction_and_is_waited_for(admin, filled):
    """I-4: the last stable offset would hide a predecessor's commit that is under way."""
    publisher = TransactionalPublisher(admin, "worker.a")
    reader = LaneReader(admin, [filled])
    with publisher.transaction():
        publisher.send(filled, b"key", b"under way", partition=0)
        publisher.flush()
        assert ends(admin, [filled], stable=True)[filled, 0] == 10
        assert reader.ends()[filled, 0] == 11
        reading = reader.to_end()
        seen: list[bytes | None] = []
        thread = threading.Thread(target=lambda: seen.extend(record.value for batch in reading for record in batch))
        thread.start()
        thread.join(0.7)
        assert thread.is_alive(), "it may not stop before the transaction has ended"
    thread.join(10)
    assert not thread.is_alive()
    assert b"under way" in seen
    reader.close()


def test_an_aborted_end_is_reached_though_nothing_of_it_is_seen(admin, filled):
    publisher = TransactionalPublisher(admin, "worker.a")
    with pytest.raises(ZeroDivisionError), publisher.transaction():
        publisher.send(filled, b"key", b"never", partition=0)
        publisher.flush()
        raise ZeroDivisionError
    with LaneReader(admin, [filled], {(filled, 0): 10, (filled, 1): 10, (filled, 2): 10}) as reader:
        assert list(reader.to_end()) == []
        assert reader.positions[filled, 0] == 12, "behind the record and the marker"


def test_a_transaction_that_never_ends_is_not_waited_for_for_ever(admin, filled):
    publisher = TransactionalPublisher(admin, "worker.a")
    with publisher.transaction(), LaneReader(admin, [filled]) as reader:
        publisher.send(filled, b"key", b"open", partition=0)
        publisher.flush()
        with pytest.raises(RetryError, match=r"clean\.health"):
            list(reader.to_end(patience=1))


def test_a_lane_that_is_not_there_is_named(admin):
    with pytest.raises(RetryError, match=r"raw\.nowhere"):
        LaneReader(admin, ["raw.nowhere"])


def test_a_position_that_is_gone_halts(admin, filled):
    with LaneReader(admin, [filled], {(filled, 0): 1000}) as reader, pytest.raises(HaltError, match=r"clean\.health"):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            reader.batch(0.5)


def test_an_error_behind_good_records_loses_none_of_them(admin, filled):
    with LaneReader(admin, [filled], {(filled, 0): 1000}) as reader:
        seen = []
        with pytest.raises(HaltError):
            for _ in range(20):
                seen += reader.batch(0.5)
        while batch := reader.batch(0.5):
            seen += batch
    assert len(seen) == 20


def test_what_a_group_committed_is_told_with_its_metadata(admin, filled):
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(admin.consumer_config("worker"))
    topic = admin.names.topic(filled)
    consumer.commit(offsets=[TopicPartition(topic, 1, 7, "marks")], asynchronous=False)
    consumer.close()
    assert committed(admin, "worker", [filled]) == {(filled, 1): Commit(7, "marks")}


def test_many_lanes_are_asked_after_in_one_call(admin, provisioner):
    lanes = {f"raw.d{number}": 1 for number in range(40)}
    provisioner.ensure_lanes(lanes)
    cluster = Cluster(admin)
    assert cluster.partitions(lanes) == lanes
    assert cluster.existing([*lanes, "raw.nowhere"]) == lanes
    assert set(cluster.ends(cluster.places(lanes)).values()) == {0}


def test_where_a_lane_is_from_a_moment_on_is_its_first_record_of_then_or_later_else_its_end(admin, provisioner):
    provisioner.ensure_lanes({"clean.times": 2})
    with Publisher(admin) as publisher:
        for moment in (1000, 3000, 2000, 5000):
            publisher.send("clean.times", b"k", b"v", 0, timestamp=moment)
    places = [("clean.times", 0), ("clean.times", 1)]
    since = {moment: Cluster(admin).since(places, moment) for moment in (0, 1000, 1001, 3001, 5001)}
    assert {moment: found["clean.times", 0] for moment, found in since.items()} == {0: 0, 1000: 0, 1001: 1, 3001: 3, 5001: 4}
    assert {found["clean.times", 1] for found in since.values()} == {0}
