"""What is asked of the ledger at the end of a rehearsal, and how its answers are held against the oracle's count."""

import datetime as dt
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from trial import judging as module
from trial.judging import Judging

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

        def books(self, first: dt.date, last: dt.date) -> Any:
            return SimpleNamespace(datasets=[], raw=[], subscriptions=[], balanced=False, settled=False)

        def close(self) -> None: ...

    monkeypatch.setattr(module, "LedgerClient", Client)
    evening = dt.datetime(2026, 1, 2, 23, 59, 50, tzinfo=SHANGHAI)
    city: Any = SimpleNamespace(began=evening.timestamp(), bus=SimpleNamespace(addresses={"ledger": "nowhere:1"}))
    stop = threading.Event()
    stop.set()
    judging = Judging(city, None, lambda name, what: None, stop)  # type: ignore[arg-type]
    with pytest.raises(module.Stopped):
        judging._accounts.check(module.Verdict())
    assert asked == [evening.date()]
