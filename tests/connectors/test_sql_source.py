"""What the sql_table source reads of a table, run by run, on SQLite: time passes only when it waits."""

from pathlib import Path

import pytest

from connectors.sources import sql_table
from tests.connectors.sqlite import Reading, Table, at, ids


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "d.db")


def on_time(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> Reading:
    monkeypatch.setattr(sql_table, "time", reading.clock)
    return reading


@pytest.mark.parametrize("restarts", [False, True], ids=["one-run", "restarts"])
def test_rows_committed_late_within_the_look_back_are_read_whenever_a_sweep_comes(
    table: Table, monkeypatch: pytest.MonkeyPatch, restarts: bool
) -> None:
    late: list[str] = []

    def happens(now: float) -> None:
        number = round(now * 10)
        table.put(f"n{number:04}", at(now))
        if number % 3 == 0:
            late.append(f"late{number:04}")
            table.put(late[-1], at(now - 2.9))

    reading = on_time(table.reading(look_back=3, sweep_seconds=2, poll_seconds=0.1), monkeypatch)
    for _ in range(8 if restarts else 1):
        reading.run(1.5 if restarts else 12, happens)
    reading.run(5, lambda now: table.put("on", at(now)))
    assert len(late) > 30
    assert set(late) - set(ids(reading.changes)) == set()
    assert len(set(ids(reading.changes)) - {"on"}) == len([one for one in ids(reading.changes) if one != "on"])
