"""Which column refused a value: from what the driver tells, else by trying. For the message; no value is ever in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connectors.sinks.sql_upsert import upsert

__all__ = ["refused_column"]


def refused_column(engine: sa.Engine, table: sa.Table, error: exc.DBAPIError, rows: Sequence[Mapping[str, Any]]) -> str:
    """The column's name; `?` where neither the driver nor a trial tells."""
    told = getattr(getattr(error.orig, "diag", None), "column_name", None)
    if told:
        return str(told)
    row = _first_refused(engine, table, rows)
    if row is None:
        return "?"
    return next((name for name in row if name != "_key" and _refuses(engine, table, row, name)), "?")


def _first_refused(engine: sa.Engine, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """By halves: the first row the table does not take."""
    while len(rows) > 1:
        middle = len(rows) // 2
        rows = rows[:middle] if not _takes(engine, table, rows[:middle]) else rows[middle:]
    return rows[0] if rows and not _takes(engine, table, rows) else None


def _refuses(engine: sa.Engine, table: sa.Table, row: Mapping[str, Any], name: str) -> bool:
    """Whether the row is taken once this column is left empty."""
    return row[name] is not None and _takes(engine, table, [{**row, name: None}])


def _takes(engine: sa.Engine, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> bool:
    with engine.connect() as connection:
        try:
            upsert(connection, table, ["_key"], rows)
        except exc.DBAPIError:
            return False
        finally:
            connection.rollback()
    return True
