"""What the auditor has read of one raw partition and clean has not committed yet: offsets of values, by arrival hour.

Pure. Offsets and not sums, so that the split at clean's committed offset is exact: what lies below it has arrived, the
rest is in flight.
"""

from array import array
from bisect import bisect_left
from typing import NamedTuple

from schemas.envelope import OPS

__all__ = ["Settled", "Tail", "is_counted"]

_FRAME = 5
_MARKER = 2 * OPS.index("m")


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


def is_counted(key: bytes | None, value: bytes | None) -> bool:
    """Whether a record on a raw lane is a value: neither a tombstone nor a marker (key `<dataset>/`, op `m`)."""
    if value is None:
        return False
    marker_key = key is not None and key.endswith(b"/") and key.find(b"/") == len(key) - 1
    return not (marker_key and _op(value) == _MARKER)


def _op(value: bytes) -> int:
    """The encoded op of an event: behind the frame and the id, a string. -1 where the bytes end before."""
    length, shift, at = 0, 0, _FRAME
    while at < len(value):
        byte = value[at]
        length |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            at += (length >> 1) ^ -(length & 1)
            return value[at] if _FRAME <= at < len(value) else -1
    return -1
