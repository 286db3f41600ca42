"""What every test may ask for: the session's real Kafka, and a prefix that is this test's alone."""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings

from schemas.errors import RetryError
from schemas.text import set_language
from trial.kafka import LocalKafka, jars

# What a person's shell has set for a bus of theirs reaches no test, nor a process that one starts.
for _name in [name for name in os.environ if name.startswith("SHUTONG_")]:
    del os.environ[_name]
#: Tests read what processes say: they speak Chinese here, whatever the machine's language.
os.environ["SHUTONG_LANG"] = "zh"
set_language("zh")

# A machine that stalls is no mistake of what is tested.
settings.register_profile("bus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bus")


@pytest.fixture(autouse=True)
def language_of_the_bus() -> Iterator[None]:
    """A test may choose another language; the next one does not inherit it, nor do the processes it starts."""
    yield
    os.environ["SHUTONG_LANG"] = "zh"
    set_language("zh")


@pytest.fixture(scope="session", autouse=True)
def jars_of_kafka(request: pytest.FixtureRequest) -> None:
    """Fetched once before the first test, with all that a person's shell knows of proxies and certificates; tests give the
    processes they start an environment of their own. Where they cannot be had, the tests that need them say so."""
    if any(item.get_closest_marker("kafka") for item in request.session.items):
        with suppress(RetryError):
            jars.fetch()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One broker for the whole session, started by the first test that asks. Never stop, kill or restart it."""
    with LocalKafka(tmp_path_factory.mktemp("kafka"), die_with_parent=True) as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """`t<hex>.`: put it before every topic, group, user and transactional id."""
    return f"t{secrets.token_hex(4)}."
