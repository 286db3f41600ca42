"""The ledger's own answers held against the oracle's independent count: every sum, the peaks, the books."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from ledger.client import LedgerClient
from schemas.errors import RetryError
from trial.oracle import Verdict
from trial.oracle.books import Books, Told
from trial.oracle.quality import DIMENSIONS, Figures, Found
from trial.oracle.records import Problems

__all__ = ["Accounts"]

_FOUND = ("day", "cause", "provider", "dataset", "dimension", "field", "reason", "severity")
_BY = ("stage", "cause", "provider", "dataset", "subscriber")
#: The day tables, from which peaks come, follow the tallies by some seconds.
_PATIENCE = 30.0
_SHANGHAI = dt.timezone(dt.timedelta(hours=8))


class Accounts:
    """Asks until the ledger agrees, or until it has had time enough; then what differs is a problem."""

    def __init__(self, client: LedgerClient, began: float, rest: Callable[[float], None]) -> None:
        """`began`: when the city began; all its days are asked for. `rest` waits, or raises when it is all over."""
        self._client = client
        self._first = dt.datetime.fromtimestamp(began, _SHANGHAI).date()
        self._rest = rest

    def check(self, verdict: Verdict) -> bool:
        """Compare sums and peaks with the verdict's count; whether the ledger's own books balance."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            problems, balanced = self._ask(verdict.books)
            if (balanced and not problems.counts) or time.monotonic() > deadline:
                break
            self._rest(0.5)
        verdict.problems.merge(problems)
        return balanced

    def _ask(self, counted: Books) -> tuple[Problems, bool]:
        problems = Problems()
        try:
            counted.compare(self._sums("day"), problems, "day")
            counted.compare(self._sums("minute"), problems, "minute")
            counted.compare_findings(self._found(), problems, "day")
            self._check_figures(counted.figures(), problems)
            for width, told in self._peaks().items():
                expected = counted.peak(60 if width == "minute" else 1)
                if told != expected:
                    problems.add("ledger", f"peak {width}: {told} where {expected} were counted")
            books = self._client.books(self._first, self._last())
        except RetryError as error:
            problems.add("ledger", str(error.problem))
            return problems, False
        # An hour in which a subscription began is only `partial` to the ledger; here it began before the first record.
        rows = [(row.provider, row.hour, row.difference) for row in books.raw]
        rows += [(row.dataset, row.hour, row.difference) for row in books.datasets]
        rows += [(row.subscription, row.hour, row.difference) for row in books.subscriptions]
        for name, hour, difference in rows:
            if difference:
                problems.add("books", f"{name} in the hour {hour}: a difference of {difference:+,}")
        if not (rows and books.balanced and books.settled):
            problems.add("books", "nothing was ever booked" if not rows else
                         "not settled" if books.balanced else f"not balanced; tallies in the table twice: {books.integrity.doubled}")
        return problems, not problems.counts["books"]

    def _sums(self, width: Literal["day", "minute"]) -> Iterator[Told]:
        """By minute the ledger knows records alone."""
        for row in self._client.volume(self._first, self._last(), by=(width, *_BY)).rows:
            yield Told(row.day or row.minute[:len("2026-01-02T10:05")], row.stage, row.cause, row.provider, row.dataset, row.subscriber,
                       row.records, row.bytes, row.fixed)

    def _found(self) -> Iterator[Found]:
        for row in self._client.findings(self._first, self._last(), by=_FOUND).rows:
            yield Found(row.day, row.cause, row.provider, row.dataset, row.dimension, row.field, row.reason, row.severity, row.records)

    def _check_figures(self, counted: Figures, problems: Problems) -> None:
        """The four figures of each dataset and day, and that each comes from the counts beside it."""
        told = {(row.day, row.provider, row.dataset): {name: getattr(row, name) for name in DIMENSIONS}
                for row in self._client.quality(self._first, self._last()).rows}
        for key in sorted(told.keys() | counted.keys()):
            for name in DIMENSIONS:
                figure, expected = told.get(key, {}).get(name), counted.get(key, {}).get(name)
                if figure is None or expected is None or (figure.flawed, figure.of, figure.share) != (*expected, expected.share):
                    problems.add("ledger", f"{name} of {' '.join(key)}: {_shown(figure)} where {_shown(expected)} were counted")

    def _peaks(self) -> dict[str, int]:
        rows = self._client.peaks(self._first, self._last()).rows
        return {"second": rows[0].second.records, "minute": rows[0].minute.records} if rows else {"second": 0, "minute": 0}

    @staticmethod
    def _last() -> dt.date:
        return dt.datetime.now(_SHANGHAI).date()


def _shown(figure: Any) -> str:
    return "nothing" if figure is None else f"{figure.flawed} of {figure.of}"
