"""Repairs: what each kind of them makes of a row, and what stays as it came."""

import json
import re
from typing import Any

import pytest

from schemas.codec import EventCodec
from schemas.contract import event_schema
from schemas.control import Plan, SchemaText
from schemas.envelope import Event, Meta
from schemas.errors import RejectError
from schemas.letter import Finding
from streams.replay.mending import Mending, Workshop, changed_fields
from tests.streams.world import RESIDENT_CODEC, city, resident, value

NESTED = event_schema("a.permit", json.dumps({"type": "record", "name": "Permit", "fields": [
    {"name": "number", "type": "string"}, {"name": "copies", "type": "int"},
    {"name": "holder", "type": {"type": "record", "name": "Holder", "fields": [
        {"name": "name", "type": "string"}, {"name": "phone", "type": ["null", "string"]}]}},
    {"name": "others", "type": ["null", {"type": "array", "items": "Holder"}]}]}))
META = Meta("id", "c", 5, "hr.core", "hr", 1, 2, "snapshot", "341500>340000")
SHOP = Workshop(city())


def mended(mending: Mending, findings: tuple[Finding, ...] = (), **changes: Any) -> dict[str, Any] | None:
    """The fields of a resident that the repair changed, with their new values."""
    done = SHOP.mend(mending, value("u", resident(**changes), seq=4), findings)
    return None if done is None else {name: new for name, (_, new) in changed_fields(done.before.row, done.after.row).items()}


def test_a_field_is_set_and_the_rest_of_the_event_stays() -> None:
    came = RESIDENT_CODEC.encode(Event(META._replace(stream="health.population"), resident(), resident(name="before")))
    done = SHOP.mend(Mending(set={"status": "moved", "phone": None}), came, ())
    assert done is not None
    assert RESIDENT_CODEC.decode(done.value) == done.after
    assert done.after.meta == done.before.meta
    assert done.after.before == done.before.before
    assert changed_fields(done.before.row, done.after.row) == {"status": ("registered", "moved"), "phone": ("13812345678", None)}


def test_a_mapping_changes_only_rows_with_the_old_value() -> None:
    mapping = Mending(map={"status": {"gone": "moved", "": "registered"}, "phone": {"": "10086"}})
    assert mended(mapping, status="gone") == {"status": "moved"}
    assert mended(mapping, status="gone", phone=None) == {"status": "moved", "phone": "10086"}
    assert mended(mapping) is None


def test_proposals_are_taken_and_what_is_set_goes_over_them() -> None:
    findings = (Finding("phone", "phone", "fix", "", "138"), Finding("phone", "phone", "reject", "", "13900000000"),
                Finding("name", "blanks", "suspect", "", ""), Finding("", "too_large", "reject"))
    assert mended(Mending(accept_proposals=True), findings, phone="1") == {"phone": "13900000000"}
    assert mended(Mending(accept_proposals=True, set={"phone": "12"}), findings, phone="1") == {"phone": "12"}
    assert mended(Mending(accept_proposals=True)) is None


def test_a_whole_record_takes_the_place_of_the_row() -> None:
    row = resident(status="moved")
    written = json.loads(json.dumps(row, default=lambda each: each.isoformat()))
    assert mended(Mending(record=written | {"updated_at": "2026-01-02T03:04:05+08:00"}), status="x") is not None
    with pytest.raises(RejectError, match="nome"):
        mended(Mending(record=written | {"nome": "x"}))


def test_a_field_inside_another_is_named_by_its_path() -> None:
    plan = Plan(schemas={1: SchemaText(id="1", number=1, subject="a", text=NESTED)})
    codec = EventCodec(NESTED, 1)
    row = {"number": "1", "copies": 2, "holder": {"name": "n", "phone": None},
           "others": [{"name": "a", "phone": "1"}, {"name": "b", "phone": "2"}]}
    came = codec.encode(Event(META, row))
    done = Workshop(plan).mend(Mending(set={"holder.phone": "10086", "copies": "3"}, map={"others[1].phone": {"2": None}}), came, ())
    assert done is not None
    assert done.after.row == {"number": "1", "copies": 3, "holder": {"name": "n", "phone": "10086"},
                              "others": [{"name": "a", "phone": "1"}, {"name": "b", "phone": None}]}
    for path in ("holder.mobile", "number.x", "nobody", "others[2].phone", "others[].phone", "number[0]", "holder..name", "x]"):
        with pytest.raises(RejectError, match=re.escape(path)):
            Workshop(plan).mend(Mending(set={path: "1"}), came, ())


def test_an_entry_of_a_map_is_named_by_its_place_and_an_older_name_will_do() -> None:
    schema = event_schema("a.permit", json.dumps({"type": "record", "name": "Permit", "fields": [
        {"name": "number", "type": "string"},
        {"name": "fees", "type": {"type": "map", "values": {"type": "record", "name": "Fee", "fields": [
            {"name": "sum", "aliases": ["amount"], "type": "string"}]}}}]}))
    codec, shop = EventCodec(schema, 1), Workshop(Plan(schemas={1: SchemaText(id="1", number=1, subject="a", text=schema)}))
    came = codec.encode(Event(META, {"number": "1", "fees": {"b": {"sum": "x"}, "a": {"sum": "y"}}}))
    proposed = Finding("fees{1}.amount", "money", "reject", "y", "2.00")
    done = shop.mend(Mending(set={"fees{0}.sum": "1.00"}, accept_proposals=True), came, (proposed,))
    assert done is not None
    assert done.after.row == {"number": "1", "fees": {"b": {"sum": "1.00"}, "a": {"sum": "2.00"}}}
    mapped = shop.mend(Mending(map={"fees{1}.sum": {"y": "3"}}), came, ())
    assert mapped is not None
    assert mapped.after.row == {"number": "1", "fees": {"b": {"sum": "x"}, "a": {"sum": "3"}}}
    for path in ("fees{2}.sum", "fees[0].sum", "fees{}.sum", "number{0}"):
        with pytest.raises(RejectError, match=re.escape(path)):
            shop.mend(Mending(set={path: "1"}), came, ())


def test_a_delete_has_nothing_to_repair_but_its_key() -> None:
    came = value("d", None, resident(), seq=1)
    assert SHOP.mend(Mending(set={"status": "moved"}), came, ()) is None
    done = SHOP.mend(Mending(rekey=True), came, ())
    assert done is not None
    assert done.value == came


def test_what_is_not_touched_stays_in_the_bytes_it_came_in_and_an_entry_of_a_map_is_named_by_its_place() -> None:
    text = event_schema("a.permit", json.dumps({"type": "record", "name": "Permit", "fields": [
        {"name": "any", "type": ["string", {"type": "enum", "name": "E", "symbols": ["A"]}]}, {"name": "ratio", "type": "float"},
        {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}},
        {"name": "tags", "type": {"type": "map", "values": "string"}}]}))
    shop = Workshop(Plan(schemas={1: SchemaText(id="1", number=1, subject="a", text=text)}))
    head = EventCodec(text, 1).encode(Event(META, None))[:-2]  # up to the row
    untouched = b"\2\0" + b"\1\0\x80\x7f" + b"\6\0\0\x07"  # the symbol, not the text; a NaN with a sign of its own; a longer seven
    came = head + b"\2" + untouched + b"\4\2a\2x\2b\4y \0" + b"\0"
    done = shop.mend(Mending(accept_proposals=True), came, (Finding("tags{1}", "blanks", "reject", "y ", "y"),))
    assert done is not None
    assert done.value == head + b"\2" + untouched + b"\4\2a\2x\2b\2y\0" + b"\0"
    mapped = shop.mend(Mending(map={"tags{0}": {"x": "z"}}), came, ())
    assert mapped is not None
    assert mapped.value == head + b"\2" + untouched + b"\4\2a\2z\2b\4y \0" + b"\0"
    for path in ("tags{2}", "any{0}", "tags[0]"):
        with pytest.raises(RejectError, match=re.escape(path)):
            shop.mend(Mending(set={path: "1"}), came, ())
