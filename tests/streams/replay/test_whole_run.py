"""One run that has all of it: state and log, dirt, a new version, kill -9, a stop-line, repairs and replays; the oracle judges it."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.serve.replay_duty import replay_known
from schemas.codec import EventCodec
from schemas.contract import event_schema, event_subject, output_schema, output_subject
from schemas.control import LaneState, Plan, SchemaText, StopLine, Subscription
from schemas.datasets import standard_dataset
from schemas.envelope import kafka_key
from streams.replay.box import Selection
from streams.replay.mending import Mending
from tests.streams.replay.conftest import DEAD, OPEN, Quarantine
from tests.streams.test_versions import NEW_CODEC, V2, evolved, fields_now, resident_now
from tests.streams.transport.bus import LANES, RAW, Bus, person
from tests.streams.world import RESIDENT, city, dataset, key_of, resident, value
from trial.kafka import LocalKafka
from wire.publisher import Publisher
from wire.reading import read_all

pytestmark = pytest.mark.kafka

VISIT, VISITS, CLEAN_LOG = "health.visit", 3, "clean-log.health"
GOOD_PHONE = "13900000000"


def whole_city() -> Plan:
    """The test city whose health commission also has a log, that the tax office gets, and a stop-line."""
    plan = city(subscriptions=OPEN)
    visit = dataset("village", VISIT, VISITS).model_copy(update={"kind": "log"})
    log = Subscription(id=f"tax.{VISIT}", subscriber="tax", dataset=VISIT, fields=("code", "name"), purpose="test", output_schema=900)
    health = plan.departments["health"].model_copy(update={"stop_line": StopLine(letters=8, window_seconds=3600)})
    texts = ((VISITS, event_subject(VISIT), event_schema(VISIT, visit.row_schema)), (900, output_subject(log), output_schema(visit, log)))
    schemas = {number: SchemaText(id=str(number), number=number, subject=subject, text=text) for number, subject, text in texts}
    return replace(plan, departments={**plan.departments, "health": health}, datasets={**plan.datasets, VISIT: visit},
                   schemas={**plan.schemas, **schemas}, subscriptions={**plan.subscriptions, log.id: log},
                   lanes={lane: LaneState(partitions=count) for lane, count in {**LANES, CLEAN_LOG: 2}.items()})


FIRST = whole_city()
SECOND = evolved(FIRST, fields_now())
VISIT_CODEC = EventCodec(FIRST.schemas[VISITS].text, VISITS)


class Department:
    """What the health commission sends: residents as the first and as the second version has them, and visits."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._seq = 0

    def old(self, people: Iterable[int], **changes: Any) -> None:
        self._send((key_of(person(number)), self._next(resident(person(number), **changes))) for number in people)

    def new(self, people: Iterable[int], **changes: Any) -> None:
        self._send((key_of(person(number)), self._next(resident_now(person(number), **changes), codec=NEW_CODEC)) for number in people)

    def flood(self, people: Iterable[int], **changes: Any) -> None:
        """The same, all on one partition: a stop-line counts by partition."""
        self._send(((key_of(person(number)), self._next(resident_now(person(number), **changes), codec=NEW_CODEC))
                    for number in people), partition=0)

    def visits(self, count: int, **changes: Any) -> None:
        """So many events of one key: of a log each is its own."""
        row = {**standard_dataset("village").examples[0], **changes}
        self._send((kafka_key(VISIT, row["code"]), self._next(row, op="c", codec=VISIT_CODEC)) for _ in range(count))

    def _next(self, row: dict[str, Any], op: str = "u", **more: Any) -> bytes:
        self._seq += 1
        return value(op, row, seq=self._seq, **more)

    def _send(self, events: Iterable[tuple[bytes, bytes]], partition: int = -1) -> None:
        with Publisher(self._bus.admin, linger_ms=5) as publisher:
            for key, data in events:
                publisher.send(RAW, key, data, partition=partition)


@pytest.fixture
def bus(kafka: LocalKafka, prefix: str, tmp_path: Path) -> Iterator[Bus]:
    made = Bus(kafka, prefix, tmp_path, plan=FIRST, lanes={**LANES, CLEAN_LOG: 2})
    yield made
    made.stop()


def test_a_run_with_everything_in_it_comes_out_as_the_oracle_says(quarantine: Quarantine) -> None:
    bus, department = quarantine.bus, Department(quarantine.bus)
    first = bus.plan
    bus.start(1)
    department.old(range(40))
    department.old(range(3), phone="1")
    department.visits(4)
    department.visits(1, name="")
    quarantine.handled()
    assert quarantine.states() == ["open"] * 4

    # The second version comes while events of both are on their way, and the worker is killed.
    department.old(range(10, 20), phone="+86 13812345678")
    department.new(range(20, 30), level=2.5)
    second = bus.plan = bus.write(SECOND, new=True)
    bus.kill(1)
    bus.start(1)
    department.old(range(20, 30), status="moved")
    department.new([2], email="newer@example.org")
    quarantine.handled()

    # A flood reaches the line: what stands behind waits until it is released, also over another kill.
    department.flood(range(50, 62), status="flood")
    department.flood(range(62, 64))
    _until(bus, lambda: any(RAW in status.held for status in bus.statuses().values()))
    bus.kill(1)
    bus.start(1)
    bus.wait_until_it_has_joined(1)
    assert len(quarantine.letters()) == 4 + 8
    assert {one.outcome for one in quarantine.replay()} == {"superseded", "held"}
    lanes = {**bus.plan.lanes, RAW: bus.plan.lanes[RAW].model_copy(update={"released": bus.plan.version + 1})}
    bus.plan = bus.writer.write(lanes=lanes)
    quarantine.handled()
    assert len(quarantine.letters()) == 4 + 12

    # What was turned away under the first version is repaired as one of the second, and goes out.
    repaired = quarantine.repair(Selection(field="phone"), Mending(map={"mobile": {"1": GOOD_PHONE}}))
    repaired += quarantine.repair(Selection(dataset=VISIT), Mending(set={"name": "示例社区"}))
    assert [one.result for one in repaired] == ["repaired"] * 3
    outcomes = Counter(one.outcome for one in quarantine.replay())
    assert outcomes == {"passes": 3, "fails": 12}
    quarantine.handled()
    assert Counter(quarantine.states()) == {"replayed": 3, "superseded": 1, "open": 12}
    assert bus.end(1) == 0

    verdict = quarantine.is_right(first, second)
    assert verdict.streams["replay", "cleaned"] == 3
    assert (verdict.books.total("quarantined"), verdict.books.total("duplicate")) == (16, 0)
    assert bus.count(CLEAN_LOG) == 5
    rows = _last_rows(bus, f"tax.{RESIDENT}")
    assert [rows[key_of(person(number))]["phone"] for number in range(3)] == [GOOD_PHONE, GOOD_PHONE, "13812345678"]
    assert {key_of(person(number)) in rows for number in (62, 63)} == {True}
    assert (bus.tallied()["quarantined", ""], bus.count(DEAD)) == (16, 16 + 3 + 4), "written, repaired, closed"


def _until(bus: Bus, holds: Any) -> None:
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline, bus.log(1)
        time.sleep(0.2)


def _last_rows(bus: Bus, subscription: str) -> dict[bytes, Any]:
    """The last row of each record that a subscription was given, whatever version it came in."""
    numbers = {plan.subscriptions[subscription].output_schema for plan in (FIRST, SECOND)}
    codecs = {number: EventCodec(bus.plan.schemas[number].text, number) for number in numbers}
    found = {}
    for record in read_all(bus.admin, ["deliver.tax"]):
        codec = codecs.get(int.from_bytes((record.value or b"")[1:5], "big"))
        if codec is not None:
            found[record.key or b""] = codec.decode(record.value or b"").row
    return found


def test_what_came_before_its_version_goes_out_by_itself_unless_something_newer_of_its_record_has_passed(quarantine: Quarantine) -> None:
    bus, department = quarantine.bus, Department(quarantine.bus)
    first = bus.plan
    bus.start(1)
    department.new(range(4), email="early@example.org")
    department.old([3], status="moved")
    quarantine.handled()
    assert {one.findings[0].reason for one in quarantine.letters().values()} == {"unknown_schema"}
    assert replay_known(quarantine.settings, first) == {}
    # The registry may know a schema long before its dataset takes it up.
    bus.writer.write([SECOND.schemas[V2]])
    bus.plan = bus.write(SECOND, new=True)
    assert replay_known(quarantine.settings, bus.plan) == {"passes": 3, "superseded": 1}
    quarantine.handled()
    assert _last_rows(bus, f"tax.{RESIDENT}")[key_of(person(3))]["status"] == "moved"
    assert bus.end(1) == 0
    quarantine.is_right(first)
