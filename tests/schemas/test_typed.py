"""What people and JSON write, as Avro values: the inverse of how values are shown, and refused by path where it does not fit."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.personal import plain
from schemas.codec import Avro
from schemas.codec.typed import typed
from schemas.errors import RejectError

SHAPE = json.dumps({"type": "record", "name": "Permit", "fields": [
    {"name": "number", "type": "string"},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "moment", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None},
    {"name": "fee", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}], "default": None},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}},
    {"name": "copies", "type": "int"}, {"name": "valid", "type": "boolean"}, {"name": "scan", "type": "bytes"},
    {"name": "share", "type": "double"},
    {"name": "holder", "type": {"type": "record", "name": "Holder", "fields": [
        {"name": "name", "type": "string"}, {"name": "phone", "type": ["null", "string"]}]}},
    {"name": "others", "type": {"type": "array", "items": "Holder"}},
    {"name": "notes", "type": {"type": "map", "values": "string"}}]})
AVRO = Avro(SHAPE)
NAMED = AVRO.schema["__named_schemas"]
HOLDER = st.fixed_dictionaries({"name": st.text(max_size=4), "phone": st.none() | st.text(max_size=4)})
PERMITS = st.fixed_dictionaries({
    "number": st.text(max_size=5), "day": st.dates(), "moment": st.none() | st.integers(0, 4_000_000_000_000),
    "fee": st.none() | st.decimals(-9999, 9999, places=2), "kind": st.sampled_from("ab"), "copies": st.integers(-9, 9),
    "valid": st.booleans(), "scan": st.binary(max_size=4), "share": st.floats(allow_nan=False, allow_infinity=False),
    "holder": HOLDER, "others": st.lists(HOLDER, max_size=2),
    "notes": st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2)})


@given(PERMITS)
def test_a_record_that_was_shown_as_json_comes_back_as_it_was(permit: dict[str, Any]) -> None:
    data = AVRO.encode(permit)
    shown = json.loads(json.dumps(plain(AVRO.decode(data))))
    assert AVRO.encode(typed(AVRO.schema, shown, NAMED)) == data


RIGHT: dict[str, Any] = {"number": "1", "day": "2026-01-02", "kind": "a", "copies": 1, "valid": True, "scan": "00", "share": 0.5,
                         "holder": {"name": "n", "phone": None}, "others": [], "notes": {}}


@pytest.mark.parametrize(("change", "path"), [
    ({"day": "2026-02-30"}, "day"), ({"kind": "c"}, "kind"), ({"copies": "x"}, "copies"), ({"copies": True}, "copies"),
    ({"moment": "2026-01-02T03:04:05"}, "moment"), ({"fee": "x"}, "fee"), ({"number": 7}, "number"), ({"number": None}, "number"),
    ({"holder": {"name": "n", "phone": 1}}, "holder.phone"), ({"holder": {"nome": "n", "phone": None}}, "holder.nome"),
    ({"holder": "secret"}, "holder"), ({"others": [{"name": "n"}]}, r"others\[0\].phone"), ({"others": "secret"}, "others"),
    ({"notes": {"a": 1}}, r"notes\[\]"), ({"extra": 1}, "extra"), ({"scan": "zz"}, "scan"), ({"valid": "yes"}, "valid")])
def test_what_does_not_fit_is_refused_by_its_path_and_not_shown(change: dict[str, Any], path: str) -> None:
    assert typed(AVRO.schema, RIGHT, NAMED)["day"].isoformat() == "2026-01-02"
    with pytest.raises(RejectError, match=rf"字段 {path} ") as refused:
        typed(AVRO.schema, RIGHT | change, NAMED)
    assert "secret" not in str(refused.value)


def test_a_number_may_be_written_as_text_and_a_field_with_a_default_left_out() -> None:
    made = typed(AVRO.schema, RIGHT | {"copies": "12", "share": "1.5", "valid": "false"}, NAMED)
    assert (made["copies"], made["share"], made["valid"], made["fee"]) == (12, 1.5, False, None)
