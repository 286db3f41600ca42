"""A source on the bus: what a department's table holds arrives on raw once, whatever happens to the process."""

from typing import Any

import pytest

from schemas.control import ConnectorInstance
from tests.connectors.conftest import Bus, Database, Running, eventually

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
