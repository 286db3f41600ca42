"""A sink on the bus: what is delivered stands in the receiver's table once, whatever happens to the process."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.board import Board
from schemas.control import ConnectorInstance
from schemas.envelope import Event, Meta, Op
from tests.connectors.conftest import PEOPLE, Bus, Database, Running, connect, eventually
from trial.city.postgres import LocalPostgres

pytestmark = pytest.mark.kafka


def sink(database: Database, **more: Any) -> ConnectorInstance:
    return ConnectorInstance(
        id="police.people",
        kind="sql_table",
        direction="sink",
        department="police",
        config={"dataset": "health.person", "table": "people", **database.address, **more},
    )


def delivered(key: str, name: str, op: Op = "u", number: int = 0) -> tuple[str, Event]:
    meta = Meta(f"e{number}", op, 1_750_000_000_000 + number, "health.people", "clean.health/0", 0, number)
    row = None if op in "dm" else {"id": key, "name": name, "note": None, "updated_at": 1_750_000_000_000 + number}
    return key, Event(meta, row)


def test_deliveries_are_upserted_and_deleted(bus: Bus, database: Database, running: Running) -> None:
    instance = sink(database)
    running.follow(bus.plan(instance), instance)
    bus.deliver(*(delivered(f"p{n}", "旧", "r", n) for n in range(100)))
    bus.deliver(
        *(delivered(f"p{n}", "新", "u", n) for n in range(50)),
        *(delivered(f"p{n}", "", "d", n) for n in range(90, 100)),
    )
    eventually(lambda: _table(database).count("新") == 50)
    eventually(lambda: len(_table(database)) == 90)
    running.stop()
    bus.deliver(delivered("p0", "更新"))
    running.follow(bus.plan(instance), instance)
    eventually(lambda: "更新" in _table(database))


def _table(database: Database) -> list[str]:
    made = database.ask("select to_regclass('people')")[0][0]
    return [name for (name,) in database.ask('select name from people order by "_key"')] if made else []


def told(board: Board) -> str:
    return " ".join(f"{remark.problem.zh} {remark.problem.en} {remark.advice.zh} {remark.advice.en}" for remark in board.read().remarks)


def test_two_sinks_of_one_new_database_start_in_the_same_moment(bus: Bus, database: Database, running: Running) -> None:
    one = sink(database)
    two = one.model_copy(update={"id": "police.others", "config": one.config | {"table": "others"}})
    plan = bus.plan(one, two)
    boards = [running.follow(plan, one), running.follow(plan, two)]
    bus.deliver(delivered("p1", "一"))
    eventually(lambda: [board.read().rows for board in boards] == [1, 1])
    assert [board.read().state for board in boards] == ["running", "running"]


def test_a_masked_key_is_the_primary_key_as_it_was_received(bus: Bus, database: Database, running: Running) -> None:
    instance = sink(database)
    running.follow(bus.plan(instance), instance)
    masked = "health.person/" + "0f" * 32
    bus.deliver(delivered(masked, "甲", "r", 1), delivered("p2", "乙", "r", 2))
    eventually(lambda: len(_table(database)) == 2)
    assert [key for (key,) in database.ask('select "_key" from people order by 1')] == [masked, "health.person/p2"]
    bus.deliver(delivered(masked, "", "d", 3))
    eventually(lambda: _table(database) == ["乙"])


def test_a_table_that_does_not_fit_halts_with_every_reason_and_goes_on_when_mended(
    bus: Bus, database: Database, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    database.do('create table people ("_key" text primary key, id integer, name varchar(3), updated_at timestamptz, x int not null)')
    instance = sink(database)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().state == "halted")
    for word in ("people.id is INTEGER", "has no column note", "people.x is not delivered", "表 people 没有列 note"):
        assert word in told(board)
    database.do("alter table people alter id type text, add note text, drop x")
    bus.deliver(delivered("p1", "诸葛", "r", 1), delivered("p2", "诸葛孔明先生", "r", 2), delivered("p3", "亮", "r", 3))
    eventually(lambda: "refused a value" in told(board))
    assert "people.name" in told(board) or "column name of table people" in told(board)
    assert "诸葛孔明先生" not in _table(database)
    assert "诸葛" not in caplog.text + told(board)
    database.do("alter table people alter name type text")
    eventually(lambda: _table(database) == ["诸葛", "诸葛孔明先生", "亮"])


def test_each_delivery_takes_effect_once_whatever_is_killed(
    bus: Bus, database: Database, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    """Killed while the receiver writes rows and while it writes positions: were they committed apart, in either order, this
    would lose or double them."""
    database.do('create table people ("_key" text primary key, id text, name text, note text, updated_at timestamptz)')
    database.do("create table effects (key text)")
    _trigger(database, "seen", "people", """insert into effects values (new."_key");
        if new."_key" like '%000' then perform pg_sleep(0.6); end if""")
    bus.plan(sink(database))
    process = connect(bus, processes)
    bus.deliver(delivered("p", "甲"))
    eventually(lambda: len(_table(database)) == 1)
    _trigger(database, "moved", "shutong_positions", "perform pg_sleep(0.6)")
    for round, at in enumerate(("shutong_positions", "people") * 2):
        bus.deliver(*(delivered(f"p{round}{n:03}", "甲", "r", n) for n in range(200)))
        eventually(partial(_sleeps, database, at))
        process.kill()
        process.wait()
        process = connect(bus, processes)
    eventually(lambda: len(_table(database)) == 801)
    assert database.ask("select count(*), count(distinct key) from effects") == [(801, 801)]


def test_two_processes_with_one_sink_store_each_delivery_once(bus: Bus, database: Database, running: Running) -> None:
    database.do('create table people ("_key" text primary key, id text, name text, note text, updated_at timestamptz)')
    database.do("create table effects (key text)")
    _trigger(database, "seen", "people", """insert into effects values (new."_key")""")
    instance = sink(database)
    plan = bus.plan(instance)
    second = Running(bus)
    try:
        boards = [running.follow(plan, instance), second.follow(plan, instance)]
        eventually(lambda: [board.read().state for board in boards] == ["running", "running"])
        refused = set[str]()
        for round in range(6):
            bus.deliver(*(delivered(f"p{round}{n:02}", "甲", "r", n) for n in range(20)))
            eventually(lambda round=round: len(_table(database)) == (round + 1) * 20)
            refused |= {remark.problem.en for board in boards for remark in board.read().remarks}
        eventually(lambda: refused.update(remark.problem.en for board in boards for remark in board.read().remarks) or refused)
    finally:
        second.stop()
    assert refused == {"another process runs connector police.people too"}
    assert database.ask("select count(*), count(distinct key) from effects") == [(120, 120)]


def test_a_receiving_database_that_goes_and_comes_back_has_every_delivery_once(
    bus: Bus, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalPostgres(tmp_path / "own") as server:
        database = Database(server, "away", monkeypatch)
        monkeypatch.setenv("PGHOST", "127.0.0.1")
        monkeypatch.setenv("PGPORT", str(server.port))
        database.url = "postgresql+psycopg://away@/away"
        instance = sink(database)
        board = running.follow(bus.plan(instance), instance)
        bus.deliver(*(delivered(f"p{n:03}", "甲", "r", n) for n in range(100)))
        eventually(lambda: board.read().rows == 100)
        server.stop()
        bus.deliver(*(delivered(f"p{n:03}", "乙", "u", n) for n in range(50, 150)))
        eventually(lambda: board.read().state == "retrying")
        assert "自动继续" in told(board)
        server.start()
        monkeypatch.setenv("PGPORT", str(server.port))
        database.reconnect(server)
        eventually(lambda: len(_table(database)) == 150)
        assert _table(database) == ["甲"] * 50 + ["乙"] * 100
        eventually(lambda: board.read().state == "running")
        running.stop()
        database.close()


def _trigger(database: Database, name: str, table: str, does: str) -> None:
    """Whatever writes a row of the table does this too."""
    database.do(f"create function {name}() returns trigger language plpgsql as $$ begin {does}; return new; end $$")
    database.do(f"create trigger {name} after insert or update on {table} for each row execute function {name}()")


def _sleeps(database: Database, table: str) -> bool:
    """Whether a statement that writes this table sleeps in its trigger."""
    asleep = database.ask("select query from pg_stat_activity where wait_event = 'PgSleep'")
    return any(f"INTO {table} " in query for (query,) in asleep)


def row_schema(visits: str, code: str, *more: str) -> str:
    extra = (f'{{"name": "visits", "type": "{visits}"}}', f'{{"name": "code", "type": "{code}"}}', *more)
    return f"{PEOPLE.rstrip().removesuffix(']}')}, {', '.join(extra)}]}}"


def counted(key: str, visits: int, code: str | bytes, number: int, **more: Any) -> tuple[str, Event]:
    meta = Meta(f"v{number}", "u", 1_750_000_000_000 + number, "health.people", "clean.health/0", 0, number)
    return key, Event(meta, {"id": key, "visits": visits, "code": code, **more})


def test_a_sink_goes_on_over_a_new_version_and_stops_where_a_column_cannot_take_it(
    bus: Bus, database: Database, running: Running
) -> None:
    """Old deliveries lie between new ones, and are stored as the new version has them; while a column does not fit nothing is lost."""
    bus.begin(row_schema("int", "bytes"), "id", "visits", "code")
    instance, old = sink(database), bus.output_codec
    board = running.follow(bus.plan(instance), instance)
    bus.deliver(counted("p1", 1, b"a", 1))
    eventually(lambda: _columns(database) == [("p1", 1, b"a")])
    bus.evolve(row_schema("long", "string", '{"name": "mail", "type": "string", "default": ""}'))
    bus.deliver(counted("p2", 1 << 40, "b", 2))  # before this process reads of the new schema
    bus.output_codec, new = old, bus.output_codec
    bus.deliver(counted("p3", 3, "界".encode(), 3), counted("p4", 4, b"\xff", 4))
    bus.output_codec = new
    running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().state == "halted")
    for word in ("people.visits is INTEGER, it should be BIGINT", "people.code is BYTEA, it should be TEXT"):
        assert word in told(board)
    assert _columns(database) == [("p1", 1, b"a")]
    database.do("alter table people alter visits type bigint, alter code type text using convert_from(code, 'UTF8')")
    eventually(lambda: _columns(database) == [("p1", 1, "a"), ("p2", 1 << 40, "b"), ("p3", 3, "界"), ("p4", 4, "")])
    bus.deliver(counted("p1", 5, "e", 5))
    eventually(lambda: _columns(database)[0] == ("p1", 5, "e"))


def _columns(database: Database) -> list[tuple[Any, ...]]:
    made = database.ask("select to_regclass('people')")[0][0]
    return database.ask("select id, visits, code from people order by id") if made else []
