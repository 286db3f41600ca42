"""After an apply: which workers work by its version (I-18), on real Kafka; a worker's report is all that is made up."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from governance.apply import apply
from governance.settling import Standing, standings
from schemas.status import SILENT_AFTER, WorkerStatus
from trial.kafka import ADMIN, LocalKafka
from wire.admin import BUS_LANES, Provisioner
from wire.publisher import Publisher
from wire.settings import KafkaSettings

pytestmark = pytest.mark.kafka


@pytest.fixture
def admin(kafka: LocalKafka, prefix: str) -> KafkaSettings:
    settings = KafkaSettings(bootstrap=kafka.bootstrap, kafka_user=ADMIN, kafka_password=SecretStr(kafka.password(ADMIN)),
                             prefix=prefix)
    Provisioner(settings).ensure_lanes(BUS_LANES)
    return settings


def report(settings: KafkaSettings, slot: int, version: int, state: str = "running", ago: float = 0) -> None:
    told = WorkerStatus.model_validate({
        "worker": f"h-{slot}", "host": "h", "slot": slot, "epoch": 1, "state": state, "plan_version": version, "started": 0,
        "updated": int((time.time() - ago) * 1000), "stages": {}, "lanes": {}, "not_begun": 0, "commits": 0, "aborts": 0,
        "transaction_ms": 0, "last_commit": 0, "rss": 1})
    with Publisher(settings) as publisher:
        publisher.send("bus.workers", f"h-{slot}".encode(), told.to_json())


def until(looks: Iterator[Standing], behind: tuple[str, ...]) -> Standing:
    return next(look for look in looks if look.behind == behind)


def test_a_version_is_in_force_when_every_worker_that_is_there_has_reported_it(admin: KafkaSettings, tmp_path: Path) -> None:
    report(admin, 1, 3)
    report(admin, 2, 2)
    report(admin, 3, 1, state="leaving")
    report(admin, 4, 1, ago=SILENT_AFTER + 1)
    report(admin, 5, 0, state="starting")
    looks = standings(admin, tmp_path, 3)
    assert next(looks) == Standing(("h-1", "h-2", "h-5"), ("h-2", "h-5"), ())
    report(admin, 2, 3)
    until(looks, ("h-5",))
    report(admin, 5, 4)
    assert until(looks, ()).workers == ("h-1", "h-2", "h-5")


def test_without_a_worker_nobody_is_behind_and_new_lanes_stay_new(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    version = apply(admin, city_folder, tmp_path / "secrets").version
    assert next(standings(admin, tmp_path / "secrets", version)) == Standing((), (), ("raw.health", "clean.health"))
