"""What hypothesis draws for the schema tests: row schemas of every shape, rows that fit them, events, and damage."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from schemas.codec import long_bytes
from schemas.contract import event_schema
from schemas.envelope import CAUSES, OPS, Event, Meta

MILLI = st.integers(-62_135_596_800_000, 253_402_300_799_999)
_SHORT = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)
#: Now and then one of thousands of characters: its length takes two bytes, or three.
TEXT = st.one_of(_SHORT, _SHORT, _SHORT, st.builds(lambda text, times: text * times, _SHORT, st.integers(2, 400)))
#: Where ints, longs and lengths end.
EDGES = [sign * (1 << power) + step for power in (6, 13, 20, 31, 32, 62) for sign in (1, -1) for step in (-1, 0, 1)]
#: Where a type stands within itself, its name not yet given.
OWN = "the type itself"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

#: (Avro type, values of it). The named types have no name yet: `named` gives one, or has two fields share one.
SHAPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "string": ("string", TEXT),
    "bytes": ("bytes", st.binary(max_size=90) | st.builds(lambda data, times: data * times, st.binary(max_size=90), st.integers(2, 400))),
    "int": ("int", st.integers(-(1 << 31), (1 << 31) - 1)),
    "long": ("long", st.integers(-(1 << 63), (1 << 63) - 1)),
    "boolean": ("boolean", st.booleans()),
    "double": ("double", st.floats(allow_nan=False)),
    "float": ("float", st.floats(allow_nan=False, width=32)),
    "enum": ({"type": "enum", "symbols": ["A", "B", "C"]}, st.sampled_from(["A", "B", "C"])),
    "date": ({"type": "int", "logicalType": "date"}, st.dates()),
    "time": ({"type": "long", "logicalType": "timestamp-millis"},
             MILLI.map(lambda ms: _EPOCH + dt.timedelta(milliseconds=ms))),
    "decimal": ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
                st.integers(-999_999_999, 999_999_999).map(lambda n: Decimal(n).scaleb(-2))),
    "array": ({"type": "array", "items": "string"}, st.lists(TEXT, max_size=3)),
    "map": ({"type": "map", "values": "long"}, st.dictionaries(TEXT, st.integers(-9, 9), max_size=3)),
    "fixed": ({"type": "fixed", "size": 4}, st.binary(min_size=4, max_size=4)),
    "many": (["null", "string", "long"], st.none() | TEXT | st.integers(-9, 9)),
    "fixed decimal": ({"type": "fixed", "size": 5, "logicalType": "decimal", "precision": 9, "scale": 2},
                      st.integers(-999_999_999, 999_999_999).map(lambda n: Decimal(n).scaleb(-2))),
    "uuid": ({"type": "string", "logicalType": "uuid"}, st.uuids()),
    "time of day": ({"type": "int", "logicalType": "time-millis"},
                    st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))),
    "exact time of day": ({"type": "long", "logicalType": "time-micros"}, st.times()),
    "exact time": ({"type": "long", "logicalType": "timestamp-micros"}, st.datetimes(timezones=st.just(dt.UTC))),
    "wall clock": ({"type": "long", "logicalType": "local-timestamp-millis"},
                   MILLI.map(lambda ms: _EPOCH.replace(tzinfo=None) + dt.timedelta(milliseconds=ms))),
    "exact wall clock": ({"type": "long", "logicalType": "local-timestamp-micros"}, st.datetimes()),
    "record": ({"type": "record", "fields": [
        {"name": "a", "type": "string"}, {"name": "b", "type": ["null", "string"]},
        {"name": "c", "type": {"type": "array", "items": "int"}}]},
        st.fixed_dictionaries({"a": TEXT, "b": st.none() | TEXT, "c": st.lists(st.integers(-99, 99), max_size=3)})),
    "tree": ({"type": "record", "fields": [
        {"name": "n", "type": "long"}, {"name": "below", "type": {"type": "array", "items": OWN}}]},
        st.recursive(st.builds(lambda n: {"n": n, "below": []}, st.integers(-99, 99)),
                     lambda tree: st.builds(lambda n, below: {"n": n, "below": below}, st.integers(-99, 99), st.lists(tree, max_size=3)),
                     max_leaves=5)),
}

#: The types that have a name.
NAMED = ("enum", "fixed", "record")


def called(kind: Any, name: str) -> Any:
    """The type under a name, if it has one; it may contain itself."""
    if not isinstance(kind, dict) or kind["type"] not in NAMED:
        return kind
    return json.loads(json.dumps({**kind, "name": name}).replace(f'"{OWN}"', f'"{name}"'))


def named(draw: st.DrawFn, shape: str, number: int, known: dict[str, list[str]]) -> Any:
    """The type of a field: one that has a name gets its own, or is one that a field before has defined."""
    kind, _ = SHAPES[shape]
    if not isinstance(kind, dict) or kind["type"] not in NAMED:
        return kind
    before = known.setdefault(shape, [])
    if before and draw(st.booleans()):
        return draw(st.sampled_from(before))
    before.append(f"N{number}")
    return called(kind, f"N{number}")


@st.composite
def row_shapes(draw: st.DrawFn) -> tuple[str, st.SearchStrategy[dict[str, Any]]]:
    """A row schema as text, and the rows that fit it."""
    fields, values = [], {}
    known: dict[str, list[str]] = {}
    for number, shape in enumerate(draw(st.lists(st.sampled_from(list(SHAPES)), min_size=1, max_size=7))):
        kind, value = named(draw, shape, number, known), SHAPES[shape][1]
        if shape != "many":
            order = draw(st.sampled_from(["plain", "null first", "null last"]))
            kind = {"plain": kind, "null first": ["null", kind], "null last": [kind, "null"]}[order]
            value = value if order == "plain" else st.none() | value
        fields.append({"name": f"f{number}", "type": kind})
        values[f"f{number}"] = value
    return json.dumps({"type": "record", "name": "Thing", "fields": fields}), st.fixed_dictionaries(values)


def metas() -> st.SearchStrategy[Meta]:
    """Any envelope."""
    return st.builds(Meta, TEXT, st.sampled_from(OPS), MILLI, TEXT, TEXT, st.integers(-(1 << 31), (1 << 31) - 1),
                     st.integers(-1, 1 << 20) | st.integers(-(1 << 63), (1 << 63) - 1), st.sampled_from(CAUSES), TEXT)


@st.composite
def events(draw: st.DrawFn) -> tuple[str, list[Event]]:
    """An event schema as text, and some events of it."""
    shape, rows = draw(row_shapes())
    some = st.builds(Event, metas(), st.none() | rows, st.none() | rows)
    return event_schema("test.thing", shape), draw(st.lists(some, min_size=1, max_size=3))


@st.composite
def damage(draw: st.DrawFn, value: bytes) -> bytes:
    """The value with bytes flipped, cut, added or put in, few or ever so many: some of it may still be an event."""
    spot = draw(st.integers(0, len(value) - 1))
    kind = draw(st.sampled_from(["flip", "cut", "add", "replace", "long zero", "insert", "endless", "number"]))
    if kind == "flip":
        return value[:spot] + bytes((value[spot] ^ 1 << draw(st.integers(0, 7)),)) + value[spot + 1:]
    if kind == "cut":
        return value[:spot]
    if kind == "add":
        return value + draw(st.binary(min_size=1, max_size=3))
    if kind == "replace":
        return value[:spot] + draw(st.binary(min_size=1, max_size=3)) + value[spot + 1:]
    if kind == "long zero":
        # The same number with one byte more than it needs.
        return value[:spot] + bytes((value[spot] | 128, 0)) + value[spot + 1:]
    if kind == "endless":
        # A number that goes on and on, and may stand where a text, a row or the next field begins.
        size = draw(st.integers(3, 12) | st.sampled_from([1_000, 50_000]))
        return value[:spot] + draw(st.sampled_from([b"\x80", b"\xff"])) * size + draw(st.sampled_from([b"", b"\0", b"\1", value[spot:]]))
    if kind == "number":
        # A number of any size in place of a byte: a length, a count, a branch, a position.
        return value[:spot] + long_bytes(draw(st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from(EDGES))) + value[spot + 1:]
    return value[:spot] + draw(st.sampled_from([b"\x80", b"\xff", b"\xc3", b"\xed\xa0\x80"])) + value[spot:]
