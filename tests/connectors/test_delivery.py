"""A sink on the bus: what is delivered stands in the receiver's table once, whatever happens to the process."""

from typing import Any

import pytest

from schemas.control import ConnectorInstance
from schemas.envelope import Event, Meta, Op
from tests.connectors.conftest import Bus, Database, Running, eventually

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
