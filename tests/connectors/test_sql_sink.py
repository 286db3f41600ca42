"""What the sql_table sink does with its table and its positions, on SQLite: each stands for the other."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import exc
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.mysql import mariadb
from sqlalchemy.schema import CreateTable

from connectors.base import Delivered, SinkShape
from connectors.sinks import sql_table
from connectors.sinks.sql_check import of_the_collation
from connectors.sinks.sql_table import SqlTableSink, SqlTableSinkConfig
from schemas.errors import BusError, HaltError
from tests.connectors.conftest import PEOPLE

LANE = "deliver.police"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "d.db"


def sink(file: Path, table: str = "people", instance: str = "police.people", **more: Any) -> SqlTableSink:
    config = {"dataset": "health.person", "table": table, "url": f"sqlite:///{file}", **more}
    return SqlTableSink(SqlTableSinkConfig.model_validate(config), SinkShape(instance, json.loads(PEOPLE)))


def do(file: Path, command: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(file, isolation_level=None) as connection:
        found = connection.execute(command).fetchall()
    connection.close()
    return found


def row(name: str = "甲") -> dict[str, Any]:
    return {"id": "p1", "name": name, "note": None, "updated_at": None}


def store(sink: SqlTableSink, offset: int, *keys: str) -> None:
    try:
        sink.open()
        sink.write([Delivered(key.encode(), row()) for key in keys], {(LANE, 0): offset})
    finally:
        sink.close()


def tables(file: Path) -> Iterator[str]:
    return (name for (name,) in do(file, "select name from sqlite_master where type = 'table'"))


def test_a_dropped_table_is_not_made_anew_behind_what_was_stored(file: Path) -> None:
    store(sink(file), 3, "a/1", "a/2")
    do(file, "drop table people")
    with pytest.raises(HaltError, match="people 已不存在") as caught:
        store(sink(file), 4, "a/3")
    assert "people" not in tables(file)
    assert "delete from shutong_positions where instance = 'police.people'" in str(caught.value.advice.en)
    do(file, "delete from shutong_positions where instance = 'police.people'")
    assert sink(file).open() == {}
    store(sink(file), 1, "a/1")
    assert do(file, "select _key from people") == [("a/1",)]


def test_another_table_does_not_go_on_from_the_positions_of_the_first(file: Path) -> None:
    store(sink(file), 3, "a/1")
    store(sink(file, "others", "police.others"), 9, "b/1")
    with pytest.raises(HaltError, match="people_v2"):
        store(sink(file, "people_v2"), 4, "a/2")
    assert "people_v2" not in tables(file)
    assert dict(sink(file, "main.people").open()) == {(LANE, 0): 3}
    assert dict(sink(file, "others", "police.others").open()) == {(LANE, 0): 9}


def test_positions_of_before_their_table_was_noted_are_taken_over(file: Path) -> None:
    store(sink(file), 3, "a/1")
    do(file, "drop table shutong_targets")
    assert dict(sink(file).open()) == {(LANE, 0): 3}
    with pytest.raises(HaltError):
        sink(file, "others").open()


def test_what_is_no_refused_value_is_not_told_as_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropped while the sink runs; and a right taken away, as PostgreSQL and MySQL say it."""
    running = sink(file)
    running.open()
    do(file, "drop table people")
    with pytest.raises(BusError) as caught:
        running.write([Delivered(b"a/1", row())], {(LANE, 0): 1})
    assert "people" in caught.value.problem.en
    assert "refused a value" not in caught.value.problem.en

    def fails(error: exc.DBAPIError) -> BusError:
        def raises(*_: Any) -> None:
            raise error

        monkeypatch.setattr(sql_table, "upsert", raises)
        do(file, "create table if not exists people (_key text primary key, id, name, note, updated_at)")
        with pytest.raises(BusError) as caught:
            running.write([Delivered(b"a/1", row())], {(LANE, 0): 1})
        return caught.value

    gone = fails(exc.ProgrammingError("", {}, psycopg.errors.UndefinedTable("")))
    assert isinstance(gone, HaltError)
    assert "refused a value" not in gone.problem.en
    right = fails(exc.ProgrammingError("", {}, psycopg.errors.InsufficientPrivilege("")))
    assert isinstance(right, HaltError)
    assert "right" in right.advice.en
    denied = fails(exc.OperationalError("", {}, pymysql.err.OperationalError(1142, "denied")))
    assert isinstance(denied, HaltError)
    assert "right" in denied.advice.en
    refused = fails(exc.DataError("", {}, psycopg.errors.StringDataRightTruncation("")))
    assert "refused a value" in refused.problem.en


def test_keys_that_differ_in_case_alone_are_two_records_in_mysql(file: Path) -> None:
    made = sink(file)
    for dialect in (mysql.dialect(), mariadb.MariaDBDialect()):
        text = str(CreateTable(made._table).compile(dialect=dialect))
        assert "_key VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL" in text
    assert "_key TEXT NOT NULL" in str(CreateTable(made._table).compile(dialect=postgresql.dialect()))


@pytest.mark.parametrize(
    ("collation", "found"),
    [("utf8mb4_bin", []), ("binary", []), (None, []), ("utf8mb4_0900_as_cs", []), ("utf8mb4_0900_ai_ci", ["key-collation"]),
     ("utf8mb4_general_ci", ["key-collation"]), ("utf8mb4_0900_as_ci", ["key-collation"])])  # fmt: skip
def test_a_key_column_that_takes_two_keys_for_one_is_found(collation: str | None, found: list[str]) -> None:
    told = list(of_the_collation("people", "_key", collation))
    assert [(finding.code, finding.blocks) for finding in told] == [(code, True) for code in found]
    assert all("utf8mb4_bin" in finding.advice.en for finding in told)
