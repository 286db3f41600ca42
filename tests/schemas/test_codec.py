"""The codecs off the hot path: events, tallies and letters there and back, and refusals that name fields but no value."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import (
    Avro,
    EventCodec,
    EventScanner,
    decode_letter,
    decode_tallies,
    encode_letter,
    encode_tallies,
    frame,
    millis,
    unframe,
)
from schemas.codec.fields import Field
from schemas.codec.peek import op_and_source
from schemas.codec.varint import INT, long_bytes, long_end, read_long, read_text, text_bytes, text_end
from schemas.codec.writer import RowWriter, row_fields
from schemas.contract import event_schema, output_schema
from schemas.control import Subscription
from schemas.datasets import standard_dataset
from schemas.envelope import Event, Meta
from schemas.errors import RejectError
from schemas.letter import Finding, Letter
from schemas.tally import Tally, TallyKey
from tests.schemas.drawn import MILLI, SHAPES, TEXT, called, events, metas

RESIDENT = standard_dataset("resident").declare("health.resident", 7)
CODEC = EventCodec(event_schema(RESIDENT.id, RESIDENT.row_schema), 7)
ROW = {"phone": None, **standard_dataset("resident").examples[0]}
META = Meta("id", "c", 1_700_000_000_000, "hr.core", "health.population", 1, 2)
LONG = st.integers(-(1 << 63), (1 << 63) - 1)
COUNT = st.integers(0, (1 << 63) - 1)
DATE = {"type": "int", "logicalType": "date"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}


@given(events())
def test_an_event_comes_back_as_it_was_sent(drawn: tuple[str, list[Event]]) -> None:
    text, some = drawn
    codec = EventCodec(text, 300)
    for event in some:
        value = codec.encode(event)
        assert unframe(value) == 300
        assert codec.encode(codec.decode(value)) == value
        assert codec.decode(value).meta == event.meta


def test_a_delivered_event_has_no_row_before() -> None:
    item = Subscription(id="tax.health.resident", subscriber="tax", dataset="health.resident", fields=("name",), purpose="p",
                        output_schema=9)
    codec = EventCodec(output_schema(RESIDENT, item), 9)
    event = codec.decode(codec.encode(Event(META, {"name": "示例"}, ROW)))
    assert event == Event(META, {"name": "示例"}, None)


def test_a_row_that_does_not_fit_is_refused_by_field_and_no_value_is_told() -> None:
    for epoch, row, names in ((1, {**ROW, "sex": 1}, "sex"), (1, {**ROW, "nobody": 1}, "nobody"), (1 << 31, ROW, "epoch"),
                              (1, {**ROW, "name": None, "updated_at": "x"}, "name, updated_at")):
        with pytest.raises(RejectError) as caught:
            CODEC.encode(Event(META._replace(epoch=epoch), row))
        assert caught.value.code == "unencodable"
        assert caught.value.problem.en == f"fields do not fit the schema: {names}"
        assert ROW["resident_id"] not in repr(caught.value)


@pytest.mark.parametrize("value", [b"", b"\0", b"\0\0\0\0\7", b"\1" + CODEC.encode(Event(META, ROW))[1:],
                                   CODEC.encode(Event(META, ROW)) + b"\0", CODEC.encode(Event(META, ROW))[:-1],
                                   frame(8, CODEC.encode(Event(META, ROW))[5:])])
def test_bytes_that_are_no_event_of_the_schema_are_undecodable(value: bytes) -> None:
    with pytest.raises(RejectError) as caught:
        CODEC.decode(value)
    assert caught.value.code == "undecodable"


@given(metas())
def test_a_glance_at_the_head_tells_the_operation_and_the_source(meta: Meta) -> None:
    assert op_and_source(CODEC.encode(Event(meta, None))) == (meta.op, meta.source)


def test_a_moment_is_told_in_whole_milliseconds() -> None:
    assert millis(dt.datetime(2026, 1, 2, 3, 4, 5, 6999, tzinfo=dt.UTC)) == 1_767_323_045_006
    assert millis(dt.datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC)) == -1


@given(LONG | st.integers(-(1 << 15), 1 << 15))
def test_a_number_is_written_as_fastavro_writes_it(number: int) -> None:
    data = Avro("long").encode(number)
    assert long_bytes(number) == data
    assert read_long(b"x" + data + b"y", 1) == (number, 1 + len(data))
    assert long_end(data + b"y", 0) == len(data)
    if not -(1 << 31) <= number < 1 << 31:
        with pytest.raises(ValueError):  # noqa: PT011 - it says nothing, the scanner turns it into `undecodable`
            read_long(data, 0, INT)


@given(TEXT)
def test_a_text_is_written_as_fastavro_writes_it(text: str) -> None:
    data = Avro("string").encode(text)
    assert text_bytes(text) == data
    assert read_text(data + b"y", 0) == (text, len(data))
    assert text_end(data + b"y", 0) == len(data)


@given(st.sampled_from([name for name in SHAPES if name not in ("float", "double")]), st.data(),
       st.sampled_from(["plain", "first", "last"]))
def test_a_field_reads_and_writes_the_slice_that_fastavro_would(shape: str, data: st.DataObject, nulls: str) -> None:
    kind, values = SHAPES[shape]
    kind = called(kind, "N")
    if shape != "many" and nulls != "plain":
        kind, values = ["null", kind] if nulls == "first" else [kind, "null"], st.none() | values
    value = data.draw(values)
    field, avro = Field("f", kind), Avro(kind)
    piece = avro.encode(value)
    assert field.encode(value) == piece
    assert field.decode(piece) == avro.decode(piece)
    assert field.nullable == (shape != "many" and nulls != "plain")
    text = field.text(piece)
    assert (text is None) == (value is None)
    if text is not None and field.kind in ("text", "enum", "int", "long", "boolean", "date", "timestamp-millis", "decimal"):
        assert field.decode(field.from_text(text)) == avro.decode(piece)


@pytest.mark.parametrize("value", [1 << 31, -(1 << 31) - 1, 1 << 40, 1 << 70, 1.5, 2.0, True])
@pytest.mark.parametrize("kind", ["int", ["null", "int"], ["int", "null"], {"type": "array", "items": "int"}, DATE])
def test_a_number_that_no_int_holds_is_refused_at_encoding_and_the_field_is_named(kind: Any, value: Any) -> None:
    row = json.dumps({"type": "record", "name": "Thing", "fields": [{"name": "f", "type": kind}]})
    given = [value] if isinstance(kind, dict) and kind["type"] == "array" else value
    with pytest.raises(RejectError, match=r"\bf\b") as caught:
        EventCodec(event_schema("test.thing", row), 1).encode(Event(META, {"f": given}))
    assert caught.value.code == "unencodable"
    with pytest.raises(RejectError):
        RowWriter(row_fields(row)).write([given])


@pytest.mark.parametrize("value", [Decimal("1E+9"), Decimal("1.234"), Decimal("123.45"), b"\xff" * 2 + b"\x7f" * 9])
def test_a_decimal_of_more_digits_than_its_field_has_is_refused_at_encoding(value: Any) -> None:
    row = json.dumps({"type": "record", "name": "Thing", "fields": [
        {"name": "d", "type": DECIMAL}]})
    with pytest.raises(RejectError) as caught:
        RowWriter(row_fields(row)).write([value])
    assert caught.value.code == "unencodable"


@pytest.mark.parametrize("number", [1 << 31, -(1 << 40)])
def test_a_number_too_large_for_an_int_is_undecodable_wherever_it_stands(number: int) -> None:
    row = json.dumps({"type": "record", "name": "Thing", "fields": [{"name": "f", "type": {"type": "array", "items": "int"}}]})
    text = event_schema("test.thing", row)
    value = EventCodec(text, 1).encode(Event(META, {"f": [77]}))
    with pytest.raises(RejectError) as caught:
        EventScanner(text, 1).scan(value.replace(b"\x02" + long_bytes(77), b"\x02" + long_bytes(number)))
    assert caught.value.code == "undecodable"


@pytest.mark.parametrize(("kind", "text"), [
    ("long", "1x"), ("int", "99999999999999"), ("long", str(1 << 63)), (DATE, "2026-02-30"), (DECIMAL, "1.234"), (DECIMAL, "1e9"),
    (DECIMAL, "x"), (DECIMAL, "nan"), ({"type": "long", "logicalType": "timestamp-millis"}, "2026-01-02T03:04:05"), ("boolean", "yes"),
    ("bytes", "0"), ("double", "1"), ({"type": "enum", "name": "E", "symbols": ["A"]}, "B")])
def test_a_text_that_is_no_value_of_a_field_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller has the words
        Field("f", kind).from_text(text)


TALLIES = st.lists(st.builds(Tally, st.builds(TallyKey, LONG, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT), COUNT, COUNT, COUNT, COUNT, COUNT, COUNT,
                             st.lists(st.integers(0, 200), max_size=3).map(tuple), st.lists(COUNT, max_size=3).map(tuple)), max_size=3)


@given(TEXT, st.integers(0, (1 << 31) - 1), TALLIES)
def test_tallies_come_back_as_they_were_counted(worker: str, epoch: int, tallies: list[Tally]) -> None:
    assert decode_tallies(encode_tallies(worker, epoch, tallies)) == (worker, epoch, tallies, [])


FINDINGS = st.lists(st.builds(Finding, TEXT, TEXT, st.sampled_from(["fix", "suspect", "reject"]), st.just(""), TEXT), max_size=3).map(tuple)
LETTERS = st.builds(Letter, TEXT, st.integers(0, 99), COUNT, MILLI, MILLI, TEXT, TEXT, TEXT, st.integers(0, 99), LONG, FINDINGS,
                    TEXT, COUNT, *[st.none() | st.binary()] * 3, st.sampled_from(["", "replayed", "dropped"]), MILLI, TEXT, TEXT, LONG)


@given(LETTERS)
def test_a_letter_comes_back_with_its_original_bytes(letter: Letter) -> None:
    assert decode_letter(encode_letter(letter)) == letter


def test_a_letter_tells_what_was_proposed_but_not_again_what_was_there() -> None:
    finding = Finding("phone", "phone", "fix", "+86 138", "138")
    letter = Letter("raw.health", 0, 1, 2, 3, "health.resident", "", "s", 0, 1, (finding,), "1", 1, b"k", b"v")
    (told,) = decode_letter(encode_letter(letter)).findings
    assert (told.before, told.after) == ("", "138")


def test_no_value_of_a_record_shows_when_findings_or_letters_are_printed() -> None:
    finding = Finding("phone", "phone", "fix", "before-secret", "after-secret")
    letter = Letter("raw.health", 0, 1, 2, 3, "health.resident", "", "s", 0, 1, (finding,), "1", 1, b"key-secret", b"value-secret")
    for text in (repr(finding), str(finding), repr(letter), f"{letter}", repr([letter])):
        assert "secret" not in text
    assert "raw.health/0/1" in repr(letter)
    assert "phone" in repr(finding)


def test_a_row_in_slices_is_joined_and_split_again_and_damage_is_refused() -> None:
    scanner = EventScanner(event_schema(RESIDENT.id, RESIDENT.row_schema), 7)
    pieces = scanner.encode_row(ROW)
    joined = b"".join(pieces)
    assert scanner.split(joined) == pieces
    for wrong in (joined + b"\0", joined[:-1], b"", b"\xff" + joined):
        with pytest.raises(RejectError):
            scanner.split(wrong)
