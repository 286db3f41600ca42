"""A source on the bus: what a department's table holds arrives on raw once, whatever happens to the process."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors import runner
from connectors.board import Board
from schemas.control import ConnectorInstance
from tests.connectors.conftest import Bus, Database, Running, eventually
from trial.city.postgres import LocalPostgres
from wire.compacted import read_compacted
from wire.reading import read_all

pytestmark = pytest.mark.kafka

TABLE = """create table people (id text primary key, name text not null, note text,
           updated_at timestamptz not null default clock_timestamp())"""


def source(database: Database, **more: Any) -> ConnectorInstance:
    config = {
        "dataset": "health.person",
        "table": "people",
        "watermark": "updated_at",
        "poll_seconds": 0.1,
        "sweep_seconds": 1,
        "page_rows": 50,
        **database.address,
        **more,
    }
    return ConnectorInstance(
        id="health.people", kind="sql_table", direction="source", department="health", config=config
    )


def people(database: Database, first: int, count: int) -> None:
    database.many(
        "insert into people (id, name) values (%s, %s)", [(f"p{n:06}", f"人{n}") for n in range(first, first + count)]
    )


def test_a_table_is_read_once_then_its_updates_and_deletes(bus: Bus, database: Database, running: Running) -> None:
    database.do(TABLE)
    people(database, 0, 220)
    instance = source(database, reconcile_seconds=0.5)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().rows >= 220)
    database.do("update people set name = '改名', updated_at = clock_timestamp() where id < 'p000010'")
    database.do("insert into people (id, name) values ('new', '新')")
    eventually(lambda: board.read().rows >= 231)
    bus.clean_up()
    database.do("delete from people where id >= 'p000200' and id < 'p000210'")
    eventually(lambda: board.read().rows >= 241)
    running.stop()
    events = bus.raw()
    ops = [event.meta.op for event in events]
    assert (ops.count("r"), ops.count("u"), ops.count("d")) == (220, 11, 10)
    assert len({(event.meta.epoch, event.meta.seq) for event in events}) == 241


def ids(bus: Bus, op: str = "") -> list[str]:
    return sorted(event.row["id"] for event in bus.raw() if event.row and op in ("", event.meta.op))


def told(board: Board) -> str:
    return " ".join(f"{remark.problem.zh} {remark.problem.en} {remark.advice.zh} {remark.advice.en}" for remark in board.read().remarks)


def test_an_unchanged_row_is_not_sent_again_and_the_window_is_kept_in_parts(bus: Bus, database: Database, running: Running) -> None:
    database.do(TABLE)
    people(database, 0, 5000)
    instance = source(database, page_rows=1000)
    plan = bus.plan(instance)
    board = running.follow(plan, instance)
    eventually(lambda: board.read().phase == "live" and board.read().rows == 5000)
    running.stop()
    keys = {key for key in read_compacted(bus.admin, "bus.cursors") if key.startswith(b"health.people")}
    assert keys == {b"health.people", b"health.people/w1", b"health.people/w2"}
    database.do("update people set name = '改' where id = 'p000007'")  # same watermark, other content: the hash tells
    database.do("update people set updated_at = updated_at where id < 'p000100'")
    running.follow(plan, instance)
    eventually(lambda: len(bus.raw()) > 5000)
    database.do("insert into people (id, name) values ('q', '后')")
    eventually(lambda: "q" in ids(bus, "u"))
    running.stop()
    assert ids(bus, "u") == ["p000007", "q"]
    assert len(bus.raw()) == 5002


def test_a_row_committed_late_is_found_within_the_look_back(bus: Bus, database: Database, running: Running) -> None:
    database.do(TABLE)
    people(database, 0, 10)
    instance = source(database, look_back=60, sweep_seconds=0.5)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().phase == "live")
    with psycopg.connect(database.open_url) as late:
        late.execute("insert into people (id, name, updated_at) values ('late', '迟', clock_timestamp() - interval '20 seconds')")
        people(database, 10, 10)
        eventually(lambda: board.read().rows == 20)
    eventually(lambda: "late" in ids(bus, "u"))
    running.stop()
    assert len(bus.raw()) == 21


def test_deletes_wait_until_the_bus_has_cleaned_all_that_was_published(bus: Bus, database: Database, running: Running) -> None:
    database.do(TABLE)
    people(database, 0, 20)
    instance = source(database, reconcile_seconds=0.2)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().rows == 20)
    bus.clean_up()
    people(database, 20, 5)
    eventually(lambda: board.read().rows == 25)
    database.do("delete from people where id = 'p000003'")
    people(database, 30, 1)  # a poll or two later nothing may have been deleted: clean is behind
    eventually(lambda: board.read().rows == 26)
    assert [event.meta.op for event in bus.raw()].count("d") == 0
    bus.clean_up()
    eventually(lambda: "d" in [event.meta.op for event in bus.raw()])
    bus.clean_up()
    people(database, 40, 1)
    eventually(lambda: board.read().rows == 28)
    running.stop()
    assert [event.meta.op for event in bus.raw()].count("d") == 1


def test_a_table_without_rows_and_an_emptied_table_lose_nothing(bus: Bus, database: Database, running: Running) -> None:
    database.do(TABLE)
    instance = source(database, reconcile_seconds=0.2)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().phase == "live")
    people(database, 0, 150)
    eventually(lambda: board.read().rows == 150)
    bus.clean_up()
    database.do("truncate people")
    eventually(lambda: "many-deletes" in [remark.code for remark in board.read().remarks])
    running.stop()
    assert "d" not in [event.meta.op for event in bus.raw()]


def test_what_does_not_fit_halts_with_its_name_and_goes_on_when_mended(bus: Bus, database: Database, running: Running) -> None:
    database.do("create table people (id text primary key, name float8, updated_at timestamptz default clock_timestamp())")
    instance = source(database)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().state == "halted")
    for word in ("note", "name", "表中没有列", "the table has no column", "last digits"):
        assert word in told(board)
    database.do("alter table people alter name type text")
    database.do("alter table people add note text")
    database.do("insert into people (id, name) values ('a', '甲')")
    eventually(lambda: ids(bus) == ["a"])
    database.do("alter table people drop column note")
    eventually(lambda: "the table has no column note" in told(board))
    database.do("alter table people add note bigint")
    database.do("insert into people (id, name, note) values ('b', '乙', 12)")
    eventually(lambda: "b" in ids(bus))
    running.stop()


def test_a_database_that_goes_and_comes_back_loses_nothing(
    bus: Bus, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalPostgres(tmp_path / "own") as server:
        database = Database(server, "away", monkeypatch)
        monkeypatch.setenv("PGHOST", "127.0.0.1")
        monkeypatch.setenv("PGPORT", str(server.port))
        database.url = "postgresql+psycopg://away@/away"
        database.do(TABLE)
        people(database, 0, 100)
        instance = source(database)
        board = running.follow(bus.plan(instance), instance)
        eventually(lambda: board.read().rows == 100)
        server.stop()
        eventually(lambda: board.read().state == "retrying")
        assert "自动继续" in told(board)
        server.start()
        monkeypatch.setenv("PGPORT", str(server.port))
        database.reconnect(server)
        people(database, 100, 20)
        eventually(lambda: len(ids(bus)) == 120)
        running.stop()
        assert len(set(ids(bus))) == 120
        database.close()


def test_a_wrong_password_halts_and_is_not_told(
    bus: Bus, database: Database, running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database.do(TABLE)
    monkeypatch.setenv(database.password_env, "not-the-word")
    board = running.follow(bus.plan(instance := source(database)), instance)
    eventually(lambda: board.read().state == "halted")
    assert "password" in told(board)
    assert "口令" in told(board)
    running.stop()
    assert "not-the-word" not in told(board) + caplog.text


def test_an_oversized_row_is_refused_once_and_the_others_go_on(
    bus: Bus, database: Database, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    database.do(TABLE)
    people(database, 0, 30)
    database.do("update people set name = '欧阳锋', note = repeat('长', 600000) where id = 'p000005'")
    instance = source(database, sweep_seconds=0.3)
    plan = bus.plan(instance)
    board = running.follow(plan, instance)
    eventually(lambda: board.read().rows == 29)
    running.stop()
    board = running.follow(plan, instance)
    people(database, 30, 1)
    eventually(lambda: len(bus.raw()) == 30)
    eventually(lambda: "too_large × 1" in told(board))
    running.stop()
    assert board.read().rejected == 1
    database.do("update people set note = '短', updated_at = clock_timestamp() where id = 'p000005'")
    board = running.follow(plan, instance)
    eventually(lambda: "p000005" in ids(bus))
    running.stop()
    assert "too_large" in caplog.text
    for value in ("欧阳锋", "p000005", "长长"):
        assert value not in caplog.text + told(board)


def test_a_second_process_with_the_same_instance_ends_the_first(bus: Bus, database: Database, running: Running) -> None:
    database.do(TABLE)
    people(database, 0, 2000)
    instance = source(database, rows_per_second=400)
    plan = bus.plan(instance)
    first = running.follow(plan, instance)
    eventually(lambda: first.read().rows >= 200)
    second = Running(bus)
    second.follow(plan, instance)
    eventually(lambda: first.read().state == "halted")
    running.stop()
    eventually(lambda: len(bus.raw()) >= 2000)
    second.stop()
    assert len(ids(bus)) == 2000
    assert len(set(ids(bus))) == 2000


def test_a_row_of_a_log_is_an_event_whether_new_or_changed_and_none_is_ever_deleted(
    bus: Bus, database: Database, running: Running
) -> None:
    bus.dataset = bus.dataset.model_copy(update={"kind": "log"})
    database.do(TABLE)
    people(database, 0, 20)
    instance = source(database, reconcile_seconds=0.2)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().rows == 20)
    bus.clean_up()
    database.do("delete from people where id < 'p000010'")  # as a department does with last year's events
    people(database, 20, 5)
    eventually(lambda: board.read().rows == 25)
    bus.clean_up()
    database.do("update people set note = '改', updated_at = clock_timestamp() where id = 'p000015'")
    bus.clean_up()
    with pytest.raises(AssertionError):  # time enough for several reconciliations, had a log any
        eventually(lambda: board.read().rows > 26, seconds=2)
    running.stop()
    assert sorted(event.meta.op for event in bus.raw()) == ["c"] * 6 + ["r"] * 20


RENAMED = """{"type": "record", "name": "Person", "fields": [
  {"name": "no", "aliases": ["id"], "type": "string"}, {"name": "full_name", "aliases": ["name"], "type": "string"},
  {"name": "note", "type": ["null", "string"], "default": null}, {"name": "mail", "type": "string", "default": ""},
  {"name": "updated_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"""


def test_a_table_that_is_as_it_was_goes_on_as_the_earlier_version_until_it_fits_the_present_one(
    bus: Bus, database: Database, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_LOOK_SECONDS", 0.5)
    database.do(TABLE)
    people(database, 0, 3)
    instance = source(database)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().rows == 3)
    bus.evolve(RENAMED, key=("no",))
    running.follow(bus.plan(instance), instance)
    people(database, 3, 3)
    eventually(lambda: board.read().rows >= 6)
    assert board.read().state == "running"
    for word in ("publishes as version 1 of health.person", "the table has no column mail", "changes over by itself"):
        assert word in told(board)
    assert {schema for schema, _ in sent(bus)} == {1}
    database.do("alter table people rename id to no")
    database.do("alter table people rename name to full_name")
    database.do("alter table people add mail text not null default 'x'")
    eventually(lambda: {schema for schema, _ in sent(bus)} == {1, bus.dataset.event_schema}, 30)
    assert "publishes as version" not in told(board)
    database.do("insert into people (no, full_name, mail) values ('p9', '新', 'm')")
    eventually(lambda: (bus.dataset.event_schema, b"health.person/p9") in sent(bus))


def sent(bus: Bus) -> list[tuple[int, bytes]]:
    """Schema id and key of every event on raw."""
    return [(int.from_bytes((record.value or b"")[1:5], "big"), record.key or b"") for record in read_all(bus.admin, ["raw.health"])]


def test_a_table_that_fits_no_version_is_refused_with_what_it_lacks_for_the_present_one(
    bus: Bus, database: Database, running: Running
) -> None:
    database.do("create table people (id text primary key, updated_at timestamptz not null)")
    bus.evolve(RENAMED, key=("no",))
    instance = source(database)
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().state == "halted")
    assert "column mail" in told(board)
    assert sent(bus) == []
