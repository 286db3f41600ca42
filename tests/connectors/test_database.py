"""A department's database at the edge: nothing waits for ever, and what its errors mean."""

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from connectors.database import DatabaseAddress, failed, limits, open_engine
from schemas.errors import RetryError
from schemas.text import Text
from tests.connectors.conftest import Database


def test_a_vanished_host_and_a_held_lock_end_on_every_connection(database: Database) -> None:
    engine = open_engine(DatabaseAddress.model_validate(database.address))
    try:
        for isolation in ("READ COMMITTED", "AUTOCOMMIT"):
            with engine.connect().execution_options(isolation_level=isolation) as connection:
                for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
                    assert connection.scalar(sa.text(f"show {name}")) not in ("0", None)
                told = connection.connection.driver_connection
                assert told is not None
                parameters = told.info.get_parameters()
                assert {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"} <= parameters.keys()
                connection.rollback()
    finally:
        engine.dispose()


def test_every_kind_of_database_has_its_limits() -> None:
    arguments, commands = limits(sa.make_url("mysql+pymysql://u@h/d"))
    assert arguments["read_timeout"]
    assert arguments["write_timeout"]
    assert "innodb_lock_wait_timeout" in " ".join(commands)
    assert limits(sa.make_url("sqlite:///x.db")) == ({}, [])
    assert limits(sa.make_url("oracle+oracledb://u@h/d")) == ({"connect_timeout": 5}, [])


@pytest.mark.parametrize(
    "original", [psycopg.errors.LockNotAvailable(""), pymysql.err.OperationalError(1205, ""), pymysql.err.OperationalError(1213, "")],
    ids=["postgresql", "mysql", "deadlock"])  # fmt: skip
def test_a_held_lock_is_told_as_one_and_tried_again(original: Exception) -> None:
    error = failed(exc.OperationalError("", {}, original), Text("写入失败", "cannot write"))
    assert isinstance(error, RetryError)
    assert "lock" in error.advice.en
    assert "锁" in error.advice.zh
