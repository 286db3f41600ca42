"""What the sql_table source reads of a table, run by run, on SQLite: time passes only when it waits."""

import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.base import Cursor, RowChange
from connectors.canonical import canonical_for
from connectors.page import Refused, packed
from connectors.shape import Shape
from connectors.sources import sql_table
from connectors.sources.ahead import pages
from connectors.sources.pace import Pace
from connectors.sources.window import digest_of_values
from tests.connectors.conftest import Database
from tests.connectors.sqlite import DATASET, Reading, Table, at, ids
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


def test_a_row_committed_late_while_a_sweep_is_on_its_way_is_read_by_the_next(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table.put("a", at(8))
    table.put("b", at(10))
    reading = on_time(table.reading(look_back=3, sweep_seconds=2, poll_seconds=1, page_rows=1), monkeypatch)
    reading.run(2)
    news = iter([("c", 11), ("late", 8), ("d", 20), ("e", 30)])

    def between() -> None:
        for key, mark in news:
            table.put(key, at(mark))
            if key != "c":
                return

    reading.between = between
    assert ids(reading.run(1)) == ["c", "d", "e"]
    assert ids(reading.run(5)) == ["late"]


def test_a_sweep_that_was_stopped_on_its_way_has_swept_nothing(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table.put("a", at(7.5))
    table.put("b", at(10))
    reading = on_time(table.reading(look_back=3, sweep_seconds=100, poll_seconds=1, page_rows=1), monkeypatch)
    news = iter([("late", 8), ("c", 20)])
    assert ids(reading.run(5, lambda now: [table.put(key, at(mark)) for key, mark in news].clear())) == ["a", "b", "c"]
    reading.between = reading.stop
    assert reading.run(5) == []
    reading.between = lambda: None
    assert ids(reading.run(5)) == ["late"]


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


@pytest.mark.parametrize(
    ("mark", "value", "told"),
    [("timestamp", at(0), "2026-05-01T08:00:00+08:00"), ("date", "2026-05-01", None), ("bigint", 7, None)],
    ids=["time", "date", "number"],
)
def test_a_time_without_a_zone_is_the_wall_clock_of_shanghai_in_the_row_and_in_its_event(
    tmp_path: Path, mark: str, value: Any, told: str | None
) -> None:
    table = Table(tmp_path / "d.db", mark)
    table.put("a", value)
    [change] = table.reading().run(1, batches=1)
    moment = dt.datetime.fromtimestamp(change.at / 1000, dt.UTC)
    if told is None:  # no time: when it was read
        assert abs(time.time() - change.at / 1000) < 3600
    else:
        assert moment == dt.datetime.fromisoformat(told)
        assert change.row is not None
        assert Shape(DATASET, canonical_for(DATASET)).fit(change.row)["updated_at"] == moment


def test_another_watermark_begins_a_new_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(tmp_path / "d.db")
    table.do("alter table people add version integer")
    for number in range(5):
        table.put(f"n{number}", at(number))
        table.do("update people set version = ? where id = ?", 1_000 + number, f"n{number}")
    reading = on_time(table.reading(), monkeypatch)
    assert len(reading.run(5)) == 5
    assert reading.run(5) == []
    assert ids(reading.run(5, watermark="version"), "r") == [f"n{number}" for number in range(5)]
    table.do("update people set name = '乙', version = 2000 where id = 'n3'")
    assert ids(reading.run(5, watermark="version"), "u") == ["n3"]
    # Without a watermark nothing has to be read anew; with one again it has.
    assert reading.run(5, watermark="") == []
    table.do("update people set name = '丙', version = 2001 where id = 'n4'")
    assert ids(reading.run(5, watermark="version"), "r") == [f"n{number}" for number in range(5)]


def test_a_cursor_of_before_the_watermark_was_noted_goes_on(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table.put("a", at(0))
    reading = on_time(table.reading(), monkeypatch)
    reading.run(5)
    old = {name: value for name, value in reading.cursor.position.items() if name not in ("watermark", "swept")}
    reading.cursor = Cursor(old, reading.cursor.parts)
    table.put("b", at(1))
    assert ids(reading.run(5)) == ["b"]


def test_a_whole_number_that_jumps_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(tmp_path / "d.db", "bigint")
    for number in range(1, 9):
        table.put(f"n{number}", number)
    reading = on_time(table.reading(), monkeypatch)
    reading.run(5)
    assert "mark-jumps" not in {finding.code for finding in (*reading.findings, *reading.check())}
    table.put("max", 2_147_483_647)
    reading.run(5)
    assert "mark-jumps" in {finding.code for finding in reading.findings}
    assert [finding.blocks for finding in reading.check() if finding.code == "mark-jumps"] == [False]
    table.do("delete from people where id = 'max'")
    table.put("n9", 9)
    assert set(ids(reading.run(5), "r")) == {f"n{number}" for number in range(1, 10)}  # mended, so read anew
    for number in range(1, 9):
        table.put(f"n{number}", 20_260_501_000_000 + number * 1000)  # far apart from nothing
    assert "mark-jumps" not in {finding.code for finding in reading.check()}


def flaws(changes: Sequence[RowChange]) -> list[str]:
    """Why rows of these were refused."""
    refused = (packed(Shape(DATASET, canonical_for(DATASET)), change.row or {}) for change in changes)
    return [one.reason for one in refused if isinstance(one, Refused)]


def test_a_value_the_driver_cannot_read_refuses_its_row_alone(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        table.put(f"n{number}", at(number))
    table.put("odd", "yesterday")
    reading = on_time(table.reading(sweep_seconds=1), monkeypatch)
    changes = reading.run(5, lambda now: table.put("new", at(60)))
    assert ids(changes) == ["n0", "n1", "n2", "n3", "n4", "odd", "new"]
    assert flaws(changes) == ["updated_at:not-a-time"]
    assert "1 rows have no updated_at: their updates are not seen" in [finding.problem.en for finding in reading.check()]
    table.put("odd", at(61))
    assert ids(reading.run(5)) == ["odd"]


def test_what_postgresql_holds_beyond_our_calendar_refuses_its_row_alone(
    table: Table, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.do("""create table people (id text primary key, name text, note date, updated_at timestamptz not null,
                   changed timestamptz not null)""")
    days = ["2026-01-01", "infinity", "12000-01-01", "0044-03-15 BC", None]
    for number, day in enumerate(days):
        database.do("insert into people values (%s, '甲', %s, now(), now())", f"n{number}", day)
    database.do("insert into people values ('late', '乙', null, 'infinity', now()), ('early', '乙', null, '-infinity', now())")
    for mark in ("changed", "updated_at"):
        reading = on_time(table.reading(**database.address, watermark=mark, sweep_seconds=1), monkeypatch)
        changes = reading.run(5)
        assert ids(changes) == ["early", "late", "n0", "n1", "n2", "n3", "n4"]
        assert [change.row["note"] for change in changes if change.row] == [None, None, dt.date(2026, 1, 1), *days[1:]]
        assert flaws(changes) == ["updated_at:not-a-time"] * 2
        database.do("insert into people values (%s, '新', null, now(), now())", mark)
        assert ids(reading.run(5)) == [mark]
        assert [finding for finding in reading.check() if finding.blocks] == []
        database.do("delete from people where id = %s", mark)


def test_a_row_that_is_refused_is_the_same_in_either_form() -> None:
    moment = dt.datetime(2026, 5, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert digest_of_values(("a", moment)) == digest_of_values(("a", dt.datetime.fromisoformat("2026-05-01 00:00:00+08")))
    assert digest_of_values(("a", moment)) != digest_of_values(("a", moment.replace(tzinfo=None)))
    assert digest_of_values((dt.datetime.min.replace(tzinfo=ZoneInfo("Asia/Shanghai")),))
