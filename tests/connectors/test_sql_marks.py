"""Watermarks, keys and reconciliation of the sql_table source where they are awkward, on SQLite."""

import datetime as dt
from pathlib import Path

import pytest

from connectors.sources import sql_table
from tests.connectors.sqlite import DATASET, Clock, Reading, Table, at, ids

COMPOSITE = DATASET.model_copy(update={"key": ("id", "name")})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(sql_table, "time", made)
    return made


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "d.db")


def reading(table: Table, clock: Clock, **more: object) -> Reading:
    made = table.reading(**{"reconcile_seconds": 0, **more})
    made.clock = clock
    return made


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut-behind-every-batch"])
def test_rows_of_one_watermark_on_both_sides_of_a_page_are_read_once(table: Table, clock: Clock, cut: bool) -> None:
    table.put("first", at(0))
    run = reading(table, clock, page_rows=3)
    run.run(2)
    for number in range(11):
        table.put(f"n{number:02}", at(10))
    for _ in range(12 if cut else 1):
        run.run(5, batches=1 if cut else 0)
    assert sorted(ids(run.changes, "u")) == [f"n{number:02}" for number in range(11)]


def test_a_row_without_a_watermark_comes_with_the_snapshot_or_with_reconciliation(table: Table, clock: Clock) -> None:
    table.put("a", at(0))
    table.put("null", None)
    run = reading(table, clock, reconcile_seconds=5)
    assert sorted(ids(run.run(2), "r")) == ["a", "null"]
    table.put("late", None)
    assert run.run(2) == []
    run.cleaned = True
    assert ids(run.run(20), "r") == ["late"]


def test_a_changed_primary_key_is_a_new_record_and_the_old_one_goes(table: Table, clock: Clock) -> None:
    for number in range(5):
        table.put(f"n{number}", at(number))
    run = reading(table, clock, reconcile_seconds=5)
    run.run(2)
    table.do("update people set id = 'moved', updated_at = ? where id = 'n2'", at(9))
    run.cleaned = True
    changes = run.run(20)
    assert [(change.op, change.key) for change in changes if change.op == "d"] == [("d", b"health.person/n2")]
    assert ids(changes) == ["moved"]


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut-behind-every-batch"])
def test_a_key_of_several_columns_is_paged_by_and_reconciled_by_all_of_them(tmp_path: Path, clock: Clock, cut: bool) -> None:
    table = Table(tmp_path / "d.db", key="id, name")
    for number in range(10):
        table.put(f"n{number // 4}", at(number // 5), f"{number}")
    run = Reading(table, COMPOSITE, {"page_rows": 3, "reconcile_seconds": 5})
    run.clock = clock
    for _ in range(9 if cut else 1):
        run.run(2, batches=1 if cut else 0)
    everything = {(f"n{number // 4}", f"{number}") for number in range(10)}
    assert len(run.changes) == 10
    assert {(change.row["id"], change.row["name"]) for change in run.changes if change.row} == everything
    table.do("update people set note = 'x', updated_at = ? where name in ('1', '6')", at(50))
    assert [change.row["name"] for change in run.run(3) if change.row] == ["1", "6"]
    table.put("n1", at(-1000), "old")  # too old for a sweep
    run.cleaned = True
    table.do("delete from people where name = '9'")
    old, gone = run.run(20)
    assert (old.op, ids([old])) == ("r", ["n1"])
    assert (gone.op, gone.key) == ("d", b'health.person/["n2","9"]')


@pytest.mark.parametrize(
    ("mark", "marks"),
    [("date", ["2026-05-01", "2026-05-01", "2026-05-02", "2026-05-01"]), ("bigint", [5, 5, 6, 4]),
     ("timestamp", [at(0), at(0), at(60), at(-60)])],
    ids=["date", "number", "time"])  # fmt: skip
def test_updates_are_seen_by_every_kind_of_watermark(tmp_path: Path, clock: Clock, mark: str, marks: list[object]) -> None:
    """The same mark as the highest, a higher one, and a lower one within the look-back."""
    table = Table(tmp_path / "d.db", mark)
    table.put("a", marks[0])
    run = reading(table, clock, sweep_seconds=1)
    run.run(2)
    for key, value in zip(("same", "higher", "late"), marks[1:], strict=True):
        table.put(key, value)
        assert ids(run.run(5), "u") == [key]
    table.put("same", marks[1], "乙")
    assert ids(run.run(5), "u") == ["same"]
    assert run.run(5) == []


def test_a_watermark_ahead_of_the_clock_is_sent_and_hides_nothing(table: Table, clock: Clock) -> None:
    now = (dt.datetime.now().replace(microsecond=0) - dt.datetime(2026, 5, 1, 8)).total_seconds()
    table.put("a", at(now - 100))
    run = reading(table, clock, look_back=10, sweep_seconds=1, clock_ahead=60)
    run.run(2)
    table.put("ahead", at(now + 86_400))
    table.put("within", at(now + 5))
    assert sorted(ids(run.run(3))) == ["ahead", "within"]
    table.put("b", at(now + 6))
    assert ids(run.run(3)) == ["b"]
    assert run.run(3) == []
    assert "mark-ahead" in [finding.code for finding in run.check()]
    # The same as the first thing a snapshot meets.
    anew = reading(table, clock, look_back=10, sweep_seconds=1, clock_ahead=60)
    assert len(anew.run(2)) == 4
    table.put("c", at(now + 7))
    assert ids(anew.run(3)) == ["c"]


def test_many_deletes_wait_for_a_persons_word(table: Table, clock: Clock) -> None:
    for number in range(150):
        table.put(f"n{number:03}", at(number / 10))
    run = reading(table, clock, reconcile_seconds=5)
    run.run(2)
    run.cleaned = True
    table.do("delete from people where id >= 'n010'")
    table.put("n999", at(50))
    assert ids(run.run(20)) == ["n999"]
    assert [finding.code for finding in run.findings] == ["many-deletes"]
    run.cleaned = True
    changes = run.run(20, allow_many_deletes=True)
    assert [change.op for change in changes] == ["d"] * 140
    assert run.findings == ()
    run.cleaned = True
    table.put("n011", at(1.1))  # the same row is back
    assert ids(run.run(20)) == ["n011"]


def test_the_window_forgets_what_no_sweep_can_read_and_nothing_else(table: Table, clock: Clock) -> None:
    run = reading(table, clock, look_back=3, sweep_seconds=2, poll_seconds=0.5)
    run.run(2)
    table.do(f"""with recursive n(i) as (select 0 union all select i + 1 from n where i < 5999)
                 insert into people (id, name, updated_at) select 'n' || i, 'x',
                   strftime('%Y-%m-%d %H:%M:%f', '{at(0)}', (i / 1000.0) || ' seconds')
                 from n""")
    assert len(run.run(5)) == 6000
    assert held(run) == 6000
    table.put("far", at(8))
    run.run(5)
    assert held(run) == 6001 - 4096  # what lies below 5 s; the rest is within the look-back or beside such
    assert run.run(10) == []
    table.put("n5999", at(5.999), "x")
    table.put("n5998", at(5.998), "changed")
    assert ids(run.run(5)) == ["n5998"]


def held(run: Reading) -> int:
    """How many digests the cursor holds, each in a segment that its position names."""
    assert set(run.cursor.parts) == {f"w{number}" for number in run.cursor.position["highs"]}
    return sum(map(len, run.cursor.parts.values())) // 16
