"""Every kind of field between a department's PostgreSQL and a receiver's: fitted, encoded, and stored in a column that holds it."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Delivered, SinkShape
from connectors.canonical import canonical_for
from connectors.fitting import Misfit
from connectors.shape import Shape
from connectors.sinks.sql_table import SqlTableSink, SqlTableSinkConfig
from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.errors import HaltError
from tests.connectors.conftest import Database

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
UUID = uuid.UUID("f47ac10b-58cc-4372-a567-0e02b2c3d479")
MOMENT, WALL = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC), dt.datetime(2026, 1, 2, 3, 4, 5, 678901)
SHARE = {"type": "record", "name": "Share", "fields": [
    {"name": "who", "type": "string"}, {"name": "part", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
    {"name": "since", "type": ["null", {"type": "int", "logicalType": "date"}]}]}
SHARES = [{"who": "示例", "part": Decimal("33.50"), "since": dt.date(2026, 1, 2)}, {"who": "乙", "part": Decimal("66.50"), "since": None}]
STORED = '[{"part":"33.50","since":"2026-01-02","who":"示例"},{"part":"66.50","since":null,"who":"乙"}]'


def logical(word: str, means: str, **more: Any) -> dict[str, Any]:
    return {"type": word, "logicalType": means, **more}


#: Field -> Avro type, the department's column, what lies in it, what the receiver's column holds.
KINDS: dict[str, tuple[Any, str, Any, Any]] = {
    "uuid": (logical("string", "uuid"), "uuid", UUID, str(UUID)),
    "code": (logical("string", "uuid"), "text", "F47AC10B58CC4372A5670E02B2C3D479", str(UUID)),
    "opens": (logical("int", "time-millis"), "time", WALL.time(), dt.time(3, 4, 5, 678000)),
    "exact": (logical("long", "time-micros"), "time", WALL.time(), WALL.time()),
    "seen": (logical("long", "timestamp-micros"), "timestamptz", MOMENT, MOMENT),
    "told": (logical("long", "timestamp-micros"), "timestamp", WALL, WALL.replace(tzinfo=SHANGHAI)),
    "wall": (logical("long", "local-timestamp-millis"), "timestamp", WALL, WALL.replace(microsecond=678000)),
    "clock": (logical("long", "local-timestamp-micros"), "timestamptz", MOMENT, dt.datetime(2026, 1, 2, 11, 4, 5, 678901)),
    "sign": ({"type": "fixed", "name": "Sign", "size": 2}, "bytea", b"\0\xff", b"\0\xff"),
    "sum": (logical("fixed", "decimal", name="Sum", size=5, precision=9, scale=2), "numeric", Decimal("-12.50"), Decimal("-12.50")),
    "kind": ({"type": "enum", "name": "Kind", "symbols": ["A", "B"]}, "text", "B", "B"),
    "other": ("Kind", "text", "A", "A"),
    "ratio": ("float", "real", 0.5, 0.5), "none": ("null", "text", None, None),
    "names": ({"type": "array", "items": "string"}, "text[]", ["甲", "乙"], '["甲","乙"]'),
    "shares": ({"type": "array", "items": SHARE}, "jsonb", json.dumps(SHARES, default=str), STORED),
    "best": (["null", "Share"], "json", '{"who":"示例","part":33.5,"since":"2026-01-02"}',
             '{"part":"33.50","since":"2026-01-02","who":"示例"}'),
    "tags": ({"type": "map", "values": "long"}, "text", '{"乙":2,"甲":1}', '{"乙":2,"甲":1}'),
    "nothing": (["null", {"type": "map", "values": "long"}], "jsonb", None, None),
}


def dataset(*fields: tuple[str, Any]) -> Dataset:
    row = {"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"},
                                                         *({"name": name, "type": kind} for name, kind in fields)]}
    return Dataset(id="a.thing", title="t", provider="a", key=("id",), event_schema=1, row_schema=json.dumps(row))


def sink(database: Database, row_schema: str, table: str = "received") -> SqlTableSink:
    return SqlTableSink(SqlTableSinkConfig.model_validate({"dataset": "a.thing", "table": table, **database.address}),
                        SinkShape("police.thing", json.loads(row_schema)))


def test_a_row_of_every_kind_goes_from_one_database_to_the_other(database: Database) -> None:
    database.do("set time zone 'Asia/Shanghai'")
    database.do(f"create table sent (id text primary key, {', '.join(f'{name} {one[1]}' for name, one in KINDS.items())})")
    marks = ", ".join(f"%s::{one[1]}" for one in KINDS.values())
    database.do(f"insert into sent values ('1', {marks})", *(one[2] for one in KINDS.values()))
    thing = dataset(*((name, one[0]) for name, one in KINDS.items()))
    scanner = EventScanner(event_schema(thing.id, thing.row_schema), 1)
    ((*values,),) = database.ask("select * from sent")
    key, piece = Shape(thing, canonical_for(thing)).pack(values)
    receiver = sink(database, thing.row_schema)
    assert list(receiver.check()) == []
    receiver.open()
    receiver.write([Delivered(key, scanner.decode_row(scanner.split(piece)))], {("deliver.police", 0): 1})
    assert list(receiver.check()) == []  # the table it made is the one it wants
    receiver.close()
    ((stored_key, one, *stored),) = database.ask("select * from received")
    assert (stored_key, one) == ("a.thing/1", "1")
    assert dict(zip(KINDS, stored, strict=True)) == {name: one[3] for name, one in KINDS.items()}


@pytest.mark.parametrize(("kind", "column"), [
    ("shares", "jsonb"), ("uuid", "uuid"), ("wall", "timestamptz"), ("opens", "text"), ("sign", "text"), ("tags", "bigint"),
    ("sum", "double precision")])
def test_a_column_that_could_not_hold_the_values_is_found_before_the_first(database: Database, kind: str, column: str) -> None:
    database.do(f"create table received (_key text primary key, id text, {kind} {column})")
    receiver = sink(database, dataset((kind, KINDS[kind][0])).row_schema)
    assert [finding.code for finding in receiver.check()] == ["wrong-type"]
    receiver.close()


def test_one_of_several_types_is_stored_as_its_text_and_what_it_is_called_is_no_part_of_it(database: Database) -> None:
    def branch(name: str, field: str) -> dict[str, Any]:
        return {"type": "record", "name": name, "fields": [{"name": field, "type": "int"}]}

    thing = dataset(("any", ["int", "string", {"type": "array", "items": [branch("A", "a"), branch("B", "b")]}, "null"]))
    scanner = EventScanner(event_schema(thing.id, thing.row_schema), 1)
    given = {"1": 7, "2": "示", "3": [("a.A", {"a": 1}), ("a.B", {"b": 2})], "4": None}
    rows = [Delivered(key.encode(), scanner.decode_row(scanner.encode_row({"id": key, "any": value}))) for key, value in given.items()]
    receiver = sink(database, thing.row_schema)
    receiver.open()
    receiver.write(rows, {("deliver.police", 0): 4})
    receiver.close()
    assert dict(database.ask('select id, "any" from received')) == {"1": "7", "2": "示", "3": '[{"a":1},{"b":2}]', "4": None}


# ---- what does not fit

def fitted(kind: Any, value: Any) -> Any:
    thing = dataset(("x", kind))
    return Shape(thing, canonical_for(thing)).fit({"id": "1", "x": value})["x"]


@pytest.mark.parametrize(("kind", "value", "reason"), [
    (KINDS["uuid"][0], "x", "not-a-uuid"), (KINDS["uuid"][0], None, "required"), (KINDS["opens"][0], "25:00", "not-a-time"),
    (KINDS["opens"][0], dt.timedelta(days=1), "not-a-time"), (KINDS["opens"][0], dt.time(1, tzinfo=dt.UTC), "not-a-time"),
    (KINDS["opens"][0], None, "required"), (KINDS["sign"][0], b"x", "wrong-size"), (KINDS["sign"][0], "xy", "not-bytes"),
    (KINDS["sum"][0], "1.234", "too-precise"), (KINDS["sum"][0], "99999999.00", "out-of-range"), ("null", "x", "not-empty"),
    (KINDS["seen"][0], dt.datetime(1, 1, 1), "out-of-range"), (logical("long", "timestamp-millis"), dt.datetime(1, 1, 1), "out-of-range"),
    (KINDS["wall"][0], dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC), "out-of-range"), (KINDS["seen"][0], "soon", "not-a-time"),
    (KINDS["names"][0], "甲", "not-json"), (KINDS["names"][0], '{"a":1}', "not-an-array"), (KINDS["names"][0], None, "required"),
    (KINDS["names"][0], [b"x"], "not-text"), (KINDS["tags"][0], "[1]", "not-an-object"), (KINDS["tags"][0], {"a": "x"}, "not-a-number"),
    (SHARE, '{"who":"示例"}', "required"), (SHARE, '{"who":"示例","part":1,"x":1}', "unknown-member"), (SHARE, 1, "not-an-object")])
def test_a_value_that_does_not_fit_is_refused_with_the_reason(kind: Any, value: Any, reason: str) -> None:
    with pytest.raises(Misfit) as refused:
        fitted(kind, value)
    assert (refused.value.field, refused.value.reason) == ("x", reason)


@pytest.mark.parametrize(("kind", "value", "wanted"), [
    (KINDS["opens"][0], dt.timedelta(hours=3), dt.time(3)), (KINDS["exact"][0], "03:04", dt.time(3, 4)),
    (["null", KINDS["uuid"][0]], "", None), (KINDS["wall"][0], "2026-01-02 03:04", dt.datetime(2026, 1, 2, 3, 4)),
    (KINDS["seen"][0], "2026-01-02T03:04:05.000006Z", dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC)),
    ({"type": "array", "items": KINDS["shares"][0]}, [[], [{"who": "甲", "part": "1"}]],
     [[], [{"who": "甲", "part": Decimal("1.00"), "since": None}]])])
def test_a_value_is_fitted_to_its_kind(kind: Any, value: Any, wanted: Any) -> None:
    assert fitted(kind, value) == wanted


@pytest.mark.parametrize("kind", [["int", "string"], {"type": "array", "items": ["int", "string"]},
                                  {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}])
def test_a_field_that_no_connector_can_fill_is_named(kind: Any) -> None:
    with pytest.raises(HaltError) as stopped:
        fitted(kind, None)
    assert "no connector can fill field x" in stopped.value.problem.en
