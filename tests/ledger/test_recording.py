"""The recorder's core on the real table: each row once whatever is read again, one insert one month, at most so many rows."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

import pytest

from ledger.days import Days
from ledger.duty import Duty
from ledger.recorder import Recorder, Recording
from ledger.retention import drop_old
from ledger.settings import LedgerSettings
from ledger.shanghai import month_of
from ledger.store import Store
from ledger.tallies import BATCH_ROWS, FINDING_COLUMNS, Batch, rows_of
from schemas.codec import decode_tallies, encode_tallies
from schemas.errors import HaltError, RetryError
from schemas.names import TALLIES
from schemas.tally import FindingKey, FindingTally, Tally, TallyKey
from schemas.text import Text
from tests.ledger.drawn import encoded, flat, messages, second
from wire.reading import LaneReader
from wire.reading import Record as RawRecord

MIDNIGHT = second("2026-11-01T00:00:00")


def stored(store: Store) -> list[tuple[int, int, int]]:
    return [(row["lp"], row["lo"], row["li"]) for row in store.rows("SELECT lp, lo, li FROM tally ORDER BY lp, lo, li")]


def one(at: int, records: int = 1, stage: str = "arrived", cause: str = "live") -> Tally:
    return Tally(TallyKey(at, stage, cause, "health", "health.resident"), records, records * 10)


class Watched(Store):
    """Notes what is inserted, and can fail before or after one of the two tables has it, at each insert or one of them."""

    inserts: list[tuple[int, int]]
    #: before or after; which table; how many inserts of it go well
    fail: tuple[str, str, int] = ("", "", 0)

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        months = {month_of(at) for at in columns["at"]}
        assert len(months) == 1, "an insert of two months is two parts"
        if table == "tally":
            self.inserts.append((months.pop(), len(columns["at"])))
        when, where, left = self.fail
        if where == table:
            self.fail = when, where, left - 1
        if where == table and left <= 0 and when == "before":
            raise RetryError(Text("不在", "away"), advice=Text("等", "wait"))
        super().insert(table, columns)
        if where == table and left <= 0 and when == "after":
            raise RetryError(Text("不知道", "nobody knows"), advice=Text("等", "wait"))


@pytest.fixture
def watched(store: Store) -> Watched:
    store.__class__ = Watched
    assert isinstance(store, Watched)
    store.inserts = []
    return store


def test_a_batch_is_cut_where_the_shanghai_month_changes_and_not_where_utcs_does(watched: Watched) -> None:
    recording = Recording(watched, Days(watched))
    utc = MIDNIGHT + 8 * 3600
    for offset, at in enumerate((MIDNIGHT - 2, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1, utc - 1, utc, MIDNIGHT - 1)):
        recording.take(0, offset, encode_tallies("w", 1, [one(at)]))
    recording.flush()
    assert watched.inserts == [(202610, 2), (202611, 4), (202610, 1)]
    assert {row["partition"] for row in watched.rows("SELECT DISTINCT partition FROM system.parts WHERE table = 'tally' AND active "
                                                     "AND database = currentDatabase()")} == {"202610", "202611"}


def test_no_insert_has_more_rows_than_i15_allows(watched: Watched) -> None:
    recording = Recording(watched, Days(watched))
    message = encode_tallies("w", 1, [one(MIDNIGHT + n) for n in range(2000)])
    for offset in range(60):
        recording.take(0, offset, message)
    recording.flush()
    assert BATCH_ROWS <= 100_000
    assert [rows for _, rows in watched.inserts] == [50_000, 50_000, 20_000]
    assert len(set(stored(watched))) == 120_000


def test_one_insert_is_one_part(watched: Watched) -> None:
    watched.run("SYSTEM STOP MERGES tally")
    recording = Recording(watched, Days(watched))
    for offset in range(10):
        recording.take(0, offset, encode_tallies("w", 1, [one(MIDNIGHT + n) for n in range(2000)]))
    recording.flush()
    [row] = watched.rows("SELECT count() AS parts FROM system.parts WHERE table = 'tally' AND active AND database = currentDatabase()")
    assert (row["parts"], watched.inserts) == (1, [(202611, 20_000)])


@pytest.mark.parametrize("end", range(0, 40, 3))
def test_what_is_read_again_from_any_place_is_not_recorded_again(store: Store, end: int) -> None:
    """A recorder that died after any of the inserts, the month changing within messages."""
    sent = messages(end, 40, [MIDNIGHT - 3, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 5])
    values = encoded(sent)
    dying = Recording(store, Days(store))
    for offset in range(end):
        dying.take(0, offset, values[offset])
    # Died here: what the month change flushed is in the table, in the middle of a message; the rest is not.
    following = Recording(store, Days(store))
    reached = following.reached.get(0)
    for offset in range(reached.lo if reached else 0, 40):
        following.take(0, offset, values[offset])
    following.flush()
    found = stored(store)
    assert len(found) == len(set(found)) == len(list(flat(sent)))
    [total] = store.rows("SELECT sum(records) AS records FROM tally")
    assert total["records"] == sum(tally.records for tally in flat(sent))
    assert found_in(store) == told_by(values)


def found_in(store: Store) -> list[tuple[Any, ...]]:
    rows = store.rows("SELECT lp, lo, li, toUInt32(at) AS at, cause, dept, dataset, dimension, field, reason, severity, records "
                      "FROM finding ORDER BY lp, lo, li")
    return [tuple(row.values()) for row in rows]


def told_by(values: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """What the messages say was found, in the order of the table."""
    return [row for offset, value in enumerate(values) for row in rows_of(0, offset, value)[1]]


@pytest.mark.parametrize("table", ["tally", "finding"])
@pytest.mark.parametrize("fail", ["before", "after"])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_an_insert_that_failed_or_went_through_unheard_ends_up_in_its_table_once(
        watched: Watched, fail: str, table: str, good: int) -> None:
    """Whichever of the two inserts of a message it is, and wherever the month cuts them."""
    sent = [*messages(4, 20, [MIDNIGHT - 9]), *messages(5, 6, [MIDNIGHT - 9, MIDNIGHT + 9]), *messages(6, 20, [MIDNIGHT + 9])]
    values = encoded(sent)
    watched.fail = fail, table, good
    dying = Recording(watched, Days(watched))
    with pytest.raises(RetryError):
        for offset, value in enumerate(values):
            dying.take(0, offset, value)
        dying.flush()
    watched.fail = ("", "", 0)
    again = Recording(watched, Days(watched))
    reached = again.reached.get(0)
    for offset in range(reached.lo if reached else 0, len(values)):
        again.take(0, offset, values[offset])
    again.flush()
    assert len(stored(watched)) == len(set(stored(watched))) == sum(map(len, sent))
    assert found_in(watched) == told_by(values)


def test_what_was_found_is_in_its_table_before_the_tallies_of_the_same_message(watched: Watched) -> None:
    """The recorder reads on where the tallies end: what is not in by then never will be."""
    values = encoded(messages(8, 60, [MIDNIGHT - 3, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 5]))
    insert, found = Watched.insert, told_by(values)
    checks = 0

    def checked(self: Watched, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        nonlocal checks
        insert(self, table, columns)
        if table == "tally":
            reached = max(zip(columns["lp"], columns["lo"], strict=True))
            assert {row[:3] for row in found if row[:2] <= reached} <= {row[:3] for row in found_in(self)}
            checks += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watched, "insert", checked)
        recording = Recording(watched, Days(watched))
        for offset, value in enumerate(values):
            recording.take(0, offset, value)
        recording.flush()
    assert checks > 10


def test_a_message_of_before_there_were_findings_is_recorded_and_so_is_one_with_nothing_else(store: Store) -> None:
    """A ledger of yesterday goes on: the table is made at the start, and what lies on the lane is read in either form."""
    old = encode_tallies("w", 1, [one(MIDNIGHT)])[:-1]
    assert decode_tallies(old).findings == []
    alone = encode_tallies("w", 1, [], [FindingTally(FindingKey(MIDNIGHT, "live", "a", "a.b", "validity", "x", "length", "fix"), 3)])
    recording = Recording(store, Days(store))
    recording.take(0, 0, old)
    recording.take(0, 1, alone)
    assert recording.pending == 2
    recording.flush()
    assert (stored(store), found_in(store)) == ([(0, 0, 0)], told_by([old, alone]))


def test_a_ledger_from_before_there_were_findings_is_given_its_tables_and_goes_on(home: LedgerSettings) -> None:
    values = encoded(messages(9, 10, [MIDNIGHT]))
    with Store(home) as store:
        yesterday = Recording(store, Days(store))
        yesterday.take(0, 0, values[0])
        yesterday.flush()
        for table in ("finding", "day_quality"):
            store.run(f"DROP TABLE {table} SYNC")
    with Store(home) as store:
        today = Recording(store, Days(store))
        for offset, value in enumerate(values):
            today.take(0, offset, value)
        today.flush()
        assert found_in(store) == told_by(values)


def test_partitions_resume_each_at_their_own_place(store: Store) -> None:
    first = Recording(store, Days(store))
    first.take(0, 7, encode_tallies("w", 1, [one(MIDNIGHT)]))
    first.take(3, 99, encode_tallies("w", 1, [one(MIDNIGHT), one(MIDNIGHT + 1)]))
    first.flush()
    again = Recording(store, Days(store))
    assert {partition: row.lo for partition, row in again.reached.items()} == {0: 7, 3: 99}
    again.take(0, 98, encode_tallies("w", 1, [one(MIDNIGHT)]))
    again.flush()
    assert stored(store) == [(0, 7, 0), (0, 98, 0), (3, 99, 0), (3, 99, 1)]


class Lane:
    """Stands where a reader of bus.tallies would: a message at each turn, and the duty ends with the last."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self._left = [RawRecord(TALLIES, 0, offset, MIDNIGHT * 1000, None, value) for offset, value in enumerate(values)]
        self.positions = {(TALLIES, 0): 0}

    def batch(self, timeout: float) -> list[RawRecord]:
        record = self._left.pop(0)
        self.positions = {(TALLIES, 0): record.offset + 1}
        return [record]

    def ends(self) -> dict[tuple[str, int], int]:
        return {(TALLIES, 0): 100}

    @property
    def stopping(self) -> bool:
        return not self._left

    def fine(self) -> None:
        pass


def no_memory() -> RetryError:
    return RetryError(Text("内存不足", "no memory"), advice=Text("等", "wait"))


def test_a_day_that_cannot_be_added_up_is_put_off_and_said_and_recording_goes_on(
        home: LedgerSettings, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, days, lane = Recorder(home), Days(store), Lane([encode_tallies("w", 1, [one(MIDNIGHT)]) for _ in range(5)])
    known: list[Mapping[int, int]] = []

    def fail(*given: Any) -> None:
        known.append(recorder.status.recorded)
        raise no_memory()

    monkeypatch.setattr(Days, "_day", fail)
    monkeypatch.setattr("ledger.recorder._PATIENCE", 0.0)
    recorder._record(cast(Duty, lane), cast(LaneReader, lane), Recording(store, days), days, store)
    assert len(stored(store)) == 5
    assert (recorder.status.recorded, recorder.status.settled_up_to, recorder.status.pending_days) == ({0: 5}, {}, 1)
    assert "no memory" in recorder.status.problem or "内存不足" in recorder.status.problem
    assert known == [{0: 1}], "what is in the table is said before its days are added up"


def test_old_months_that_cannot_be_dropped_do_not_hold_up_recording(
        home: LedgerSettings, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Store] = []

    def fail(asked: Store) -> None:
        tried.append(asked)
        raise no_memory()

    monkeypatch.setattr("ledger.recorder.drop_old", fail)
    days, lane = Days(store), Lane([encode_tallies("w", 1, [one(MIDNIGHT)]) for _ in range(5)])
    recording = Recording(store, days)
    Recorder(home)._record(cast(Duty, lane), cast(LaneReader, lane), recording, days, store)
    recording.flush()
    assert (len(tried), len(stored(store))) == (1, 5)


def test_a_day_put_off_waits_longer_each_time_and_holds_up_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now, tried, broken = [0.0], list[tuple[float, date]](), {date(2026, 10, 31)}
    days = Days(store, lambda: now[0])

    def add_up(self: Days, day: date, hours: set[int]) -> None:
        tried.append((now[0], day))
        if day in broken:
            raise no_memory()

    monkeypatch.setattr(Days, "_day", add_up)
    days.touch([MIDNIGHT - 1, MIDNIGHT])
    for _ in range(200):
        days.recompute_if_due()
        now[0] += 1
    old = [at for at, day in tried if day in broken]
    assert [after - before for before, after in itertools.pairwise(old)] == [15, 30, 60]
    assert [at for at, day in tried if day not in broken] == [2]
    assert (days.pending, days.problem[:10]) == (1, "2026-10-31")
    broken.clear()
    now[0] += 600
    days.recompute_if_due()
    assert (days.pending, days.problem) == (0, "")


def bad_finding(records: int = 1, **changes: Any) -> bytes:
    key = FindingKey(MIDNIGHT, "live", "a", "a.b", "validity", "x", "length", "fix")._replace(**changes)
    return encode_tallies("w", 1, [one(MIDNIGHT)], [FindingTally(key, records)])


BAD = {"no avro": b"\x07nonsense", "a stage nobody knows": encode_tallies("w", 1, [one(MIDNIGHT, stage="sold")]),
       "a cause nobody knows": encode_tallies("w", 1, [one(MIDNIGHT, cause="whim")]),
       "a second before 1970": encode_tallies("w", 1, [one(-1)]), "a second beyond the table": encode_tallies("w", 1, [one(1 << 32)]),
       "less than nothing": encode_tallies("w", 1, [one(MIDNIGHT, records=-1)]),
       "a bucket too many": encode_tallies("w", 1, [one(MIDNIGHT)._replace(lat_b=(3,), lat_c=())]),
       "a bucket beyond the table": encode_tallies("w", 1, [one(MIDNIGHT)._replace(lat_b=(256,), lat_c=(1,))]),
       "a dimension nobody knows": bad_finding(dimension="beauty"), "a severity nobody knows": bad_finding(severity="odd"),
       "a severity of nothing": bad_finding(reason=""), "a reason without severity": bad_finding(severity=""),
       "found before 1970": bad_finding(at=-1), "found for a whim": bad_finding(cause="whim"),
       "found in less than nothing": bad_finding(records=-1)}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_message_that_cannot_be_recorded_whole_stops_the_recorder_behind_what_was_good(store: Store, bad: bytes) -> None:
    recording = Recording(store, Days(store))
    recording.take(0, 0, encode_tallies("w", 1, [one(MIDNIGHT)]))
    with pytest.raises(HaltError) as caught:
        recording.take(0, 1, bad)
    assert "0" in caught.value.problem.en
    assert "1" in caught.value.problem.en
    assert stored(store) == [(0, 0, 0)]


def test_the_order_of_rows_is_the_same_each_time_a_message_is_decoded() -> None:
    [message] = messages(11, 1, [MIDNIGHT - 2, MIDNIGHT + 2, MIDNIGHT - 1], most=30)
    [value] = encoded([message])
    rows, found = rows_of(2, 5, value)
    assert (rows, found) == rows_of(2, 5, value)
    assert [row[:3] for row in rows] == [(2, 5, index) for index in range(len(message))]
    assert [row[:3] for row in found] == [(2, 5, index) for index in range(len(found))]
    assert len(found) > 10
    assert sum(1 for _ in Batch().fill(rows)) == sum(1 for _ in Batch(FINDING_COLUMNS).fill(found)) == 1, "a message is cut once at most"


def test_old_months_go_but_not_the_one_a_partition_resumes_from(store: Store) -> None:
    recording = Recording(store, Days(store))
    for partition, offset, day in ((0, 0, "2020-01-15"), (0, 1, "2020-02-15"), (0, 2, "2026-11-01"), (1, 0, "2020-02-16")):
        at = second(f"{day}T12:00:00")
        found = FindingTally(FindingKey(at, "live", "health", "health.resident", "validity"), 1)
        recording.take(partition, offset, encode_tallies("w", 1, [one(at)], [found]))
    recording.flush()
    assert drop_old(store) == [("tally", 202001), ("finding", 202001)]
    assert {row.lp: row.lo for row in Recording(store, Days(store)).reached.values()} == {0: 2, 1: 0}
