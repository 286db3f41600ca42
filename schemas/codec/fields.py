"""Fields of a row one by one: their shape, where their bytes end, what they say as a value and as text."""

import datetime as dt
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Any

from schemas.codec.avro import Avro, unencodable
from schemas.codec.canonical import Rewrite, compile_rewrite
from schemas.codec.composed import compile_end
from schemas.codec.ends import DEEPEST, End, Json, kind_of, scalar_end
from schemas.codec.varint import read_text, text_bytes
from schemas.errors import RejectError

__all__ = ["Field", "text_of"]

def text_of(value: Any) -> str:
    """A field's value as text, as keys, scopes, HMAC masks and text columns take it; what has parts as JSON with sorted names."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (dt.date, dt.datetime, dt.time)):
        return value.isoformat()
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(_unnamed(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=text_of)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _unnamed(value: Any) -> Any:
    """A record of a union of several is a pair with its name, which is no part of what it says."""
    if isinstance(value, dict):
        return {key: _unnamed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_unnamed(part) for part in value]
    return _unnamed(value[1]) if isinstance(value, tuple) else value


class Field:
    """One field: its slice is `encode(value)`, union branch included.

    `kind` is `text`, another type without parts, or `other`: an array, map, record or a union of several types.
    `null` and `some` are the bytes of the union's branches; both -1 where the field is not nullable. `respelt` says that a value
    may arrive in a spelling that is not the bus's own: `end` then raises `Unusual`, and `other` gives the slice.
    """

    def __init__(self, name: str, schema: Json) -> None:
        self.name = name
        self.avro = Avro(schema, DEEPEST)
        self.null, self.some, branch = _branches(self.avro.schema)
        self.kind = kind_of(branch)
        self.end: End = compile_end(branch) if self.kind == "other" else scalar_end(self.kind, branch)
        self.respelt = self.kind in ("other", "uuid")
        self._from_text = _FROM_TEXT.get(self.kind)
        #: Whether a text can be asked for its value: `from_text` knows the kind.
        self.reads_text = self._from_text is not None
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
            piece = self.avro.encoded(value)
            if piece is None:
                raise unencodable(self.avro.unfit(value) or [self.name])
            return piece
        return text_bytes(value) if self.some < 0 else bytes((self.some,)) + text_bytes(value)

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

    def reader(self) -> Callable[[bytes], str | None]:
        """`text`, for whoever asks it of every row."""
        if self.kind == "text" and not self.nullable:
            # Most texts have a length of one byte.
            return lambda piece: piece[1:].decode() if piece[0] < 128 else read_text(piece, 0)[0]
        return self.text

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

    @cached_property
    def other(self) -> Rewrite:
        """`other(v, p)`: the slice of the value that begins at `p`, in the bus's own spelling, and where the value ends."""
        return compile_rewrite(self.avro.schema)


def _branches(schema: Json) -> tuple[int, int, Json]:
    """(byte of null, byte of the value, the value's schema); a field that is no nullable union has -1, -1."""
    if isinstance(schema, list):
        if len(schema) == 2 and "null" in schema and schema != ["null", "null"]:
            null = schema.index("null")
            return 2 * null, 2 - 2 * null, schema[1 - null]
        return -1, -1, schema
    return -1, -1, schema


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError  # the machine's own zone would decide
    return moment


def _wall_clock(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError
    return moment


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "text": str, "enum": str, "int": int, "long": int, "date": dt.date.fromisoformat, "decimal": Decimal, "boolean": _boolean,
    "timestamp-millis": _moment, "timestamp-micros": _moment, "local-timestamp-millis": _wall_clock,
    "local-timestamp-micros": _wall_clock, "time-millis": dt.time.fromisoformat, "time-micros": dt.time.fromisoformat,
    "uuid": uuid.UUID, "bytes": bytes.fromhex, "fixed": bytes.fromhex,
}
