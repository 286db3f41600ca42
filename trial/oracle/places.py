"""Every value of a row with its place, laid out flat: by the path a dataset names it, and by the one a finding names.

Reads the row's schema for itself. Values are as the wire has them (days, milliseconds, bytes) or as Python has them.
"""

import datetime as dt
import json
import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from trial.oracle.nested import Branch

__all__ = ["Place", "Shape", "text_of"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UNITS = {f"{before}{unit}": one for before in ("time-", "timestamp-", "local-timestamp-")
          for unit, one in (("millis", dt.timedelta(milliseconds=1)), ("micros", dt.timedelta(microseconds=1)))}


class Place(NamedTuple):
    """One value: `holder[key]`, of a type, under a path such as `items[].amount`, here `items[2].amount`."""

    path: str
    where: str
    turns: tuple[int, ...]
    kind: Any
    nullable: bool
    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.holder[self.key]


class Shape:
    """The shape of a dataset's rows, by the text of its schema."""

    def __init__(self, schema: str) -> None:
        self._row = json.loads(schema)
        self._named: dict[str, Any] = {}
        self._learn(self._row)

    def places(self, row: dict[str, Any]) -> Iterator[Place]:
        """All values of a row, outer ones before those in them."""
        for field in self._row["fields"]:
            yield from self._walk(field["type"], row, field["name"], field["name"], field["name"], ())

    def value(self, name: str, value: Any) -> Any:
        """A value of the wire of this field of the row as Python has it."""
        return None if value is None else self._plain(self._kind(name), value)

    def nothing(self, name: str) -> Any:
        """Null, as the wire has it, in this field or in one that may be null besides."""
        kind = self._kind(name)
        branches = kind if isinstance(kind, list) else [kind]
        branches = branches if "null" in branches else ["null", *branches]
        return None if len(branches) <= 2 else Branch(branches.index("null"), None)

    def _kind(self, name: str) -> Any:
        return next(field["type"] for field in self._row["fields"] if field["name"] == name)

    def text(self, place: Place) -> str | None:
        """The value as the rules read it; None for null."""
        return None if place.value is None else text_of(self._plain(place.kind, place.value))

    def _walk(self, declared: Any, holder: Any, key: Any, path: str, where: str, turns: tuple[int, ...]) -> Iterator[Place]:
        nullable = isinstance(declared, list) and len(declared) == 2 and "null" in declared
        kind = self._resolved(next(one for one in declared if one != "null") if nullable else declared)
        yield Place(path, where, turns, kind, nullable, holder, key)
        value = holder[key]
        if value is None or not isinstance(kind, dict):
            return
        if kind["type"] == "record":
            for field in kind["fields"]:
                name = field["name"]
                yield from self._walk(field["type"], value, name, f"{path}.{name}", f"{where}.{name}", turns)
        elif kind["type"] == "array":
            for number in range(len(value)):
                yield from self._walk(kind["items"], value, number, f"{path}[]", f"{where}[{number}]", (*turns, number))
        elif kind["type"] == "map":
            for number, name in enumerate(list(value)):
                yield from self._walk(kind["values"], value, name, f"{path}{{}}", f"{where}{{{number}}}", (*turns, number))

    def _plain(self, kind: Any, value: Any) -> Any:
        """A value of the wire as Python has it, to the innermost."""
        kind = self._resolved(kind)
        if isinstance(value, Branch):
            return self._plain(kind[value.number], value.value)
        if isinstance(kind, list):
            return value if value is None or len(kind) != 2 else self._plain(next(one for one in kind if one != "null"), value)
        if "float" in (kind, kind["type"] if isinstance(kind, dict) else "") and isinstance(value, bytes):
            return struct.unpack("<f", value)[0]
        if not isinstance(kind, dict) or value is None:
            return value
        logical = kind.get("logicalType")
        if logical == "date" and isinstance(value, int):
            return dt.date.fromordinal(value + dt.date(1970, 1, 1).toordinal())
        if logical in _UNITS and isinstance(value, int):
            passed = value * _UNITS[logical]
            if logical.startswith("time-"):
                return (dt.datetime.min + passed).time()
            return (_EPOCH.replace(tzinfo=None) if logical.startswith("local-") else _EPOCH) + passed
        if logical == "decimal" and isinstance(value, bytes):
            return Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-kind.get("scale", 0))
        if kind["type"] == "record":
            return {field["name"]: self._plain(field["type"], value[field["name"]]) for field in kind["fields"]}
        if kind["type"] == "array":
            return [self._plain(kind["items"], item) for item in value]
        if kind["type"] == "map":
            return {name: self._plain(kind["values"], item) for name, item in value.items()}
        return value

    def _resolved(self, kind: Any) -> Any:
        """A type by what it is, where only its name stands."""
        if isinstance(kind, str) and kind in self._named:
            return self._named[kind]
        return self._resolved(kind["type"]) if isinstance(kind, dict) and isinstance(kind["type"], (dict, list)) else kind

    def _learn(self, kind: Any) -> None:
        if isinstance(kind, list):
            for one in kind:
                self._learn(one)
        elif isinstance(kind, dict):
            if "name" in kind and kind.get("type") in ("record", "enum", "fixed"):
                self._named[kind["name"]] = kind
            for part in (kind.get("type"), kind.get("items"), kind.get("values"), *kind.get("fields", ())):
                self._learn(part)


def text_of(value: Any) -> str:
    """A value as rules read it: dates and moments in ISO 8601, bytes in hex, what has parts as JSON with sorted names."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case bytes():
            return value.hex()
        case dt.date() | dt.time():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=text_of)
    return str(value)
