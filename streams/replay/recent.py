"""Which keys clean met last, per raw partition: so that an event which was replayed does not overtake a newer one.

Hashes only, eight bytes a record and some more a chunk, of the last records of all partitions together; what is older is not
known, and then nothing passes. Kept with the commit like all memory (I-7), and begun anew at the committed offset.
"""

from array import array
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["MOST_RECENT", "RecentKeys", "RecentOfAll", "hashes"]

#: Records whose keys are known, of all partitions of a worker together.
MOST_RECENT: Final = 1_000_000
#: What a span takes beside its keys, in keys: on a quiet bus a chunk has one record, and a million of them would have no room.
_SPAN: Final = 40


def hashes(keys: Iterable[bytes | None]) -> "array[int]":
    """What is kept of keys. Two that share one are taken for the same: the event comes back, nothing is lost by it."""
    return array("q", map(hash, keys))


class _Span(NamedTuple):
    """Keys of one chunk, up to the offset `end`."""

    end: int
    keys: "array[int]"


class RecentKeys:
    """The keys met in one partition from the offset `since` on."""

    __slots__ = ("_spans", "since")

    def __init__(self, since: int = 0) -> None:
        self.since = since
        self._spans: deque[_Span] = deque()

    def beyond(self, offset: int) -> set[int] | None:
        """Hashes of every key met at or behind this offset, perhaps of a few before; None where that is not known."""
        if offset < self.since:
            return None
        found: set[int] = set()
        for span in reversed(self._spans):
            if span.end <= offset:
                break
            found.update(span.keys)
        return found

    def add(self, span: _Span) -> None:
        """The next keys."""
        self._spans.append(span)

    def forget(self, span: _Span) -> None:
        """Let the oldest span go, if that is the one."""
        if self._spans and self._spans[0] is span:
            self._spans.popleft()
            self.since = span.end


class RecentOfAll:
    """Keeps what all partitions remember together within the room of `most` records, the oldest going first."""

    def __init__(self, most: int = MOST_RECENT, span: int = _SPAN) -> None:
        self._most = most
        self._span = span
        self._spans: deque[tuple[RecentKeys, _Span]] = deque()
        self.taken = 0

    def add(self, recent: RecentKeys, end: int, keys: "array[int]") -> None:
        """These keys were met in one partition, up to the offset `end`."""
        if not keys:
            return
        span = _Span(end, keys)
        recent.add(span)
        self._spans.append((recent, span))
        self.taken += len(keys) + self._span
        while self.taken > self._most:
            owner, oldest = self._spans.popleft()
            owner.forget(oldest)
            self.taken -= len(oldest.keys) + self._span
