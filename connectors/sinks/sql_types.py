"""Column types for the fields a subscriber receives: Avro in, SQLAlchemy out, and whether an existing column will do."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

__all__ = ["Column", "columns_of", "fits"]

#: Avro type -> a portable SQL type. Times are kept with their zone, numbers never as floats.
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "string": sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"),
    "enum": sa.String(200),
    "int": sa.Integer(),
    "long": sa.BigInteger(),
    "float": sa.Double(),
    "double": sa.Double(),
    "boolean": sa.Boolean(),
    "bytes": sa.LargeBinary(),
    "date": sa.Date(),
    "timestamp-millis": sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb"),
}
#: Avro type -> the column types that hold its values as they are.
_HOLD: dict[str, tuple[type, ...]] = {
    "string": (sa.String,),
    "enum": (sa.String, sa.Enum),
    "int": (sa.Integer, sa.Numeric),
    "long": (sa.Integer, sa.Numeric),
    "float": (sa.Float,),
    "double": (sa.Float,),
    "boolean": (sa.Boolean,),
    "bytes": (sa.LargeBinary,),
    "date": (sa.Date,),
    "timestamp-millis": (sa.DateTime,),
    "decimal": (sa.Numeric,),
}


class Column(NamedTuple):
    """One field as a column: its Avro kind, its SQL type, and what it is called in Chinese."""

    name: str
    kind: str
    sql: sa.types.TypeEngine[Any]
    comment: str


def columns_of(record: Mapping[str, Any]) -> list[Column]:
    """The columns for an Avro record, in its order. All admit null: a mask may leave nothing."""
    return [_column(field) for field in record["fields"]]


def fits(column: Column, existing: Any) -> bool:
    """Whether an existing column's type holds what the field brings."""
    if column.kind in ("int", "long") and isinstance(existing, sa.Numeric):
        return not isinstance(existing, sa.Float)
    if column.kind == "long" and isinstance(existing, sa.Integer):
        return isinstance(existing, sa.BigInteger)
    if column.kind == "int" and isinstance(existing, sa.SmallInteger):
        return False
    return isinstance(existing, _HOLD.get(column.kind, (sa.String,)))


def _column(field: Mapping[str, Any]) -> Column:
    schema = field["type"]
    if isinstance(schema, list):
        schema = next(branch for branch in schema if branch != "null")
    told = schema if isinstance(schema, Mapping) else {}
    kind = str(told.get("logicalType") or told.get("type") or schema)
    comment = str(field.get("title") or field.get("doc") or "")
    if kind == "decimal":
        return Column(field["name"], kind, sa.Numeric(int(told["precision"]), int(told.get("scale", 0))), comment)
    return Column(field["name"], kind, _TYPES.get(kind, _TYPES["enum"]), comment)
