"""Is Kafka there, and does it let us in? For whoever starts before it."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.errors import RetryError
from wire.errors import Watch
from wire.settings import KafkaSettings

__all__ = ["answers", "wait_for_kafka"]


def answers(settings: KafkaSettings, timeout: float = 5) -> None:
    """Return when a broker answered our user: a RetryError when none does in time, a HaltError when it refuses us."""
    watch = Watch(settings)
    admin = AdminClient(settings.client(error_cb=watch))
    deadline = time.monotonic() + timeout
    while True:
        try:
            # Asking for one topic, there or not, keeps the answer small.
            admin.list_topics(settings.names.topic("bus.plan"), timeout=min(0.5, timeout))
            return
        except KafkaException as error:
            admin.poll(0)
            watch.check()
            if time.monotonic() > deadline:
                watch.fail(error)


def wait_for_kafka(settings: KafkaSettings, timeout: float = 60) -> None:
    """Wait as long as `timeout` for Kafka to answer; a refused login is not waited for."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return answers(settings, min(5, timeout))
        except RetryError:
            if time.monotonic() > deadline:
                raise
