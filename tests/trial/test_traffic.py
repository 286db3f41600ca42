"""The departments' work in a demo: known in numbers beforehand, and over at once when somebody presses Ctrl-C."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from trial import traffic as module
from trial.traffic import Sizes, Traffic


class Table:
    """A register in memory that keeps what was done to it."""

    def __init__(self, server: object, database: str) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.after_load: Callable[[], None] = lambda: None

    def load(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            assert row[0] not in self.rows
            self.rows[row[0]] = row._asdict() if hasattr(row, "_asdict") else {"name": row[1]}
        self.after_load()

    def update(self, changes: Iterable[tuple[str, str, Any]]) -> None:
        for key, column, value in changes:
            self.rows[key][column] = value

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            del self.rows[key]


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, Table]:
    """The registers a Traffic made, by database."""
    made: dict[str, Table] = {}
    monkeypatch.setattr(module, "Register", lambda server, database: made.setdefault(database, Table(server, database)))
    return made


def traffic_of(events: int) -> Traffic:
    traffic = Traffic(None, Sizes.of(events), seed=5)  # type: ignore[arg-type]
    traffic.prepare(threading.Event())
    traffic.phase = "live"
    return traffic


def test_a_stopped_live_phase_does_nothing_more(tables: dict[str, Table]) -> None:
    traffic, stop = traffic_of(20_000), threading.Event()
    held = len(tables["health"].rows)
    stop.set()
    traffic.run(None, stop)
    assert len(tables["health"].rows) == held
    assert traffic.done["inserts"] == traffic.done["updates"] == traffic.done["deletes"] == traffic.done["village changes"] == 0


def test_a_live_phase_that_is_stopped_within_a_tick_ends_with_it(tables: dict[str, Table]) -> None:
    traffic, stop = traffic_of(20_000), threading.Event()
    tables["health"].after_load = stop.set
    traffic.run(None, stop)
    assert 0 < traffic.done["inserts"] < traffic.sizes.inserts // 10
    assert traffic.done["village changes"] == 0
