"""Values as people and JSON write them, made into the Avro values of a schema: dates, decimals and numbers from text.

The inverse of what pages and `show` print; whatever does not fit is refused by the path of its field, never with the value.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from schemas.codec.avro import Json
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["misfit", "typed"]


def typed(kind: Json, value: Any, named: Mapping[str, Json], path: str = "") -> Any:
    """The value of this schema that `value` stands for, fields by their names or aliases. `named`: the schemas known by name.
    RejectError `misfit` names a path."""
    if isinstance(kind, str) and kind in named:
        kind = named[kind]
    if isinstance(kind, list):
        return _branch(kind, value, named, path)
    name = kind if isinstance(kind, str) else kind["type"]
    if isinstance(name, (dict, list)):
        return typed(name, value, named, path)
    match name:
        case "record" | "error":
            return _record(kind, value, named, path)
        case "array" if isinstance(value, list):
            return [typed(kind["items"], each, named, f"{path}[{at}]") for at, each in enumerate(value)]
        case "map" if isinstance(value, Mapping):
            return {str(key): typed(kind["values"], each, named, f"{path}[]") for key, each in value.items()}
        case "array" | "map":
            raise misfit(path)
    try:
        return _single(name, kind if isinstance(kind, dict) else {}, value)
    except (ValueError, ArithmeticError, TypeError):
        raise misfit(path) from None


def misfit(path: str) -> RejectError:
    """What is said of a value that no value of its field stands for, or of a field that is none."""
    name = path or "?"
    return RejectError("misfit", Text(f"字段 {name} 不存在或取值与类型不符", f"field {name} is none, or the value is not of its type"),
                       advice=Text("核对字段名与类型：日期写作 2026-01-02，小数与整数照写，空值写作 null",
                                   "compare name and type: dates as 2026-01-02, numbers as they are, no value as null"))


def _record(kind: Mapping[str, Json], value: Any, named: Mapping[str, Json], path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise misfit(path)
    fields = {part["name"]: part for part in kind["fields"]}
    before = {alias: name for name, part in fields.items() for alias in part.get("aliases", ()) if alias not in fields}
    dot = f"{path}." if path else ""
    for name in value:
        if before.get(name, name) not in fields or (name in before and before[name] in value):
            raise misfit(f"{dot}{name}")
    value = {before.get(name, name): each for name, each in value.items()}
    made = {}
    for name, part in fields.items():
        if name not in value and "default" not in part:
            raise misfit(f"{dot}{name}")
        made[name] = typed(part["type"], value.get(name, part.get("default")), named, f"{dot}{name}")
    return made


def _branch(kinds: list[Json], value: Any, named: Mapping[str, Json], path: str) -> Any:
    if value is None:
        if "null" in kinds:
            return None
        raise misfit(path)
    for kind in kinds:
        if kind != "null":
            try:
                return typed(kind, value, named, path)
            except RejectError as error:
                wrong = error
    raise wrong


def _single(name: str, kind: Mapping[str, Json], value: Any) -> Any:
    logical = kind.get("logicalType", "")
    if logical == "decimal":
        return Decimal(str(value))
    if logical == "date":
        return dt.date.fromisoformat(value)
    if logical.endswith(("timestamp-millis", "timestamp-micros")):
        moment = dt.datetime.fromisoformat(value)
        if (moment.tzinfo is None) is not logical.startswith("local-"):
            raise ValueError  # the machine's own zone would decide; a wall clock has none
        return moment
    if logical in ("time-millis", "time-micros"):
        return dt.time.fromisoformat(value)
    if logical == "uuid" and name == "string":
        return uuid.UUID(value)
    match name:
        case "string" if isinstance(value, str):
            return value
        case "enum" if value in kind["symbols"]:
            return value
        case "null" if value is None:
            return None
        case "boolean" if isinstance(value, bool) or value in ("true", "false"):
            return value in (True, "true")
        case "int" | "long" if isinstance(value, (int, str)) and not isinstance(value, bool):
            return int(value)
        case "float" | "double" if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
        case "bytes" | "fixed":
            return bytes.fromhex(value)
    raise ValueError
