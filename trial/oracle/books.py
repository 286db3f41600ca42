"""The independent count: what each stage must have counted, by arrival second, and its comparison with the ledger."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from trial.oracle.clean import Fate
from trial.oracle.plan import Subscription
from trial.oracle.records import Problems

__all__ = ["Books", "LedgerRow"]


class LedgerRow(NamedTuple):
    """A sum the ledger tells: records and fixed of one Shanghai day, stage, cause, dataset and subscriber."""

    day: str
    stage: str
    cause: str
    dataset: str
    subscriber: str
    records: int
    fixed: int = 0


_SHANGHAI = dt.timezone(dt.timedelta(hours=8))
_Key = tuple[int, str, str, str, str]


class Books:
    """Counts by (second, stage, cause, dataset, subscriber)."""

    def __init__(self) -> None:
        self._records: Counter[_Key] = Counter()
        self._fixed: Counter[_Key] = Counter()

    def fate(self, fate: Fate) -> None:
        """One raw value: arrived, and its one fate."""
        second = fate.timestamp // 1000
        self._records[second, "arrived", fate.cause, fate.dataset, ""] += 1
        key = (second, fate.kind, fate.cause, fate.dataset, "")
        self._records[key] += 1
        self._fixed[key] += fate.fixed

    def route(self, contract: Subscription, fate: Fate, delivered: bool) -> None:
        """One cleaned record and one subscription of its dataset."""
        stage = ("returned_up" if contract.node else "delivered") if delivered else "held_back"
        self._records[fate.timestamp // 1000, stage, fate.cause, contract.dataset, contract.subscriber] += 1

    def merge(self, other: "Books") -> None:
        """Add what another counted of other stages."""
        self._records.update(other._records)
        self._fixed.update(other._fixed)

    def total(self, stage: str) -> int:
        """Records of one stage."""
        return sum(count for key, count in self._records.items() if key[1] == stage)

    @property
    def fixed(self) -> int:
        """Records that were repaired."""
        return sum(self._fixed.values())

    def by_subscriber(self, stage: str) -> dict[str, int]:
        """Records of one stage per subscriber."""
        sums: Counter[str] = Counter()
        for key, count in self._records.items():
            if key[1] == stage:
                sums[key[4]] += count
        return dict(sorted(sums.items()))

    def peak(self, seconds: int) -> int:
        """The headline peak: most exchanges that arrived in one aligned window, snapshots and re-sends left out."""
        sums: Counter[int] = Counter()
        for key, count in self._records.items():
            if key[1] in ("delivered", "returned_up") and key[2] == "live":
                sums[key[0] // seconds] += count
        return max(sums.values(), default=0)

    def compare(self, ledger: Iterable[LedgerRow], problems: Problems) -> None:
        """Note every sum in which the ledger says something else. `sent` is in no book."""
        records, fixed = _by_day(self._records), _by_day(self._fixed)
        for row in ledger:
            if row.stage != "sent":
                records[row[:5]] -= row.records
                fixed[row[:5]] -= row.fixed
        for counts, what in ((records, "records"), (fixed, "fixed")):
            for (day, stage, cause, dataset, subscriber), left in counts.items():
                if left:
                    where = " ".join(filter(None, (day, stage, cause, dataset, subscriber)))
                    problems.add("ledger", f"{where}: {what} differ by {-left}")


def _by_day(counts: Counter[_Key]) -> Counter[tuple[str, str, str, str, str]]:
    days: Counter[tuple[str, str, str, str, str]] = Counter()
    for (second, *rest), count in counts.items():
        stage, cause, dataset, subscriber = rest
        days[dt.datetime.fromtimestamp(second, _SHANGHAI).date().isoformat(), stage, cause, dataset, subscriber] += count
    return days
