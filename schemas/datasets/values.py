"""Rows as TOML can write them, made rows of Python values: decimals are texts there, and what is left out has its default."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.codec import Avro

__all__ = ["row_values", "whole_row"]


def whole_row(told: Mapping[str, Any], row_schema: str) -> dict[str, Any]:
    """A row with every field: those told, and the others' defaults. A field that has none stays away."""
    schema = Avro(row_schema).schema
    defaults = {part["name"]: part["default"] for part in schema["fields"] if "default" in part}
    return {**defaults, **row_values(told, row_schema)}


def row_values(told: Mapping[str, Any], row_schema: str) -> dict[str, Any]:
    """Some fields of a row. What fits no field or type comes back as it is: the codec will say so."""
    schema = Avro(row_schema).schema
    return _record(told, schema, schema["__named_schemas"])


def _record(told: Mapping[str, Any], schema: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {part["name"]: part["type"] for part in schema["fields"]}
    return {name: _value(value, kinds[name], named) if name in kinds else value for name, value in told.items()}


def _value(value: Any, kind: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(kind, str):
        kind = named.get(kind, kind)
    if isinstance(kind, list):
        branches = [branch for branch in kind if branch != "null"]
        return _value(value, branches[0], named) if len(branches) == 1 else value
    if not isinstance(kind, dict):
        return value
    if kind.get("logicalType") == "decimal" and isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    if "fields" in kind and isinstance(value, Mapping):
        inner = {part["name"]: part["default"] for part in kind["fields"] if "default" in part}
        return {**inner, **_record(value, kind, named)}
    if "items" in kind and isinstance(value, list):
        return [_value(one, kind["items"], named) for one in value]
    if "values" in kind and isinstance(value, Mapping):
        return {name: _value(one, kind["values"], named) for name, one in value.items()}
    return value
