"""A small bus on real Kafka with real worker processes: `bus` gives each test its own lanes, users and plan."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streams.transport.bus import Bus
from trial.kafka import LocalKafka


@pytest.fixture
def bus(kafka: LocalKafka, prefix: str, tmp_path: Path) -> Iterator[Bus]:
    made = Bus(kafka, prefix, tmp_path)
    yield made
    made.stop()
