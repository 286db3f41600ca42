"""Clients of this room while Kafka is away: dead and started again, or there and silent (SIGSTOP). A broker of its own."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import psutil
import pytest
from pydantic import SecretStr

from schemas.errors import RetryError
from trial.kafka import LocalKafka
from wire.admin import Provisioner
from wire.cluster import Cluster
from wire.publisher import NotAcknowledged, Publisher, TransactionalPublisher, Unfinished
from wire.reading import LaneReader, read_all
from wire.settings import KafkaSettings

pytestmark = pytest.mark.kafka

LANES = {"raw.health": 1, "raw.civil": 1}
LANE = "raw.health"


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("kafka"), die_with_parent=True) as broker:
        yield broker


@pytest.fixture
def bus(broker, prefix, monkeypatch) -> KafkaSettings:
    monkeypatch.setattr("wire.outage._told", {})  # a process tells of one Kafka twice a minute, whichever test it was told in
    password = SecretStr(broker.password("admin"))
    bus = KafkaSettings(bootstrap=broker.bootstrap, kafka_user="admin", kafka_password=password, prefix=prefix)
    Provisioner(bus).ensure_lanes(LANES)
    return bus


@contextmanager
def silent(broker: LocalKafka) -> Iterator[None]:
    """The broker's process stands still: connections stay, nothing is answered."""
    pid = broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def values(bus: KafkaSettings, lane: str = LANE) -> list[bytes | None]:
    return [record.value for record in read_all(bus, [lane])]


def write(publisher: TransactionalPublisher, value: bytes) -> None:
    with publisher.transaction():
        publisher.send(LANE, b"k", value)


def test_a_broker_that_dies_in_a_transaction_and_comes_back_ends_nothing(broker, bus):
    with TransactionalPublisher(bus, "connect.a") as publisher:
        write(publisher, b"before")
        with publisher.transaction():
            publisher.send(LANE, b"k", b"one")
            publisher.flush()
            broker.kill()
            starting = threading.Thread(target=broker.start)
            starting.start()
            publisher.send(LANE, b"k", b"two")
        starting.join()
        write(publisher, b"after")
    assert values(bus) == [b"before", b"one", b"two", b"after"]


def test_an_outage_with_a_transaction_open_needs_no_person(broker, bus):
    """Neither what was sent nor its abort reaches Kafka. That it was not committed is certain."""
    with TransactionalPublisher(bus, "connect.a", timeout=1) as publisher:
        with ExitStack() as away, pytest.raises(RetryError, match="没有应答"), publisher.transaction():
            publisher.send(LANE, b"k", b"lost")
            publisher.flush()
            away.enter_context(silent(broker))
            publisher.send(LANE, b"k", b"lost too")
        with pytest.raises(Unfinished):
            write(publisher, b"by a publisher that is of no more use")
    with TransactionalPublisher(bus, "connect.a") as successor:
        write(successor, b"again")
    assert values(bus) == [b"again"]


def test_what_ends_a_transaction_is_told_though_it_cannot_be_aborted(broker, bus):
    publisher = TransactionalPublisher(bus, "connect.a", timeout=1)
    with ExitStack() as away, pytest.raises(ZeroDivisionError), publisher.transaction():
        publisher.send(LANE, b"k", b"lost")
        publisher.flush()
        away.enter_context(silent(broker))
        raise ZeroDivisionError
    with pytest.raises(Unfinished):
        write(publisher, b"never")
    publisher.close()


def test_a_commit_without_an_answer_is_found_out_by_the_next_publisher(broker, bus):
    publisher = TransactionalPublisher(bus, "connect.a", timeout=1)
    with ExitStack() as away, pytest.raises(Unfinished, match="是否已提交"), publisher.transaction():
        publisher.send(LANE, b"k", b"perhaps")
        publisher.flush()
        away.enter_context(silent(broker))
    with TransactionalPublisher(bus, "connect.a") as successor:
        found = values(bus)
        assert found in ([], [b"perhaps"])
        write(successor, b"next")
    assert values(bus) == [*found, b"next"]


def test_a_transaction_that_kafka_ended_for_its_age_is_not_taken_for_a_rivals_deed(broker, bus):
    with TransactionalPublisher(bus, "connect.a", transaction_timeout_ms=1000, message_timeout_ms=1000) as publisher:
        with pytest.raises(Unfinished) as told, publisher.transaction():
            publisher.send(LANE, b"k", b"too slow")
            publisher.flush()
            # Kafka's own abort: the last stable offset moves past the record.
            until(lambda: Cluster(bus).ends([(LANE, 0)], committed=True)[LANE, 0] > 1)
        assert "1" in told.value.problem.en
        with pytest.raises(Unfinished):
            write(publisher, b"never")
    with TransactionalPublisher(bus, "connect.a") as successor:
        write(successor, b"again")
    assert values(bus) == [b"again"]


def test_a_reader_goes_on_where_it_was_and_the_outage_is_told_once(broker, bus, caplog):
    with LaneReader(bus, LANES) as reader:
        with Publisher(bus) as publisher:
            for number in range(100):
                publisher.send(LANE, b"k", b"%d" % number)
        seen = [record.value for record in reader.batch(10, 40)]
        broker.kill()
        until(lambda: seen.extend(record.value for record in reader.batch(0.2)) or told(caplog), seconds=80)
        broker.start()
        with Publisher(bus) as publisher:
            publisher.send(LANE, b"k", b"100")
        until(lambda: seen.extend(record.value for record in reader.batch(0.2)) or seen[-1:] == [b"100"])
        assert seen == [b"%d" % number for number in range(101)]
        assert reader.reached(reader.ends()), "and who asks where the lane ends is answered again"
    assert len(told(caplog)) == 1
    assert bus.bootstrap in told(caplog)[0]


def test_a_reader_on_its_way_to_the_end_tells_silence_from_a_transaction_that_does_not_end(broker, bus, monkeypatch):
    monkeypatch.setattr("wire.reading.Cluster", partial(Cluster, timeout=1))
    with Publisher(bus) as publisher:
        publisher.send("raw.civil", b"k", b"v")
    transactional = TransactionalPublisher(bus, "connect.a")
    with transactional.transaction(), LaneReader(bus, LANES) as reader:
        transactional.send(LANE, b"k", b"open")
        transactional.flush()
        with pytest.raises(RetryError, match="末尾的事务"):
            list(reader.to_end(patience=0.5))
    with transactional.transaction(), LaneReader(bus, LANES) as reader:
        transactional.send(LANE, b"k", b"open")
        transactional.flush()
        reading = reader.to_end(patience=0.5)
        assert next(reading)
        with silent(broker), pytest.raises(RetryError, match="没有应答"):
            for _ in reading:
                pass


def test_an_end_that_kafka_did_not_tell_is_no_end(broker, bus):
    """The client gives -1001 without an error: taken for an end it would be reached at once, and a cursor not found."""
    with Publisher(bus) as publisher:
        publisher.send(LANE, b"k", b"v")
    cluster = Cluster(bus, timeout=1)
    places = cluster.places([LANE])
    assert cluster.ends(places) == {(LANE, 0): 1}
    with silent(broker):
        for ask in (cluster.ends, cluster.beginnings):
            with pytest.raises(RetryError, match="没有应答"):
                ask(places)
    assert cluster.beginnings(places) == {(LANE, 0): 0}


def test_questions_about_lanes_are_answered_again_after_a_restart(broker, bus):
    with Publisher(bus) as publisher:
        publisher.send(LANE, b"k", b"v")
    cluster = Cluster(bus)
    assert cluster.ends(cluster.places(LANES)) == {(LANE, 0): 1, ("raw.civil", 0): 0}
    broker.kill()
    broker.start()
    assert cluster.ends(cluster.places(LANES)) == {(LANE, 0): 1, ("raw.civil", 0): 0}


def test_a_publisher_lets_go_of_what_kafka_did_not_take_and_goes_on(broker, bus):
    with Publisher(bus) as publisher:
        publisher.send(LANE, b"k", b"before")
        publisher.flush()
        with silent(broker):
            publisher.send(LANE, b"k", b"in doubt")
            with pytest.raises(NotAcknowledged) as told:
                publisher.flush(1)
        assert told.value.indices == (0,)
        assert "没有应答" in told.value.why.problem.zh
        publisher.send(LANE, b"k", b"after")
        assert publisher.flush() == 1
    assert values(bus) in ([b"before", b"after"], [b"before", b"in doubt", b"after"])


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "wire.outage"]


def until(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.1)
