"""The connect process as the operator has it: all instances, live changes, a clean stop, and kill -9."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.conftest import Bus, Database, eventually
from tests.connectors.test_runner import TABLE, people, source

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]


def connect(bus: Bus) -> "subprocess.Popen[bytes]":
    settings = bus.settings
    assert settings.kafka_password is not None
    environment = os.environ | {
        "SHUTONG_BOOTSTRAP": settings.bootstrap, "SHUTONG_PREFIX": settings.prefix, "SHUTONG_KAFKA_USER": settings.kafka_user,
        "SHUTONG_KAFKA_PASSWORD": settings.kafka_password.get_secret_value(), "SHUTONG_CONNECT_STATUS_SECONDS": "0.2",
        "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "connectors.process"], cwd=ROOT, env=environment)


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


def test_it_follows_the_instances_and_stops_cleanly(bus: Bus, database: Database, processes: list["subprocess.Popen[bytes]"]) -> None:
    database.do(TABLE)
    people(database, 0, 120)
    bus.plan()
    process = connect(bus)
    processes.append(process)
    instance = source(database)
    bus.plan(instance)
    eventually(lambda: len(bus.raw()) == 120)
    eventually(lambda: bus.status("health.people").phase == "live")
    bus.plan(instance.model_copy(update={"paused": True}))
    eventually(lambda: bus.status("health.people").state == "paused")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_kill_in_the_middle_of_a_snapshot_repeats_nothing_and_loses_nothing(
    bus: Bus, database: Database, processes: list["subprocess.Popen[bytes]"]
) -> None:
    database.do(TABLE)
    people(database, 0, 3000)
    bus.plan(source(database, page_rows=20, rows_per_second=1500))
    for rows in (300, 900):
        process = connect(bus)
        processes.append(process)
        eventually(lambda rows=rows: len(bus.raw()) >= rows)
        process.kill()
        process.wait()
    processes.append(connect(bus))
    eventually(lambda: len(bus.raw()) >= 3000)
    events = bus.raw()
    assert len(events) == 3000
    assert {event.row["id"] for event in events if event.row} == {f"p{n:06}" for n in range(3000)}
    assert len({(event.meta.stream, event.meta.epoch, event.meta.seq) for event in events}) == 3000
