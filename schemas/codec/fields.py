"""Fields of a row one by one: their shape, where their bytes end, what they say as a value and as text."""

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from schemas.codec.avro import Avro, Json, unencodable
from schemas.codec.varint import INT, read_long, read_text, text_bytes
from schemas.errors import RejectError

__all__ = ["Field", "milli_end", "text_of"]

#: Where the value that begins at a position ends; raises ValueError or IndexError where there is none.
End = Callable[[bytes, int], int]

_FIRST_DAY, _LAST_DAY = dt.date.min.toordinal() - 719163, dt.date.max.toordinal() - 719163
_FIRST_MILLI, _LAST_MILLI = _FIRST_DAY * 86_400_000, (_LAST_DAY + 1) * 86_400_000 - 1


def text_of(value: Any) -> str:
    """A field's value as text, as keys, scopes and HMAC masks take it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=text_of)
    return str(value)


class Field:
    """One field: its slice is `encode(value)`, union branch included.

    `kind` is `text`, another type with an end of its own, or `other`: then the slice is what fastavro writes.
    `null` and `some` are the bytes of the union's branches; both -1 where the field is not nullable.
    """

    def __init__(self, name: str, schema: Json) -> None:
        self.name = name
        self.avro = Avro(schema)
        self.null, self.some, branch = _branches(self.avro.schema)
        self.kind = _kind(branch)
        self.end: End = _end(self.kind, branch)
        self._from_text = _FROM_TEXT.get(self.kind)
        self.symbols: tuple[str, ...] = tuple(branch["symbols"]) if self.kind == "enum" else ()

    @property
    def nullable(self) -> bool:
        """Whether null is a value of this field."""
        return self.null >= 0

    def decode(self, piece: bytes) -> Any:
        """The value of a slice that the scanner gave."""
        if self.kind != "text":
            return self.avro.decode(piece)
        return self.text(piece)

    def encode(self, value: Any) -> bytes:
        """The slice of a value; RejectError `unencodable` if it does not fit."""
        if self.kind != "text" or not isinstance(value, str):
            piece = self.avro.encode(value)
            if self.kind == "decimal" and value is not None and not self._is_whole(piece):
                raise unencodable([self.name])  # fastavro counts the digits of 1E+9 as one
            return piece
        return text_bytes(value) if self.some < 0 else bytes((self.some,)) + text_bytes(value)

    def _is_whole(self, piece: bytes) -> bool:
        try:
            return self.end(piece, self.nullable) == len(piece)
        except ValueError:
            return False

    def text(self, piece: bytes) -> str | None:
        """The value as text; None for null."""
        if self.kind != "text":
            value = self.avro.decode(piece)
            return None if value is None else text_of(value)
        start = 0
        if self.some >= 0:
            if piece[0] == self.null:
                return None
            start = 1
        if piece[start] < 128:
            return piece[start + 1:].decode()
        return read_text(piece, start)[0]

    def from_text(self, text: str) -> bytes:
        """The slice of the value that reads so, in this spelling or another; ValueError where no value does."""
        if self._from_text is None:
            raise ValueError(self.kind)
        try:
            return self.encode(self._from_text(text))
        except (RejectError, LookupError, ArithmeticError):
            raise ValueError(self.kind) from None

    def spelling(self, text: str) -> str:
        """The one spelling of the value that reads so: what `text` gives for it; ValueError where no value does."""
        return self.text(self.from_text(text)) or ""

    def other(self, v: bytes, p: int) -> tuple[bytes, int]:
        """The slice of a value only fastavro reads, and where the value ends."""
        value, end = self.avro.decode_part(v, p)
        try:
            return self.avro.encode(value), end
        except RejectError:
            raise ValueError(self.kind) from None


def _branches(schema: Json) -> tuple[int, int, Json]:
    """(byte of null, byte of the value, the value's schema); a field that is no nullable union has -1, -1."""
    if isinstance(schema, list):
        if len(schema) == 2 and "null" in schema and schema != ["null", "null"]:
            null = schema.index("null")
            return 2 * null, 2 - 2 * null, schema[1 - null]
        return -1, -1, schema
    return -1, -1, schema


def _kind(branch: Json) -> str:
    if isinstance(branch, str):
        return {"string": "text"}.get(branch, branch if branch in _ENDS else "other")
    if not isinstance(branch, dict):
        return "other"
    logical, kind = branch.get("logicalType"), branch["type"]
    if (logical, kind) in (("date", "int"), ("timestamp-millis", "long"), ("decimal", "bytes")):
        return str(logical)
    if kind == "enum" or (logical is None and kind in _ENDS):
        return str(kind)
    return "text" if logical is None and kind == "string" else "other"


def _end(kind: str, branch: Json) -> End:
    if kind == "enum":
        return _enum_end(len(branch["symbols"]))
    if kind == "decimal":
        return _decimal_end(10 ** branch["precision"])
    return _ENDS.get(kind, _no_end)


def _no_end(v: bytes, p: int) -> int:
    raise ValueError


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


def _date_end(v: bytes, p: int) -> int:
    days, p = read_long(v, p, INT)
    if not _FIRST_DAY <= days <= _LAST_DAY:
        raise ValueError
    return p


def milli_end(v: bytes, p: int) -> int:
    """Where the timestamp that begins at `p` ends; it is a moment of the years 1 to 9999."""
    moment, p = read_long(v, p)
    if not _FIRST_MILLI <= moment <= _LAST_MILLI:
        raise ValueError
    return p


def _enum_end(symbols: int) -> End:
    def end(v: bytes, p: int) -> int:
        n, p = read_long(v, p, INT)
        if not 0 <= n < symbols:
            raise ValueError
        return p

    return end


def _decimal_end(limit: int) -> End:
    def end(v: bytes, p: int) -> int:
        size, p = read_long(v, p)
        if size < 1 or p + size > len(v) or abs(int.from_bytes(v[p:p + size], "big", signed=True)) >= limit:
            raise ValueError
        return p + size

    return end


_ENDS: dict[str, End] = {
    "null": lambda v, p: p, "int": _int_end, "long": _long_end, "boolean": _boolean_end, "bytes": _bytes_end,
    "float": lambda v, p: p + 4, "double": lambda v, p: p + 8, "date": _date_end, "timestamp-millis": milli_end,
}


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError  # the machine's own zone would decide
    return moment


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "text": str, "enum": str, "int": int, "long": int, "date": dt.date.fromisoformat, "decimal": Decimal,
    "timestamp-millis": _moment, "boolean": _boolean,
}
