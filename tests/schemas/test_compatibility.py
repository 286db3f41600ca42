"""Compatibility: Apache Avro's verdict on every pair, our own on logical types, and reasons a person can act on."""

import json
from typing import Any

import pytest
from avro import schema as apache
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from hypothesis import event, given, settings

from schemas.compatibility import incompatibilities
from schemas.errors import RejectError
from schemas.text import Text
from schemas.tree import _LOGICAL, Kind, in_words
from tests.schemas.pairs import schema_pairs


def row(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "Row", "fields": list(fields)})


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def apache_says(reader: Any, writer: Any) -> bool:
    checker = ReaderWriterCompatibilityChecker()
    answer = checker.get_compatibility(apache.parse(json.dumps(reader)), apache.parse(json.dumps(writer)))
    return answer.compatibility is SchemaCompatibilityType.compatible


@settings(max_examples=1500, deadline=None)
@given(schema_pairs())
def test_the_verdict_is_that_of_apache_avro(pair: tuple[Any, Any]) -> None:
    for reader, writer in (pair, pair[::-1]):
        said = apache_says(reader, writer)
        event(f"compatible: {said}")
        assert (not incompatibilities(json.dumps(reader), json.dumps(writer))) == said


def told(new: str, old: str) -> list[tuple[str, str]]:
    return [(one.path, one.code) for one in incompatibilities(new, old)]


LOGICAL = {
    "date": {"type": "int", "logicalType": "date"}, "time-millis": {"type": "int", "logicalType": "time-millis"},
    "millis": {"type": "long", "logicalType": "timestamp-millis"}, "micros": {"type": "long", "logicalType": "timestamp-micros"},
    "local": {"type": "long", "logicalType": "local-timestamp-millis"}, "uuid": {"type": "string", "logicalType": "uuid"},
    "9.2": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    "9.3": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3},
    "11.2": {"type": "bytes", "logicalType": "decimal", "precision": 11, "scale": 2},
    "int": "int", "long": "long", "string": "string", "bytes": "bytes",
    "time-micros": {"type": "long", "logicalType": "time-micros"},
    "local-micros": {"type": "long", "logicalType": "local-timestamp-micros"},
    "fixed 9.2": {"type": "fixed", "name": "F", "size": 12, "logicalType": "decimal", "precision": 9, "scale": 2},
    "fixed 9.3": {"type": "fixed", "name": "F", "size": 12, "logicalType": "decimal", "precision": 9, "scale": 3},
    "duration": {"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, "fixed": {"type": "fixed", "name": "F", "size": 12},
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [
    ("millis", "micros"), ("micros", "millis"), ("millis", "local"), ("date", "int"), ("int", "date"), ("date", "time-millis"),
    ("long", "millis"), ("millis", "long"), ("int", "millis"), ("date", "long"), ("uuid", "string"), ("string", "uuid"), ("9.2", "9.3"),
    ("11.2", "9.2"), ("9.2", "bytes"), ("bytes", "9.2"), ("9.2", "string"), ("time-micros", "micros"),
    ("local", "local-micros"),
    ("local-micros", "micros"), ("fixed 9.2", "fixed 9.3"), ("fixed 9.2", "fixed"), ("fixed", "duration"),
    ("duration", "fixed 9.2")])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Unknown duration")
def test_a_change_of_what_the_bytes_mean_is_refused_where_avro_passes_it(old: str, new: str) -> None:
    before, after = row(field("f", LOGICAL[old])), row(field("f", LOGICAL[new]))
    assert apache_says(json.loads(after), json.loads(before))
    assert told(after, before) == [("f", "logical")]
    assert told(row(field("f", ["null", LOGICAL[new]])), row(field("f", ["null", LOGICAL[old]]))) == [("f", "logical")]


def test_every_logical_type_that_holds_is_told_in_both_languages() -> None:
    for word, holding in _LOGICAL.items():
        for means in holding:
            assert in_words(Kind(word, name="F", logical=means, size=12)).zh != means


def test_more_digits_before_the_point_are_no_change_of_meaning() -> None:
    assert told(row(field("f", LOGICAL["11.2"])), row(field("f", LOGICAL["9.2"]))) == []


def test_a_logical_type_avro_does_not_know_means_nothing() -> None:
    assert told(row(field("f", {"type": "string", "logicalType": "date"})), row(field("f", "string"))) == []


def record(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}


def enum(*symbols: str) -> dict[str, Any]:
    return {"type": "enum", "name": "K", "symbols": symbols}


def fixed(size: int) -> dict[str, Any]:
    return {"type": "fixed", "name": "F", "size": size}


def holder_of(item: dict[str, Any], tags: str) -> dict[str, Any]:
    return record("Holder", field("items", {"type": "array", "items": item}), field("tags", {"type": "map", "values": tags}))


ITEM = record("Item", field("amount", "string"), field("kind", enum("a", "b")))


def test_every_problem_is_told_at_once_with_its_path() -> None:
    holder = holder_of(record("Item", field("amount", "int"), field("kind", enum("a"))), "string")
    old = row(field("phone", ["null", "string"]), field("holder", holder_of(ITEM, "int")), field("f", fixed(3)))
    new = row(field("phone", "string"), field("holder", ["null", holder]), field("mobile", "string"), field("f", fixed(4)))
    assert told(new, old) == [("phone", "branch"), ("holder.items[].amount", "type"), ("holder.items[].kind", "symbols"),
                              ("holder.tags{}", "type"), ("mobile", "default"), ("f", "size")]


def test_a_problem_says_old_and_new_in_plain_words() -> None:
    [one] = incompatibilities(row(field("phone", "int")), row(field("phone", "string")))
    assert (one.old.en, one.new.en) == ("text (string)", "32-bit whole number (int)")
    assert one.problem == Text("字段 phone：文本（string） 不能读作 32 位整数（int）",
                               "field phone: text (string) cannot be read as 32-bit whole number (int)")


def test_a_renamed_type_needs_its_old_name_among_the_aliases() -> None:
    renamed = {**ITEM, "name": "Line"}
    assert told(row(field("i", renamed)), row(field("i", ITEM))) == [("i", "name")]
    assert told(row(field("i", {**renamed, "aliases": ["Item"]})), row(field("i", ITEM))) == []


def test_a_name_holds_before_an_alias_and_the_first_alias_that_is_there_before_the_next() -> None:
    old = row(field("a", "string"), field("b", "int"))
    assert told(row(field("b", "int", aliases=["a"])), old) == []
    assert told(row(field("c", "int", aliases=["x", "b", "a"])), old) == []
    assert told(row(field("c", "int", aliases=["x", "a", "b"])), old) == [("c", "type")]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '"nothing"', '{"type": "record", "name": "R"}', '{"type": "enum", "name": "E"}'])
def test_what_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(RejectError) as caught:
        incompatibilities(text, '"int"')
    assert caught.value.code == "schema_invalid"
