"""Bytes carried from one type to another are those an Avro reader resolves them to; fastavro's own resolution is the judge."""

import io
import json
import math
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from schemas.compatibility import incompatibilities
from schemas.evolution import check_evolving
from schemas.transcode import alike, default_bytes, transcoder
from schemas.tree import Kind, tree
from tests.schemas.pairs import schema_pairs

FLOATS = st.floats(allow_nan=False, width=32)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(), "boolean": st.booleans(), "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": st.integers(-(1 << 63), (1 << 63) - 1), "float": FLOATS, "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=3), "string": st.text(max_size=3)}  # fmt: skip


def encoded(draw: st.DrawFn, kind: Kind, depth: int = 0) -> bytes:
    """The bytes of some value of a type, put together from what the Avro specification says of each."""
    assume(depth < 12)
    match kind.kind:
        case "record":
            return b"".join(encoded(draw, part.kind, depth + 1) for part in kind.parts)
        case "union":
            number = draw(st.integers(0, len(kind.branches) - 1))
            return written("long", number) + encoded(draw, kind.branches[number], depth + 1)
        case "array" | "map":
            assert kind.inner is not None
            size = draw(st.integers(0, 2))
            keys = [written("string", key) if kind.kind == "map" else b"" for key in "pq"[:size]]
            items = b"".join(key + encoded(draw, kind.inner, depth + 1) for key in keys)
            return (written("long", size) + items if size else b"") + b"\0"
        case "enum":
            return written("int", draw(st.integers(0, len(kind.symbols) - 1)))
        case "fixed":
            return draw(st.binary(min_size=kind.size, max_size=kind.size))
        case word:
            return written(word, draw(VALUES[word]))


def written(word: str, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, word, value)
    return out.getvalue()


def resolved(writer: Any, reader: Any, data: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(data), fastavro.parse_schema(writer), fastavro.parse_schema(reader))


def carried(writer: Any, reader: Any, data: bytes) -> bytes:
    out: list[bytes] = []
    end = transcoder(tree(json.dumps(reader)), tree(json.dumps(writer)))(data, 0, out)
    assert end == len(data)
    return b"".join(out)


def same(one: Any, other: Any) -> bool:
    """Equal, but for the ways of fastavro: it rounds no whole number to single precision, gives a default of bytes as its JSON,
    and of a union's branches takes the first that can read a value, where Avro prefers the one of the same type."""
    if {type(one), type(other)} == {bytes, str}:
        text, data = (one, other) if isinstance(one, str) else (other, one)
        return data in (text.encode(), text.encode("latin-1", "replace"))
    if isinstance(one, float) and isinstance(other, int | float):
        return one == other or math.isclose(one, other, rel_tol=1e-6)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(schema_pairs(), st.data())
def test_what_fastavro_resolves_is_what_the_bytes_become(pair: tuple[Any, Any], data: st.DataObject) -> None:
    for writer, reader in (pair, pair[::-1]):
        if incompatibilities(json.dumps(reader), json.dumps(writer)):
            continue
        if check_evolving(json.dumps(reader)) or check_evolving(json.dumps(writer)):
            continue  # the change took away the type of a default
        value = data.draw(st.composite(encoded)(tree(json.dumps(writer))))
        try:
            expected = resolved(writer, reader, value)
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                carried(writer, reader, value)
            event("bytes that are no text")
            continue
        made = carried(writer, reader, value)
        event(f"other bytes: {made != value}")
        assert same(resolved(reader, reader, made), expected)
        if alike(tree(json.dumps(reader)), tree(json.dumps(writer))):
            assert made == value


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(schema_pairs(), st.data())
def test_a_value_of_the_same_type_stays_as_it_is(pair: tuple[Any, Any], data: st.DataObject) -> None:
    value = data.draw(st.composite(encoded)(tree(json.dumps(pair[0]))))
    assert carried(pair[0], pair[0], value) == value


def logical(word: str, means: str, **more: Any) -> dict[str, Any]:
    return {"type": word, "logicalType": means, **more}


ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
PAIR = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": 7}, {"name": "b", "type": "int"}]}


@pytest.mark.parametrize(("kind", "value", "data"), [
    ("null", None, b""), ("boolean", True, b"\1"), ("int", -1, b"\1"), ("double", 1, b"\0" * 6 + b"\xf0\x3f"),
    ("string", "界", b"\6\xe7\x95\x8c"), ("bytes", "\u00ff", b"\2\xff"), (["null", "int"], None, b"\0"), (["null", "int"], 1, b"\2\2"),
    ({"type": "array", "items": "int"}, [1], b"\2\2\0"), ({"type": "map", "values": "int"}, {"k": 1}, b"\2\2k\2\0"), (ENUM, "B", b"\2"),
    ({"type": "fixed", "name": "F", "size": 1}, "\u0001", b"\1"), (PAIR, {"b": 1}, b"\x0e\2"),
    (logical("string", "uuid"), "{F47AC10B58CC4372A5670E02B2C3D479}", b"Hf47ac10b-58cc-4372-a567-0e02b2c3d479"),
    (logical("int", "date"), -719_162, b"\xf3\xe4\x57"), (logical("bytes", "decimal", precision=2), "\0c", b"\4\0c"),
    ([logical("int", "time-millis"), "null"], 0, b"\0\0"), (logical("long", "timestamp-nanos"), -1, b"\1")])
def test_a_default_has_the_bytes_of_its_value(kind: Any, value: Any, data: bytes) -> None:
    assert default_bytes(tree(json.dumps(kind)), value) == data


@pytest.mark.parametrize(("kind", "value"), [
    ("int", None), ("int", 1 << 31), ("int", True), ("long", 1.0), ("float", 1e39), ("string", 1), ("bytes", "界"), ("boolean", 0),
    (["string", "int"], None), ({"type": "fixed", "name": "F", "size": 2}, "x"), (ENUM, "C"), (PAIR, {}),
    (logical("string", "uuid"), "x"), (logical("string", "uuid"), 1), (logical("int", "date"), -719_163),
    (logical("int", "time-millis"), -1), (logical("long", "time-micros"), 86_400_000_000), (logical("long", "timestamp-micros"), 1 << 62),
    (logical("long", "local-timestamp-millis"), 1 << 62), (logical("bytes", "decimal", precision=2), ""),
    (logical("bytes", "decimal", precision=2), "d"), (logical("fixed", "decimal", name="F", size=1, precision=2), "d"),
    ([logical("int", "date"), "null"], 1 << 30), (logical("fixed", "duration", name="F", size=12), "x")])
def test_a_default_that_is_no_value_of_its_type_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        default_bytes(tree(json.dumps(kind)), value)


def test_a_type_that_contains_itself_is_carried_over() -> None:
    def node(word: str, *more: dict[str, Any]) -> dict[str, Any]:
        fields = [{"name": "value", "type": word}, {"name": "next", "type": ["null", "Node"]}, *more]
        return {"type": "record", "name": "Node", "fields": fields}

    value = b"\2\2\4\2\6\0"  # 1, then 2, then 3
    new = node("double", {"name": "seen", "type": "boolean", "default": False})
    read = resolved(new, new, carried(node("int"), new, value))
    assert (read["value"], read["next"]["next"]["value"], read["next"]["seen"]) == (1.0, 3.0, False)
