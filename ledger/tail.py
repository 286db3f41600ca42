"""What the auditor has read of one raw partition and clean has not committed yet: offsets of values, by arrival hour.

Pure. Offsets and not sums, so that the split at clean's committed offset is exact: what lies below it has arrived, the
rest is in flight.
"""

from array import array
from bisect import bisect_left
from typing import NamedTuple

__all__ = ["Settled", "Tail"]


class Settled(NamedTuple):
    """Values of one hour that clean has committed; `upto` is the offset behind the last of them."""

    hour: int
    records: int
    upto: int


class Tail:
    """One partition's values in flight. Runs of one hour each, in offset order; hours may come again after a clock step."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, array[int]]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, offset: int, at: int) -> None:
        """A value, with its arrival second."""
        hour = at - at % 3600
        if not self._runs or self._runs[-1][0] != hour:
            self._runs.append((hour, array("Q")))
        self._runs[-1][1].append(offset)
        self._length += 1

    def settle(self, committed: int) -> list[Settled]:
        """Take out what lies below clean's committed offset."""
        done: list[Settled] = []
        while self._runs and self._runs[0][1][0] < committed:
            hour, offsets = self._runs[0]
            count = bisect_left(offsets, committed)
            done.append(Settled(hour, count, offsets[count - 1] + 1))
            self._length -= count
            if count < len(offsets):
                self._runs[0] = (hour, offsets[count:])
                break
            del self._runs[0]
        return done

    def hours(self) -> dict[int, int]:
        """How many values of each hour are in flight."""
        found: dict[int, int] = {}
        for hour, offsets in self._runs:
            found[hour] = found.get(hour, 0) + len(offsets)
        return found
