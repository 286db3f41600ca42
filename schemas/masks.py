"""Masks on slices: how a subscriber sees a field that is not granted in clear.

`keep_last` shows the last n characters and nothing of the rest, `hmac` a keyed hash in hex, `year` the year of a date (null
for text that is none), `null` nothing. Null stays null. The types of the results are those of `contract.output_schema`.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from typing import Any

from schemas.codec import long_bytes
from schemas.codec.fields import Field
from schemas.codec.varint import text_bytes
from schemas.control import Mask
from schemas.rules.path import kind_of
from schemas.text import Text

__all__ = ["Blind", "check_mask", "compile_mask", "may_be_null"]

#: Masked values remembered per field, and hashes per subscription, before they are forgotten and begun anew: a key
#: field and the Kafka key are one text, and there may be hundreds of masked fields.
_REMEMBERED = 2_000
_KNOWN = 100
#: The longest slice or text that is remembered, in bytes.
_LONGEST = 256

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHANGHAI = dt.timedelta(hours=8)
#: The length of 64 hex digits as Avro writes it.
_HEX_LENGTH = long_bytes(64)
#: SHA-256 works on blocks of this many bytes.
_BLOCK = 64

#: The kinds of fields that not every mask fits; a hash stands for the text of any value, also of one with parts.
_FITTING = {
    "keep_last": {"text", "enum", "int", "long", "uuid"},
    "year": {"text", "date", "timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros"},
}


class Blind:
    """HMAC-SHA-256 in hex over subscription id, a zero byte and a text: two subscriptions never share a result."""

    def __init__(self, secret: bytes, subscription: str) -> None:
        key = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + subscription.encode() + b"\0")
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))

        self._known: dict[bytes, bytes] = {}

    def hex(self, text: bytes) -> bytes:
        """64 hex digits that stand for the text; by hand, as `hmac` takes three times as long (a test compares)."""
        known = self._known.get(text)
        if known is not None:
            return known
        inner = self._inner.copy()
        inner.update(text)
        outer = self._outer.copy()
        outer.update(inner.digest())
        known = outer.hexdigest().encode()
        if len(text) <= _LONGEST:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[text] = known
        return known


class _Remembered(dict[bytes, bytes]):
    """Masked slices by slice, worked out when first asked for."""

    def __init__(self, work: Callable[[bytes], bytes]) -> None:
        self._work = work

    def __missing__(self, piece: bytes) -> bytes:
        masked = self._work(piece)
        if len(piece) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[piece] = masked
        return masked


def compile_mask(mask: Mask, field: Field, blind: Blind) -> Callable[[bytes], bytes]:
    """The masked slice of a field's slice."""
    if mask.kind == "null":
        # Null as the field itself has it, else as the first branch, which the delivered schema adds.
        nothing = field.avro.encode(None) if field.avro.takes(None) else b"\0"
        return lambda piece: nothing
    show = _shown(mask, blind)
    read: Callable[[bytes], Any] = field.decode if mask.kind == "year" else field.text
    nullable = may_be_null(mask, field)

    def work(piece: bytes) -> bytes:
        value = read(piece)
        shown = None if value is None else show(value)
        if shown is None:
            return b"\0"
        return b"\2" + shown if nullable else shown

    return _Remembered(work).__getitem__


def may_be_null(mask: Mask, field: Field) -> bool:
    """Whether a mask may leave nothing of a value of this field: text need not be a date, so its year may be missing."""
    return field.avro.takes(None) or (mask.kind == "year" and field.kind == "text")


def _shown(mask: Mask, blind: Blind) -> Callable[[Any], bytes | None]:
    if mask.kind == "keep_last":
        return lambda text: text_bytes(text[-mask.n:])
    if mask.kind == "hmac":
        return lambda text: _HEX_LENGTH + blind.hex(text.encode())
    return _year


def _year(value: str | dt.date | dt.datetime) -> bytes | None:
    if isinstance(value, str):
        return long_bytes(int(value[:4])) if _ISO_DATE.match(value) else None
    # A moment has China's year; the time on somebody's wall is there already.
    if isinstance(value, dt.datetime) and value.tzinfo is not None and value.year < dt.MAXYEAR:
        value += _SHANGHAI
    return long_bytes(value.year)


def check_mask(name: str, mask: Mask, field: Field) -> list[Text]:
    """What is wrong with a mask on this field, for the person who wrote it."""
    problems = []
    if mask.kind in _FITTING and field.kind not in _FITTING[mask.kind]:
        kind = kind_of(field)
        problems.append(Text(f"字段 {name} 的类型 {kind} 不能用 {mask.kind} 脱敏",
                             f"mask {mask.kind} does not fit field {name} of type {kind}"))
    if mask.kind == "keep_last" and mask.n < 1:
        problems.append(Text(f"字段 {name}: keep_last 须给出 n ≥ 1", f"field {name}: keep_last needs n of at least 1"))
    return problems
