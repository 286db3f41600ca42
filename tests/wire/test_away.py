"""Clients of this room while Kafka is away: dead and started again, or there and silent (SIGSTOP). A broker of its own."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from pydantic import SecretStr

from schemas.errors import RetryError
from trial.kafka import LocalKafka
from wire.admin import Provisioner
from wire.cluster import Cluster
from wire.publisher import TransactionalPublisher, Unfinished
from wire.reading import read_all
from wire.settings import KafkaSettings

pytestmark = pytest.mark.kafka

LANES = {"raw.health": 1, "raw.civil": 1}
LANE = "raw.health"


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("kafka"), die_with_parent=True) as broker:
        yield broker


@pytest.fixture
def bus(broker, prefix) -> KafkaSettings:
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


def until(holds, seconds=30):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.1)
