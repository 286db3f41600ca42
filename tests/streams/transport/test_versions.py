"""A dataset changes while real workers run on real Kafka: old and new publishers go on side by side, nothing is lost or doubled.

The oracle reads every lane afterwards and judges each record under the plan it was handled by.
"""

import json
import threading
import time
from pathlib import Path

import pytest

from schemas.codec import EventCodec, bus_schema
from schemas.control import Plan
from tests.streams.test_versions import NEW_CODEC, evolved, fields_now, resident_now
from tests.streams.transport.bus import FOUR, LANES, RAW, Bus, person
from tests.streams.world import RESIDENT, SECRET, city, key_of, resident, value
from trial.evidence import plan_as_json, tallies_of
from trial.kafka import LocalKafka
from trial.oracle import Record, Verdict, judge
from trial.oracle.books import told_by
from wire.publisher import Publisher
from wire.reading import read_with_headers

pytestmark = pytest.mark.kafka

FIRST = city(subscriptions=FOUR)
SECOND = evolved(FIRST, fields_now())
DIVISIONS = ("341502", "341503", "340100")
PATIENCE = 60


class Department:
    """Two publishers of one lane: one knows the first version only, the other the second."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.sent = 0
        self._seqs = {"old": 0, "new": 0}

    def old(self, count: int, *, again: int = 0) -> None:
        """So many events of the first version; of those sent last, some are sent once more."""
        begin = self._seqs["old"]
        self._send("old", [*range(begin, begin + count), *range(max(0, begin + count - again), begin + count)])
        self._seqs["old"], self.sent = begin + count, self.sent + count

    def new(self, count: int) -> None:
        """So many of the second."""
        begin = self._seqs["new"]
        self._send("new", list(range(begin, begin + count)))
        self._seqs["new"], self.sent = begin + count, self.sent + count

    def _send(self, who: str, seqs: list[int]) -> None:
        with Publisher(self.bus.admin, linger_ms=5) as publisher:
            for seq in seqs:
                number, division = person(seq % 50), DIVISIONS[seq // 50 % 3]
                if who == "old":
                    data = value("u", resident(number, division=division, phone="+86 13812345678"), seq=seq)
                else:
                    row = resident_now(number, division=division, email=f"{seq}@example.org", level=seq / 2)
                    data = value("u", row, seq=seq, stream="other", codec=NEW_CODEC)
                publisher.send(RAW, key_of(number), data)


def judged(bus: Bus, *plans: Plan) -> Verdict:
    """The oracle's verdict on all lanes and the books."""
    told = [plan_as_json(plan) | {"lanes": {lane: {"partitions": count} for lane, count in LANES.items()}} for plan in plans]
    verdict = judge(told[-1], SECRET, lambda lane: (Record(*record, headers) for record, headers in read_with_headers(bus.admin, [lane])),
                    letter_schema=json.loads(bus_schema("letter")), earlier=told[:-1])
    verdict.books.compare(told_by(json.loads(bus_schema("tallies")), tallies_of(bus.admin)), verdict.problems, "second")
    return verdict


def until_delivered(bus: Bus, count: int) -> None:
    """Until the tax office, which gets every record, has so many."""
    until = time.monotonic() + PATIENCE
    while (found := bus.count("deliver.tax")) < count:
        assert time.monotonic() < until, (found, count, bus.log(1), bus.log(2))
        time.sleep(0.5)


def ids(bus: Bus, lane: str) -> list[int]:
    """The schema ids of a lane's events, in order."""
    return [int.from_bytes((record.value or b"")[1:5], "big") for record, _ in read_with_headers(bus.admin, [lane]) if record.value]


@pytest.fixture
def first(kafka: LocalKafka, prefix: str, tmp_path: Path) -> "Bus":
    return Bus(kafka, prefix, tmp_path, plan=FIRST)


def test_a_dataset_changes_in_mid_run_and_nothing_is_lost_doubled_or_out_of_order(first: Bus) -> None:
    bus, department = first, Department(first)
    try:
        bus.start(1)
        bus.start(2)
        department.old(300)
        until_delivered(bus, 200)
        going = threading.Event()
        lagging = threading.Thread(target=_go_on, args=(department, going))
        lagging.start()
        try:
            second = bus.write(SECOND, new=True)
            time.sleep(2)
            bus.kill(1)
            bus.start(1)
            time.sleep(2)
        finally:
            going.set()
            lagging.join()
        department.new(200)
        department.old(100)
        until_delivered(bus, department.sent)
        assert (bus.end(1), bus.end(2)) == (0, 0)
        verdict = judged(bus, bus.plan, second)
        assert verdict.examples == []
        assert not verdict.problems.counts
        books = verdict.books
        assert (books.total("cleaned"), books.by_subscriber("delivered")["tax"]) == (department.sent, department.sent)
        assert books.total("duplicate") > 0
        assert set(ids(bus, "clean.health")) == {1, second.datasets[RESIDENT].event_schema}
        assert ids(bus, "clean.health")[-1] == second.datasets[RESIDENT].event_schema
    finally:
        bus.stop()


def _go_on(department: Department, end: threading.Event) -> None:
    """Both publish at the same time, the lagging one with re-sends, until they are told to end."""
    while not end.is_set():
        department.old(20, again=5)
        department.new(20)
        time.sleep(0.05)


def test_a_worker_that_has_not_read_the_new_plan_yet_waits_for_it(first: Bus) -> None:
    bus, department = first, Department(first)
    try:
        bus.start(1)
        department.old(100)
        until_delivered(bus, 100)
        department.new(50)
        time.sleep(2)
        assert bus.count("dead.health") == 0
        second = bus.write(SECOND, new=True)
        department.old(50)
        until_delivered(bus, 200)
        assert judged(bus, bus.plan, second).examples == []
        assert bus.count("dead.health") == 0
        number = second.subscriptions[f"tax.{RESIDENT}"].output_schema
        codec = EventCodec(second.schemas[number].text, number)
        last = [record.value for record, _ in read_with_headers(bus.admin, ["deliver.tax"]) if record.value][-1]
        assert (codec.decode(last).row or {})["phone"] == "13812345678"
    finally:
        bus.stop()
