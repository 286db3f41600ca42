"""`shutong quality`: what a person reads and a machine is given; and the small forms of figures."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.commands import quality as command
from console.quality import DIMENSION_WORDS, SEVERITY_WORDS, percent, points, sparkline
from ledger.client import Figure, Findings, Quality
from ledger.shanghai import today
from schemas.quality import SEVERITIES
from schemas.reasons import DIMENSIONS

Shutong = Callable[..., Any]
DAY = "2026-02-01"


def figure(flawed: int, of: int, before: float | None = None, week: float | None = None) -> dict[str, Any]:
    share = 1 - flawed / of if of else None
    return {"share": share, "flawed": flawed, "of": of, "before": before, "week": week, "history": [None, *[0.5] * 6, share]}


QUALITY = {"from": DAY, "to": DAY, "rows": [
    {"provider": "health", "dataset": "health.resident", "day": DAY, "records": 2000, "completeness": figure(0, 2000, 1.0, 1.0),
     "validity": figure(40, 2000, 0.99, None), "consistency": figure(0, 2000), "timeliness": figure(500, 1000, 0.25, 0.75)},
    {"provider": "health", "dataset": "", "day": DAY, "records": 3, "completeness": figure(0, 0), "validity": figure(3, 3),
     "consistency": figure(0, 0), "timeliness": figure(0, 0)}]}
FOUND = {"from": DAY, "to": DAY, "rows": [
    {"dataset": "health.resident", "field": "", "reason": "late", "dimension": "timeliness", "severity": "noted", "records": 500},
    *({"dataset": "health.resident", "field": f"f{number}", "reason": "not_listed", "dimension": "validity", "severity": "reject",
       "records": 40 - number} for number in range(12))]}


class Answering:
    """A ledger client that notes what it is asked."""

    def __init__(self, rows: bool = True) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._rows = rows

    def __enter__(self) -> "Answering":
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def quality(self, first: object, last: object, dataset: str = "") -> Quality:
        self.asked.append((first, last, dataset))
        return Quality.model_validate(QUALITY if self._rows else QUALITY | {"rows": []})

    def findings(self, first: object, last: object, by: tuple[str, ...], dataset: str = "") -> Findings:
        self.asked.append((first, last, dataset, by))
        return Findings.model_validate(FOUND if self._rows else FOUND | {"rows": []})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Answering:
    made = Answering()
    monkeypatch.setattr(command, "_client", lambda home: made)
    return made


def line(text: str, *words: str) -> str:
    return next(each for each in text.splitlines() if all(word in each for word in words))


def test_the_table_tells_each_figure_with_its_records_and_trend_and_the_worst_fields_in_words(
        shutong: Shutong, client: Answering) -> None:
    ran = shutong("--lang", "en", "quality")
    assert ran.code == 0
    row = line(ran.out, "health.resident", DAY)
    for part in ("2,000", "100% +0.00/+0.00", "98.00% (40) -1.00/–", "50.00% (500) +25.00/-25.00", "timeliness ·"):
        assert part in row
    assert "0.00% (3)" in line(ran.out, "(health)")
    assert "it came later than its update cycle allows" in line(ran.out, "late")
    assert "25.00%" in line(ran.out, "late")
    assert "only counted" in line(ran.out, "late")
    assert ("f8" in ran.out, "f9" in ran.out) == (True, False), "the worst ten"
    assert "percentage points" in ran.err
    chinese = shutong("--lang", "zh", "quality").out
    for word in ("完整性", "有效性", "一致性", "及时性", "到得比更新周期允许的晚", "已隔离"):
        assert word in chinese


def test_a_machine_is_given_exact_shares_and_the_counts_they_come_from(shutong: Shutong, client: Answering) -> None:
    rows = json.loads(shutong("quality", "-o", "json").out)
    assert len(rows) == 2
    first = rows[0]
    assert (first["validity"], first["validity_flawed"], first["validity_of"], first["validity_before"]) == (0.98, 40, 2000, 0.99)
    assert (rows[1]["completeness"], rows[1]["validity"]) == (None, 0.0)
    table = list(csv.DictReader(io.StringIO(shutong("quality", "-o", "csv").out)))
    assert [row["timeliness_flawed"] for row in table] == ["500", "0"]
    assert list(table[0]) == list(first)


@pytest.mark.parametrize("by", ["field", "reason"])
def test_what_was_found_is_listed_whole_by_field_or_reason(shutong: Shutong, client: Answering, by: str) -> None:
    rows = json.loads(shutong("quality", "health.resident", "--by", by, "-o", "json").out)
    assert [row["records"] for row in rows] == [500, *range(40, 28, -1)]
    assert rows[0]["share"] == 0.25
    assert ("field" in rows[0]) == (by == "field")
    groups = ("dataset", *(["field"] if by == "field" else []), "reason", "dimension", "severity")
    assert client.asked[-1][2:] == ("health.resident", groups)
    assert "f11" in shutong("quality", "--by", "field").out


def test_days_end_with_the_day_that_was_asked_for_or_today(shutong: Shutong, client: Answering) -> None:
    shutong("quality", "--day", "2026-02-01", "-o", "json")
    shutong("quality", "--days", "7", "-o", "json")
    assert [str(day) for day in client.asked[0][:2]] == ["2026-02-01", "2026-02-01"]
    assert client.asked[1][:2] == (today() - timedelta(days=6), today())


def test_a_day_without_records_is_said_so(shutong: Shutong, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_client", lambda home: Answering(rows=False))
    ran = shutong("--lang", "en", "quality")
    assert (ran.code, "nothing arrived" in ran.err) == (0, True)
    assert json.loads(shutong("quality", "-o", "json").out) == json.loads(shutong("quality", "--by", "reason", "-o", "json").out) == []


def test_without_a_ledger_it_says_where_it_asked(shutong: Shutong, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUTONG_LEDGER_ADDRESS", "127.0.0.1:9")
    ran = shutong("quality", "--home", str(tmp_path))
    assert (ran.code, ran.out) == (1, "")
    assert "127.0.0.1:9" in ran.err


@pytest.mark.parametrize("words", [("--days", "0"), ("--days", "101"), ("--by", "colour"), ("--day", "yesterday")], ids=" ".join)
def test_what_means_nothing_is_refused(shutong: Shutong, words: tuple[str, ...]) -> None:
    assert shutong("quality", *words).code == 2


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_hundred_percent_means_that_nothing_at_all_is_missing(flawed: int, of: int) -> None:
    share = max(0.0, 1 - flawed / of)
    assert (percent(share) == "100%") == (share == 1)
    assert abs(float(percent(share).rstrip("%")) / 100 - share) <= 0.00011


@given(st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=8))
def test_a_line_of_the_week_has_a_sign_a_day_and_the_highest_is_the_highest(history: list[float | None]) -> None:
    line = sparkline(history)
    assert len(line) == len(history)
    known = [share for share in history if share is not None]
    for sign, share in zip(line, history, strict=True):
        assert (sign == "·") == (share is None)
        if share is not None and share == max(known):
            assert sign == "█"


def test_a_trend_says_nothing_where_nothing_was() -> None:
    assert points(Figure()) == ""
    assert points(Figure(share=0.5)) == "–/–"
    assert points(Figure(share=0.5, before=0.25, week=0.75)) == "+25.00/-25.00"


def test_every_dimension_and_severity_has_its_word() -> None:
    assert tuple(DIMENSION_WORDS) == DIMENSIONS
    assert SEVERITY_WORDS.keys() == set(SEVERITIES)
