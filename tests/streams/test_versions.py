"""Events of an earlier version under a later plan: whatever the writer's version, what goes on is the present one's."""

import json
import re
from typing import Any

import pytest

from schemas.codec import EventCodec, decode_letter
from schemas.contract import event_schema, event_subject, output_schema, output_subject
from schemas.control import Condition, DatasetVersion, Mask, Plan, SchemaText
from schemas.datasets import standard_dataset
from schemas.envelope import Event, Meta
from schemas.tally import TallyBook
from streams.chunk import Handled
from streams.clean import clean
from streams.plan import working_plan
from streams.recollection import Recollection
from streams.route import route
from tests.streams.world import (
    NOW,
    PEOPLE,
    RESIDENT,
    SECRET,
    STREAM,
    SUBSCRIPTIONS,
    chunk,
    city,
    compiled,
    key_of,
    memory,
    resident,
    value,
)

Fields = list[dict[str, Any]]
V2 = 50


def fields_now() -> Fields:
    """The resident's fields in their second version: phone renamed, sex gone, email and level new, the order another."""
    by_name = {one["name"]: one for one in json.loads(standard_dataset("resident").row_schema)["fields"]}
    phone = {**by_name.pop("phone"), "name": "mobile", "aliases": ["phone"]}
    by_name.pop("sex")
    return [phone, *reversed(by_name.values()), {"name": "email", "type": ["null", "string"], "default": None},
            {"name": "level", "type": "double", "default": 1.5}]


def evolved(plan: Plan, fields: Fields, number: int = V2) -> Plan:
    """The plan after the residents' row became this."""
    old = plan.datasets[RESIDENT]
    row = {**json.loads(old.row_schema), "fields": fields}
    names = {alias: one["name"] for one in fields for alias in one.get("aliases", ())}
    rules = {names.get(name, name): tuple(re.sub(r"(?<=[(,]id=)\w+", lambda other: names.get(other[0], other[0]), use) for use in uses)
             for name, uses in old.rules.items() if name != "sex"}
    dataset = old.model_copy(update={
        "row_schema": json.dumps(row, ensure_ascii=False), "event_schema": number, "version": old.version + 1, "rules": rules,
        "key": tuple(names.get(name, name) for name in old.key),
        "versions": (*old.versions, DatasetVersion(version=old.version, event_schema=old.event_schema))})
    schemas = dict(plan.schemas) | {number: _text(number, event_subject(RESIDENT), event_schema(RESIDENT, dataset.row_schema))}
    agreed = {}
    for name, item in plan.subscriptions.items():
        text = output_schema(dataset if item.dataset == RESIDENT else plan.datasets[item.dataset], item)
        if text != plan.schemas[item.output_schema].text:
            item = item.model_copy(update={"output_schema": item.output_schema + 100 * number})
            schemas[item.output_schema] = _text(item.output_schema, output_subject(item), text)
        agreed[name] = item
    return Plan(plan.version + 1, plan.departments, plan.nodes, schemas, {**plan.datasets, RESIDENT: dataset}, agreed, plan.lanes)


def _text(number: int, subject: str, text: str) -> SchemaText:
    return SchemaText(id=str(number), number=number, subject=subject, text=text)


FIRST = city()
SECOND = evolved(FIRST, fields_now())
NEW_CODEC = EventCodec(SECOND.schemas[V2].text, V2)


def resident_now(number: str = PEOPLE[0], **changes: Any) -> dict[str, Any]:
    """The same resident as a publisher of the second version sends him."""
    row = resident(number)
    phone = row.pop("phone")
    row.pop("sex")
    return {**row, "mobile": phone, "email": None, "level": 1.5, **changes}


def outputs(handled: Handled, lane: str) -> list[tuple[bytes | None, bytes]]:
    return [(key, value) for there, value, key, *_ in handled.outputs if there == lane and value is not None]


def stages(handled: Handled) -> dict[str, int]:
    book = TallyBook()
    book.merge(handled.tallies)
    told: dict[str, int] = {}
    for tally in book:
        told[tally.key.stage] = told.get(tally.key.stage, 0) + tally.records
    return told


def records(*values: bytes, number: str = PEOPLE[0]) -> list[Any]:
    return [(offset, NOW, key_of(number), data) for offset, data in enumerate(values)]


def test_old_and_new_events_on_one_lane_go_on_as_the_present_version() -> None:
    sent = records(value("c", resident(), seq=1), value("u", resident_now(), resident_now(), seq=2, codec=NEW_CODEC),
                   value("u", resident(phone="+86 13812345678"), resident(), seq=3), value("d", None, resident(), seq=4))
    handled = clean(chunk("raw.health", sent), compiled(SECOND), memory(("raw.health", 0)), NOW)
    events = [NEW_CODEC.decode(data) for _, data in outputs(handled, "clean.health")]
    assert [(event.meta.op, event.row, event.before) for event in events] == [
        ("c", resident_now(), None), ("u", resident_now(), resident_now()), ("u", resident_now(), resident_now()),
        ("d", None, resident_now())]
    assert stages(handled) == {"arrived": 4, "cleaned": 4}
    change = handled.changes["raw.health", 0]
    assert (change.next_offset, set(change.marks.values())) == (4, {(0, 4)})


def test_rules_and_keys_of_the_present_version_judge_old_events() -> None:
    sent = records(value("c", resident(phone="12"), seq=1), value("c", resident(division=""), seq=2))
    handled = clean(chunk("raw.health", sent), compiled(SECOND), memory(("raw.health", 0)), NOW)
    letters = [decode_letter(data) for _, data in outputs(handled, "dead.health")]
    told = {(one.field, one.reason) for letter in letters for one in letter.findings}
    assert ("division", "required") in told
    assert "phone" not in {field for field, _ in told}
    handled = clean(chunk("raw.health", [(0, NOW, key_of(PEOPLE[1]), value("c", resident(), seq=1))]), compiled(SECOND),
                    memory(("raw.health", 0)), NOW)
    assert [decode_letter(data).findings[0].reason for _, data in outputs(handled, "dead.health")] == ["key_mismatch"]


def test_a_subscriber_gets_the_same_of_an_old_event_as_of_a_new_one() -> None:
    work = compiled(SECOND)
    old = route(chunk("clean.health", records(value("c", resident()), value("u", resident(status="moved")), value("d", None))),
                work, memory(("clean.health", 0)), NOW)
    sent = [value("c", resident_now(), codec=NEW_CODEC), value("u", resident_now(status="moved"), codec=NEW_CODEC),
            value("d", None, codec=NEW_CODEC)]
    new = route(chunk("clean.health", records(*sent)), work, memory(("clean.health", 0)), NOW)
    assert {lane for lane, *_ in old.outputs} == {f"deliver.{name}" for name in ("tax", "medical", "police", "school", "province")}
    for lane in {lane for lane, *_ in old.outputs}:
        assert outputs(old, lane) == outputs(new, lane)
    assert stages(old) == stages(new)


def test_a_granted_name_lives_on_in_what_is_delivered() -> None:
    handled = route(chunk("clean.health", records(value("c", resident_now(mobile="13812345678"), codec=NEW_CODEC))), compiled(SECOND),
                    memory(("clean.health", 0)), NOW)
    [(_, data)] = outputs(handled, "deliver.tax")
    number = SECOND.subscriptions["tax.health.resident"].output_schema
    row = EventCodec(SECOND.schemas[number].text, number).decode(data).row
    assert row is not None
    assert (tuple(row), row["phone"]) == (SUBSCRIPTIONS["tax.health.resident"]["fields"], "13812345678")


def test_a_worker_with_the_older_plan_waits_for_the_newer_id() -> None:
    work = compiled(FIRST)
    sent = records(value("c", resident(), seq=1), value("u", resident_now(), seq=2, codec=NEW_CODEC))
    for lane, handle in (("raw.health", clean), ("clean.health", route)):
        handled = handle(chunk(lane, sent), work, memory((lane, 0)), NOW)
        assert (handled.waiting, handled.unknown) == ({(lane, 0): 1}, {(lane, 0): V2})
        assert handled.changes[lane, 0].next_offset == 1


# ---- what cannot be carried over

FIELDS = json.loads(FIRST.datasets[RESIDENT].row_schema)["fields"]
NAME_AS_BYTES = [{**one, "type": "bytes"} if one["name"] == "name" else one for one in FIELDS]
BYTES_FIRST = evolved(city(subscriptions={"tax.health.resident": {"fields": ("resident_id", "division")}, "school.health.resident": {
    "fields": ("resident_id",), "scope": (Condition(field="division", op="eq", values=("341502",)),)}}), NAME_AS_BYTES, 60)
TEXT_NOW = evolved(BYTES_FIRST, FIELDS, 70)
BYTES_CODEC = EventCodec(BYTES_FIRST.schemas[60].text, 60)


def of_bytes(op: str, name: bytes | None, before: bytes | None = None, seq: int = 1, division: str = "341502") -> bytes:
    rows = [None if one is None else resident(division=division) | {"name": one} for one in (name, before)]
    return BYTES_CODEC.encode(Event(Meta("i", op, NOW, "s", STREAM, 0, seq), *rows))  # type: ignore[arg-type]


def test_a_row_that_cannot_be_read_as_the_present_version_is_undecodable_with_its_bytes() -> None:
    sent = records(of_bytes("c", "王明".encode()), of_bytes("u", b"\xff", seq=2), of_bytes("u", "李四".encode(), b"\xff", seq=3),
                   of_bytes("d", None, b"\xff", seq=4))
    handled = clean(chunk("raw.health", sent), compiled(TEXT_NOW), memory(("raw.health", 0)), NOW)
    codec = EventCodec(TEXT_NOW.schemas[70].text, 70)
    events = [codec.decode(data) for _, data in outputs(handled, "clean.health")]
    assert [(event.row or {}).get("name") for event in events] == ["王明", "李四", None]
    assert [event.before for event in events] == [None, None, None]
    [letter] = [decode_letter(data) for _, data in outputs(handled, "dead.health")]
    assert (letter.findings[0].reason, letter.value, letter.offset) == ("undecodable", sent[1][3], 1)
    assert stages(handled) == {"arrived": 4, "cleaned": 3, "quarantined": 1}


def test_one_that_lies_on_clean_gets_a_letter_for_each_subscription_it_is_for_and_stops_nothing() -> None:
    sent = records(of_bytes("c", "王明".encode()), of_bytes("u", b"\xff", seq=2), of_bytes("d", None, seq=3))
    handled = route(chunk("clean.health", sent), compiled(TEXT_NOW), memory(("clean.health", 0)), NOW)
    letters = [decode_letter(data) for _, data in outputs(handled, "dead.health")]
    assert {(one.subscription, one.offset, one.findings[0].reason) for one in letters} == {
        ("tax.health.resident", 1, "undecodable"), ("school.health.resident", 1, "undecodable")}
    assert [len(outputs(handled, lane)) for lane in ("deliver.tax", "deliver.school")] == [2, 2]
    assert stages(handled) == {"delivered": 4, "quarantined": 2}
    assert handled.changes["clean.health", 0].next_offset == 3


def test_who_loses_a_record_by_it_is_told_so_and_who_never_had_it_hears_nothing() -> None:
    sent = records(of_bytes("c", "王明".encode()), of_bytes("u", b"\xff", seq=2, division="340100"))
    handled = route(chunk("clean.health", sent), compiled(TEXT_NOW), memory(("clean.health", 0)), NOW)
    assert [data[-1:] for _, data in outputs(handled, "deliver.school")][-1] == b"\0"
    assert len(outputs(handled, "deliver.school")) == 2
    handled = route(chunk("clean.health", sent[1:]), compiled(TEXT_NOW), memory(("clean.health", 0)), NOW)
    assert stages(handled) == {"quarantined": 1, "held_back": 1}


def test_what_is_remembered_of_it_is_the_same_after_a_restart() -> None:
    sent = records(of_bytes("c", "王明".encode()), of_bytes("u", b"\xff", seq=2, division="340100"))
    for upto in (1, 2):
        kept = memory(("clean.health", 0))
        kept.apply(route(chunk("clean.health", sent[:upto]), compiled(TEXT_NOW), kept, NOW).changes)
        lane = Recollection(compiled(TEXT_NOW))
        lane.learn(sent[:upto])
        assert lane.rows == kept.of("clean.health", 0).rows


def test_a_row_that_grows_on_the_way_is_measured_as_it_goes_out() -> None:
    fields = [*FIELDS, {"name": "notes", "type": "string", "default": "界" * 600_000}]
    wide = city(subscriptions={"tax.health.resident": {"fields": ("resident_id", "name")}})
    plan = evolved(wide, fields, 80)
    item = plan.subscriptions["tax.health.resident"].model_copy(update={"fields": ("resident_id", "notes")})
    number = item.output_schema
    plan = Plan(plan.version, plan.departments, plan.nodes,
                {**plan.schemas, number: _text(number, output_subject(item), output_schema(plan.datasets[RESIDENT], item))},
                plan.datasets, {item.id: item}, plan.lanes)
    handled = route(chunk("clean.health", records(value("c", resident()))), compiled(plan), memory(("clean.health", 0)), NOW)
    assert [decode_letter(data).findings[0].reason for _, data in outputs(handled, "dead.health")] == ["too_large"]
    assert not outputs(handled, "deliver.tax")


# ---- what is compiled

def test_sources_of_all_versions_are_kept_while_nothing_of_theirs_changes() -> None:
    first = compiled(SECOND)
    again = working_plan(Plan(9, SECOND.departments, SECOND.nodes, SECOND.schemas, SECOND.datasets, SECOND.subscriptions, SECOND.lanes),
                         SECRET, before=first)
    assert set(first.sources) == {b"\0\0\0\0\1", b"\0\0\0\0\2", b"\0\0\0\0" + bytes((V2,))}
    assert all(again.sources[head] is source for head, source in first.sources.items())


@pytest.mark.parametrize("change", ["subscriptions", "versions"])
def test_a_change_of_the_dataset_or_its_subscriptions_counts_for_every_version(change: str) -> None:
    first = compiled(SECOND)
    if change == "subscriptions":
        item = SECOND.subscriptions["medical.health.resident"]
        changed = {**SECOND.subscriptions, item.id: item.model_copy(update={"masks": {"resident_id": Mask(kind="null")}})}
        later = Plan(9, SECOND.departments, SECOND.nodes, SECOND.schemas, SECOND.datasets, changed, SECOND.lanes)
    else:
        later = evolved(SECOND, [{**one, "doc": "v3"} for one in fields_now()], 51)
    work = working_plan(later, SECRET, before=first)
    residents = [source for source in work.sources.values() if source.dataset == RESIDENT]
    assert len(residents) == 2 + (change == "versions")
    assert not {id(source) for source in residents} & {id(source) for source in first.sources.values()}
    assert {id(source.outlets.by_id) for source in residents} == {id(residents[0].outlets.by_id)}
    assert {source.schema_id for source in residents} == {later.datasets[RESIDENT].event_schema}


def test_a_dataset_of_one_version_has_one_source() -> None:
    assert len(compiled(FIRST).sources) == len(FIRST.datasets)
