"""A dataset from version to version: rows of an older version in slices, every difference in words, names that live on."""

import json
from typing import Any
from uuid import UUID

import pytest

from schemas.codec import EventScanner
from schemas.codec.ends import DEEPEST
from schemas.contract import as_of, check_dataset, event_schema, in_current_names, output_schema, row_of
from schemas.control import Condition, Dataset, DatasetVersion, Mask, Subscription
from schemas.delivery import has_masked_key
from schemas.evolution import check_evolving, compile_resolution, current_names, row_changes, row_misfits

DATASET = "a.thing"
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}


def row(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "Row", "fields": list(fields)})


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def record(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}


OLD = row(field("id", "string"), field("phone", ["null", "string"]), field("seq", "int"), field("fax", "string"), field("note", "string"),
          field("holder", record("Holder", field("name", "string"), field("age", "int"))))
NEW = row(field("id", "string"), field("note", "bytes"), field("seq", "long"), field("email", ["null", "string"], default=None),
          field("mobile", ["null", "string"], aliases=["phone"]), field("level", "int", default=3),
          field("holder", record("Holder", field("age", "double"), field("name", "string"), field("city", "string", default="六安"))))


def resolved(new: str, old: str, given: dict[str, Any]) -> dict[str, Any]:
    """A row written under the old version as the new one has it."""
    writer = EventScanner(event_schema(DATASET, old), 1)
    reader = EventScanner(event_schema(DATASET, new), 2)
    resolve = compile_resolution(event_schema(DATASET, new), event_schema(DATASET, old))
    pieces, whole = resolve(writer.encode_row(given))
    assert whole
    assert reader.split(b"".join(pieces)) == pieces  # each slice is what the new version's own scanner would cut
    return reader.decode_row(pieces)


def test_an_older_row_is_read_as_the_newest_version_has_it() -> None:
    given = {"id": "1", "phone": "138", "seq": -7, "fax": "x", "note": "界", "holder": {"name": "王", "age": 8}}
    assert resolved(NEW, OLD, given) == {
        "id": "1", "note": "界".encode(), "seq": -7, "email": None, "mobile": "138", "level": 3,
        "holder": {"age": 8.0, "name": "王", "city": "六安"}}


def test_versions_that_agree_byte_for_byte_hand_over_the_very_slices() -> None:
    new = row(field("id", "string"), field("n", "long"), field("x", "bytes"))
    old = row(field("id", "string"), field("n", "int"), field("x", "string"))
    pieces = (b"\2a", b"\4", b"\2b")
    assert compile_resolution(event_schema(DATASET, new), event_schema(DATASET, old))(pieces) == (pieces, True)


def test_bytes_that_are_to_be_a_text_and_are_none_leave_their_field_blank() -> None:
    texts = [field("x", "string"), field("y", ["string", "null"])]
    old, new = row(field("x", "bytes"), field("y", ["null", "bytes"]), field("z", "int")), row(*texts, field("z", "int"))
    assert resolved(new, old, {"x": "界".encode(), "y": b"y", "z": 1}) == {"x": "界", "y": "y", "z": 1}
    resolve = compile_resolution(event_schema(DATASET, new), event_schema(DATASET, old))
    pieces, whole = resolve((b"\2\xff", b"\2\2\xff", b"\2"))
    assert not whole
    assert EventScanner(event_schema(DATASET, new), 2).decode_row(pieces) == {"x": "", "y": None, "z": 1}


def test_a_field_with_parts_that_cannot_be_carried_over_stands_in_the_row_as_parts_that_say_nothing() -> None:
    def holder(word: str) -> dict[str, Any]:
        inner = record("Inner", field("id", {"type": "string", "logicalType": "uuid"}), field("sum", DECIMAL), field("at", "double"),
                       field("code", {"type": "fixed", "name": "Code", "size": 3}), field("either", ["int", "null"]),
                       field("many", ["int", "string"]), field("none", "null"))
        return record("Holder", field("note", word), field("inner", inner))

    present = event_schema(DATASET, row(field("x", holder("string"))))
    resolve = compile_resolution(present, event_schema(DATASET, row(field("x", holder("bytes")))))
    rest = b"H00000000-0000-0000-0000-000000000000\2\1" + b"\0" * 8 + b"abc\0\2\0\2"
    pieces, whole = resolve((b"\2\xff" + rest,))
    assert not whole
    assert EventScanner(present, 2).split(b"".join(pieces)) == pieces
    assert EventScanner(present, 2).decode_row(pieces)["x"] == {"note": "", "inner": {
        "id": UUID(int=0), "sum": 0, "at": 0.0, "code": b"\0\0\0", "either": None, "many": 0, "none": None}}


def test_what_lies_too_deep_with_what_has_come_in_is_not_carried_over() -> None:
    def tree(*more: dict[str, Any]) -> str:
        return row(field("x", record("Node", field("next", ["null", "Node"]), *more)))

    present = event_schema(DATASET, tree(field("mark", record("Mark", field("n", "int")), default={"n": 1})))
    resolve, scanner = compile_resolution(present, event_schema(DATASET, tree())), EventScanner(present, 2)
    for depth, carried in ((DEEPEST - 1, True), (DEEPEST, False)):
        pieces, whole = resolve((b"\2" * (depth - 1) + b"\0",))
        assert (whole, len(pieces[0]) > 2) == (carried, carried)
        assert scanner.split(b"".join(pieces)) == pieces


def test_every_difference_is_told_by_field() -> None:
    told = [(one.path, one.kind, one.old.en, one.new.en) for one in row_changes(NEW, OLD)]
    assert told == [
        ("note", "promoted", "text (string)", "bytes"),
        ("seq", "promoted", "32-bit whole number (int)", "64-bit whole number (long)"),
        ("email", "added", "", "null or text (string)"),
        ("mobile", "renamed", "phone", "mobile"),
        ("level", "added", "", "32-bit whole number (int)"),
        ("holder.age", "promoted", "32-bit whole number (int)", "double-precision number (double)"),
        ("holder.city", "added", "", "text (string)"),
        ("holder", "reordered", "name, age", "age, name"),
        ("fax", "removed", "text (string)", ""),
        ("", "reordered", "id, phone, seq, note, holder", "id, note, seq, phone, holder")]
    assert not any(one.why for one in row_changes(NEW, OLD))


def test_what_is_incompatible_says_why_beside_all_else_that_changed() -> None:
    kind = {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}
    old = row(field("id", "string", title="编号"), field("kind", kind), field("many", ["int", "string"]),
              field("state", {**kind, "name": "State"}))
    new = row(field("id", "string", title="号码"), field("kind", {**kind, "symbols": ["a"]}), field("many", ["int", "boolean"]),
              field("state", {**kind, "name": "State", "symbols": ["a", "b", "c"]}), field("level", "int"))
    told = {(one.path, one.kind): one.why for one in row_changes(new, old)}
    assert {place for place, why in told.items() if why} == {("kind", "retyped"), ("many", "retyped"), ("level", "added")}
    assert {place for place, why in told.items() if not why} == {("id", "described"), ("state", "symbols")}
    assert {one.path for one in row_misfits(new, old)} == {"kind", "many", "level"}


def test_nothing_changed_is_no_difference_whatever_the_row_is_called() -> None:
    assert row_changes(OLD, OLD.replace('"Row"', '"Other"')) == []


@pytest.mark.parametrize(("fields", "said"), [
    ([field("a", "string"), field("b", "string", aliases=["a"])], "already stands for field a"),
    ([field("a", "string", aliases=["x"]), field("b", "string", aliases=["x"])], "already stands for field a"),
    ([field("a", "int", default=1 << 40)], "the default of field a is no"),
    ([field("h", record("H", field("a", {"type": "enum", "name": "E", "symbols": ["A"]}, default="B")))], "the default of field h.a is no"),
    ([field("h", {"type": "array", "items": record("H", field("a", "string"), field("b", "string", aliases=["a"]))})], "field h[].b")])
def test_what_other_versions_could_not_use_is_refused(fields: list[dict[str, Any]], said: str) -> None:
    assert [said in text.en for text in check_evolving(row(*fields))] == [True]
    dataset = Dataset(id=DATASET, title="t", provider="a", key=("id",), event_schema=1, row_schema=row(field("id", "string"), *fields))
    assert [said in text.en for text in check_dataset(dataset)] == [True]


# ---- names

THING = Dataset(id=DATASET, title="t", provider="a", key=("id",), event_schema=1,
                row_schema=row(field("id", "string"), field("phone", "string"), field("area", "string")))
RENAMED = THING.model_copy(update={"key": ("number",), "row_schema": row(
    field("number", "string", aliases=["id"]), field("mobile", "string", aliases=["phone"]), field("place", "string", aliases=["area"]))})
TAX = Subscription(id="tax.a.thing", subscriber="tax", dataset=DATASET, fields=("phone", "id", "area"), purpose="p", output_schema=9,
                   scope=(Condition(field="area", op="prefix", values=("3415",)),), masks={"phone": Mask(kind="keep_last", n=4)})


def test_a_granted_name_lives_on_when_the_field_is_renamed() -> None:
    now = in_current_names(TAX, RENAMED)
    assert (now.fields, set(now.masks), now.scope[0].field) == (("mobile", "number", "place"), {"mobile"}, "place")
    assert output_schema(RENAMED, TAX) == output_schema(THING, TAX)
    assert not has_masked_key(TAX, RENAMED)
    assert has_masked_key(TAX.model_copy(update={"masks": {"id": Mask(kind="hmac")}}), RENAMED)


def test_an_earlier_version_of_a_dataset_has_its_own_names() -> None:
    renamed = RENAMED.model_copy(update={"version": 2, "event_schema": 7, "division_field": "place",
                                         "rules": {"number": ("required",), "mobile": ("phone",), "place": ()}})
    older = as_of(renamed, DatasetVersion(version=1, event_schema=1), event_schema(DATASET, THING.row_schema))
    assert (older.version, older.event_schema, older.key, older.division_field) == (1, 1, ("id",), "area")
    assert older.rules == {"id": ("required",), "phone": ("phone",), "area": ()}
    assert row_changes(older.row_schema, THING.row_schema) == []


def test_a_subscription_in_the_names_of_today_is_left_as_it_is() -> None:
    assert in_current_names(TAX, THING) is TAX
    assert current_names(RENAMED.row_schema)["phone"] == "mobile"


def test_the_row_inside_an_event_schema_is_the_one_it_was_made_of() -> None:
    assert row_changes(row_of(event_schema(DATASET, OLD)), OLD) == []
