"""The shapes that datasets and subscriptions promise: the same text every time, masked types, and mistakes told at once."""

import itertools
import json
from typing import Any

import pytest

from schemas.codec import Avro, EventCodec, EventScanner
from schemas.contract import (
    check_dataset,
    check_subscription,
    compile_subscription,
    event_schema,
    event_subject,
    output_schema,
    output_subject,
    record_name,
)
from schemas.control import Dataset, Mask, Subscription
from schemas.datasets import standard_dataset, standard_names
from schemas.envelope import Event, Meta
from schemas.errors import RejectError

RESIDENT = standard_dataset("resident").declare("health.resident", 1)


def subscription(**told: Any) -> Subscription:
    return Subscription(**{"id": "tax-bureau.health.resident", "subscriber": "tax-bureau", "dataset": "health.resident",
                           "fields": ("name", "phone"), "purpose": "p", "output_schema": 9} | told)


def types(schema: str) -> dict[str, Any]:
    row = next(field for field in json.loads(schema)["fields"] if field["name"] == "row")["type"][1]
    return {field["name"]: field["type"] for field in row["fields"]}


def test_names_of_records_and_subjects_come_from_the_dataset() -> None:
    assert record_name("health.old-village") == "OldVillage"
    assert record_name("luan.health-old.village") == "HealthOldVillage"
    assert event_subject("health.resident") == "health.ResidentEvent"
    assert event_subject("med-ins.resident") == "med_ins.ResidentEvent"
    assert output_subject(subscription()) == "tax_bureau.health.ResidentEvent"
    with pytest.raises(RejectError, match="resident") as caught:
        record_name("resident")
    assert caught.value.code == "dataset_name"


@pytest.mark.parametrize("name", standard_names())
def test_the_same_declaration_gives_the_same_schema_text(name: str) -> None:
    dataset = standard_dataset(name).declare(f"health.{name}", 1)
    text = event_schema(dataset.id, dataset.row_schema)
    assert text == event_schema(dataset.id, json.dumps(json.loads(dataset.row_schema)))
    assert text.isascii() is False  # Chinese titles travel as they are
    told = json.loads(text)
    assert f"{told['namespace']}.{told['name']}" == event_subject(dataset.id)
    assert [field["name"] for field in told["fields"]] == ["meta", "row", "before"]
    Avro(text)


def test_a_delivered_schema_has_the_granted_fields_in_their_order_and_no_row_before() -> None:
    text = output_schema(RESIDENT, subscription(fields=("status", "name")))
    told = json.loads(text)
    assert [field["name"] for field in told["fields"]] == ["meta", "row"]
    assert list(types(text)) == ["status", "name"]
    assert f"{told['namespace']}.{told['name']}" == output_subject(subscription())
    Avro(text)


@pytest.mark.parametrize(("field", "mask", "kind"), [
    ("name", Mask(kind="keep_last", n=1), "string"), ("phone", Mask(kind="keep_last", n=4), ["null", "string"]),
    ("name", Mask(kind="hmac"), "string"), ("phone", Mask(kind="hmac"), ["null", "string"]),
    ("birth_date", Mask(kind="year"), ["null", "int"]), ("updated_at", Mask(kind="year"), "int"),
    ("name", Mask(kind="null"), ["null", "string"]), ("phone", Mask(kind="null"), ["null", "string"])])
def test_a_masked_field_has_the_type_of_what_is_shown(field: str, mask: Mask, kind: Any) -> None:
    text = output_schema(RESIDENT, subscription(fields=(field,), masks={field: mask}))
    assert types(text)[field] == kind
    Avro(text)


def test_a_masked_field_says_so_and_promises_no_code_list() -> None:
    text = output_schema(RESIDENT, subscription(fields=("sex", "division"), masks={"sex": Mask(kind="hmac")}))
    row = json.loads(text)["fields"][1]["type"][1]
    sex, division = row["fields"]
    assert (sex["mask"], "code_list" in sex) == ("hmac", False)
    assert (division.get("mask"), division["code_list"]) == (None, "GB/T 2260")


def of(*fields: Any) -> Dataset:
    row = json.dumps({"type": "record", "name": "R", "fields": [{"name": "k", "type": "string"}, *fields]})
    return Dataset(id="a.r", title="r", provider="a", key=("k",), row_schema=row, event_schema=1)


SHARED = of({"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["p", "q"]}}, {"name": "b", "type": ["null", "E"]},
            {"name": "c", "type": ["E", "null"]},
            {"name": "r", "type": {"type": "array", "items": {"type": "record", "name": "In", "fields": [
                {"name": "x", "type": "E"}, {"name": "y", "type": {"type": "fixed", "name": "F", "size": 2}}]}}},
            {"name": "s", "type": ["null", "In"]}, {"name": "t", "type": "F"})


@pytest.mark.parametrize("masked", ["", "a", "b", "r"])
def test_a_type_that_fields_share_is_defined_where_it_is_first_granted(masked: str) -> None:
    text = event_schema("a.r", SHARED.row_schema)
    scanner = EventScanner(text, 1)
    row: dict[str, Any] = {"k": "1", "a": "p", "b": "q", "c": "q", "r": [{"x": "p", "y": b"12"}], "s": {"x": "q", "y": b"34"}, "t": b"56"}
    scanned = scanner.scan(EventCodec(text, 1).encode(Event(Meta("i", "c", 0, "s", "t"), row)))
    for fields in itertools.permutations("abcrst", 3):
        masks = {masked: Mask(kind="null" if masked == "r" else "hmac")} if masked in fields else {}
        item = Subscription(id="tax.a.r", subscriber="tax", dataset="a.r", fields=fields, masks=masks, purpose="p", output_schema=9)
        assert check_subscription(SHARED, item) == []
        delivery = compile_subscription(item, SHARED, scanner, "341500", b"secret")
        told = EventCodec(output_schema(SHARED, item), 9).decode(delivery.value(scanned, "c", scanned.row, b"\0\0", 1)).row
        assert told is not None
        assert {name: told[name] for name in fields if name not in masks} == {name: row[name] for name in fields if name not in masks}


@pytest.mark.parametrize("row", ["", "[1", "[]", '"string"', '{"type":"record","name":"R","fields":[{"name":"a"}]}',
                                 '{"type":"record","name":"R","namespace":"x","fields":[]}', '{"type":"enum","name":"E","symbols":["A"]}'])
def test_a_row_that_is_no_record_is_refused_with_advice(row: str) -> None:
    with pytest.raises(RejectError) as caught:
        event_schema("health.resident", row)
    assert caught.value.code == "schema_invalid"
    assert check_dataset(RESIDENT.model_copy(update={"row_schema": row}))


def test_all_mistakes_of_a_dataset_are_told_at_once() -> None:
    broken = RESIDENT.model_copy(update={"provider": "tax", "key": ("phone", "updated_at", "nobody"),
                                         "division_field": "updated_at", "rules": {"name": ("none",)}})
    told = [text.en for text in check_dataset(broken)]
    for part in ("begin with its provider tax", "key field phone", "key field updated_at", "nobody does not exist",
                 "division field updated_at", "no rule none"):
        assert sum(part in text for text in told) == 1, part
    assert len(told) == 6
    assert [text.en for text in check_dataset(RESIDENT.model_copy(update={"key": ()}))] == ["no key field is named"]


@pytest.mark.parametrize(("kind", "good"), [("string", True), ("long", True), ("int", True), ("double", False), ("bytes", False),
                                            (["null", "string"], False), ({"type": "int", "logicalType": "date"}, False),
                                            ({"type": "enum", "name": "E", "symbols": ["A"]}, True)])
def test_a_key_field_is_of_a_type_with_one_spelling(kind: Any, good: bool) -> None:
    row = json.dumps({"type": "record", "name": "R", "fields": [{"name": "k", "type": kind}]})
    dataset = Dataset(id="a.r", title="r", provider="a", key=("k",), row_schema=row, event_schema=1)
    assert (check_dataset(dataset) == []) == good


def nothing(size: int = 0) -> dict[str, Any]:
    return {"type": "fixed", "name": "F", "size": size}


def within(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "In", "fields": [{"name": "x", "type": kind}]}


def arrays(levels: int) -> Any:
    """An array of arrays of arrays."""
    return {"type": "array", "items": arrays(levels - 1)} if levels else "int"


@pytest.mark.parametrize(("field", "told"), [
    ({"name": "姓名", "type": "string"}, "field name 姓名 is not made of ASCII"),
    ({"name": "a" * 129, "type": "string"}, "or is longer than 128"),
    ({"name": "k", "type": "int"}, "field k is there twice"),
    ({"name": "f", "type": within("string") | {"name": "表"}}, "type name 表 of field f"),
    ({"name": "f", "type": within("string") | {"namespace": "other"}}, "type name other.In of field f"),
    ({"name": "f", "type": {"type": "array", "items": within("string") | {"fields": [{"name": "项", "type": "int"}]}}}, "field name f.项"),
    ({"name": "f", "type": ["null", "R"]}, "type R of field f is the row itself"),
    ({"name": "f", "type": within({"type": "map", "values": "R"})}, "type R of field f.x is the row itself"),
    ({"name": "f", "type": within("In")}, "type In of field f.x holds itself without an end"),
    ({"name": "f", "type": ["null", within(within(["In"]) | {"name": "Deep"})]}, "type In of field f.x.x holds itself without an end"),
    ({"name": "f", "type": {"type": "bytes", "logicalType": "decimal"}}, "a decimal has no precision"),
    ({"name": "f", "type": nothing(-1)}, "`size` that is not"), ({"name": "f", "type": arrays(65)}, "nested deeper than 66 levels"),
    ({"name": "f", "type": {"type": "array", "items": "null"}}, "array in field f take no bytes"),
    ({"name": "f", "type": {"type": "array", "items": {"type": "null"}}}, "array in field f take no bytes"),
    ({"name": "f", "type": {"type": "array", "items": within("null")}}, "array in field f take no bytes"),
    ({"name": "f", "type": within({"type": "array", "items": nothing()})}, "array in field f.x take no bytes"),
    ({"name": "f", "type": ["null", "null"]}, "union of field f"), ({"name": "f", "type": []}, "union of field f"),
    ({"name": "f", "type": ["null", ["string"]]}, "union of field f"),
    ({"name": "f", "type": ["string", {"type": "string"}]}, "union of field f"),
])
def test_a_row_of_a_shape_that_no_worker_or_receiver_could_take_is_refused_by_field(field: Any, told: str) -> None:
    (problem,) = check_dataset(of(field))
    assert told in problem.en


@pytest.mark.parametrize("kind", [{"type": "array", "items": ["null", "string"]}, {"type": "array", "items": nothing(1)},
                                  {"type": "map", "values": "null"}, within(["null", "string", within("int") | {"name": "Deep"}]),
                                  within({"type": "array", "items": {"type": "array", "items": "boolean"}}), arrays(64),
                                  ["null", within(["null", "In"])], within({"type": "map", "values": {"type": "array", "items": "In"}}),
                                  {"type": "array", "items": within({"type": "array", "items": ["null", "In"]})}])
def test_a_row_with_bounded_parts_is_taken(kind: Any) -> None:
    assert check_dataset(of({"name": "f", "type": kind})) == []


def test_types_that_stand_deep_in_each_other_by_their_names_are_counted_too() -> None:
    """Each record holds the one before it: written flat, a value would be as deep as there are types."""
    fields = [{"name": f"f{number}", "type": {"type": "record", "name": f"T{number}", "fields": [
        {"name": "x", "type": f"T{number - 1}" if number else "int"}]}} for number in range(5_000)]
    (problem,) = check_dataset(of(*fields))
    assert "nested deeper than" in problem.en
    assert check_dataset(of(*fields[:64])) == []


def test_a_schema_nested_beyond_reading_is_none() -> None:
    assert check_dataset(of().model_copy(update={"row_schema": '{"a":' * 100_000}))
