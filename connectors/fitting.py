"""Fitting a source's value to the Avro type of its field: what a driver or a file gives, as the codec wants it.

One small function per type, made once per field. A value that cannot be said without loss is a `Misfit`: never rounded,
cut or guessed (but a time is told as exactly as its field has it). Numbers and dates become text where the field is text; a float with
a fraction or beyond 2^53 does not: its digits may be gone. Null in a text field that admits none goes as empty text, so
that the rule `required` can say so in the quarantine, where the department looks.
"""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
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


def fit_for(schema: Any, named: Mapping[str, Any]) -> Fit:
    """The function that fits values to one Avro type (parsed JSON; `named` are the types it defines). LookupError for a union of
    several types, where nobody could tell which is meant, and for a type that contains itself."""
    if isinstance(schema, list):
        return _union(schema, named)
    if isinstance(schema, Mapping):
        # What stands in a type does not know its name.
        return _complex(schema, {name: node for name, node in named.items() if name != schema.get("name")})
    return fit_for(named[schema], named) if schema in named else _PRIMITIVE[schema]


def _union(branches: list[Any], named: Mapping[str, Any]) -> Fit:
    real = [branch for branch in branches if branch != "null"]
    if len(real) != 1 or len(real) == len(branches):
        raise LookupError("a union of several types")
    inner = fit_for(real[0], named)
    if inner is _string:  # the commonest field of all
        return lambda value: None if value is None else _string(value)
    return lambda value: None if value is None or value == "" else inner(value)


def _complex(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Fit:
    logical = schema.get("logicalType")
    made = _LOGICAL.get((str(schema["type"]), str(logical)))
    if made is not None:
        return made
    match schema["type"]:
        case _ if logical == "decimal":
            return _decimal(int(schema["precision"]), int(schema.get("scale", 0)))
        case "enum":
            return _enum(frozenset(schema["symbols"]))
        case "fixed":
            return _fixed(schema["size"])
        case "array":
            return _array(fit_for(schema["items"], named))
        case "map":
            return _map(fit_for(schema["values"], named))
        case "record":
            return _record({part["name"]: fit_for(part["type"], named) for part in schema["fields"]})
    return fit_for(schema["type"], named)


def _array(item: Fit) -> Fit:
    def fit(value: Any) -> list[Any]:
        value = _from_json(value)
        if not isinstance(value, list | tuple):
            raise Misfit("required" if value is None else "not-an-array")
        return [item(one) for one in value]

    return fit


def _map(inner: Fit) -> Fit:
    def fit(value: Any) -> dict[str, Any]:
        value = _from_json(value)
        if not isinstance(value, Mapping):
            raise Misfit("required" if value is None else "not-an-object")
        return {_string(key): inner(one) for key, one in value.items()}

    return fit


def _record(parts: Mapping[str, Fit]) -> Fit:
    def fit(value: Any) -> dict[str, Any]:
        value = _from_json(value)
        if not isinstance(value, Mapping):
            raise Misfit("required" if value is None else "not-an-object")
        if value.keys() - parts.keys():
            raise Misfit("unknown-member")
        return {name: part(value.get(name)) for name, part in parts.items()}

    return fit


def _from_json(value: Any) -> Any:
    """What a text says in JSON, its numbers to the last digit; anything else is there already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Misfit("not-json") from None


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


def _moment(value: Any, step: dt.timedelta) -> dt.datetime:
    """An aware time in UTC, in whole steps. One without a zone is the wall clock of Shanghai."""
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
    try:
        return _EPOCH + (aware - _EPOCH) // step * step
    except OverflowError:
        raise Misfit("out-of-range") from None


def _timestamp(value: Any) -> dt.datetime:
    return _moment(value, _MILLISECOND)


def _wall_clock(value: Any, step: dt.timedelta) -> dt.datetime:
    """What the clock in Shanghai showed; one that names no zone is taken as it stands."""
    try:
        return _moment(value, step).astimezone(SHANGHAI).replace(tzinfo=None)
    except OverflowError:
        raise Misfit("out-of-range") from None


def _clock(value: Any, step: dt.timedelta) -> dt.time:
    """A time of day without a zone, in whole steps; some drivers give it as the time since midnight."""
    if isinstance(value, str):
        try:
            value = dt.time.fromisoformat(value.strip())
        except ValueError:
            raise Misfit("not-a-time") from None
    if isinstance(value, dt.time) and value.tzinfo is None:
        value = dt.datetime.combine(dt.date.min, value) - dt.datetime.min
    if not isinstance(value, dt.timedelta) or not dt.timedelta() <= value < dt.timedelta(days=1):
        raise Misfit("required" if value is None else "not-a-time")
    return (dt.datetime.min + value // step * step).time()


def _uuid(value: Any) -> uuid.UUID:
    try:
        return value if isinstance(value, uuid.UUID) else uuid.UUID(_string(value).strip())
    except ValueError:
        raise Misfit("required" if value is None else "not-a-uuid") from None


def _fixed(size: int) -> Fit:
    def fit(value: Any) -> bytes:
        data = _bytes(value)
        if len(data) != size:
            raise Misfit("wrong-size")
        return data

    return fit


def _nothing(value: Any) -> None:
    if value is not None and value != "":
        raise Misfit("not-empty")


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
    "null": _nothing,
}
_LOGICAL: dict[tuple[str, str], Fit] = {
    ("int", "date"): _date,
    ("int", "time-millis"): partial(_clock, step=_MILLISECOND),
    ("long", "time-micros"): partial(_clock, step=dt.timedelta.resolution),
    ("long", "timestamp-millis"): _timestamp,
    ("long", "timestamp-micros"): partial(_moment, step=dt.timedelta.resolution),
    ("long", "local-timestamp-millis"): partial(_wall_clock, step=_MILLISECOND),
    ("long", "local-timestamp-micros"): partial(_wall_clock, step=dt.timedelta.resolution),
    ("string", "uuid"): _uuid,
}
