"""The departments' work in a demo: known in numbers beforehand, and over at once when somebody presses Ctrl-C."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from trial import traffic as module
from trial.traffic import Sizes, Traffic, _schedule


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


def test_who_was_deleted_is_registered_anew_and_who_moved_away_comes_back(tables: dict[str, Table]) -> None:
    traffic = traffic_of(20_000)
    traffic.finish(None)
    rows = tables["health"].rows
    gone, away = set(traffic._deleted), list(traffic._moved)
    assert len(gone) == traffic.sizes.deletes
    assert not gone & rows.keys()
    assert {rows[key]["status"] for key in away} == {"moved"}
    before = traffic.live()["health.population"]
    traffic.come_back()
    assert len(gone & rows.keys()) == 20
    assert [rows[key]["status"] for key in away].count("registered") == 20
    assert traffic.live()["health.population"] == before + 40


def test_every_change_is_expected_in_its_register(tables: dict[str, Table]) -> None:
    traffic = traffic_of(5_000)
    traffic.finish(None)
    traffic.come_back()
    sizes, expected = traffic.sizes, traffic.expected()
    assert expected["civil.register"] == {"published": sizes.villages + 24, "fixed": 20, "duplicate": 0, "quarantined": 0}
    assert expected["health.population"]["published"] == sizes.total - sizes.villages + 40
    assert traffic.live() == {"civil.register": 24, "health.population": sizes.inserts + sizes.updates + sizes.deletes + 40}


@pytest.mark.parametrize("events", [1000, 5000, 60_000, 200_000])
def test_the_burst_is_tenfold_and_everything_is_done_in_the_end(events: int) -> None:
    ticks = list(_schedule(min(max(Sizes.of(events).total / 60_000, 0.4), 1.0)))
    shares = [share for share, _, _ in ticks]
    steps = {phase: {round(after - before, 9) for (before, (after, name, _)) in zip([0.0, *shares], ticks, strict=False) if name == phase}
             for phase in ("live", "burst")}
    (steady,), (burst,) = steps["live"], steps["burst"]
    assert burst == pytest.approx(10 * steady, rel=1e-6)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    names = [name for _, name, _ in ticks]
    assert names == sorted(names[:names.index("burst")]) + ["burst"] * names.count("burst") + ["live"] * (names[::-1].index("burst"))
    middle = [number for number, (_, _, here) in enumerate(ticks) if here]
    assert middle == [names.index("burst") + names.count("burst") // 2]
