"""Tallies and letters in bytes: the two records the bus itself writes, by the schemas of schemas/bus, unframed.

Workers write them among events, so they are put together by hand; a test holds them to the schemas.
"""

import datetime as dt
import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from schemas.codec.avro import Avro
from schemas.codec.event import millis
from schemas.codec.varint import long_bytes, text_bytes
from schemas.errors import RejectError
from schemas.letter import Finding, Letter
from schemas.tally import FindingKey, FindingTally, Tally, TallyKey

__all__ = ["RecordCodec", "Tallies", "bus_schema", "decode_letter", "decode_tallies", "encode_letter", "encode_tallies"]


def bus_schema(name: str) -> str:
    """The text of schemas/bus/<name>.avsc: `meta`, `tallies`, `letter`."""
    return (files("schemas") / "bus" / f"{name}.avsc").read_text(encoding="utf-8")


class RecordCodec:
    """Records of one schema as plain dicts, without a frame."""

    def __init__(self, schema_text: str) -> None:
        self._avro = Avro(schema_text)

    def encode(self, record: dict[str, Any]) -> bytes:
        return self._avro.encode(record)

    def decode(self, data: bytes) -> dict[str, Any]:
        record: dict[str, Any] = self._avro.decode(data)
        return record


@cache
def _codec(name: str) -> RecordCodec:
    return RecordCodec(bus_schema(name))


#: What letters said at first ends here; their bytes are a beginning of today's.
_FIRST_LAST = "value"
_UNTOUCHED: dict[str, Any] = {"repaired": None, "closed": "", "changed": dt.datetime.fromtimestamp(0, dt.UTC), "by": "", "why": "",
                              "replayed": -1}


@cache
def _first_letters() -> RecordCodec:
    schema = json.loads(bus_schema("letter"))
    names = [part["name"] for part in schema["fields"]]
    return RecordCodec(json.dumps(schema | {"fields": schema["fields"][:names.index(_FIRST_LAST) + 1]}))


class Tallies(NamedTuple):
    """One message of bus.tallies: who wrote it, its epoch, and what it counted."""

    worker: str
    epoch: int
    rows: list[Tally]
    findings: list[FindingTally]


def encode_tallies(worker: str, epoch: int, tallies: Iterable[Tally], findings: Iterable[FindingTally] = ()) -> bytes:
    """What one transaction counted; a `TallyBook` is such an iterable, and has the findings beside."""
    texts = _Texts()
    out: list[bytes] = []
    rows = 0
    for (at, *names), records, size, fixed, low, high, total, buckets, counts in tallies:
        rows += 1
        out.append(long_bytes(at))
        out += [texts[name] for name in names]
        out += map(long_bytes, (records, size, fixed, low, high, total))
        for numbers in (buckets, counts):
            if numbers:
                out.append(long_bytes(len(numbers)))
                out += map(long_bytes, numbers)
            out.append(b"\0")
    found: list[bytes] = []
    number = 0
    for (at, *names), records in findings:
        number += 1
        found += (long_bytes(at), *(texts[name] for name in names), long_bytes(records))
    return b"".join((texts[worker], long_bytes(epoch), long_bytes(rows) if rows else b"", *out, b"\0",
                     long_bytes(number) if number else b"", *found, b"\0"))


def decode_tallies(data: bytes) -> Tallies:
    """What a message says. One of a writer that knew of no findings ends before them, and has none."""
    codec = _codec("tallies")
    try:
        record = codec.decode(data)
    except RejectError:
        record = codec.decode(data + b"\0")  # an empty array; the lane keeps such messages for its 60 days
    return Tallies(record["worker"], record["worker_epoch"], [_tally(row) for row in record["rows"]],
                   [FindingTally(FindingKey(*(row[name] for name in FindingKey._fields)), row["records"]) for row in record["findings"]])


class _Texts(dict[str, bytes]):
    """Texts in bytes; the rows of one transaction repeat few."""

    def __missing__(self, text: str) -> bytes:
        data = self[text] = text_bytes(text)
        return data


def _tally(row: dict[str, Any]) -> Tally:
    key = TallyKey(*(row[name] for name in TallyKey._fields))
    counts = {name: row[name] for name in Tally._fields[1:]}
    return Tally(key, **counts | {"lat_b": tuple(row["lat_b"]), "lat_c": tuple(row["lat_c"])})


def encode_letter(letter: Letter) -> bytes:
    """The value of a record in quarantine. Of a finding only the proposed value travels; the original has the rest."""
    told = letter.findings
    return b"".join((
        text_bytes(letter.lane), long_bytes(letter.partition), long_bytes(letter.offset), long_bytes(letter.arrived),
        long_bytes(letter.handled), text_bytes(letter.dataset), text_bytes(letter.subscription), text_bytes(letter.stream),
        long_bytes(letter.epoch), long_bytes(letter.seq), long_bytes(len(told)) if told else b"",
        *(text_bytes(text) for one in told for text in (one.field, one.reason, one.severity, one.after)), b"\0",
        text_bytes(letter.rules_version), long_bytes(letter.plan_version), _optional(letter.key), _optional(letter.value),
        _optional(letter.repaired), text_bytes(letter.closed), long_bytes(letter.changed), text_bytes(letter.by),
        text_bytes(letter.why), long_bytes(letter.replayed)))


def _optional(data: bytes | None) -> bytes:
    return b"\0" if data is None else b"\2" + long_bytes(len(data)) + data


def decode_letter(data: bytes) -> Letter:
    """The letter in these bytes; its findings carry no `before`. One of before letters could be repaired and closed is open."""
    try:
        record = _codec("letter").decode(data)
    except RejectError:
        record = _first_letters().decode(data) | _UNTOUCHED
    findings = tuple(Finding(one["field"], one["reason"], one["severity"], "", one["proposed"])
                     for one in record["findings"])
    times = {name: millis(record[name]) for name in ("arrived", "handled", "changed")}
    return Letter(**record | times | {"findings": findings})
