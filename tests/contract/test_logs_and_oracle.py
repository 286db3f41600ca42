"""A dataset of kind log through clean and route, judged by the oracle: each event its own, nothing remembered of any before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import EventCodec
from schemas.contract import output_schema, output_subject
from schemas.control import Condition, LaneState, Mask, Plan, SchemaText, Subscription
from schemas.envelope import Event, Meta, kafka_key, marker_key
from streams.memory import Memory
from streams.plan import working_plan
from tests.trial.city_world import (
    NOW,
    PLAN,
    REGISTER,
    SECRET,
    UNKNOWN,
    VILLAGE,
    Row,
    World,
    Writing,
    codec_of,
    run,
    village_row,
)
from tests.trial.test_oracle import verdict_on

RAW, CLEAN, CLEAN_LOG = "raw.civil", "clean.civil", "clean-log.civil"
AREAS = ("341502", "341503", "341522")


def log_plan() -> Plan:
    """The trial city with its villages as a log, and two subscriptions to them that have a scope, one of them masked."""
    dataset = PLAN.datasets[VILLAGE].model_copy(update={"kind": "log"})
    schemas, agreed = dict(PLAN.schemas), dict(PLAN.subscriptions)
    for number, subscriber, masks in ((901, "police", {}), (902, "tax", {"code": Mask(kind="hmac")})):
        scope = (Condition(field="area_code", op="in", values=AREAS[:2]),)
        item = Subscription(id=f"{subscriber}.{VILLAGE}", subscriber=subscriber, dataset=VILLAGE, fields=("code", "name", "area_code"),
                            scope=scope, masks=masks, purpose="test", output_schema=number)
        agreed[item.id] = item
        schemas[number] = SchemaText(id=str(number), number=number, subject=output_subject(item), text=output_schema(dataset, item))
    lanes = {**PLAN.lanes, CLEAN_LOG: LaneState(partitions=PLAN.lanes[CLEAN].partitions)}
    return Plan(PLAN.version, PLAN.departments, PLAN.nodes, schemas, {**PLAN.datasets, VILLAGE: dataset}, agreed, lanes)


LOG = log_plan()


def row(number: int, area: str) -> Row:
    """One of a few villages, in one area or another: the same key comes again and again."""
    return {**village_row(number), "area_code": area}


def written(events: list[tuple[str, int, str, bool]]) -> World:
    """What the bus makes of these: operation, village, area, whether the row before came with it."""
    writing = Writing(3)
    for lane in LOG.lanes:
        writing.world.lanes[lane] = []
    for seq, (op, number, area, told) in enumerate(events, start=1):
        meta = Meta(f"e{seq}", op, NOW, "civil", REGISTER, 0, seq)  # type: ignore[arg-type]
        given = row(number, area) if op in "cur" else None
        before = row(number, AREAS[0]) if told and op != "m" else None
        key = marker_key(VILLAGE) if op == "m" else kafka_key(VILLAGE, row(number, area)["code"])
        writing.raw(RAW, key, codec_of(VILLAGE).encode(Event(meta, given, before)), 0 if op == "m" else None)
    run(writing.world, LOG, working_plan(LOG, SECRET, [UNKNOWN]))
    return writing.world


EVENTS = st.tuples(st.sampled_from("ccccrudm"), st.integers(0, 2), st.sampled_from(AREAS), st.booleans())


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=20))
def test_bus_and_oracle_agree_on_a_log(events: list[tuple[str, int, str, bool]]) -> None:
    world = written(events)
    verdict = verdict_on(LOG, world)
    assert verdict.examples == []
    assert not verdict.problems.counts


def test_events_of_a_log_go_to_its_own_lane_and_each_subscriber_in_scope_is_told_of_each() -> None:
    world = written([("c", 0, AREAS[0], False), ("c", 0, AREAS[2], True), ("c", 0, AREAS[1], False)])
    assert len(world.lanes[CLEAN_LOG]) == 3
    assert not world.lanes[CLEAN]
    told = [codec_for(902).decode(one.value or b"").meta.op for one in world.lanes["deliver.tax"]]
    assert told == ["c", "c"]  # no delete, no entering: nobody ever held it


@pytest.mark.parametrize("op", ["u", "d"])
def test_an_event_of_a_log_is_neither_changed_nor_deleted(op: str) -> None:
    world = written([("c", 0, AREAS[0], False), (op, 0, AREAS[0], False)])
    assert verdict_on(LOG, world).reasons == {("", "log_op"): 1}
    assert all(one.value is not None for one in world.lanes[CLEAN_LOG])


def test_the_router_remembers_nothing_of_a_log() -> None:
    world, memory = World(), Memory()
    writing = Writing(3)
    writing.world = world
    for lane in LOG.lanes:
        world.lanes[lane] = []
    meta = Meta("e", "c", NOW, "civil", REGISTER, 0, 1)
    writing.raw(RAW, kafka_key(VILLAGE, row(0, AREAS[0])["code"]), codec_of(VILLAGE).encode(Event(meta, row(0, AREAS[0]))))
    run(world, LOG, working_plan(LOG, SECRET, [UNKNOWN]), memory)
    assert memory.bytes == 0


def codec_for(number: int) -> EventCodec:
    """The codec of one output."""
    return EventCodec(LOG.schemas[number].text, number)
