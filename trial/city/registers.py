"""The departments' tables in PostgreSQL: the village register of civil affairs and the population register of health.

Rows go in with COPY, in chunks. Key columns are the primary keys; `updated_at` is the watermark the connectors follow.
"""

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from psycopg import sql

from trial.city.places import CITY, Village
from trial.city.postgres import LocalPostgres
from trial.city.residents import Resident

__all__ = ["RESIDENTS", "TABLES", "VILLAGES", "Register", "read_table", "stored_positions", "village_rows"]

_TABLE_OF_VILLAGES = """
CREATE TABLE IF NOT EXISTS village (
  code text PRIMARY KEY, name text NOT NULL, street_code text NOT NULL, street text NOT NULL, area_code text NOT NULL,
  area text NOT NULL, city text NOT NULL, updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS village_updated ON village (updated_at, code);
"""
_TABLE_OF_RESIDENTS = """
CREATE TABLE IF NOT EXISTS resident (
  resident_id text PRIMARY KEY, name text NOT NULL, sex text NOT NULL, birth_date text NOT NULL, phone text,
  division text NOT NULL, address text NOT NULL, status text NOT NULL,
  updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS resident_updated ON resident (updated_at, resident_id);
"""
#: table, columns given by us, its definition
VILLAGES = ("village", ("code", "name", "street_code", "street", "area_code", "area", "city"), _TABLE_OF_VILLAGES)
RESIDENTS = ("resident", Resident._fields, _TABLE_OF_RESIDENTS)
#: database (and user) -> its table
TABLES = {"civil": VILLAGES, "health": RESIDENTS}


class Register:
    """One department's connection to its own table. Every call is one transaction of the department."""

    def __init__(self, server: LocalPostgres, database: str) -> None:
        self.table, self.columns, definition = TABLES[database]
        self._server, self._database = server, database
        server.make_database(database)
        self._connection = self._connect()
        self._connection.execute("SET client_min_messages = warning")
        self._connection.execute(definition)

    def reconnect(self) -> None:
        """The server was started again."""
        self._connection.close()
        self._connection = self._connect()

    def load(self, rows: Iterable[Sequence[Any]]) -> None:
        """COPY rows in."""
        names = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(self.table), names)
        with self._connection.transaction(), self._connection.cursor() as cursor, cursor.copy(command) as copy:
            for row in rows:
                copy.write_row(row)

    def update(self, changes: Iterable[tuple[str, str, Any]]) -> None:
        """Set one column of one row each: (key, column, value)."""
        by_column: dict[str, list[tuple[Any, str]]] = {}
        for key, column, value in changes:
            by_column.setdefault(column, []).append((value, key))
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for column, pairs in by_column.items():
                command = sql.SQL("UPDATE {} SET {} = %s, updated_at = clock_timestamp() WHERE {} = %s").format(
                    sql.Identifier(self.table), sql.Identifier(column), sql.Identifier(self.columns[0]))
                cursor.executemany(command, pairs)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete rows by key."""
        self._connection.execute(
            sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(sql.Identifier(self.table), sql.Identifier(self.columns[0])),
            (list(keys),))

    def is_empty(self) -> bool:
        """Whether the table has no row."""
        return self._connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(self.table))).fetchone() is None

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(host="127.0.0.1", port=self._server.port, dbname=self._database, user=self._database,
                               password=self._server.password(self._database), autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def village_rows(villages: Iterable[Village]) -> Iterator[tuple[str, ...]]:
    """The rows of the village register, in its column order."""
    for village in villages:
        yield (village.code, village.name, village.street_code, village.street, village.area_code, village.area, CITY)


def read_table(server: LocalPostgres, database: str, table: str) -> Iterator[dict[str, Any]]:
    """Every row of a table as it stands now, for whoever compares."""
    engine = sa.create_engine(server.url(database), hide_parameters=True)
    try:
        with engine.connect().execution_options(yield_per=5000) as connection:
            for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')).mappings():
                yield dict(row)
    finally:
        engine.dispose()


def stored_positions(server: LocalPostgres, database: str) -> dict[tuple[str, int], int]:
    """Up to where the sinks of a database have stored each partition they read; the slowest of them counts."""
    engine = sa.create_engine(server.url(database), hide_parameters=True)
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT lane, lane_partition, min(next_offset) FROM shutong_positions "
                                              "GROUP BY lane, lane_partition")).all()
    except sa.exc.ProgrammingError:
        return {}
    finally:
        engine.dispose()
    return {(lane, partition): offset for lane, partition, offset in rows}
