"""A store of its own for each test, on the real embedded engine; and a bus on real Kafka with the lanes the ledger reads."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from ledger.days import Days
from ledger.recorder import Recording
from ledger.settings import LedgerSettings
from ledger.store import Store
from schemas.codec import encode_tallies
from schemas.tally import Tally
from trial.kafka import LocalKafka
from wire.admin import Provisioner
from wire.rights import BUS_LANES
from wire.settings import KafkaSettings

#: Tallies, each message one transaction, on one partition: put into the store as the recorder does.
Record = Callable[[Sequence[Sequence[Tally]]], None]


def settings_at(home: Path) -> LedgerSettings:
    """A ledger with the embedded engine, and no Kafka."""
    return LedgerSettings(home=home, clickhouse="", ledger_memory=512)


@pytest.fixture
def home(tmp_path: Path) -> LedgerSettings:
    return settings_at(tmp_path)


@pytest.fixture
def store(home: LedgerSettings) -> Iterator[Store]:
    with Store(home) as store:
        yield store


@pytest.fixture
def record(store: Store) -> Record:
    return recording_into(store)


def recording_into(store: Store) -> Record:
    """Messages in, recorded and folded into the day tables."""
    offset = 0

    def put(messages: Sequence[Sequence[Tally]]) -> None:
        nonlocal offset
        days = Days(store)
        recording = Recording(store, days)
        for tallies in messages:
            recording.take(0, offset, encode_tallies("w-1", 1, tallies))
            offset += 1
        recording.flush()
        days.recompute()

    return put


@pytest.fixture
def admin(kafka: LocalKafka, prefix: str) -> KafkaSettings:
    """The administrator of a bus of this test's own, with the bus lanes and one provider's."""
    password = SecretStr(kafka.password("admin"))
    settings = KafkaSettings(bootstrap=kafka.bootstrap, kafka_user="admin", kafka_password=password, prefix=prefix)
    Provisioner(settings).ensure_lanes({**BUS_LANES, "raw.health": 1, "clean.health": 1})
    return settings


@pytest.fixture
def on_kafka(admin: KafkaSettings, tmp_path: Path) -> LedgerSettings:
    """Settings of the ledger on that bus, with the ledger's own rights and no more."""
    provisioner, password = Provisioner(admin), SecretStr("secret of the ledger")
    provisioner.ensure_users({"ledger": password})
    provisioner.grant(["ledger"])
    kafka = admin.as_role("ledger", password)
    return LedgerSettings(**kafka.model_dump(), home=tmp_path / "home", clickhouse="")
