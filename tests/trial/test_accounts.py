"""What is asked of the ledger at the end of a rehearsal, and how its answers are held against the oracle's count."""

import datetime as dt
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.answers import FindingRow, QualityRow, VolumeRow
from trial import judging as module
from trial.accounts import Accounts
from trial.judging import Judging
from trial.oracle import Verdict
from trial.oracle.clean import Fate
from trial.oracle.plan import Subscription

NOW = 1_767_323_100
SHANGHAI = dt.timezone(dt.timedelta(hours=8))


def test_a_city_that_began_before_midnight_is_asked_for_its_first_day_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge comes when the snapshot is through: midnight in China may lie between."""
    asked: list[dt.date] = []

    class Client:
        def __init__(self, address: str) -> None: ...

        def volume(self, first: dt.date, last: dt.date, **_: Any) -> Any:
            asked.append(first)
            return SimpleNamespace(rows=[])

        def peaks(self, first: dt.date, last: dt.date) -> Any:
            return SimpleNamespace(rows=[])

        def quality(self, first: dt.date, last: dt.date) -> Any:
            asked.append(first)
            return SimpleNamespace(rows=[])

        def findings(self, first: dt.date, last: dt.date, **_: Any) -> Any:
            asked.append(first)
            return SimpleNamespace(rows=[])

        def books(self, first: dt.date, last: dt.date) -> Any:
            return SimpleNamespace(datasets=[], raw=[], subscriptions=[], balanced=False, settled=False,
                                   integrity=SimpleNamespace(doubled=0))

        def close(self) -> None: ...

    monkeypatch.setattr(module, "LedgerClient", Client)
    evening = dt.datetime(2026, 1, 2, 23, 59, 50, tzinfo=SHANGHAI)
    city: Any = SimpleNamespace(began=evening.timestamp(), bus=SimpleNamespace(addresses={"ledger": "nowhere:1"}))
    stop = threading.Event()
    stop.set()
    judging = Judging(city, None, lambda name, what: None, stop)  # type: ignore[arg-type]
    with pytest.raises(module.Stopped):
        judging._accounts.check(module.Verdict())
    assert set(asked) == {evening.date()}


class Ledger:
    """A ledger that says what it is given, of one record that was delivered."""

    def __init__(self) -> None:
        day, minute = "2026-01-02", "2026-01-02T11:05:00+08:00"
        row = {"cause": "live", "provider": "health", "dataset": "health.resident", "records": 1, "bytes": 10, "fixed": 0}
        stages = ({"stage": "arrived", "subscriber": ""}, {"stage": "cleaned", "subscriber": ""},
                  {"stage": "delivered", "subscriber": "tax", "bytes": 12})
        self.days = [{**row, **stage, "day": day} for stage in stages]
        self.minutes = [{**row, **stage, "minute": minute, "bytes": 0} for stage in stages]
        self.peak = {"second": 1, "minute": 1}
        whole = {"share": 1.0, "flawed": 0, "of": 1}
        self.figures: dict[str, Any] = {"provider": "health", "dataset": "health.resident", "day": day, "records": 1,
                        **{name: dict(whole) for name in ("completeness", "consistency", "timeliness")},
                        "validity": {"share": 0.0, "flawed": 1, "of": 1}}
        found = {"day": day, "cause": "live", "provider": "health", "dataset": "health.resident", "dimension": "validity", "records": 1}
        self.reasons = [{**found, "field": "name", "reason": "blanks", "severity": "fix"}]
        book = {"hour": minute, "difference": 0, "provider": "health", "dataset": "health.resident", "subscription": "tax.health.resident"}
        self.found: dict[str, Any] = {"raw": [dict(book)], "datasets": [dict(book)], "subscriptions": [dict(book)]}
        self.balanced = self.settled = True

    def volume(self, first: object, last: object, by: tuple[str, ...]) -> Any:
        rows = self.days if "day" in by else self.minutes
        return SimpleNamespace(rows=[VolumeRow.model_validate(row) for row in rows])

    def peaks(self, first: object, last: object) -> Any:
        windows = {width: SimpleNamespace(records=count) for width, count in self.peak.items()}
        return SimpleNamespace(rows=[SimpleNamespace(**windows)])

    def quality(self, first: object, last: object) -> Any:
        return SimpleNamespace(rows=[QualityRow.model_validate(self.figures)])

    def findings(self, first: object, last: object, by: tuple[str, ...]) -> Any:
        assert set(by) < set(FindingRow.model_fields)
        return SimpleNamespace(rows=[FindingRow.model_validate(row) for row in self.reasons])

    def books(self, first: object, last: object) -> Any:
        return SimpleNamespace(**{name: [SimpleNamespace(**row) for row in rows] for name, rows in self.found.items()},
                               balanced=self.balanced, settled=self.settled, integrity=SimpleNamespace(doubled=0))


def checked(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, dict[str, int], str]:
    monkeypatch.setattr("trial.accounts._PATIENCE", -1.0)
    verdict = Verdict()
    fate = Fate("cleaned", "health.resident", "live", "c", NOW * 1000, 10, "health", "health.clinic",
                flaws=frozenset([("validity", "name", "blanks", "fix"), ("validity", "", "", "")]))
    verdict.books.fate(fate)
    contract = Subscription("tax.health.resident", "tax", "health.resident", (), (), {}, "", 1)
    verdict.books.delivered(contract, fate, 12)
    accounts: Any = Accounts(ledger, NOW, lambda seconds: None)  # type: ignore[arg-type]
    return accounts.check(verdict), dict(verdict.problems.counts), " ".join(verdict.examples)


def test_a_ledger_that_says_what_was_counted_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked(Ledger(), monkeypatch) == (True, {}, "")


@pytest.mark.parametrize(("rows", "changes"), [("days", {"records": 2}), ("days", {"bytes": 9}), ("days", {"fixed": 1}),
                                               ("days", {"provider": "civil"}), ("minutes", {"records": 0}),
                                               ("minutes", {"minute": "2026-01-02T11:06:00+08:00"}), ("minutes", {"provider": "civil"})])
def test_a_sum_that_differs_is_named_though_the_books_balance(monkeypatch: pytest.MonkeyPatch, rows: str, changes: Any) -> None:
    ledger = Ledger()
    getattr(ledger, rows)[0].update(changes)
    balanced, problems, _ = checked(ledger, monkeypatch)
    assert balanced
    assert set(problems) == {"ledger"}


@pytest.mark.parametrize("changes", [{"records": 2}, {"records": 0}, {"reason": "too_long"}, {"field": ""}, {"severity": "reject"},
                                     {"dataset": "civil.village"}, {"day": "2026-01-03"}, {"dimension": "completeness"}])
def test_a_finding_that_was_not_counted_so_is_named(monkeypatch: pytest.MonkeyPatch, changes: Any) -> None:
    ledger = Ledger()
    ledger.reasons[0].update(changes)
    balanced, problems, said = checked(ledger, monkeypatch)
    assert balanced
    assert problems == {"ledger": 2 if "records" not in changes else 1}
    assert "blanks" in said


@pytest.mark.parametrize(("name", "figure"), [("validity", {"share": 1.0, "flawed": 0, "of": 1}), ("timeliness", {"share": None}),
                                              ("completeness", {"share": 0.99, "flawed": 0, "of": 1}),
                                              ("consistency", {"share": 1.0, "flawed": 0, "of": 2})])
def test_a_figure_that_differs_or_does_not_come_from_its_counts_is_named(monkeypatch: pytest.MonkeyPatch, name: str, figure: Any) -> None:
    ledger = Ledger()
    ledger.figures[name] = figure
    balanced, problems, said = checked(ledger, monkeypatch)
    assert balanced
    assert problems == {"ledger": 1}
    assert said.startswith(f"ledger: {name} of 2026-01-02 health health.resident")


def test_a_dataset_without_figures_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger()
    ledger.figures["dataset"] = "civil.village"
    assert checked(ledger, monkeypatch)[1] == {"ledger": 8}


@pytest.mark.parametrize("width", ["second", "minute"])
def test_a_peak_that_differs_is_named(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    ledger = Ledger()
    ledger.peak[width] = 2
    assert checked(ledger, monkeypatch) == (True, {"ledger": 1}, f"ledger: peak {width}: 2 where 1 were counted")


@pytest.mark.parametrize(("book", "name"), [("raw", "health"), ("datasets", "health.resident"), ("subscriptions", "tax.health.resident")])
def test_books_that_do_not_balance_are_named_with_their_hour_and_difference(monkeypatch: pytest.MonkeyPatch, book: str, name: str) -> None:
    ledger = Ledger()
    ledger.found[book][0]["difference"] = -3
    balanced, problems, said = checked(ledger, monkeypatch)
    assert not balanced
    assert set(problems) == {"books"}
    assert f"{name} in the hour 2026-01-02T11:05:00+08:00: a difference of -3" in said


@pytest.mark.parametrize("change", [{"balanced": False}, {"settled": False}, {"found": {"raw": [], "datasets": [], "subscriptions": []}}])
def test_books_that_are_empty_or_not_at_rest_are_not_balanced(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    ledger = Ledger()
    vars(ledger).update(change)
    balanced, problems, _ = checked(ledger, monkeypatch)
    assert not balanced
    assert problems == {"books": 1}
