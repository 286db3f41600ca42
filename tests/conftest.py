"""What every test may ask for: the session's real Kafka, and a prefix that is this test's alone."""

import secrets
from collections.abc import Iterator

import pytest

from trial.kafka import LocalKafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One broker for the whole session, started by the first test that asks. Never stop, kill or restart it."""
    with LocalKafka(tmp_path_factory.mktemp("kafka"), die_with_parent=True) as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """`t<hex>.`: put it before every topic, group, user and transactional id."""
    return f"t{secrets.token_hex(4)}."
