"""The real worker process on real Kafka: how it begins, what it says of itself, and how it ends."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.datasets import standard_dataset
from schemas.envelope import kafka_key
from schemas.status import WorkerStatus
from streams.transport.exits import BROKEN, CLEAN, FENCED, HALTED, STUCK
from tests.streams.transport.bus import CLEAN as CLEAN_LANE
from tests.streams.transport.bus import FOUR, LANES, RAW, Bus, person
from tests.streams.world import RESIDENT, VILLAGE, VILLAGE_CODEC, city, key_of, resident, value
from trial.kafka import LocalKafka
from wire.admin import Provisioner
from wire.publisher import Publisher, TransactionalPublisher

pytestmark = pytest.mark.kafka

_WITH = """
import sys, time
from streams.settings import WorkerSettings
from streams.worker import run

def handler(chunk, plan, memory, now_ms):
    {does}

sys.exit(run(WorkerSettings(slot=1, stuck_after=2), clean=handler))
"""
STANDS_STILL = _WITH.format(does="time.sleep(600)")
BREAKS = _WITH.format(does="raise ValueError(chunk.parts[0].records[0])")


def test_a_worker_moves_records_says_how_it_is_and_ends_with_its_work_committed(bus: Bus) -> None:
    bus.start(1)
    bus.publish(range(500))
    assert [event.meta.id for _, event in bus.inbox(500)] != []
    assert bus.end(1) == CLEAN
    assert sum(bus.committed(RAW).values()) == 500
    assert len(bus.inbox(500)) == 500
    assert bus.statuses() == {}, "who leaves as asked takes its report back"


def test_the_report_has_what_a_page_wants_to_know(bus: Bus) -> None:
    bus.start(1)
    bus.publish(range(300))
    bus.inbox(300)
    status = reported(bus, lambda status: {stage: count.total for stage, count in status.stages.items()} == {
        "arrived": 300, "cleaned": 300, "delivered": 900, "returned_up": 300} and status.not_begun == 0
        and {lag.records for lag in status.lanes.values()} == {0})
    assert (status.state, status.plan_version) == ("running", 1)
    assert set(status.lanes) == {"raw.health", "clean.health", "raw.civil", "clean.civil"}
    assert status.commits > 0
    assert status.transaction_ms > 0
    assert 20 << 20 < status.rss < 300 << 20


def reported(bus: Bus, right: Callable[[WorkerStatus], bool], patience: float = 20) -> WorkerStatus:
    """The first report that says so; each comes seconds after the last."""
    until = time.monotonic() + patience
    while True:
        status = bus.statuses().get("h-1")
        if status is not None and right(status):
            return status
        assert time.monotonic() < until, status
        time.sleep(0.2)


def test_a_provider_that_joins_while_a_worker_runs_is_read_without_a_restart(bus: Bus) -> None:
    whole = city(subscriptions=FOUR)
    health = {lane: state for lane, state in whole.lanes.items() if lane.endswith(".health")}
    bus.write(replace(whole, lanes=health, datasets={RESIDENT: whole.datasets[RESIDENT]}), new=True)
    bus.start(1)
    bus.publish(range(100))
    assert len(bus.inbox(100)) == 100
    assert set(reported(bus, lambda status: bool(status.lanes)).lanes) == set(health)
    bus.publish(range(100, 200))
    bus.write(whole, new=True)
    row = standard_dataset("village").examples[0]
    with Publisher(bus.admin) as publisher:
        publisher.send("raw.civil", kafka_key(VILLAGE, row["code"]),
                       value("c", row, stream="civil.register", seq=1, codec=VILLAGE_CODEC))
    bus.publish(range(200, 300))
    assert len(bus.inbox(300)) == 300
    reported(bus, lambda status: set(status.lanes) == set(whole.lanes) and status.stages["cleaned"].total == 301)
    assert bus.count("clean.civil") == 1
    assert bus.end(1) == CLEAN


def test_who_is_revoked_while_a_worker_runs_gets_nothing_more_once_it_reports_the_version(bus: Bus) -> None:
    bus.start(1)
    bus.publish(range(200))
    assert len(bus.inbox(200)) == 200
    version = bus.write(city(subscriptions=FOUR, revoked=["tax.health.resident"]), new=False).version
    reported(bus, lambda status: status.plan_version == version)
    bus.publish(range(200, 400))
    assert len(bus.inbox(400, subscriber="police")) == 400
    assert len(bus.inbox(200)) == 200
    assert bus.end(1) == CLEAN


def test_a_worker_without_room_for_what_it_must_remember_halts_names_the_dataset_and_commits_nothing(bus: Bus) -> None:
    bus.publish(range(50))
    worker = bus.start(1, SHUTONG_MEMORY_LIMIT="2000")
    assert worker.wait(40) == HALTED, bus.log(1)
    assert "上限 2000；最大的数据资源是 health.resident" in bus.log(1)
    assert sum(bus.committed(CLEAN_LANE).values()) == 0
    assert bus.inbox(0) == []
    bus.start(1)
    assert len(bus.inbox(50)) == 50


def test_a_second_owner_of_the_slot_fences_the_first(bus: Bus) -> None:
    first = bus.start(1)
    bus.publish(range(10))
    assert len(bus.inbox(10)) == 10
    with TransactionalPublisher(bus.admin, bus.admin.names.transactional_id("worker", "h-1")):
        bus.publish(range(10, 20))
        assert first.wait(20) == FENCED
    bus.start(1)
    assert len(bus.inbox(20)) == 20


def test_a_lane_that_is_not_new_and_has_no_commit_halts_the_worker(bus: Bus) -> None:
    bus.write(city(version=2), new=False)
    assert bus.start(1).wait(30) == HALTED
    assert "没有已提交的位置" in bus.log(1)


def test_a_worker_waits_for_a_kafka_that_is_not_there_and_can_be_told_to_end(bus: Bus) -> None:
    worker = bus.start(1, SHUTONG_BOOTSTRAP="127.0.0.1:1")
    time.sleep(3)
    assert worker.poll() is None
    assert bus.end(1) == CLEAN


def test_a_slot_is_taken_once(bus: Bus) -> None:
    bus.start(1)
    bus.publish([1])
    bus.inbox(1)
    first = bus.workers[1]
    assert bus.start(1).wait(20) == HALTED
    bus.workers[1] = first


def test_an_unknown_schema_is_waited_for_and_then_goes_to_quarantine_alone(bus: Bus) -> None:
    bus.start(1)
    bus.publish(range(10))
    assert len(bus.inbox(10)) == 10
    stranger = value("c", resident(person(0)), seq=10)
    with Publisher(bus.admin) as publisher:
        publisher.send(RAW, key_of(person(0)), stranger[:1] + (999).to_bytes(4, "big") + stranger[5:])
    sent = time.monotonic()
    bus.publish(range(11, 21))
    while not bus.count("dead.health"):
        assert time.monotonic() - sent < 20
        time.sleep(0.3)
    assert time.monotonic() - sent > 3, "it was waited for"
    assert len(bus.inbox(20)) == 20


def test_a_worker_that_stands_still_while_input_waits_ends_as_stuck(bus: Bus) -> None:
    bus.publish(range(10))
    worker = bus.start(1, program=STANDS_STILL)
    assert worker.wait(40) == STUCK, bus.log(1)
    bus.start(1)
    assert len(bus.inbox(10)) == 10


def test_an_error_nobody_expected_ends_the_worker_as_broken_and_shows_no_value(bus: Bus) -> None:
    bus.publish(range(10))
    worker = bus.start(1, program=BREAKS)
    assert worker.wait(40) == BROKEN, bus.log(1)
    assert "ValueError at" in bus.log(1)
    assert person(0) not in bus.log(1)
    bus.start(1)
    assert len(bus.inbox(10)) == 10


def test_a_worker_that_starts_before_kafka_goes_on_once_it_appears(tmp_path: Path) -> None:
    home = tmp_path / "kafka"
    with LocalKafka(home, die_with_parent=True) as kafka:
        bus = Bus(kafka, "late.", tmp_path)
        bus.publish(range(10))
        port = int(kafka.bootstrap.rpartition(":")[2])
    try:
        worker = bus.start(1)
        time.sleep(3)
        assert worker.poll() is None
        with LocalKafka(home, port=port, die_with_parent=True):
            assert len(bus.inbox(10, patience=40)) == 10
            assert bus.end(1) == CLEAN
    finally:
        bus.stop()


def test_a_lane_that_kafka_tells_of_late_is_read_too(kafka: LocalKafka, prefix: str, tmp_path: Path) -> None:
    """Brokers learn of a topic one after another: who is asked may not know it yet when a worker subscribes."""
    whole = city(subscriptions=FOUR)
    civil = {lane: count for lane, count in LANES.items() if lane.endswith(".civil")}
    bus = Bus(kafka, prefix, tmp_path, plan=whole, lanes={lane: LANES[lane] for lane in LANES.keys() - civil.keys()})
    try:
        bus.start(1)
        bus.publish(range(100))
        assert len(bus.inbox(100)) == 100
        Provisioner(bus.admin).ensure_lanes(civil)
        row = standard_dataset("village").examples[0]
        with Publisher(bus.admin) as publisher:
            publisher.send("raw.civil", kafka_key(VILLAGE, row["code"]),
                           value("c", row, stream="civil.register", seq=1, codec=VILLAGE_CODEC))
        reported(bus, lambda status: "cleaned" in status.stages and status.stages["cleaned"].total == 101, patience=60)
        assert bus.count("clean.civil") == 1
        assert bus.end(1) == CLEAN
    finally:
        bus.stop()
