"""What `check` says of an sql_table sink: address, table, key and every column that does not fit, at once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from connectors.base import AWAY, Finding
from connectors.database import failed
from connectors.sinks.sql_types import Column, fits
from connectors.sources.sql_query import split_name
from schemas.errors import BusError, RetryError
from schemas.text import Text

__all__ = ["find_problems", "of_the_collation"]

_COLLATION = """select collation_name from information_schema.columns
  where table_schema = coalesce(:schema, database()) and table_name = :name and column_name = :key"""


def find_problems(
    engine: sa.Engine, table: str, create: bool, columns: Sequence[Column], key: str
) -> Iterator[Finding]:
    """Every finding on this table; a table that is not there and will be made is none."""
    schema, name = split_name(table)
    try:
        inspector = sa.inspect(engine)
        if not inspector.has_table(name, schema=schema):
            if not create:
                yield Finding(
                    "no-table",
                    Text(f"数据库中没有表 {table}", f"the database has no table {table}"),
                    Text("建表，或设置 create=true", "make it, or set create=true"),
                )
            elif schema is not None and schema not in inspector.get_schema_names():
                yield Finding(
                    "no-schema",
                    Text(f"数据库中没有模式 {schema}", f"the database has no schema {schema}"),
                    Text("先建立它，或改正 table", "make it first, or correct `table`"),
                )
            return
        existing = {column["name"]: column for column in inspector.get_columns(name, schema=schema)}
        yield from _of_the_key(inspector, table, key)
        if engine.dialect.name in ("mysql", "mariadb"):
            with engine.connect() as connection:
                collation = connection.scalar(sa.text(_COLLATION), {"schema": schema, "name": name, "key": key})
            yield from of_the_collation(table, key, collation)
        for column in columns:
            yield from _of_a_column(table, column, existing.get(column.name))
        yield from _of_the_others(table, existing, {key, *(column.name for column in columns)})
    except exc.SQLAlchemyError as error:
        yield of_an_error(failed(error, Text("无法检查数据库", "the database cannot be looked at")))
    except BusError as error:
        yield of_an_error(error)


def of_an_error(error: BusError) -> Finding:
    """The finding for a database that does not let us look."""
    return Finding(AWAY if isinstance(error, RetryError) else "database", error.problem, error.advice)


def _of_the_key(inspector: Any, table: str, key: str) -> Iterator[Finding]:
    schema, name = split_name(table)
    unique = [inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]]
    unique += [one["column_names"] for one in inspector.get_unique_constraints(name, schema=schema)]
    unique += [one["column_names"] for one in inspector.get_indexes(name, schema=schema) if one["unique"]]
    if [key] not in unique:
        yield Finding(
            "no-key",
            Text(f"表 {table} 没有以 {key} 为主键", f"table {table} has no primary key {key}"),
            Text(
                f"增加文本列 {key} 并设为主键；或换一个表名，由连接器建表",
                f"add a text column {key} as primary key; or name another table and let the connector make it",
            ),
        )


def of_the_collation(table: str, key: str, collation: str | None) -> Iterator[Finding]:
    """Whether the key column takes keys for one that differ in case or accents: they would overwrite each other."""
    if collation is not None and collation.endswith("_ci"):
        change = f"ALTER TABLE {table} MODIFY {key} VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
        yield Finding(
            "key-collation",
            Text(
                f"列 {table}.{key} 的排序规则 {collation} 不区分大小写：不同的键会互相覆盖",
                f"column {table}.{key} has collation {collation}, which knows no case: different keys overwrite each other",
            ),
            Text(
                f"执行 {change}；已有内容可能不全，最好换一个表名，由连接器建表",
                f"run {change}; what it holds may lack rows, so rather let the connector make a table of another name",
            ),
        )


def _of_a_column(table: str, column: Column, existing: Mapping[str, Any] | None) -> Iterator[Finding]:
    if existing is None:
        yield Finding(
            "no-column",
            Text(f"表 {table} 没有列 {column.name}", f"table {table} has no column {column.name}"),
            Text(f"增加列 {column.name}，类型 {column.sql}", f"add the column {column.name} {column.sql}"),
        )
        return
    if not fits(column, existing["type"]):
        yield Finding(
            "wrong-type",
            Text(
                f"列 {table}.{column.name} 的类型是 {existing['type']}，需要 {column.sql}",
                f"column {table}.{column.name} is {existing['type']}, it should be {column.sql}",
            ),
            Text("修改列类型", "change the column's type"),
        )
    if not existing["nullable"]:
        yield Finding(
            "not-null",
            Text(f"列 {table}.{column.name} 不允许空值", f"column {table}.{column.name} admits no null"),
            Text("去掉 NOT NULL：脱敏后的字段可以为空", "drop NOT NULL: a masked field may be empty"),
            blocks=False,
        )


def _of_the_others(table: str, existing: Mapping[str, Mapping[str, Any]], ours: set[str]) -> Iterator[Finding]:
    for name, column in existing.items():
        if (
            name not in ours
            and not column["nullable"]
            and column.get("default") is None
            and column.get("autoincrement") is not True
        ):
            yield Finding(
                "foreign-column",
                Text(
                    f"列 {table}.{name} 不属于交付内容，却不允许空值",
                    f"column {table}.{name} is not delivered and admits no null",
                ),
                Text("为它设默认值，或允许空值", "give it a default, or let it be null"),
            )
