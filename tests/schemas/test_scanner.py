"""The scanner against fastavro: the same events, the same refusals, the same bytes back."""

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codec import EventCodec, EventScanner, stamp, stream_prefix
from schemas.codec.peek import op_and_source
from schemas.contract import event_schema
from schemas.datasets import standard_dataset
from schemas.envelope import Event, Meta
from schemas.errors import RejectError
from tests.schemas.drawn import SHAPES, damage, events

META = Meta("id", "c", 1_700_000_000_000, "s", "t", 1, 2, "live", "")


def read(codec: EventCodec, value: bytes) -> Event | None:
    """What fastavro makes of a value that it would write the same way; None where there is no such event."""
    try:
        event = codec.decode(value)
        return event if codec.encode(event) == value else None
    except RejectError:
        return None


def told(scanner: EventScanner, value: bytes) -> Event | None:
    """What the scanner makes of it, decoded from its slices."""
    try:
        scanned = scanner.scan(value)
    except RejectError:
        return None
    row, before = (None if row is None else scanner.decode_row(row) for row in (scanned.row, scanned.before))
    return Event(scanner.meta(scanned), row, before)


@given(events())
def test_the_scanner_reads_what_fastavro_reads_and_stamps_the_same_bytes(drawn: tuple[str, list[Event]]) -> None:
    text, some = drawn
    codec, scanner = EventCodec(text, 9), EventScanner(text, 9)
    for event in some:
        value = codec.encode(event)
        assert told(scanner, value) == codec.decode(value)
        scanned = scanner.scan(value)
        again = stamp(9, scanned.head, stream_prefix(scanned.stream, scanned.epoch), scanned.seq, scanned.tail,
                      scanned.row, scanned.before)
        assert again == value
        for row in (scanned.row, scanned.before):
            assert row is None or scanner.split(b"".join(row)) == row
            assert row is None or scanner.encode_row(scanner.decode_row(row)) == row


@settings(max_examples=300)
@given(st.data())
def test_the_scanner_refuses_exactly_the_damage_that_fastavro_would_not_write(data: st.DataObject) -> None:
    text, some = data.draw(events())
    codec, scanner = EventCodec(text, 9), EventScanner(text, 9)
    value = codec.encode(some[0])
    scanner.scan(value)
    bad = data.draw(damage(value))
    theirs, ours = read(codec, bad), told(scanner, bad)
    if ours is None:
        assert theirs is None
    else:
        # Numbers as text: a NaN is not equal to itself, and floats may have been flipped into one.
        assert repr(ours) == repr(codec.decode(bad))
    again = told(scanner, value)
    assert again == codec.decode(value), "a bad value leaves no trace in the scanner"


#: A value of every shape that has one spelling only.
PLAIN: dict[str, Any] = {
    "string": "示例", "bytes": b"\0\x80", "int": 1 << 30, "long": -(1 << 62), "boolean": True, "double": 0.5,
    "enum": "B", "date": dt.date(9999, 12, 31), "time": dt.datetime(9999, 12, 31, tzinfo=dt.UTC)}

RESIDENT = event_schema("health.resident", standard_dataset("resident").row_schema)


def every_damage(value: bytes) -> Iterator[bytes]:
    """Each bit flipped, each cut, each number one byte longer than it need be, each short stretch left out."""
    for spot in range(len(value)):
        yield from (value[:spot] + bytes((value[spot] ^ 1 << bit,)) + value[spot + 1:] for bit in range(8))
        yield value[:spot]
        yield value[:spot] + bytes((value[spot] | 128, 0)) + value[spot + 1:]
        yield from (value[:spot] + value[spot + size:] for size in (1, 2, 3, 5))


@pytest.mark.parametrize("seq", [-1, 0, 63, 64, 8191, 8192, 1 << 20, 1 << 40, -(1 << 63)])
@pytest.mark.parametrize("full", [True, False])
def test_all_damage_to_a_resident_is_seen(seq: int, full: bool) -> None:
    row = {**standard_dataset("resident").examples[0], "name": "示例", "phone": "13800000000"}
    before = {**row, "address": "示例路一号" * 30, "phone": None}
    event = Event(META._replace(seq=seq), *((row, before) if full else (None, None)))
    codec, old = EventCodec(RESIDENT, 1), EventScanner(RESIDENT, 1)
    value = codec.encode(event)
    for bad in [value, *every_damage(value), value + b"\0"]:
        theirs = read(codec, bad)
        assert told(old, bad) == theirs


@pytest.mark.parametrize("at", [0, 1 << 30, 253_402_300_799_999])
@pytest.mark.parametrize("order", ["plain", "null first", "null last"])
def test_all_damage_to_a_row_of_every_plain_shape_is_seen(order: str, at: int) -> None:
    fields: list[dict[str, Any]] = []
    for number, (kind, _) in enumerate(SHAPES[name] for name in PLAIN):
        kind = {**kind, "name": f"N{number}"} if isinstance(kind, dict) and kind["type"] == "enum" else kind
        kinds = {"plain": kind, "null first": ["null", kind], "null last": [kind, "null"]}
        fields.append({"name": f"f{number}", "type": kinds[order]})
    text = event_schema("test.thing", json.dumps({"type": "record", "name": "T", "fields": fields}))
    codec, scanner = EventCodec(text, 1), EventScanner(text, 1)
    row = dict(zip((part["name"] for part in fields), PLAIN.values(), strict=True))
    value = codec.encode(Event(META._replace(at=at), row))
    for bad in every_damage(value):
        assert told(scanner, bad) == read(codec, bad)


def test_the_first_event_of_a_scanner_is_checked_like_any_other() -> None:
    codec = EventCodec(RESIDENT, 1)
    for seq in (-128, 255, -1, 0):
        value = codec.encode(Event(META._replace(seq=seq), None))
        for bad in every_damage(value):
            assert told(EventScanner(RESIDENT, 1), bad) == read(codec, bad)


def test_half_a_character_before_a_long_text_is_not_made_whole_by_its_length() -> None:
    """E4 B8 | 80 01: the length of a 64-byte text would complete the character if both were checked as one."""
    row = json.dumps({"type": "record", "name": "T", "fields": [{"name": "a", "type": "string"},
                                                                 {"name": "b", "type": "string"}]})
    text = event_schema("test.t", row)
    codec, scanner = EventCodec(text, 1), EventScanner(text, 1)
    value = codec.encode(Event(META, {"a": "xx", "b": "y" * 64}))
    assert b"\x04xx\x80\x01yy" in value
    with pytest.raises(RejectError):
        scanner.scan(value.replace(b"\x04xx\x80", b"\x04\xe4\xb8\x80"))
    assert told(scanner, value) == codec.decode(value)


@given(st.binary(max_size=60) | st.builds(lambda data, times: data * times, st.binary(min_size=1, max_size=9), st.integers(1, 20_000)))
@example(b"")
@example(b"\x00\x00\x00\x00\x01")
def test_bytes_that_are_no_event_are_undecodable(data: bytes) -> None:
    scanner = EventScanner(RESIDENT, 1)
    for value in (data, b"\x00\x00\x00\x00\x01" + data):
        with pytest.raises(RejectError) as caught:
            scanner.scan(value)
        assert caught.value.code == "undecodable"


def test_a_changing_writer_is_read_anew() -> None:
    codec, scanner = EventCodec(RESIDENT, 1), EventScanner(RESIDENT, 1)
    metas = [META._replace(source=source, stream=stream, epoch=epoch)
             for source in ("", "a", "ab") for stream in ("", "s", "st") for epoch in (0, 1, 70)]
    for meta in metas + metas[::-1]:
        assert scanner.meta(scanner.scan(codec.encode(Event(meta, None)))) == meta


def test_a_schema_without_before_has_none() -> None:
    schema = json.loads(RESIDENT)
    schema["fields"].pop()
    codec, scanner = EventCodec(json.dumps(schema), 1), EventScanner(json.dumps(schema), 1)
    value = codec.encode(Event(META, dict(standard_dataset("resident").examples[0])))
    assert told(scanner, value) == codec.decode(value)


class Watched(bytes):
    """Bytes that count how often one of them is asked for."""

    asked = 0

    def __getitem__(self, at: Any) -> Any:
        self.asked += not isinstance(at, slice)
        return super().__getitem__(at)


@pytest.mark.parametrize("seq", [1, 1 << 40])
def test_no_number_is_read_beyond_ten_bytes_however_long_it_goes_on(seq: int) -> None:
    fields = [{"name": f"f{number}", "type": {**kind, "name": f"N{number}"} if "symbols" in kind else kind}
              for number, (kind, _) in enumerate(SHAPES[name] for name in PLAIN)]
    text = event_schema("test.thing", json.dumps({"type": "record", "name": "T", "fields": fields}))
    row = dict(zip((part["name"] for part in fields), PLAIN.values(), strict=True))
    value, scanner = EventCodec(text, 1).encode(Event(META._replace(seq=seq), row)), EventScanner(text, 1)
    most = Watched(value)
    scanner.scan(most)
    for spot in range(5, len(value)):
        bad = Watched(value[:spot] + b"\xff" * 1000)
        with pytest.raises(RejectError):
            scanner.scan(bad)
        assert bad.asked <= most.asked + 20, spot
        with contextlib.suppress(RejectError):
            op_and_source(peeked := Watched(bad))
        assert peeked.asked <= 60
