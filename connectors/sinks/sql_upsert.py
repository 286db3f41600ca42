"""Insert or replace by `_key`, as each database says it; where it has no word for it, delete and insert in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

__all__ = ["upsert"]

_PARAMETERS = 20_000


def upsert(connection: sa.Connection, table: sa.Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Each row stands in the table afterwards exactly as given. No key may occur twice in `rows`."""
    name = connection.dialect.name
    if not rows:
        return
    if name in ("mysql", "mariadb"):
        statement = mysql.insert(table)
        news = {column: statement.inserted[column] for column in rows[0] if column not in key}
        connection.execute(statement.on_duplicate_key_update(news or {key[0]: statement.inserted[key[0]]}), list(rows))
    elif name in ("postgresql", "sqlite"):
        _on_conflict(connection, table, key, rows)
    else:
        where = sa.and_(*(table.c[column] == sa.bindparam(f"b_{column}") for column in key))
        connection.execute(
            table.delete().where(where), [{f"b_{column}": row[column] for column in key} for row in rows]
        )
        connection.execute(table.insert(), list(rows))


def _on_conflict(
    connection: sa.Connection, table: sa.Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    statement: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    news = {column: statement.excluded[column] for column in rows[0] if column not in key}
    if news:
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=news)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    connection.execute(statement, list(rows))
