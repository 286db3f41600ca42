"""The service hall in memory: clean and route on nested rows, arrays, maps, days and money, judged by the oracle; and spoiled."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.codec import EventCodec, bus_schema, long_bytes
from schemas.codec.fields import Field
from schemas.codec.varint import read_long
from schemas.control import Mask
from schemas.envelope import Event
from schemas.masks import Blind, compile_mask
from streams.plan import working_plan
from tests.trial.city_world import SECRET, World, run
from tests.trial.hall_world import Hall, hall_plan
from trial.evidence import plan_as_json
from trial.oracle import Verdict, judge
from trial.oracle.records import partition_of
from trial.oracle.route import _year

PLAN = hall_plan()
ARRIVED = 1_767_323_045_000
Row = dict[str, Any]
EXTRA: Row = {"name": "x", "quantity": 1, "amount": None}


def hall_world() -> tuple[Hall, World]:
    """Everything the departments send, through the bus's own functions."""
    departments, world = Hall(PLAN), World()
    for lane in PLAN.lanes:
        world.lanes[lane] = []
    for number, (lane, key, value) in enumerate(departments.events()):
        world.put(lane, partition_of(key, PLAN.lanes[lane].partitions), ARRIVED + number, key, value)
    run(world, PLAN, working_plan(PLAN, SECRET))
    return departments, world


DEPARTMENTS, WORLD = hall_world()


def judged(world: World) -> Verdict:
    verdict = judge(plan_as_json(PLAN), SECRET, world.read, letter_schema=json.loads(bus_schema("letter")))
    verdict.books.compare(world.told(), verdict.problems, "second")
    return verdict


def test_bus_and_oracle_agree_on_every_record_of_the_hall() -> None:
    verdict = judged(WORLD)
    assert verdict.examples == []
    assert verdict.books.by_subscriber("quarantined")[""] == sum(DEPARTMENTS.rejected.values())
    assert min(DEPARTMENTS.rejected[name] for name in DEPARTMENTS.rows) > 0


def _change(field: str, change: Callable[[Any], Any]) -> Callable[[Row], Row]:
    return lambda row: {**row, field: change(row[field])}


@pytest.mark.parametrize(("lane", "schema", "spoil"), [
    ("clean.approval", "approval.permit", _change("fee", lambda fee: fee + 1)),
    ("clean.approval", "approval.permit", _change("holder", lambda holder: {**holder, "id_number": "0000"})),
    ("clean.approval", "approval.permit", _change("attachments", lambda papers: {**papers, "x": "y"})),
    ("clean.land", "land.real-estate", _change("holders", lambda holders: holders[1:] or holders * 2)),
    ("clean-log.approval", "approval.permit-event", _change("changed_fields", lambda fields: [*fields, "x"])),
    ("clean.market", "market.enterprise", _change("sector", lambda sector: "16" if sector != "16" else "15")),
    ("deliver.credit", "credit.approval.permit", _change("valid_from", lambda year: year + 1)),
    ("deliver.credit", "credit.approval.permit", _change("updated_at", lambda year: year - 1)),
    ("deliver.province", "province.approval.permit", _change("items", lambda items: [*items, EXTRA]))])
def test_one_value_changed_on_its_way_is_found(lane: str, schema: str, spoil: Callable[[Row], Row]) -> None:
    number = PLAN.datasets[schema].event_schema if schema in PLAN.datasets else PLAN.subscriptions[schema].output_schema
    codec, head = EventCodec(PLAN.schemas[number].text, number), b"\0" + number.to_bytes(4, "big")
    world = WORLD.copy()
    place, event = next((place, event) for place, one in enumerate(world.lanes[lane])
                        if one.value and one.value.startswith(head) and (event := codec.decode(one.value)).row)
    row = spoil(dict(event.row or {}))
    world.lanes[lane][place] = world.lanes[lane][place]._replace(value=codec.encode(Event(event.meta, row, event.before)))
    assert judged(world).problems.counts["wrong_content"]


EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: (days, milliseconds) from the first of the year 1 to the end of 9999.
CALENDAR = {"date": ("int", -719_162, 2_932_896), "timestamp-millis": ("long", -62_135_596_800_000, 253_402_300_799_999)}


@pytest.mark.parametrize("kind", CALENDAR)
def test_bus_and_oracle_see_the_same_year_in_a_day_and_in_a_moment(kind: str) -> None:
    plain, first, last = CALENDAR[kind]
    mask = compile_mask(Mask(kind="year"), Field("f", {"type": plain, "logicalType": kind}), Blind(b"", "x"))

    @given(st.integers(first, last))
    @example(1_767_196_799_999 if kind != "date" else 20_453)  # the last of 2025 in China
    @example(1_767_196_800_000 if kind != "date" else 20_454)
    @example(first)
    @example(last)
    def agree(value: int) -> None:
        read = EPOCH.date() + dt.timedelta(value) if kind == "date" else EPOCH + dt.timedelta(milliseconds=value)
        assert read_long(mask(long_bytes(value)), 0)[0] == _year(read)

    agree()
