"""What the sql_table source reads of a table, run by run, on SQLite: time passes only when it waits."""

from pathlib import Path

import pytest

from connectors.sources import sql_table
from connectors.sources.ahead import pages
from connectors.sources.pace import Pace
from tests.connectors.sqlite import Reading, Table, at, ids
from tests.connectors.test_pace import Desk


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


def test_wide_rows_come_in_batches_of_some_mebibytes_each_with_its_own_cursor(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"n{number:03}" for number in range(60)]
    for number, name in enumerate(names):
        table.put(name, at(number), "长" * 60_000)  # 180 kB
    reading = on_time(table.reading(), monkeypatch)
    for _ in range(6):
        reading.run(1, batches=1)  # cut behind every batch
    for number, name in enumerate(names):
        table.put(name, at(100 + number), "宽" * 60_000)
    for _ in range(6):
        reading.run(1, batches=1)
    assert sorted(ids(reading.changes, "r")) == names
    assert sorted(ids(reading.changes, "u")) == names
    assert [size for size in reading.sizes if size] == [24, 24, 12] * 2


def test_a_page_of_wide_rows_has_fewer_of_them() -> None:
    asked: list[int] = []

    def fetch(after: int | None, size: int) -> list[tuple[str, int]]:
        asked.append(size)
        first = after or 0
        return [("x" * (100_000 if number < 2000 else 10), number + 1) for number in range(first, min(first + size, 40_000))]

    read = [row for rows, _ in pages(fetch, lambda row: int(row[1]), None, 5000, Pace(0, Desk())) for row in rows]
    assert len(read) == 40_000
    assert max(asked) == 5000
    assert all(size <= 200 for size in asked[:5])
