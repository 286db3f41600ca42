"""The four figures and what was found, out of the tables, against plain counts of the same messages."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import shanghai
from ledger.days import Days
from ledger.quality import FINDING_DIMENSIONS, findings, quality
from ledger.queries import Filter, Period
from ledger.recorder import Recording
from ledger.store import Store
from schemas.codec import encode_tallies
from schemas.reasons import DIMENSIONS
from schemas.tally import FindingKey, FindingTally, Tally, TallyKey
from tests.ledger.conftest import settings_at
from tests.ledger.drawn import encoded, findings_in, flat, messages, second

TODAY = shanghai.today()
#: Old days, for the day table, at a month's end; a day that is a week behind one of them; and the two fresh ones.
DAYS = (date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 7), TODAY - timedelta(days=1), TODAY)
SPANS = (Period(DAYS[0], TODAY), Period(DAYS[0], DAYS[0]), Period(DAYS[1], DAYS[3]), Period(TODAY, TODAY))
SECONDS = [second(f"{day}T{clock}") for day in DAYS for clock in ("00:00:00", "07:59:59", "08:00:00", "23:59:59")]
SENT = messages(31, 200, SECONDS)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded in goes, so that days are recomputed."""
    home, values = tmp_path_factory.mktemp("quality"), encoded(SENT)
    with Store(settings_at(home)) as store:
        for first in range(0, len(values), 70):
            days = Days(store)
            recording = Recording(store, days)
            for offset in range(first, min(first + 70, len(values))):
                recording.take(0, offset, values[offset])
            recording.flush()
            days.recompute()
    return home


@pytest.fixture
def full(filled: Path) -> Iterator[Store]:
    with Store(settings_at(filled)) as store:
        yield store


def told() -> list[FindingTally]:
    return [one for message in SENT for one in findings_in(message)]


def day_of(at: int) -> date:
    return dt.datetime.fromtimestamp(at, shanghai.SHANGHAI).date()


def plain(span: Period, by: Sequence[str], **only: str) -> Counter[tuple[Any, ...]]:
    counted: Counter[tuple[Any, ...]] = Counter()
    for key, records in told():
        row = key._asdict() | {"provider": key.dept, "day": day_of(key.at)}
        if key.reason and span.first <= row["day"] <= span.last and all(row[name] == word for name, word in only.items()):
            counted[tuple(row[name].isoformat() if name == "day" else row[name] for name in by)] += records
    return counted


@pytest.mark.parametrize("by", [("reason",), ("dataset", "field", "reason"), ("day", "dimension"), FINDING_DIMENSIONS])
@pytest.mark.parametrize("span", SPANS)
def test_what_was_found_equals_a_plain_count_whatever_it_is_told_apart_by(full: Store, span: Period, by: tuple[str, ...]) -> None:
    rows = findings(full, span, by, Filter())["rows"]
    assert {tuple(row[name] for name in by): row["records"] for row in rows} == plain(span, by)
    assert [row["records"] for row in rows] == sorted((row["records"] for row in rows), reverse=True)
    assert rows


def test_a_part_of_what_was_found_is_chosen_by_provider_dataset_and_cause(full: Store) -> None:
    for chosen, only in ((Filter(provider="health"), {"provider": "health"}), (Filter(causes=("live",)), {"cause": "live"}),
                         (Filter(dataset="civil.village"), {"dataset": "civil.village"})):
        rows = findings(full, SPANS[0], ("reason",), chosen)["rows"]
        assert {(row["reason"],): row["records"] for row in rows} == plain(SPANS[0], ("reason",), **only)


def slowly(dataset: str, day: date, dimension: str) -> tuple[int, int]:
    """Records with a finding, and records."""
    live = dimension == "timeliness"
    of = sum(tally.records * (1 if tally.key.stage == "arrived" else -1) for tally in flat(SENT)
             if tally.key.stage in ("arrived", "duplicate") and tally.key.dataset == dataset and day_of(tally.key.at) == day
             and (tally.key.cause == "live" or not live))
    flawed = sum(records for key, records in told()
                 if (key.dataset, key.dimension, key.reason) == (dataset, dimension, "") and day_of(key.at) == day
                 and (key.cause == "live" or not live))
    return min(flawed, of), of


@pytest.mark.parametrize("span", SPANS)
def test_each_figure_is_one_less_the_records_with_a_finding_of_those_that_arrived(full: Store, span: Period) -> None:
    rows = quality(full, span, Filter())["rows"]
    assert [(row["dataset"], row["day"]) for row in rows] == sorted(
        (dataset, day.isoformat()) for dataset in ("health.resident", "health.clinic", "civil.village") for day in DAYS
        if span.first <= day <= span.last and slowly(dataset, day, "validity")[1])
    for row in rows:
        day = date.fromisoformat(row["day"])
        for dimension in DIMENSIONS:
            figure, (flawed, of) = row[dimension], slowly(row["dataset"], day, dimension)
            assert (figure["flawed"], figure["of"]) == (flawed, of)
            assert figure["share"] == (1 - flawed / of if of else None)
            before = [slowly(row["dataset"], day - timedelta(days=back), dimension) for back in range(7, 0, -1)]
            shares = [1 - bad / number if number else None for bad, number in before]
            assert figure["history"] == [*shares, figure["share"]]
            assert figure["before"] == shares[-1]
            week = sum(number for _, number in before)
            assert figure["week"] == (1 - sum(bad for bad, _ in before) / week if week else None)
    assert any(row["validity"]["flawed"] for row in rows)


def test_one_dataset_is_asked_for_and_the_rest_is_not_told(full: Store) -> None:
    assert {row["dataset"] for row in quality(full, SPANS[0], Filter(dataset="health.clinic"))["rows"]} == {"health.clinic"}
    assert {row["provider"] for row in quality(full, SPANS[0], Filter(provider="civil"))["rows"]} == {"civil"}


def test_suspects_repeats_snapshots_and_bytes_of_no_dataset_count_as_they_must(store: Store) -> None:
    """Ten arrived, of them two repeats and three of a snapshot; one is late; a doubt lowers nothing; and noise is invalid."""
    at = second(f"{TODAY}T10:00:00")

    def tally(stage: str, records: int, cause: str = "live", dataset: str = "a.b") -> Tally:
        return Tally(TallyKey(at, stage, cause, "a", dataset), records, 0)

    found = FindingKey(at, "live", "a", "a.b", "timeliness")
    rows = [FindingTally(found, 1), FindingTally(found._replace(reason="late", severity="noted"), 1),
            FindingTally(found._replace(dimension="validity", field="x", reason="id_division", severity="suspect"), 4),
            FindingTally(found._replace(cause="snapshot"), 3),
            FindingTally(found._replace(dataset="", dimension="validity"), 2),
            FindingTally(found._replace(dataset="", dimension="validity", reason="undecodable", severity="reject"), 2)]
    stages = [tally("arrived", 7), tally("arrived", 3, "snapshot"), tally("duplicate", 2), tally("cleaned", 8),
              tally("arrived", 2, dataset=""), tally("quarantined", 2, dataset="")]
    recording = Recording(store, Days(store))
    recording.take(0, 0, encode_tallies("w", 1, stages, rows))
    recording.flush()
    noise, known = quality(store, Period(TODAY, TODAY), Filter())["rows"]
    assert {name: (known[name]["flawed"], known[name]["of"]) for name in DIMENSIONS} == {
        "completeness": (0, 8), "validity": (0, 8), "consistency": (0, 8), "timeliness": (1, 5)}
    assert {name: noise[name]["share"] for name in DIMENSIONS} == {
        "completeness": None, "validity": 0.0, "consistency": None, "timeliness": None}


def test_a_day_whose_findings_came_alone_is_found_at_the_next_start(store: Store) -> None:
    """Killed between the insert and the day table: the tallies' own day table would not tell."""
    at = second("2026-11-01T10:00:00")
    recording = Recording(store, Days(store))
    recording.take(0, 0, encode_tallies("w", 1, [], [FindingTally(FindingKey(at, "live", "a", "a.b", "validity"), 5)]))
    recording.flush()
    days = Days(store)
    days.find()
    assert days.pending == 1
    days.recompute()
    assert store.rows("SELECT records, n FROM day_quality FINAL") == [{"records": 5, "n": 1}]
    again = Days(store)
    again.find()
    assert again.pending == 0
