"""The local broker: what a first start, a stop, a kill and a second broker must and must not do."""

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from trial.kafka import LocalKafka

pytestmark = pytest.mark.kafka


def make_topic(broker: LocalKafka, topic: str) -> None:
    admin = AdminClient(broker.admin_config())  # the call ends with its client: keep it in a name
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)


def publish(broker: LocalKafka, topic: str, value: bytes) -> None:
    producer = Producer({**broker.admin_config(), "enable.idempotence": True})
    producer.produce(topic, value=value)
    assert producer.flush(10) == 0


def read_one(broker: LocalKafka, topic: str) -> bytes | None:
    reader = Consumer({**broker.admin_config(), "group.id": f"{topic}.g", "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    try:
        message = reader.poll(15)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        reader.close()


def test_what_is_published_with_a_password_is_read_with_a_password(kafka: LocalKafka, prefix: str) -> None:
    make_topic(kafka, f"{prefix}a")
    publish(kafka, f"{prefix}a", b"1")
    assert read_one(kafka, f"{prefix}a") == b"1"
