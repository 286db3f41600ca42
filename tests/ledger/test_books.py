"""The books balance when everything is told, and one tally left out, or counted twice, is seen."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pytest

from ledger.auditor import RawCounts
from ledger.books import Horizon, books
from ledger.days import Days
from ledger.queries import Period
from ledger.recorder import Recording
from ledger.resuming import CaughtUp, Moved
from ledger.retention import drop_old
from ledger.shanghai import day_of
from ledger.store import Store
from ledger.subscriptions import SubscriptionHistory
from schemas.codec import encode_tallies
from schemas.control import Plan, Subscription
from schemas.errors import RetryError
from schemas.tally import FindingKey, FindingTally, Tally, TallyKey
from schemas.text import Text
from tests.ledger.conftest import Record
from tests.ledger.drawn import second
from wire.reading import Record as RawRecord

AT = second("2026-11-01T09:59:59")
HOUR = second("2026-11-01T09:00:00")
PERIOD = Period(day_of(AT), day_of(AT))
TAX = Subscription(id="tax.health.resident", subscriber="tax", dataset="health.resident", fields=("id",), purpose="p",
                   output_schema=1, created=1, changed=1)
EVENT = b"\0\0\0\0\x01" + b"\x02e" + b"\0"


def tally(stage: str, records: int, subscriber: str = "", at: int = AT, cause: str = "live") -> Tally:
    return Tally(TallyKey(at, stage, cause, "health", "health.resident", subscriber), records, records * 9)


#: Ten arrived: seven clean, of those five given to tax, one held back, one too large for it; and one each of the rest.
WHOLE = [tally("arrived", 10), tally("cleaned", 7), tally("duplicate", 1), tally("superseded", 1), tally("quarantined", 1),
         tally("delivered", 5, "tax"), tally("held_back", 1, "tax"), tally("quarantined", 1, "tax")]


def raw(count: int, first: int = 0, at: int = AT) -> list[RawRecord]:
    return [RawRecord("raw.health", 0, first + n, at * 1000 + 7, b"health.resident/%d" % n, EVENT) for n in range(count)]


@pytest.fixture
def told(store: Store) -> Store:
    """A store whose auditor counted the ten values, and which knew the subscription long before."""
    SubscriptionHistory(store, lambda: HOUR - 90_000).seen(Plan(version=1, subscriptions={TAX.id: TAX}))
    counts = RawCounts(store)
    counts.take(raw(10))
    counts.settle({("raw.health", 0): 10})
    counts.flush()
    return store


def quiet(**more: object) -> Callable[[], Horizon]:
    """Nothing moves any more, unless said otherwise."""
    horizon = Horizon(**{"settled": True, "up_to": time.time(), **more})  # type: ignore[arg-type]
    return lambda: horizon


def test_books_balance_when_every_tally_is_there(told: Store, record: Record) -> None:
    record([WHOLE])
    found = books(told, PERIOD, quiet())
    assert found["balanced"]
    assert found["states"] == {"balanced": 3, "open": 0, "partial": 0, "imbalanced": 0}
    assert found["raw"] == [{"provider": "health", "hour": "2026-11-01T09:00:00+08:00", "counted": 10, "arrived": 10, "in_flight": 0,
                             "difference": 0, "state": "balanced"}]
    assert found["integrity"] == {"tallies": 8, "different": 8, "findings": 0, "doubled": 0}


@pytest.mark.parametrize("left_out", range(8))
def test_one_tally_left_out_is_an_imbalance_whichever_it_is(told: Store, record: Record, left_out: int) -> None:
    record([WHOLE[:left_out] + WHOLE[left_out + 1:]])
    found = books(told, PERIOD, quiet())
    assert not found["balanced"]
    assert found["states"]["imbalanced"] >= 1


@pytest.mark.parametrize("left_out", [None, *range(8)])
def test_without_balanced_rows_the_books_say_the_same(told: Store, record: Record, left_out: int | None) -> None:
    record([[one for number, one in enumerate(WHOLE) if number != left_out]])
    whole, brief = books(told, PERIOD, quiet()), books(told, PERIOD, quiet(), whole=False)
    for kind in ("datasets", "raw", "subscriptions"):
        assert brief[kind] == [row for row in whole[kind] if row["state"] != "balanced"]
        assert whole[kind]
    assert (brief["states"], brief["balanced"]) == (whole["states"], whole["balanced"])


def test_a_tally_in_the_table_twice_is_seen_even_where_the_books_balance(told: Store) -> None:
    recording = Recording(told, Days(told))
    for _ in range(2):
        recording.reached = {}
        recording.take(0, 0, encode_tallies("w", 1, [tally("sent", 4)]))
        recording.flush()
    found = books(told, PERIOD, quiet())
    assert found["integrity"]["doubled"] == 1
    assert not found["balanced"]


def test_a_finding_in_its_table_twice_is_seen_too(told: Store) -> None:
    found = FindingTally(FindingKey(AT, "live", "health", "health.resident", "validity"), 1)
    recording = Recording(told, Days(told))
    for _ in range(2):
        recording.found = {}
        recording.take(0, 0, encode_tallies("w", 1, [], [found]))
        recording.flush()
    assert books(told, PERIOD, quiet())["integrity"] == {"tallies": 0, "different": 0, "findings": 2, "doubled": 1}


def test_what_clean_has_not_committed_is_in_flight_and_not_missing(told: Store, record: Record) -> None:
    record([WHOLE])
    counts = RawCounts(told)
    counts.take(raw(4, 10))
    counts.settle({("raw.health", 0): 10})
    assert counts.in_flight() == {("health", HOUR): 4}
    found = books(told, PERIOD, quiet(settled=False, raw_in_flight=counts.in_flight()))
    assert (found["balanced"], found["raw"][0]["in_flight"], found["raw"][0]["difference"]) == (True, 4, 0)


def test_a_difference_is_open_while_the_hour_moves_and_an_alarm_when_it_rests(told: Store, record: Record) -> None:
    record([WHOLE[:1]])
    now = time.time()
    assert books(told, PERIOD, quiet(moved=({HOUR: now - 2},)))["states"]["imbalanced"] == 0
    assert books(told, PERIOD, quiet(up_to=0.0))["states"]["imbalanced"] == 0
    assert books(told, PERIOD, quiet(moved=({HOUR: now - 6},)))["states"]["imbalanced"] == 1
    assert books(told, PERIOD, quiet(settled=False, moved=({HOUR: now - 6},)))["states"]["imbalanced"] == 0
    assert books(told, PERIOD, quiet(settled=False, moved=({HOUR: now - 31},)))["states"]["imbalanced"] == 1


def test_on_a_bus_that_never_rests_an_hour_is_judged_once_both_are_past_its_end_and_its_last_movement(
        told: Store, record: Record) -> None:
    record([WHOLE[:1]])
    end = HOUR + 3600

    def alarms(up_to: float, *moved: dict[int, float]) -> int:
        return int(books(told, PERIOD, quiet(settled=False, up_to=up_to, moved=moved))["states"]["imbalanced"])

    assert [alarms(at) for at in (0.0, end - 1, end + 29, end + 31)] == [0, 0, 0, 1]
    late = end + 7200.0
    assert [alarms(at, {HOUR: late}, {}) for at in (late - 1, late + 29, late + 31)] == [0, 0, 1]
    assert [alarms(at, {}, {HOUR: late}) for at in (late + 29, late + 31)] == [0, 1]
    assert alarms(end + 31, {HOUR + 3600: late}) == 1, "another hour's movement is not this one's"


def test_what_moves_while_the_books_are_read_is_no_alarm(told: Store, record: Record) -> None:
    """All rested at first; then a burst was half in the tables when they were read."""
    record([WHOLE[:1]])
    now = time.time()
    looks = [quiet(), quiet(moved=({}, {HOUR: now}))]
    assert books(told, PERIOD, lambda: looks.pop(0)())["states"]["imbalanced"] == 0
    assert books(told, PERIOD, quiet())["states"]["imbalanced"] == 1


def test_a_movement_is_known_before_its_rows_can_be_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = Moved()
    known: list[set[int]] = []
    monkeypatch.setattr(Store, "insert", lambda *given: known.append(set(moved.hours)))
    recording = Recording(store, Days(store), moved)
    recording.take(0, 0, encode_tallies("w", 1, [tally("arrived", 1)]))
    recording.flush()
    counts = RawCounts(store, moved)
    counts.take(raw(1, at=AT + 3600))
    counts.settle({("raw.health", 0): 1})
    counts.flush()
    assert known == [{HOUR}, {HOUR, HOUR + 3600}]


def test_caught_up_moves_on_behind_an_end_that_is_never_reached() -> None:
    caught, place = CaughtUp(), ("bus.tallies", 0)
    seen = []
    for now in range(1, 20):
        caught.aim(now, {place: now * 10})
        caught.reach({place: now * 10 - 15})
        seen.append(caught.up_to)
    assert seen[:8] == [0, 0, 1, 1, 1, 4, 4, 4]
    assert seen[-1] >= 15
    caught.start()
    caught.reach({place: 10_000})
    assert caught.up_to == seen[-1], "nothing is waited for after a start"


def test_what_route_has_still_before_it_explains_a_subscriptions_difference(told: Store, record: Record) -> None:
    record([WHOLE[:5]])
    flying = books(told, PERIOD, quiet(clean_in_flight=lambda: {("health.resident", HOUR): 7}))
    [row] = flying["subscriptions"]
    assert (row["state"], row["in_flight"], row["difference"]) == ("open", 7, 0)
    assert flying["balanced"]


def test_the_hour_in_which_a_subscription_began_is_partial_and_the_next_is_not(store: Store, record: Record) -> None:
    SubscriptionHistory(store, lambda: HOUR - 90_000).seen(Plan(version=1))
    SubscriptionHistory(store, lambda: HOUR + 1800).seen(Plan(version=2, subscriptions={TAX.id: TAX}))
    record([[tally("arrived", 3), tally("cleaned", 3), tally("arrived", 2, at=AT + 3600), tally("cleaned", 2, at=AT + 3600)]])
    found = books(store, PERIOD, quiet())
    states = {row["hour"][11:13]: row["state"] for row in found["subscriptions"]}
    assert states == {"09": "partial", "10": "imbalanced"}


def test_a_revoked_subscription_is_missed_no_more_after_its_last_hour(told: Store, record: Record) -> None:
    SubscriptionHistory(told, lambda: HOUR + 1800).seen(Plan(version=2))
    record([[tally("arrived", 2, at=AT + 7200), tally("cleaned", 2, at=AT + 7200)]])
    found = books(told, PERIOD, quiet())
    assert [row["hour"][11:13] for row in found["subscriptions"]] == []


def test_hours_whose_records_were_on_their_way_when_a_subscription_ended_are_partial(told: Store, record: Record) -> None:
    """Workers were down from 08:00 on; it was revoked at 10:05, and given nothing of what had waited."""
    asked: list[set[str]] = []

    def oldest(plan: Plan, providers: Collection[str]) -> float:
        asked.append(set(providers))
        return HOUR - 3000

    SubscriptionHistory(told, lambda: HOUR + 3900, oldest).seen(Plan(version=2))
    assert asked == [{"health"}]
    record([[tally(stage, 5, at=AT + 3600 * away) for stage in ("arrived", "cleaned")] for away in (-2, -1, 0, 1, 2)])
    found = books(told, PERIOD, quiet())["subscriptions"]
    assert {row["hour"][11:13]: row["state"] for row in found} == {"07": "imbalanced", "08": "partial", "09": "partial", "10": "partial"}


def test_what_workers_gave_before_they_knew_of_an_end_makes_the_next_hour_partial(told: Store, record: Record) -> None:
    SubscriptionHistory(told, lambda: HOUR + 3599).seen(Plan(version=2))
    record([[tally("arrived", 5, at=HOUR + 3600), tally("cleaned", 5, at=HOUR + 3600), tally("delivered", 1, "tax", at=HOUR + 3600)]])
    [row] = books(told, PERIOD, quiet())["subscriptions"]
    assert (row["hour"][11:13], row["state"]) == ("10", "partial")


def test_of_a_subscription_nobody_knew_nothing_is_asked(store: Store) -> None:
    def oldest(plan: Plan, providers: Collection[str]) -> float:
        raise AssertionError

    SubscriptionHistory(store, lambda: HOUR, oldest).seen(Plan(version=1, subscriptions={TAX.id: TAX}))


def test_of_a_month_that_one_of_the_tables_has_dropped_there_are_no_books(store: Store, record: Record) -> None:
    """A lane at rest keeps its last month of raw_count, for the auditor resumes there; the tallies of that month go."""
    old, idle = second("2020-01-15T09:30:00"), second("2020-02-15T09:30:00")
    counts = RawCounts(store)
    counts.take([*raw(5, at=old), *(one._replace(lane="raw.civil") for one in raw(1, at=idle)), *raw(1, 5)])
    counts.settle({("raw.health", 0): 6, ("raw.civil", 0): 1})
    counts.flush()
    record([[tally(stage, records, at=at) for stage in ("arrived", "cleaned")] for at, records in ((old, 5), (idle, 1), (AT, 1))])
    whole = books(store, Period(day_of(old), day_of(old)), quiet())
    assert (len(whole["raw"]), whole["states"]["imbalanced"]) == (1, 0)
    assert drop_old(store) == [("tally", 202001), ("tally", 202002), ("raw_count", 202001)]
    for at in (old, idle):
        gone = books(store, Period(day_of(at), day_of(at)), quiet())
        assert (gone["balanced"], gone["raw"], gone["datasets"]) == (True, [], [])
    assert len(books(store, Period(day_of(old), day_of(AT)), quiet())["raw"]) == 1


def test_a_snapshot_is_in_no_subscriptions_book(told: Store, record: Record) -> None:
    record([[*WHOLE, tally("delivered", 900, "tax", cause="snapshot")]])
    assert books(told, PERIOD, quiet())["balanced"]


def test_the_auditors_inserts_are_cut_where_the_shanghai_month_changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One insert is one part; a later one that failed leaves what the auditor resumes behind."""
    month, cut, failing = second("2026-11-01T00:00:00"), list[list[int]](), [False]
    insert = Store.insert

    def watched(self: Store, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        cut.append(list(columns["hour"]))
        if failing[0] and len(cut) == 2:
            raise RetryError(Text("不在", "away"), advice=Text("等", "wait"))
        insert(self, table, columns)

    monkeypatch.setattr(Store, "insert", watched)
    values = [*raw(2, 0, month - 7200), *raw(1, 2, month - 1), *raw(3, 3, month), *raw(1, 6, month - 1)]

    def count() -> RawCounts:
        counts = RawCounts(store)
        counts.take(values)
        counts.settle({("raw.health", 0): 7})
        return counts

    failing[0] = True
    with pytest.raises(RetryError):
        count().flush()
    assert cut == [[month - 7200, month - 3600], [month]]
    failing[0] = False
    cut.clear()
    count().flush()
    assert cut == [[month], [month - 3600]]
    assert store.rows("SELECT sum(records) AS records FROM raw_count") == [{"records": 7}]


def test_markers_and_tombstones_on_raw_are_no_values_and_the_auditor_resumes_where_it_was(store: Store) -> None:
    marker = b"\0\0\0\0\x01" + b"\x02e" + b"\x08"
    odd = [RawRecord("raw.health", 0, 5, AT * 1000, b"health.resident/", marker),
           RawRecord("raw.health", 0, 6, AT * 1000, b"health.resident/1", None)]
    counts = RawCounts(store)
    counts.take([*raw(5), *odd, *raw(3, 7, AT + 3600)])
    assert len(counts) == 8
    counts.settle({("raw.health", 0): 9})
    counts.flush()
    again = RawCounts(store)
    assert again.reached == {("raw.health", 0): 9}
    again.take([*raw(5), *odd, *raw(3, 7, AT + 3600)])
    again.settle({("raw.health", 0): 10})
    again.flush()
    rows = store.rows("SELECT toUInt32(hour) AS hour, sum(records) AS records FROM raw_count GROUP BY hour ORDER BY hour")
    assert rows == [{"hour": HOUR, "records": 5}, {"hour": HOUR + 3600, "records": 3}]
