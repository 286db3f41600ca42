"""Volume, peaks and latency out of the tables, against plain counts of the same tallies."""

import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledger import shanghai
from ledger.days import Days
from ledger.queries import Filter, Period, latency, peaks, per_minute, stages_of, volume
from ledger.shanghai import iso
from ledger.store import Store
from schemas.tally import Tally, TallyBook, TallyKey
from tests.ledger.conftest import Record, recording_into, settings_at
from tests.ledger.drawn import DATASETS, EXCHANGE, SUBSCRIBERS, flat, messages, peak, second, sums

TODAY = shanghai.today()
#: A month's end among old days, for the day tables; and the two fresh days, for the tallies.
OLD = (date(2026, 10, 31), date(2026, 11, 1))
DAYS = (*OLD, TODAY - timedelta(days=1), TODAY)
NAMES = ("stage", "cause", "provider", "dataset", "subscriber", "day", "hour", "minute")


def moments(days: tuple[date, ...] = DAYS, each: int = 20, seed: int = 7) -> list[int]:
    """Seconds of these days, crowded at midnight, where a wrong zone or a wrong edge shows."""
    draw = random.Random(seed)
    found = []
    for day in days:
        start = second(f"{day}T00:00:00")
        found += [start, start + 1, start + 86399, start + 8 * 3600, start + 8 * 3600 - 1]
        found += [start + draw.randrange(86400) for _ in range(each)]
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Tally]]:
    """Recorded in three goes, so that days and hours are recomputed again and again; one go by the hour, as large days are."""
    home, all_ = tmp_path_factory.mktemp("figures"), messages(1, 240, moments())
    with Store(settings_at(home)) as store, pytest.MonkeyPatch.context() as patch:
        record = recording_into(store)
        record(all_[:100])
        record(all_[103:])
        patch.setattr("ledger.days._AT_ONCE", 0)
        record(all_[100:103])
    return home, list(flat(all_))


@pytest.fixture
def sent(filled: tuple[Path, list[Tally]]) -> list[Tally]:
    return filled[1]


@pytest.fixture
def full(filled: tuple[Path, list[Tally]]) -> Iterator[Store]:
    """The store with all that was sent. Only asked."""
    with Store(settings_at(filled[0])) as store:
        yield store


def grouped(sent: list[Tally], by: tuple[str, ...], period: Period, **only: str) -> dict[tuple[str, ...], int]:
    found: Counter[tuple[str, ...]] = Counter()
    for key, records in sums(sent).items():
        row = dict(zip(NAMES, key, strict=True))
        if period.first.isoformat() <= row["day"] <= period.last.isoformat() and all(
                row[name] in (EXCHANGE if word == "exchange" else (word,)) for name, word in only.items()):
            found[tuple(row[name] for name in by)] += records
    return dict(found)


def spans() -> Iterator[Period]:
    yield Period(OLD[0], TODAY)
    yield Period(OLD[0], OLD[0])
    yield Period(OLD[1], DAYS[2])
    yield Period(TODAY, TODAY)


def test_volume_by_any_dimensions_equals_a_plain_count(full: Store, sent: list[Tally]) -> None:
    for period in spans():
        for by in (("stage",), ("provider", "day"), ("dataset", "subscriber", "cause"), ("stage", "hour"), ("day", "stage"), ()):
            rows = volume(full, period, by, Filter())["rows"]
            assert {tuple(row.get(name, "") for name in by): row["records"] for row in rows} == grouped(sent, by, period), (period, by)


def test_volume_by_minute_equals_a_plain_count(full: Store, sent: list[Tally]) -> None:
    for period in (Period(OLD[0], OLD[1]), Period(DAYS[2], TODAY)):
        rows = volume(full, period, ("minute", "stage"), Filter())["rows"]
        assert {(row["minute"], row["stage"]): row["records"] for row in rows} == grouped(sent, ("minute", "stage"), period)


def test_volume_of_a_chosen_part_equals_a_plain_count(full: Store, sent: list[Tally]) -> None:
    period = Period(OLD[0], TODAY)
    for only in ({"provider": "health"}, {"dataset": "civil.village"}, {"subscriber": "tax"}, {"cause": "live"}, {"stage": "exchange"},
                 {"stage": "cleaned", "provider": "civil", "cause": "resend"}):
        chosen = Filter(stages=stages_of(only["stage"]) if "stage" in only else (), causes=(only["cause"],) if "cause" in only else (),
                        **{name: word for name, word in only.items() if name in ("provider", "dataset", "subscriber")})
        rows = volume(full, period, ("stage", "day"), chosen)["rows"]
        assert {(row["stage"], row["day"]): row["records"] for row in rows} == grouped(sent, ("stage", "day"), period, **only)


def test_the_headline_is_what_was_exchanged_and_stages_are_never_added(full: Store, sent: list[Tally]) -> None:
    found = volume(full, Period(OLD[0], TODAY), ("stage",), Filter())
    exchanged = [tally for tally in sent if tally.key.stage in EXCHANGE]
    assert found["exchange"] == sum(tally.records for tally in exchanged)
    assert found["exchange_live"] == sum(tally.records for tally in exchanged if tally.key.cause == "live")


def test_bytes_and_repaired_records_are_added_up(full: Store, sent: list[Tally]) -> None:
    rows = {row["stage"]: row for row in volume(full, Period(OLD[0], TODAY), ("stage",), Filter())["rows"]}
    for stage in ("cleaned", "delivered"):
        of = [tally for tally in sent if tally.key.stage == stage]
        assert (rows[stage]["bytes"], rows[stage]["fixed"]) == (sum(t.bytes for t in of), sum(t.fixed for t in of))


def test_day_tables_hold_what_the_tallies_hold(full: Store, sent: list[Tally]) -> None:
    folded = full.rows("SELECT stage, cause, dept, dataset, subscriber, toString(day) AS day, n, records, bytes, fixed, lat_sum, "
                        "lat_max, arraySum(hours) AS of_hours, arraySum(lat_c) AS timed FROM day_route FINAL "
                        "ORDER BY stage, cause, dept, dataset, subscriber, day")  # fmt: skip
    raw = full.rows("SELECT stage, cause, dept, dataset, subscriber, toString(toDate(at, 'Asia/Shanghai')) AS day, count() AS n, "
                     "sum(t.records) AS records, sum(t.bytes) AS bytes, sum(t.fixed) AS fixed, sum(t.lat_sum) AS lat_sum, "
                     "max(t.lat_max) AS lat_max, sum(t.records) AS of_hours, sum(arraySum(t.lat_c)) AS timed FROM tally AS t "
                     "GROUP BY stage, cause, dept, dataset, subscriber, day ORDER BY stage, cause, dept, dataset, subscriber, day")
    assert folded == raw
    assert len(folded) > 50


@pytest.mark.parametrize("stage", ["exchange", "arrived", "returned_up", "held_back"])
def test_peaks_equal_a_plain_search(full: Store, sent: list[Tally], stage: str) -> None:
    for period in spans():
        start, end = shanghai.bounds(period.first, period.last)
        part = [tally for tally in sent if start <= tally.key.at < end]
        scopes = [("all", "", "")] + [("dataset", "dataset", name) for name in DATASETS]
        if stage != "arrived":
            scopes += [("subscriber", "subscriber", name) for name in SUBSCRIBERS]
        for scope, field, name in scopes:
            rows = {row["name"]: row for row in peaks(full, period, stage, scope, name)["rows"]}
            for width, length in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400)):
                records, began, dataset = peak(part, stages_of(stage), length, field, name)
                if not records:
                    assert name not in rows
                    continue
                at = iso(began)[:10] if width == "day" else iso(began)
                assert rows[name][width] == {"records": records, "at": at, "dataset": dataset}, (period, scope, name, width)


def test_what_was_too_large_for_a_subscriber_is_that_subscribers_and_not_among_what_clean_turned_away(
        store: Store, record: Record) -> None:
    now = second(f"{TODAY}T00:00:30")
    book = TallyBook()
    book.add(TallyKey(now, "quarantined", "live", "health", "health.resident"), records=3, latency=5)
    book.add(TallyKey(now, "quarantined", "live", "health", "health.resident", "tax"), records=40, latency=5)
    record([list(book)])
    span = Period(TODAY, TODAY)

    def records(by: tuple[str, ...], **chosen: str) -> dict[tuple[str, ...], int]:
        return {tuple(row[name] for name in by): row["records"] for row in volume(store, span, by, Filter(**chosen))["rows"]}

    assert records(("stage", "dataset")) == {("quarantined", "health.resident"): 3}
    assert records(("stage", "hour")) == {("quarantined", iso(now - 30)): 3}
    assert records(("stage", "subscriber")) == {("quarantined", ""): 3, ("quarantined", "tax"): 40}
    assert records(("stage",), subscriber="tax") == {("quarantined",): 40}
    assert latency(store, span, ("stage",), Filter())["rows"][0]["records"] == 3
    assert per_minute(store, 1, now)[0]["quarantined"] == 3
    for scope, most in (("all", 3), ("dataset", 3), ("subscriber", 40)):
        [row] = peaks(store, span, "quarantined", scope)["rows"]
        assert {row[width]["records"] for width in ("second", "minute", "hour", "day")} == {most}


def test_a_snapshot_is_in_no_peak(store: Store, record: Record) -> None:
    at = second("2026-11-01T09:00:00")
    book = TallyBook()
    for cause, records in (("live", 3), ("snapshot", 9_000), ("resend", 8_000), ("replay", 7_000)):
        book.add(TallyKey(at, "delivered", cause, "health", "health.resident", "tax"), records=records)
    record([list(book)])
    [row] = peaks(store, Period(OLD[1], OLD[1]), "exchange", "all")["rows"]
    assert [row[width]["records"] for width in ("second", "minute", "hour", "day")] == [3, 3, 3, 3]


def test_quantiles_are_right_to_a_quarter_of_an_octave(store: Store, record: Record) -> None:
    draw, at = random.Random(3), second("2026-11-01T12:00:00")
    values = sorted(min(int(draw.lognormvariate(5, 1.4)), 3_600_000) for _ in range(4_000))
    drawn = [*values]
    draw.shuffle(drawn)
    books = [TallyBook() for _ in range(20)]
    for number, value in enumerate(drawn):
        books[number % 20].add(TallyKey(at + number % 50, "delivered", "live", "health", "health.resident", "tax"), latency=value)
    record([list(book) for book in books])
    [row] = latency(store, Period(OLD[1], OLD[1]), ("stage",), Filter())["rows"]
    assert (row["records"], row["min"], row["max"]) == (4_000, values[0], values[-1])
    assert row["mean"] == round(sum(values) / 4_000, 1)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        true = values[math.ceil(share * 4_000) - 1]
        assert true - 0.05 <= row[name] <= (true + 1) * 2 ** 0.25, name


def test_minutes_of_the_last_hour_are_all_there_and_equal_a_plain_count(store: Store, record: Record) -> None:
    now = second("2026-11-01T00:10:30")
    all_ = messages(5, 60, [now - 40 * random.Random(i).randrange(100) for i in range(90)])
    record(all_)
    rows = per_minute(store, 60, now)
    assert len(rows) == 60
    assert rows[-1]["at"] == "2026-11-01T00:10:00+08:00"
    count = sums(tally for tally in flat(all_) if tally.key.cause == "live")
    for row in rows:
        for name in ("arrived", "cleaned", "quarantined", "exchange"):
            stages = stages_of(name)
            assert row[name] == sum(n for key, n in count.items() if key[7] == row["at"] and key[0] in stages)


def test_a_day_torn_by_a_crash_is_found_at_the_next_start_and_a_whole_one_is_not(store: Store, record: Record) -> None:
    sent = messages(2, 60, moments(OLD, 4))
    record(sent)
    days = Days(store)
    days.find()
    assert days.pending == 0
    store.run(f"DELETE FROM day_route WHERE day = '{OLD[0]}' AND stage = 'arrived'")
    days.find()
    assert days.pending == 1
    days.recompute()
    test_day_tables_hold_what_the_tallies_hold(store, list(flat(sent)))
