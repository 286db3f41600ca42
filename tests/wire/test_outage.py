import logging

import pytest
from confluent_kafka import KafkaError

from wire import outage
from wire.errors import Watch
from wire.outage import Outage
from wire.settings import KafkaSettings

AWAY = KafkaError(KafkaError._TRANSPORT)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(outage.time, "monotonic", clock)
    monkeypatch.setattr(outage, "_told", {})
    return clock


def hear(clock, until, *clients):
    """What clients meet while nothing listens: an error a second."""
    while clock.now < until:
        clock.now += 1
        for client in clients:
            client(AWAY)


def told(caplog):
    return [record.getMessage() for record in caplog.records]


def test_an_outage_is_told_with_advice_and_again_every_half_minute_whoever_hears_it(clock, caplog):
    hear(clock, 100, *(Outage("kafka:9092").hear for _ in range(60)))
    assert len(told(caplog)) == 4
    assert "SHUTONG_BOOTSTRAP" in told(caplog)[0]
    assert "kafka:9092" in told(caplog)[0]
    Outage("other:9092").hear(AWAY)
    assert len(told(caplog)) == 4


def test_one_lost_connection_is_no_outage(clock, caplog):
    client = Outage("kafka:9092")
    for _ in range(5):
        clock.now += 600
        client.hear(AWAY)
        client.hear(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    assert told(caplog) == []


def test_what_is_no_outage_is_told_by_its_name(clock, caplog):
    Outage("kafka:9092").hear(KafkaError(KafkaError._MAX_POLL_EXCEEDED))
    assert told(caplog) == ["Kafka: _MAX_POLL_EXCEEDED"]


def test_only_a_client_whose_calls_do_not_fail_of_it_tells_it(clock, caplog):
    caplog.set_level(logging.DEBUG)
    settings = KafkaSettings(bootstrap="kafka:9092", kafka_user="worker")
    hear(clock, 60, Watch(settings))
    assert told(caplog) == []
    loud = Watch(settings, aloud=True)
    hear(clock, 70, loud)
    loud(KafkaError(KafkaError._MAX_POLL_EXCEEDED))
    assert len(told(caplog)) == 1
