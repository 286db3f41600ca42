"""The oracle's own reading and writing of events, sharing nothing with the bus's codec: fastavro reads, this writes.

A value is readable only if writing it again gives the same bytes: whatever an Avro writer would not write is broken. What has parts
that a writer may spell in several ways is read by `nested`, and written in one. Values stay as they lie on the wire; of the logical
types the oracle knows how far they reach.
"""

import json
import struct
import uuid
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, cast

import fastavro

from trial.oracle.nested import Reader, needs_reader
from trial.oracle.resolving import Resolving

__all__ = ["Codec", "UnknownSchema", "Unreadable", "plain", "varint"]

Encoder = Callable[[Any], bytes]

_HEADER = 5
#: What broken bytes make fastavro raise; nothing else is expected of it.
_BROKEN = (EOFError, IndexError, ValueError, TypeError, OverflowError, MemoryError, StopIteration, KeyError)


class Unreadable(Exception):
    """These bytes are no event."""


class UnknownSchema(Unreadable):
    """The bytes name a schema the plan does not have."""


class Codec:
    """Reads and writes framed values of the plan's schemas, as plain dicts."""

    def __init__(self, schemas: Mapping[int, str]) -> None:
        self._schemas = parsed = {number: json.loads(text) for number, text in schemas.items()}
        self._resolvings: dict[tuple[int, int, bool], Resolving] = {}
        self._readers = {number: fastavro.parse_schema(plain(schema)) for number, schema in parsed.items()}
        self._writers = {number: _encoder(schema, {}) for number, schema in parsed.items()}
        self._nested = {number: Reader(schema, lambda node: _encoder(node, {})) for number, schema in parsed.items()
                        if needs_reader(schema)}
        self._heads = {number: b"\0" + number.to_bytes(4, "big") for number in schemas}

    def number(self, value: bytes) -> int:
        """The schema id a value names."""
        if len(value) <= _HEADER or value[0]:
            raise Unreadable
        number = int.from_bytes(value[1:_HEADER], "big")
        if number not in self._readers:
            raise UnknownSchema
        return number

    def read(self, value: bytes) -> tuple[int, dict[str, Any]]:
        """Schema id and content of a value that may be broken."""
        number = self.number(value)
        try:
            event = self.trusted(value)
            if number in self._nested:
                self.write(number, event)
                return number, event
            again = self.write(number, event)
        except _BROKEN as error:
            raise Unreadable from error
        if again != value:
            raise Unreadable
        return number, event

    def resolved(self, number: int, event: Mapping[str, Any], present: int, blank: bool = False) -> dict[str, Any]:
        """An event of an earlier version as the present one has it; Unreadable where its row has no value there, unless that shall
        be `blank`. A row before that has none is left out."""
        if number == present:
            return dict(event)
        made = self._resolved(number, {**event, "before": None}, present, blank)
        try:
            before = self._resolved(number, {**event, "row": None}, present, False)["before"]
        except Unreadable:
            before = None
        return {**made, "before": before}

    def _resolved(self, number: int, event: Mapping[str, Any], present: int, blank: bool) -> dict[str, Any]:
        made = self._resolvings.get((number, present, blank))
        if made is None:
            made = Resolving(self._schemas[number], self._schemas[present], blank)
            self._resolvings[number, present, blank] = made
        try:
            return cast(dict[str, Any], made.resolved(event))
        except ValueError as error:
            raise Unreadable from error

    def trusted(self, value: bytes) -> dict[str, Any]:
        """The content of a value that is known to be readable."""
        number = int.from_bytes(value[1:_HEADER], "big")
        if number in self._nested:
            return cast(dict[str, Any], self._nested[number].read(value[_HEADER:]))
        schema = self._readers[number]
        event: Any = fastavro.schemaless_reader(BytesIO(value[_HEADER:]), schema, None)
        return cast(dict[str, Any], event)

    def write(self, number: int, event: Mapping[str, Any]) -> bytes:
        """The framed value an Avro writer gives for this content."""
        return self._heads[number] + self._writers[number](event)


def plain(schema: Any) -> Any:
    """A schema without its logical types, so that values read as they lie on the wire."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    bare = {name: part for name, part in schema.items() if name not in ("logicalType", "precision", "scale")}
    for name in ("type", "items", "values"):
        if name in bare:
            bare[name] = plain(bare[name])
    if "fields" in bare:
        bare["fields"] = [plain(part) for part in bare["fields"]]
    return bare


def _long(number: int) -> bytes:
    left = (number << 1) ^ (number >> 63)
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


_SHORT = [_long(number) for number in range(4096)]


def varint(number: int) -> bytes:
    """A zigzag varint, as Avro writes int and long."""
    return _SHORT[number] if 0 <= number < 4096 else _long(number)


def _string(text: str) -> bytes:
    return _bytes(text.encode())


def _bytes(data: bytes) -> bytes:
    size = len(data)
    return (_SHORT[size] if size < 4096 else _long(size)) + data


def _within(least: int, most: int) -> Encoder:
    """Whole numbers from the least to the most; others are not written."""
    def encode(number: int) -> bytes:
        if not least <= number <= most:
            raise OverflowError
        return varint(number)

    return encode


def _decimal(precision: int, write: Encoder) -> Encoder:
    """Unscaled big-endian bytes of at most so many digits."""
    def encode(data: bytes) -> bytes:
        if not data or abs(int.from_bytes(data, "big", signed=True)) >= 10 ** precision:
            raise OverflowError
        return write(data)

    return encode


def _float(value: float | bytes) -> bytes:
    return value if isinstance(value, bytes) else struct.pack("<f", value)


_PRIMITIVES: dict[str, Encoder] = {
    "null": lambda _: b"",
    "boolean": lambda yes: b"\1" if yes else b"\0",
    "int": _within(-1 << 31, (1 << 31) - 1),
    "long": _within(-1 << 63, (1 << 63) - 1),
    "float": _float,
    "double": struct.Struct("<d").pack,
    "bytes": _bytes,
    "string": _string,
}
#: From 0001-01-01 to the end of 9999-12-31: what a calendar can show.
_FIRST_DAY, _LAST_DAY = -719162, 2932896
_MILLIS, _MICROS = 86_400_000, 86_400_000_000
_LOGICAL: dict[tuple[str, str], Encoder] = {
    ("int", "date"): _within(_FIRST_DAY, _LAST_DAY),
    ("int", "time-millis"): _within(0, _MILLIS - 1),
    ("long", "time-micros"): _within(0, _MICROS - 1),
    ("long", "timestamp-millis"): _within(_FIRST_DAY * _MILLIS, (_LAST_DAY + 1) * _MILLIS - 1),
    ("long", "timestamp-micros"): _within(_FIRST_DAY * _MICROS, (_LAST_DAY + 1) * _MICROS - 1),
    ("long", "local-timestamp-millis"): _within(_FIRST_DAY * _MILLIS, (_LAST_DAY + 1) * _MILLIS - 1),
    ("long", "local-timestamp-micros"): _within(_FIRST_DAY * _MICROS, (_LAST_DAY + 1) * _MICROS - 1),
    ("string", "uuid"): lambda text: _string(str(uuid.UUID(text))),
}


def _encoder(schema: Any, named: dict[str, Encoder], space: str = "") -> Encoder:
    if isinstance(schema, list):
        return _union([_encoder(part, named, space) for part in schema], schema)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, str) and kind in _PRIMITIVES:
        logical = schema.get("logicalType", "") if isinstance(schema, dict) else ""
        if (kind, logical) == ("bytes", "decimal"):
            return _decimal(schema["precision"], _bytes)
        return _LOGICAL.get((kind, logical)) or _PRIMITIVES[kind]
    if not isinstance(schema, dict):
        return named[schema if schema in named else f"{space}.{schema}"]
    if isinstance(kind, dict | list):
        return _encoder(kind, named, space)
    if kind == "array":
        return _array(_encoder(schema["items"], named, space))
    if kind == "map":
        return _map(_encoder(schema["values"], named, space))
    space = schema.get("namespace", space)
    if kind == "record":
        return _record(schema, named, space)
    made = _named(schema, kind)
    named[schema["name"]] = named[f"{space}.{schema['name']}"] = made
    return made


def _named(schema: Any, kind: str) -> Encoder:
    if kind == "enum":
        return {symbol: varint(index) for index, symbol in enumerate(schema["symbols"])}.__getitem__
    if kind == "fixed":
        return _decimal(schema["precision"], bytes) if schema.get("logicalType") == "decimal" else bytes
    raise ValueError(f"the oracle does not read {kind}")


def _record(schema: Any, named: dict[str, Encoder], space: str) -> Encoder:
    parts: list[tuple[str, Encoder]] = []

    def record(row: Any) -> bytes:
        return b"".join([encode(row[name]) for name, encode in parts])

    # Known before its fields are: it may be one of their types.
    named[schema["name"]] = named[f"{space}.{schema['name']}"] = record
    parts += [(field["name"], _encoder(field["type"], named, space)) for field in schema["fields"]]
    return record


def _array(item: Encoder) -> Encoder:
    return lambda rows: varint(len(rows)) + b"".join(map(item, rows)) + b"\0" if rows else b"\0"


def _map(value: Encoder) -> Encoder:
    """In the order it was read."""
    def encode(pairs: Mapping[str, Any]) -> bytes:
        block = b"".join([_string(name) + value(one) for name, one in pairs.items()])
        return varint(len(pairs)) + block + b"\0" if pairs else b"\0"

    return encode


def _union(parts: list[Encoder], schema: list[Any]) -> Encoder:
    if len(parts) != 2 or "null" not in schema:
        return lambda branch: varint(branch.number) + parts[branch.number](branch.value)
    null = schema.index("null")
    nothing, something, encode = varint(null), varint(1 - null), parts[1 - null]
    return lambda value: nothing if value is None else something + encode(value)
