"""Where a value that has no parts ends in bytes: one function per kind, strict about each byte.

The scanner, the composed types and the rewriter share these, so all of them take and refuse the same bytes. Every refusal is a
ValueError or an IndexError; `Unusual` says that the value can be read but is not spelt the way the bus spells it.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from schemas.codec.varint import INT, read_long, text_end
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["DEEPEST", "DEEPEST_EVENT", "EIGHT", "PRIMITIVE", "SIX", "STEP", "End", "Json", "Unusual", "bare_size", "kind_of", "micro_end",
           "milli_end", "scalar_end", "takes_bytes"]

#: A schema as JSON has it: a name, a list of branches, or an object.
Json = Any

#: Where the value that begins at a position ends; raises ValueError or IndexError where there is none.
End = Callable[[bytes, int], int]

#: The types that have no name of their own.
PRIMITIVE = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}

#: How many records, arrays and maps may stand one in another in a field. Only a type that contains itself could go on, and readers
#: that call themselves for each (fastavro is one) lose their stack at some thousands.
DEEPEST = 64
#: The same for a whole event: a field stands in its row, and that in the event.
DEEPEST_EVENT = DEEPEST + 2

#: How far a text reaches whose length is this byte; 0: longer than 63 bytes, or no length.
STEP = tuple(0 if byte & 129 else 1 + (byte >> 1) for byte in range(256))

#: A number of six bytes; as milliseconds it is some moment of 1935 to 2039.
SIX = re.compile(rb"[\x80-\xff]{5}[\x01-\x7f]", re.DOTALL).match

#: A number of eight bytes; as microseconds it is some moment of the years 828 to 3111.
EIGHT = re.compile(rb"[\x80-\xff]{7}[\x01-\x7f]", re.DOTALL).match

_UUID = re.compile(rb"H[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").match

_DAY = 86_400_000
_FIRST_DAY, _LAST_DAY = dt.date.min.toordinal() - 719163, dt.date.max.toordinal() - 719163
_FIRST_MILLI, _LAST_MILLI = _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1

#: The logical types fastavro gives a value of its own; any other leaves the type it stands on as it is.
_LOGICAL = {
    ("date", "int"), ("time-millis", "int"), ("time-micros", "long"), ("timestamp-millis", "long"), ("timestamp-micros", "long"),
    ("local-timestamp-millis", "long"), ("local-timestamp-micros", "long"), ("decimal", "bytes"), ("decimal", "fixed"),
    ("uuid", "string"),
}


class Unusual(Exception):
    """The value can be read, but a reader that skips it or compares it needs it rewritten: blocks, repeated keys, a spelling."""


def kind_of(node: Json) -> str:
    """The kind of a type: `text`, a logical type, another type by its name; `other` for what has parts, a union or a name."""
    if isinstance(node, dict):
        base, logical = node["type"], str(node.get("logicalType"))
        if (logical, base) in _LOGICAL:
            return logical
        if base in ("enum", "fixed"):
            return str(base)
        node = base
    if node == "string":
        return "text"
    return node if isinstance(node, str) and node in PRIMITIVE else "other"


def scalar_end(kind: str, node: Json) -> End:
    """The end-finder of a type of this kind, `other` excepted; RejectError `schema_invalid` where it lacks what it needs."""
    if kind == "enum":
        return _enum_end(len(node["symbols"]))
    if kind == "fixed":
        return _fixed_end(_size(node))
    if kind == "decimal":
        limit = 10 ** _precision(node)
        return _decimal_end(limit) if node["type"] == "bytes" else _fixed_decimal_end(_size(node), limit)
    return _ENDS[kind]


def bare_size(node: Json) -> int | None:
    """How many bytes any value of this type has where none of them needs to be looked at; None for other types."""
    kind = kind_of(node)
    return _size(node) if kind == "fixed" else {"null": 0, "float": 4, "double": 8}.get(kind)


def takes_bytes(node: Json, named: Mapping[str, Json], above: frozenset[str] = frozenset()) -> bool:
    """Whether every value of the type takes at least one byte. `above` are the types it stands in."""
    if isinstance(node, str):
        # A type right inside itself has no value at all.
        return node != "null" if node in PRIMITIVE or node in above else takes_bytes(named[node], named, above)
    if isinstance(node, list):
        return True
    if "fields" in node:
        return any(takes_bytes(part["type"], named, above | {node["name"]}) for part in node["fields"])
    return node["type"] != "null" and bool(node.get("size", 1))


def _size(node: Json) -> int:
    size = node["size"]
    if not isinstance(size, int) or size < 0:
        raise RejectError("schema_invalid", Text("fixed 的 size 不是非负整数", "the size of a fixed is no whole number from 0 on"),
                          advice=Text("检查 .avsc 文件", "correct the .avsc file"))
    return size


def _precision(node: Json) -> int:
    precision = node.get("precision")
    if not isinstance(precision, int) or precision < 1:
        raise RejectError("schema_invalid", Text("decimal 缺少 precision", "a decimal has no precision"),
                          advice=Text("检查 .avsc 文件", "correct the .avsc file"))
    return precision


def _int_end(v: bytes, p: int) -> int:
    return p + 1 if v[p] < 128 else read_long(v, p, INT)[1]


def _long_end(v: bytes, p: int) -> int:
    return p + 1 if v[p] < 128 else read_long(v, p)[1]


def _boolean_end(v: bytes, p: int) -> int:
    if v[p] > 1:
        raise ValueError
    return p + 1


def _bytes_end(v: bytes, p: int) -> int:
    size, p = read_long(v, p)
    if size < 0:
        raise ValueError
    return p + size


def _within(first: int, last: int, size: int) -> End:
    def end(v: bytes, p: int) -> int:
        number, p = read_long(v, p, size)
        if not first <= number <= last:
            raise ValueError
        return p

    return end


def _enum_end(symbols: int) -> End:
    return _within(0, symbols - 1, INT)


def _fixed_end(size: int) -> End:
    return lambda v, p: p + size


def _decimal_end(limit: int) -> End:
    def end(v: bytes, p: int) -> int:
        size, p = read_long(v, p)
        if size < 1 or p + size > len(v) or abs(int.from_bytes(v[p:p + size], "big", signed=True)) >= limit:
            raise ValueError
        return p + size

    return end


def _fixed_decimal_end(size: int, limit: int) -> End:
    def end(v: bytes, p: int) -> int:
        if p + size > len(v) or abs(int.from_bytes(v[p:p + size], "big", signed=True)) >= limit:
            raise ValueError
        return p + size

    return end


def _uuid_end(v: bytes, p: int) -> int:
    if not _UUID(v, p):
        raise Unusual
    return p + 37


#: Where the timestamp that begins at a position ends; it is a moment of the years 1 to 9999.
milli_end = _within(_FIRST_MILLI, _LAST_MILLI, 1 << 64)
micro_end = _within(_FIRST_MILLI * 1000, _LAST_MILLI * 1000 + 999, 1 << 64)

_ENDS: dict[str, End] = {
    "null": lambda v, p: p, "int": _int_end, "long": _long_end, "boolean": _boolean_end, "bytes": _bytes_end,
    "float": lambda v, p: p + 4, "double": lambda v, p: p + 8, "text": text_end, "uuid": _uuid_end,
    "date": _within(_FIRST_DAY, _LAST_DAY, INT),
    "time-millis": _within(0, _DAY - 1, INT), "time-micros": _within(0, _DAY * 1000 - 1, 1 << 64),
    "timestamp-millis": milli_end, "local-timestamp-millis": milli_end,
    "timestamp-micros": micro_end, "local-timestamp-micros": micro_end,
}
