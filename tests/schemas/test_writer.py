"""The fast writer of rows gives the bytes fastavro gives, for every schema and every value; what does not fit is named."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import EventCodec
from schemas.codec.writer import EventWriter, RowWriter, row_fields
from schemas.contract import event_schema, output_schema
from schemas.control import Subscription
from schemas.datasets import standard_dataset
from schemas.envelope import CAUSES, OPS, Event, Meta
from schemas.errors import RejectError
from tests.schemas.drawn import MILLI, TEXT, row_shapes

INT = st.integers(-(1 << 31), (1 << 31) - 1)
RESIDENT = standard_dataset("resident").declare("health.resident", 7)
ROW: dict[str, Any] = {"phone": None, **standard_dataset("resident").examples[0]}


@given(row_shapes(), st.data(), MILLI, st.integers(-(1 << 63), (1 << 63) - 1), INT, TEXT, TEXT)
def test_a_written_event_is_that_of_fastavro(
    shape: tuple[str, st.SearchStrategy[dict[str, Any]]], data: st.DataObject, at: int, seq: int, epoch: int, source: str, stream: str
) -> None:
    text, rows = shape
    whole = event_schema("test.thing", text)
    fields = row_fields(text)
    writer, events, codec = RowWriter(fields), EventWriter(whole, 300, source, stream, epoch), EventCodec(whole, 300)
    for row in data.draw(st.lists(rows, min_size=1, max_size=3)):
        op, cause = data.draw(st.sampled_from(OPS)), data.draw(st.sampled_from(CAUSES))
        meta = Meta(f"{stream}:{epoch}:{seq}", op, at, source, stream, epoch, seq, cause)
        piece = writer.write([row[field.name] for field in fields])
        assert events.write(op, at, seq, cause, piece) == codec.encode(Event(meta, row))
        assert events.write(op, at, seq, cause, None) == codec.encode(Event(meta, None))


def test_an_event_without_a_row_before_ends_with_its_row() -> None:
    item = Subscription(id="tax.health.resident", subscriber="tax", dataset="health.resident", fields=("name",), purpose="p",
                        output_schema=9)  # fmt: skip
    text = output_schema(RESIDENT, item)
    row = RowWriter(row_fields(json.dumps({"type": "record", "name": "R", "fields": [{"name": "name", "type": "string"}]})))
    value = EventWriter(text, 9, "a", "b", 1).write("r", 5, 2, "snapshot", row.write(["示例"]))
    assert EventCodec(text, 9).decode(value).row == {"name": "示例"}


@pytest.mark.parametrize("zone", [dt.UTC, dt.timezone(dt.timedelta(hours=8, minutes=5, seconds=43))])
@given(st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1)))
def test_a_moment_of_any_zone_is_cut_to_its_millisecond(zone: dt.timezone, naive: dt.datetime) -> None:
    text = json.dumps({"type": "record", "name": "R", "fields": [
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]}]})  # fmt: skip
    fields = row_fields(text)
    value = naive.replace(tzinfo=zone)
    assert RowWriter(fields).write([value]) == fields[0].encode(value)


@pytest.mark.parametrize("kind", ["string", "int", "long", "boolean", "double", "bytes",
                                  {"type": "enum", "name": "E", "symbols": ["A"]}, {"type": "int", "logicalType": "date"},
                                  {"type": "long", "logicalType": "timestamp-millis"}])  # fmt: skip
@pytest.mark.parametrize("value", ["秘密", 1 << 63, 1 << 31, -(1 << 63) - 1, 1.5, None, True, b"x", dt.date(2026, 1, 2), ["A"],
                                   dt.datetime(2026, 1, 2, 3), dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "\ud800", "A"])  # fmt: skip
def test_a_value_of_another_type_is_what_fastavro_makes_of_it(kind: Any, value: Any) -> None:
    fields = row_fields(json.dumps({"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]}))
    try:
        wanted = fields[0].avro.encode(value)
    except RejectError:
        with pytest.raises((RejectError, UnicodeEncodeError)) as caught:
            RowWriter(fields).write([value])
        if caught.type is RejectError:
            assert "秘密" not in repr(caught.value)
    else:
        assert RowWriter(fields).write([value]) == wanted


def test_a_long_text_has_a_long_length() -> None:
    fields = row_fields(RESIDENT.row_schema)
    row = {**ROW, "name": "长" * 9000}
    values = [row[field.name] for field in fields]
    assert RowWriter(fields).write(values) == b"".join(field.encode(value) for field, value in zip(fields, values, strict=True))


def test_what_the_fast_way_does_not_know_goes_where_the_caller_says() -> None:
    fields = row_fields(RESIDENT.row_schema)

    def named(name: str) -> Callable[[Any], bytes]:
        return lambda value: f"<{name} {value}>".encode()

    writer = RowWriter(fields, [named(field.name) for field in fields])
    assert b"<sex 1>" in writer.write([{**ROW, "sex": 1}[field.name] for field in fields])
