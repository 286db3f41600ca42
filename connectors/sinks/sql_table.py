"""sql_table: a table that always shows what the subscriber may see. Upserts and deletes by `_key`, the Kafka key as received.

Rows and positions are written in one database transaction, so each delivery takes effect once. The table is made from
the delivered schema where there is none; where there is one, `check` names everything that does not fit.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mysql

from connectors.base import ConnectorConfig, Delivered, Finding, Positions, Sink, SinkShape
from connectors.database import DatabaseAddress, failed, open_engine
from connectors.sinks.sql_check import find_problems
from connectors.sinks.sql_positions import PositionTable
from connectors.sinks.sql_refusal import refused_column
from connectors.sinks.sql_types import columns_of
from connectors.sinks.sql_upsert import upsert
from connectors.sources.sql_query import split_name
from schemas.errors import HaltError
from schemas.text import Text

__all__ = ["KEY", "SqlTableSink", "SqlTableSinkConfig"]

KEY = "_key"
#: As long as an index admits, and no two keys the same that are not: the default collations know no case.
_MYSQL_KEY = mysql.VARCHAR(700, charset="utf8mb4", collation="utf8mb4_bin")
_NUL, _NUL_SYMBOL = "\0", "␀"


class SqlTableSinkConfig(ConnectorConfig, DatabaseAddress):
    """`nul` says what becomes of a NUL character, which PostgreSQL cannot store: stop, or show it as the symbol ␀."""

    table: str
    create: bool = True
    nul: Literal["halt", "symbol"] = "halt"


class SqlTableSink(Sink[SqlTableSinkConfig]):
    kind = "sql_table"
    config_type = SqlTableSinkConfig

    def __init__(self, config: SqlTableSinkConfig, shape: SinkShape) -> None:
        super().__init__(config, shape)
        self._engine = open_engine(config)
        self._columns = columns_of(shape.row_schema)
        schema, name = split_name(config.table)
        key = sa.Column(KEY, sa.Text().with_variant(_MYSQL_KEY, "mysql", "mariadb"), primary_key=True)
        comment = str(shape.row_schema.get("doc", "")) or None
        self._table = sa.Table(
            name,
            sa.MetaData(),
            key,
            *(
                sa.Column(column.name, column.sql, nullable=True, comment=column.comment or None)
                for column in self._columns
            ),
            schema=schema,
            comment=comment,
        )
        self._positions = PositionTable(shape.instance, schema)
        self._known: dict[tuple[str, int], int] = {}

    def check(self) -> Iterator[Finding]:
        """The address, the table if it exists, its key, each column."""
        return find_problems(self._engine, self.config.table, self.config.create, self._columns, KEY)

    def open(self) -> Positions:
        """Make the tables that are missing; the positions stored with the rows."""
        try:
            try:
                self._known = self._make()
            except exc.DBAPIError as error:
                if error.connection_invalidated:
                    raise
                # Another instance made the same table in this moment; now it is there. Anything else comes again.
                self._known = self._make()
        except exc.SQLAlchemyError as error:
            raise failed(
                error, Text(f"无法准备表 {self.config.table}", f"cannot prepare table {self.config.table}")
            ) from None
        return dict(self._known)

    def _make(self) -> dict[tuple[str, int], int]:
        with self._engine.begin() as connection:
            inspector = sa.inspect(connection)
            schema, name = split_name(self.config.table)
            target = ".".join(filter(None, (schema or inspector.default_schema_name, name)))
            known = self._positions.open(connection, target, stands=inspector.has_table(name, schema=schema))
            if self.config.create:
                self._table.create(connection, checkfirst=True)
            return known

    def write(self, changes: Sequence[Delivered], positions: Positions) -> None:
        """Both or neither. Of several changes of one key the last one counts."""
        last = {change.key: change.row for change in changes}
        rows = [self._row(key, row) for key, row in last.items() if row is not None]
        gone = [_text(key) for key, row in last.items() if row is None]
        try:
            with self._engine.begin() as connection:
                self._positions.move(connection, self._known, positions)
                if gone:
                    connection.execute(
                        self._table.delete().where(self._table.c[KEY] == sa.bindparam("b_key")),
                        [{"b_key": key} for key in gone],
                    )
                upsert(connection, self._table, [KEY], rows)
        except (exc.DataError, exc.IntegrityError) as error:
            raise self._refused(error, rows) from None
        except exc.SQLAlchemyError as error:
            raise failed(
                error, Text(f"写入表 {self.config.table} 失败", f"cannot write to table {self.config.table}")
            ) from None
        self._known = {**self._known, **positions}

    def close(self) -> None:
        self._engine.dispose()

    def _row(self, key: bytes, row: Mapping[str, Any]) -> dict[str, Any]:
        stored: dict[str, Any] = {KEY: self._storable(KEY, _text(key))}
        for column in self._columns:
            value = column.stored(row.get(column.name))
            stored[column.name] = self._storable(column.name, value) if type(value) is str else value
        return stored

    def _storable(self, column: str, text: str) -> str:
        if _NUL not in text or self._engine.dialect.name != "postgresql":
            return text
        if self.config.nul == "symbol":
            return text.replace(_NUL, _NUL_SYMBOL)
        raise HaltError(
            Text(
                f"列 {self.config.table}.{column} 收到 NUL 字符，PostgreSQL 无法保存",
                f"column {self.config.table}.{column} is given a NUL character, which PostgreSQL cannot store",
            ),
            advice=Text(
                '请提供方更正；或设置 nul="symbol"，以 ␀ 代替',
                'have the provider correct it; or set nul="symbol" to show it as ␀',
            ),
        )

    def _refused(self, error: exc.DBAPIError, rows: Sequence[Mapping[str, Any]]) -> HaltError:
        column = refused_column(self._engine, self._table, error, rows)
        kind = type(error.orig).__name__
        return HaltError(
            Text(
                f"表 {self.config.table} 的列 {column} 拒绝了一个值（{kind}）",
                f"column {column} of table {self.config.table} refused a value ({kind})",
            ),
            advice=Text(
                "改正该列的类型、长度或约束，然后自动从原位置继续",
                "correct the column's type, length or constraint; it goes on from where it stopped",
            ),
        )


def _text(key: bytes) -> str:
    return key.decode()
