"""The real worker process on real Kafka: how it begins, what it says of itself, and how it ends."""

import time
from pathlib import Path

import pytest

from streams.transport.exits import BROKEN, CLEAN, FENCED, HALTED, STUCK
from tests.streams.transport.bus import RAW, Bus, person
from tests.streams.world import city, key_of, resident, value
from trial.kafka import LocalKafka
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
    until = time.monotonic() + 15
    while True:
        status = bus.statuses().get("h-1")
        if status is not None and status.stages.get("delivered"):
            break
        assert time.monotonic() < until, status
        time.sleep(0.2)
    assert (status.state, status.plan_version, status.not_begun) == ("running", 1, 0)
    assert status.stages["arrived"].total == status.stages["cleaned"].total == 300
    assert status.stages["delivered"].total + status.stages["returned_up"].total >= 900
    assert set(status.lanes) == {"raw.health", "clean.health", "raw.civil", "clean.civil"}
    assert {lag.records for lag in status.lanes.values()} == {0}
    assert status.commits > 0
    assert status.transaction_ms > 0
    assert 20 << 20 < status.rss < 300 << 20


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
