"""Day tables, recomputed for the days that got tallies: sums of every route, peaks, and what was found.

Not kept up by materialized views: those count twice what is inserted twice. A day whose day_route does not hold as many
tallies as the table has (or day_quality as many findings) is recomputed; day_route is written last, so a day torn by a
crash is found at the next start.
A day that cannot be computed now is put off, longer each time; the others, and recording, go on.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from ledger.queries import OF_NO_SUBSCRIBER
from ledger.shanghai import bounds, day_of
from ledger.store import Store, statement
from schemas.errors import RetryError
from schemas.tally import STAGES

__all__ = ["Days"]

log = logging.getLogger(__name__)

#: Seconds between two recomputations at least, and how many times as long as the last one took.
_SHORTEST = 2.0
_SHARE = 9.0
#: Seconds a day that failed is put off: at first, and at most.
_PUT_OFF, _LONGEST = 15.0, 600.0

#: A day of so many tallies is searched for peaks in one go; a larger one by the hour, for memory's sake.
_AT_ONCE = 50_000

_SCOPES = (("all", "''", OF_NO_SUBSCRIBER), ("dataset", "dataset", f"dataset != '' AND {OF_NO_SUBSCRIBER}"),
           ("subscriber", "subscriber", "subscriber != ''"))

_STALE = """
SELECT day, sum(t) AS tallies, sum(d) AS folded FROM
(
    SELECT toDate(at, 'Asia/Shanghai') AS day, count() AS t, 0 AS d FROM tally GROUP BY day
    UNION ALL
    SELECT day, 0 AS t, sum(n) AS d FROM day_route FINAL GROUP BY day
)
GROUP BY day HAVING tallies > folded
UNION DISTINCT
SELECT day, sum(t) AS tallies, sum(d) AS folded FROM
(
    SELECT toDate(at, 'Asia/Shanghai') AS day, count() AS t, 0 AS d FROM finding GROUP BY day
    UNION ALL
    SELECT day, 0 AS t, sum(n) AS d FROM day_quality FINAL GROUP BY day
)
GROUP BY day HAVING tallies > folded
"""

_COUNT = """
SELECT count() AS tallies FROM tally
WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC')
"""


class _PutOff(NamedTuple):
    """A day that failed: how often, until when it rests, and why."""

    failures: int
    until: float
    problem: str


class Days:
    """Which days and hours must be recomputed, and doing it. Belongs to the recorder's thread."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._touched: dict[date, set[int]] = {}
        self._put_off: dict[date, _PutOff] = {}
        self._due = 0.0

    @property
    def pending(self) -> int:
        """How many days wait to be recomputed."""
        return len(self._touched)

    @property
    def problem(self) -> str:
        """Why a day is put off; empty if none is."""
        return next((f"{day}: {put_off.problem}" for day, put_off in self._put_off.items()), "")

    def find(self) -> None:
        """Find the days whose tables are behind, whole: after a start nobody knows which hours."""
        for row in self._store.rows(_STALE):
            start, end = bounds(row["day"], row["day"])
            self._touched[row["day"]] = set(range(start, end, 3600))

    def touch(self, seconds: Iterable[int]) -> None:
        """These arrival seconds have got tallies."""
        for hour in {at - at % 3600 for at in seconds}:
            self._touched.setdefault(day_of(hour), set()).add(hour)

    def recompute_if_due(self) -> None:
        """Recompute what was touched, unless it was done a moment ago: a tenth of the time at most goes into it."""
        began = self._clock()
        rested = [day for day in sorted(self._touched) if day not in self._put_off or self._put_off[day].until <= began]
        if not rested or began < self._due:
            return
        for day in rested:
            try:
                self._anew(day)
            except RetryError as error:
                self._rest(day, error)
                break
        ended = self._clock()
        self._due = ended + max(_SHORTEST, _SHARE * (ended - began))

    def recompute(self) -> None:
        """Recompute every touched day now."""
        for day in sorted(self._touched):
            self._anew(day)

    def _anew(self, day: date) -> None:
        self._day(day, self._touched[day])
        del self._touched[day]
        self._put_off.pop(day, None)

    def _rest(self, day: date, error: RetryError) -> None:
        failures = self._put_off[day].failures + 1 if day in self._put_off else 1
        wait = min(_PUT_OFF * 2 ** (failures - 1), _LONGEST)
        self._put_off[day] = _PutOff(failures, self._clock() + wait, str(error))
        log.warning("day tables of %s: %s (try %d, next in %.0f s)", day, error, failures, wait)

    def _day(self, day: date, hours: set[int]) -> None:
        start, end = bounds(day, day)
        whole = {"day": day, "start": start, "end": end}
        tallies = self._store.rows(_COUNT, whole)[0]["tallies"]
        for first, behind in _slices(hours, tallies):
            slice_ = {"day": day, "start": first, "end": behind, "n": tallies, "stages": list(STAGES)}
            for scope, name, named in _SCOPES:
                sql = statement("fill_day_peak").substitute(scope=scope, name=name, named=named)
                self._store.run(sql, slice_)
        self._store.run(statement("fill_day_quality").template, whole)
        self._store.run(statement("fill_day_route").template, whole)


def _slices(hours: set[int], tallies: int) -> Iterator[tuple[int, int]]:
    """The first second of each slice, and the one behind its last. A peak is within one aligned hour at most."""
    if tallies <= _AT_ONCE:
        yield min(hours), max(hours) + 3600
    else:
        yield from ((hour, hour + 3600) for hour in sorted(hours))
