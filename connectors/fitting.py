"""Fitting a source's value to the Avro type of its field: what a driver or a file gives, as the codec wants it.

One small function per type, made once per field. A value that cannot be said without loss is a `Misfit`: never rounded,
cut or guessed (but times are told in milliseconds). Numbers and dates become text where the field is text; a float with
a fraction or beyond 2^53 does not: its digits may be gone. Null in a text field that admits none goes as empty text, so
that the rule `required` can say so in the quarantine, where the department looks.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["SHANGHAI", "Fit", "Misfit", "fit_for", "is_nullable"]

Fit = Callable[[Any], Any]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: The zone of a time that names none, wherever it comes from.
SHANGHAI = dt.timezone(dt.timedelta(hours=8))
_MILLISECOND = dt.timedelta(milliseconds=1)
#: Beyond this a float no longer tells neighbouring whole numbers apart: an eighteen-digit number is already another.
_EXACT = 1 << 53


class Misfit(Exception):
    """A value does not fit. Carries the reason as a word, never the value."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason, field)
        self.reason = reason
        self.field = field


def is_nullable(schema: Any) -> bool:
    """Whether a field's Avro type admits null."""
    return schema == "null" or (isinstance(schema, list) and "null" in schema)


def fit_for(schema: Any) -> Fit:
    """The function that fits values to one Avro type (already parsed JSON)."""
    if isinstance(schema, list):
        return _union(schema)
    if isinstance(schema, Mapping):
        return _complex(schema)
    if schema not in _PRIMITIVE:
        raise ValueError(f"no way to fit values to the Avro type {schema}")
    return _PRIMITIVE[schema]


def _union(branches: list[Any]) -> Fit:
    real = [branch for branch in branches if branch != "null"]
    if len(real) != 1 or len(real) == len(branches):
        raise ValueError("a field is a plain type or a union of null and one type")
    inner = fit_for(real[0])
    if inner is _string:  # the commonest field of all
        return lambda value: None if value is None else _string(value)
    return lambda value: None if value is None or value == "" else inner(value)


def _complex(schema: Mapping[str, Any]) -> Fit:
    logical = schema.get("logicalType")
    if logical == "date":
        return _date
    if logical == "timestamp-millis":
        return _timestamp
    if logical == "decimal":
        return _decimal(int(schema["precision"]), int(schema.get("scale", 0)))
    if schema["type"] == "enum":
        return _enum(frozenset(schema["symbols"]))
    return fit_for(schema["type"])


def _string(value: Any) -> str:
    if type(value) is str:
        text = value
    elif value is None:
        text = ""
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float):
        text = _float_text(value)
    elif isinstance(value, int | Decimal | uuid.UUID):
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
    elif isinstance(value, dt.date | dt.time):
        text = value.isoformat()
    elif isinstance(value, bytes | bytearray | memoryview | list | dict | set | tuple):
        raise Misfit("not-text")
    else:
        text = str(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Misfit("not-unicode") from None
    return text


def _float_text(value: float) -> str:
    if value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    raise Misfit("float-for-text")


def _whole(low: int, high: int) -> Fit:
    def fit(value: Any) -> int:
        if isinstance(value, bool) or value is None:
            raise Misfit("required" if value is None else "not-a-number")
        if isinstance(value, str):
            value = _number(value)
        if isinstance(value, Decimal | float):
            if value != value or value in (float("inf"), float("-inf")) or value != int(value):
                raise Misfit("not-whole")
            value = int(value)
        if not isinstance(value, int):
            raise Misfit("not-a-number")
        if not low <= value <= high:
            raise Misfit("out-of-range")
        return value

    return fit


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise Misfit("not-a-number") from None
    if not number.is_finite() or number.adjusted() > 400:
        raise Misfit("not-a-number")
    return number


def _float(value: Any) -> float:
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Misfit("required" if value is None else "not-a-number")
    try:
        return float(value)
    except OverflowError:
        raise Misfit("out-of-range") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    said = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False, "是": True, "否": False}
    text = str(value).strip().lower() if isinstance(value, int | str) else ""
    if text not in said:
        raise Misfit("required" if value is None else "not-true-or-false")
    return said[text]


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise Misfit("required" if value is None else "not-bytes")


def _enum(symbols: frozenset[str]) -> Fit:
    def fit(value: Any) -> str:
        text = _string(value)
        if text not in symbols:
            raise Misfit("not-a-symbol")
        return text

    return fit


def _date(value: Any) -> dt.date:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip().replace("/", "-"))
        except ValueError:
            raise Misfit("not-a-date") from None
    if isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise Misfit("not-a-date")
        return value.date()
    if not isinstance(value, dt.date):
        raise Misfit("required" if value is None else "not-a-date")
    return value


def _timestamp(value: Any) -> dt.datetime:
    """An aware time in UTC, whole milliseconds. One without a zone is the wall clock of Shanghai."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            raise Misfit("not-a-time") from None
    elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime):
        raise Misfit("required" if value is None else "not-a-time")
    aware = value if value.tzinfo is not None else value.replace(tzinfo=SHANGHAI)
    return _EPOCH + (aware - _EPOCH) // _MILLISECOND * _MILLISECOND


def _decimal(precision: int, scale: int) -> Fit:
    step = Decimal(1).scaleb(-scale)

    def fit(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
            raise Misfit("required" if value is None else "not-a-number")
        number = _number(repr(value) if isinstance(value, float) else str(value))
        try:
            exact = number.quantize(step)
        except InvalidOperation:
            raise Misfit("out-of-range") from None
        if exact != number:
            raise Misfit("too-precise")
        if len(exact.as_tuple().digits) > precision:
            raise Misfit("out-of-range")
        return exact

    return fit


_PRIMITIVE: dict[str, Fit] = {
    "string": _string,
    "int": _whole(-(1 << 31), (1 << 31) - 1),
    "long": _whole(-(1 << 63), (1 << 63) - 1),
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "bytes": _bytes,
}
