"""Column types for the fields a subscriber receives: Avro in, SQLAlchemy out, and whether an existing column will do."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from schemas.codec.fields import Field, text_of
from schemas.codec.writer import row_fields
from schemas.rules.path import kind_of

__all__ = ["Column", "columns_of", "fits"]

_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _moment(digits: int, zone: bool) -> sa.types.TypeEngine[Any]:
    return sa.DateTime(timezone=zone).with_variant(mysql.DATETIME(fsp=digits), "mysql", "mariadb")


def _clock(digits: int) -> sa.types.TypeEngine[Any]:
    return sa.Time().with_variant(mysql.TIME(fsp=digits), "mysql", "mariadb")


#: Kind of field -> a portable SQL type. Times are kept with their zone, numbers never as floats. What is not named here (records,
#: arrays, maps, one of several types) is kept as the text of its JSON.
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "enum": sa.String(200),
    "uuid": sa.String(36),
    "int": sa.Integer(),
    "long": sa.BigInteger(),
    "float": sa.Double(),
    "double": sa.Double(),
    "boolean": sa.Boolean(),
    "bytes": sa.LargeBinary(),
    "fixed": sa.LargeBinary(),
    "date": sa.Date(),
    "time-millis": _clock(3),
    "time-micros": _clock(6),
    "timestamp-millis": _moment(3, zone=True),
    "timestamp-micros": _moment(6, zone=True),
    "local-timestamp-millis": _moment(3, zone=False),
    "local-timestamp-micros": _moment(6, zone=False),
}
#: Kind of field -> the column types that hold its values as they are; a text where none is named.
_HOLD: dict[str, tuple[type, ...]] = {
    "enum": (sa.String, sa.Enum),
    "int": (sa.Integer, sa.Numeric),
    "long": (sa.Integer, sa.Numeric),
    "float": (sa.Float,),
    "double": (sa.Float,),
    "boolean": (sa.Boolean,),
    "bytes": (sa.LargeBinary,),
    "fixed": (sa.LargeBinary,),
    "date": (sa.Date,),
    "time-millis": (sa.Time,),
    "time-micros": (sa.Time,),
    "timestamp-millis": (sa.DateTime,),
    "timestamp-micros": (sa.DateTime,),
    "local-timestamp-millis": (sa.DateTime,),
    "local-timestamp-micros": (sa.DateTime,),
    "decimal": (sa.Numeric,),
}


class Column(NamedTuple):
    """One field as a column: its kind, its SQL type, and what it is called in Chinese."""

    name: str
    kind: str
    sql: sa.types.TypeEngine[Any]
    comment: str

    def stored(self, value: Any) -> Any:
        """A value of the field as the column takes it."""
        if value is None or type(value) is str:
            return value
        return text_of(value) if self.sql is _TEXT or self.kind == "uuid" else value


def columns_of(record: Mapping[str, Any]) -> list[Column]:
    """The columns for an Avro record, in its order. All admit null: a mask may leave nothing."""
    fields = row_fields(json.dumps(record))
    return [_column(field, part) for field, part in zip(fields, record["fields"], strict=True)]


def fits(column: Column, existing: Any) -> bool:
    """Whether an existing column's type holds what the field brings."""
    if column.kind in ("int", "long") and isinstance(existing, sa.Numeric):
        return not isinstance(existing, sa.Float)
    if column.kind == "long" and isinstance(existing, sa.Integer):
        return isinstance(existing, sa.BigInteger)
    if column.kind == "int" and isinstance(existing, sa.SmallInteger):
        return False
    if column.kind.startswith("local-") and isinstance(existing, sa.DateTime):
        return not existing.timezone  # the session's zone would be taken for its own
    return isinstance(existing, _HOLD.get(column.kind, (sa.String,)))


def _column(field: Field, part: Mapping[str, Any]) -> Column:
    comment = str(part.get("title") or part.get("doc") or "")
    if field.kind == "decimal":
        told = next(one for one in _branches(field.avro.schema) if one != "null")
        return Column(field.name, "decimal", sa.Numeric(int(told["precision"]), int(told.get("scale", 0))), comment)
    return Column(field.name, kind_of(field), _TYPES.get(field.kind, _TEXT), comment)


def _branches(schema: Any) -> list[Any]:
    return schema if isinstance(schema, list) else [schema]
