"""The connect process as the operator has it: all instances, live changes, a clean stop, and kill -9."""

import signal
import subprocess

import pytest

from tests.connectors.conftest import Bus, Database, connect, eventually
from tests.connectors.test_runner import TABLE, people, source

pytestmark = pytest.mark.kafka

def test_it_follows_the_instances_and_stops_cleanly(bus: Bus, database: Database, processes: list["subprocess.Popen[bytes]"]) -> None:
    database.do(TABLE)
    people(database, 0, 120)
    bus.plan()
    process = connect(bus, processes)
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
        process = connect(bus, processes)
        eventually(lambda rows=rows: len(bus.raw()) >= rows)
        process.kill()
        process.wait()
    connect(bus, processes)
    eventually(lambda: len(bus.raw()) >= 3000)
    events = bus.raw()
    assert len(events) == 3000
    assert {event.row["id"] for event in events if event.row} == {f"p{n:06}" for n in range(3000)}
    assert len({(event.meta.stream, event.meta.epoch, event.meta.seq) for event in events}) == 3000


def test_kill_among_live_changes_repeats_nothing_and_loses_nothing(
    bus: Bus, database: Database, processes: list["subprocess.Popen[bytes]"]
) -> None:
    database.do(TABLE)
    bus.plan(source(database, page_rows=7, poll_seconds=0.02))
    process = connect(bus, processes)
    for round in range(4):
        people(database, round * 300, 300)
        database.do(f"update people set name = '改', updated_at = clock_timestamp() where id = 'p{round * 300:06}'")
        eventually(lambda round=round: len(bus.raw()) > round * 300 + 20)
        process.kill()
        process.wait()
        process = connect(bus, processes)
    eventually(lambda: {event.row["id"] for event in bus.raw() if event.row} == {f"p{n:06}" for n in range(1200)})
    people(database, 5000, 1)
    eventually(lambda: any(event.row["id"] == "p005000" for event in bus.raw() if event.row))
    events = bus.raw()
    # An update may show as one state or as two, as it was caught; the same state never twice.
    states = [(event.row["id"], event.row["updated_at"]) for event in events if event.row]
    assert len(states) == len(set(states))
    assert len(events) <= 1201 + 4
    assert len({(event.meta.stream, event.meta.epoch, event.meta.seq) for event in events}) == len(events)
    assert [event.meta.seq for event in sorted(events, key=lambda event: event.meta.seq)] == list(range(len(events)))
