"""Tallies and letters in bytes: the two records the bus itself writes, by the schemas of schemas/bus, unframed."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.codec.avro import Avro
from schemas.codec.event import millis
from schemas.letter import Finding, Letter
from schemas.tally import Tally, TallyKey

__all__ = ["RecordCodec", "bus_schema", "decode_letter", "decode_tallies", "encode_letter", "encode_tallies"]


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


def encode_tallies(worker: str, epoch: int, tallies: Iterable[Tally]) -> bytes:
    """What one transaction counted; a `TallyBook` is such an iterable."""
    rows = [tally.key._asdict() | {name: getattr(tally, name) for name in Tally._fields[1:]} for tally in tallies]
    return _codec("tallies").encode({"worker": worker, "worker_epoch": epoch, "rows": rows})


def decode_tallies(data: bytes) -> tuple[str, int, list[Tally]]:
    """(worker, its epoch, tallies)."""
    record = _codec("tallies").decode(data)
    return record["worker"], record["worker_epoch"], [_tally(row) for row in record["rows"]]


def _tally(row: dict[str, Any]) -> Tally:
    key = TallyKey(*(row[name] for name in TallyKey._fields))
    counts = {name: row[name] for name in Tally._fields[1:]}
    return Tally(key, **counts | {"lat_b": tuple(row["lat_b"]), "lat_c": tuple(row["lat_c"])})


def encode_letter(letter: Letter) -> bytes:
    """The value of a record in quarantine. Of a finding only the proposed value travels; the original has the rest."""
    findings = [{"field": one.field, "reason": one.reason, "severity": one.severity, "proposed": one.after}
                for one in letter.findings]
    return _codec("letter").encode(letter._asdict() | {"findings": findings})


def decode_letter(data: bytes) -> Letter:
    """The letter in these bytes; its findings carry no `before`."""
    record = _codec("letter").decode(data)
    findings = tuple(Finding(one["field"], one["reason"], one["severity"], "", one["proposed"])
                     for one in record["findings"])
    times = {name: millis(record[name]) for name in ("arrived", "handled")}
    return Letter(**record | times | {"findings": findings})
