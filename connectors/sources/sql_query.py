"""The questions the sql_table source asks of one table: pages by key, pages by watermark, rows of given keys.

Each is a short statement of its own by keyset, in no transaction, so the department's database is never held open.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connectors.database import failed
from connectors.sources.watermark import Watermark, watermark_of
from schemas.errors import BusError, HaltError
from schemas.text import Text

__all__ = ["SourceTable", "split_name"]

#: Databases that compare row values, (a, b) > (x, y); the others get the same thing spelt out.
_ROW_VALUES = {"postgresql", "mysql", "mariadb", "sqlite"}

Row = tuple[Any, ...]


def split_name(table: str) -> tuple[str | None, str]:
    """`schema.table` or `table`."""
    schema, dot, name = table.rpartition(".")
    return (schema if dot else None), name


class SourceTable:
    """One table with the columns of a dataset. A row is its fields in order, then the watermark if there is one."""

    def __init__(
        self, engine: sa.Engine, table: str, columns: Mapping[str, str], key: Sequence[str], watermark: str
    ) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._name = table
        self.fields = tuple(columns)
        self.table = reflected = self._reflect(table)
        self._columns = [self._column(reflected, column) for column in columns.values()]
        self._keys = [self._column(reflected, columns[field]) for field in key]
        self._key_at = [self.fields.index(field) for field in key]
        self._mark = self._column(reflected, watermark) if watermark else None
        self.watermark: Watermark | None = watermark_of(self._mark.type) if self._mark is not None else None
        #: Column and kind of the watermark: numbers of another one are not comparable.
        self.watermark_name = f"{watermark}:{self.watermark.kind}" if self.watermark is not None else ""
        self._what = [*self._columns, *([] if self._mark is None else [self._mark])]
        self._as_driven = _is_plain(engine.dialect, self._what)

    def key_of(self, row: Row) -> Row:
        """The key columns' values of a row."""
        return tuple(row[at] for at in self._key_at)

    def mark_of(self, row: Row) -> int | None:
        """The watermark of a row as a number."""
        if self.watermark is None or row[-1] is None or isinstance(row[-1], str):
            return None  # text is what `_in_text` could not make a time of
        return self.watermark.to_number(row[-1])

    def moments(self, marks: Sequence[int | None], now: int) -> list[int]:
        """When rows of these marks changed, in milliseconds: the watermark if that is a time, else `now`."""
        ahead = self.watermark.ahead if self.watermark is not None else None
        if ahead is None:
            return [now] * len(marks)
        return [now if mark is None else (mark - ahead) // 1000 for mark in marks]

    def page_by_key(self, last: Row | None, limit: int) -> list[Row]:
        """The next rows in the order of the key."""
        return self._page(self._by_key(sa.select(*self._what), last, limit))

    def keys(self, last: Row | None, limit: int) -> list[Row]:
        """The next keys alone."""
        return self._rows(self._by_key(sa.select(*self._keys), last, limit))

    def page_by_mark(self, floor: int | None, after: tuple[int, Row] | None, limit: int) -> list[Row]:
        """The next rows by watermark, from `floor` on, behind the (watermark, key) of the last page."""
        assert self._mark is not None
        assert self.watermark is not None
        query = sa.select(*self._what).where(self._marked())
        order = [self._mark, *self._keys]
        if after is not None:
            query = query.where(self._behind(order, (self.watermark.to_value(after[0]), *after[1])))
        elif floor is not None:
            query = query.where(self._mark >= self.watermark.to_value(floor))
        return self._page(query.order_by(*order).limit(limit))

    def rows_of(self, keys: Sequence[Row]) -> list[Row]:
        """The rows of these keys, as far as they are still there."""
        found: sa.ColumnElement[bool]
        if len(self._keys) == 1:
            found = self._keys[0].in_([key[0] for key in keys])
        else:
            found = sa.or_(
                *(sa.and_(*(column == value for column, value in zip(self._keys, key, strict=True))) for key in keys)
            )
        return self._page(sa.select(*self._what).where(found))

    def top_mark(self, below: int | None = None) -> int | None:
        """The highest watermark now, or the highest below another one; None for an empty table."""
        assert self._mark is not None
        assert self.watermark is not None
        query = sa.select(sa.func.max(self._mark)).where(self._marked())
        [(top,)] = self._rows(query if below is None else query.where(self._mark < self.watermark.to_value(below)))
        return None if top is None else self.watermark.to_number(top)

    def clock(self) -> int | None:
        """The database's clock as a watermark, if a clock says anything about it."""
        asked = self.watermark.clock() if self.watermark is not None else None
        if asked is None or self.watermark is None:
            return None
        [(now,)] = self._rows(sa.select(asked))
        return self.watermark.to_number(now)

    def count(self, where: Any = None) -> int:
        """How many rows there are, or how many of them fulfil a condition."""
        query = sa.select(sa.func.count()).select_from(self.table)
        [(number,)] = self._rows(query if where is None else query.where(where))
        return int(number)

    def without_key(self) -> int:
        """How many rows have no complete key: they are no records."""
        nullable = [column for column in self._keys if column.nullable]
        return self.count(sa.or_(*(column.is_(None) for column in nullable))) if nullable else 0

    def without_mark(self) -> int:
        """How many rows have no watermark, or one beyond all calendars: their updates cannot be seen."""
        if self._mark is None or self.watermark is None or not (self._mark.nullable or self.watermark.range):
            return 0
        return self.count(sa.or_(self._mark.is_(None), sa.not_(self._marked())))

    def _marked(self) -> sa.ColumnElement[bool]:
        """Whether a row has a watermark that is one."""
        assert self._mark is not None
        assert self.watermark is not None
        bounds = self.watermark.range
        return self._mark.is_not(None) if bounds is None else self._mark.between(*bounds)

    def _by_key(self, query: sa.Select[Any], last: Row | None, limit: int) -> sa.Select[Any]:
        if last is not None:
            query = query.where(self._behind(self._keys, last))
        for column in self._keys:
            if column.nullable:
                query = query.where(column.is_not(None))
        return query.order_by(*self._keys).limit(limit)

    def _behind(self, columns: Sequence[sa.Column[Any]], last: Row) -> sa.ColumnElement[bool]:
        given = [sa.literal(value, type_=column.type) for column, value in zip(columns, last, strict=True)]
        if len(columns) == 1:
            return columns[0] > given[0]
        if self._engine.dialect.name in _ROW_VALUES:
            return sa.tuple_(*columns) > sa.tuple_(*given)
        steps = []
        for at, column in enumerate(columns):
            same = [one == value for one, value in zip(columns[:at], given[:at], strict=True)]
            steps.append(sa.and_(*same, column > given[at]))
        return sa.or_(*steps)

    def _page(self, query: sa.Select[Any]) -> list[Row]:
        """Rows as the driver gives them, where SQLAlchemy would change nothing: less than half the work. One whose value
        cannot be read is no reason to halt: times and dates come as text then, and what is none is refused in its row."""
        if self._as_driven:
            try:
                with self._engine.connect() as connection:
                    cursor = connection.execute(query).cursor
                    return list(cursor.fetchall()) if cursor is not None else []
            except exc.SQLAlchemyError as error:
                raise self._failed(error) from None
            except self._engine.dialect.loaded_dbapi.DataError:
                return self._in_text(query)
            except self._engine.dialect.loaded_dbapi.Error:
                pass  # asked again, it is told like any other error
        try:
            return self._ask(query)
        except (exc.DataError, ValueError):
            return self._in_text(query)
        except exc.SQLAlchemyError as error:
            raise self._failed(error) from None

    def _in_text(self, query: sa.Select[Any]) -> list[Row]:
        """The same rows; a time or a date that cannot be read stays the text by which the database calls it."""
        readers: dict[int, Callable[[str], Any]] = {}
        for at, column in enumerate(self._what):
            if isinstance(column.type, sa.DateTime | sa.Date):
                readers[at] = (dt.datetime if isinstance(column.type, sa.DateTime) else dt.date).fromisoformat
        told = [_as_text(self._engine.dialect, column) if at in readers else column for at, column in enumerate(self._what)]
        rows = []
        for row in self._rows(query.with_only_columns(*told)):
            values = list(row)
            for at, read in readers.items():
                if isinstance(values[at], str):
                    with suppress(ValueError):
                        values[at] = read(values[at])
            rows.append(tuple(values))
        return rows

    def _ask(self, query: sa.Select[Any]) -> list[Row]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query).all()]

    def _rows(self, query: sa.Select[Any]) -> list[Row]:
        try:
            return self._ask(query)
        except exc.SQLAlchemyError as error:
            raise self._failed(error) from None

    def _failed(self, error: exc.SQLAlchemyError) -> BusError:
        return failed(error, Text(f"读取表 {self._name} 失败", f"cannot read table {self._name}"))

    def _reflect(self, table: str) -> sa.Table:
        schema, name = split_name(table)
        try:
            return sa.Table(name, sa.MetaData(), schema=schema, autoload_with=self._engine, resolve_fks=False)
        except exc.NoSuchTableError:
            raise HaltError(
                Text(f"数据库中没有表 {table}", f"the database has no table {table}"),
                advice=Text(
                    "改正 table，或为连接器的用户授予读取权限",
                    "correct `table`, or grant the connector's user the right to read it",
                ),
            ) from None
        except exc.SQLAlchemyError as error:
            raise failed(error, Text(f"无法查看表 {table}", f"cannot look at table {table}")) from None

    def _column(self, table: sa.Table, name: str) -> sa.Column[Any]:
        if name not in table.columns:
            raise HaltError(
                Text(f"表 {self._name} 没有列 {name}", f"table {self._name} has no column {name}"),
                advice=Text("在 columns 中写明字段对应的列名", "say in `columns` which column holds the field"),
            )
        return table.columns[name]


def _as_text(dialect: sa.Dialect, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """A time as text: cast where the driver would read it, else as the driver gives it."""
    return sa.cast(column, sa.Text()) if dialect.name == "postgresql" else sa.type_coerce(column, sa.String())


def _is_plain(dialect: sa.Dialect, columns: Sequence[sa.Column[Any]]) -> bool:
    """Whether the driver's rows are tuples of the values SQLAlchemy would give."""
    if dialect.driver != "psycopg":
        return False
    plain = (sa.String, sa.Integer, sa.Boolean, sa.Date, sa.DateTime)
    return all(
        isinstance(kind := column.type, plain) and kind.dialect_impl(dialect).result_processor(dialect, None) is None
        for column in columns
    )
