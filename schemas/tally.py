"""Tallies: what a writer counted, per arrival second, stage, dataset, subscriber and division; and what it found.

A `TallyBook` adds up the work of one transaction; its rows travel to `bus.tallies` inside that transaction, so the
books are exactly-once by construction. Latency is a sparse histogram with four buckets an octave.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["STAGES", "FindingKey", "FindingTally", "Latencies", "Tally", "TallyBook", "TallyKey", "bucket_of", "bucket_top"]

#: `returned_up` replaces `delivered` when the receiver is a node. Stages are never summed.
STAGES = ("sent", "arrived", "cleaned", "duplicate", "superseded", "quarantined", "delivered", "held_back",
          "returned_up", "returned_down")


class TallyKey(NamedTuple):
    """What a tally counts. `at` is the arrival second; an empty string where a dimension does not apply."""

    at: int
    stage: str
    cause: str
    dept: str
    dataset: str = ""
    subscriber: str = ""
    division: str = ""


class Tally(NamedTuple):
    """One row of the books: counts of one key. `lat_b` and `lat_c` are histogram buckets and the records in each."""

    key: TallyKey
    records: int
    bytes: int
    fixed: int = 0
    lat_min: int = 0
    lat_max: int = 0
    lat_sum: int = 0
    lat_b: tuple[int, ...] = ()
    lat_c: tuple[int, ...] = ()


class FindingKey(NamedTuple):
    """What a tally of findings counts: records with this reason on this field, under the gravest severity it had there.

    With an empty reason (and field, and severity): the records with at least one finding that lowers the figure of that
    dimension, each once. `at` is the arrival second; `dataset` is empty where the bytes do not tell.
    """

    at: int
    cause: str
    dept: str
    dataset: str
    dimension: str
    field: str = ""
    reason: str = ""
    severity: str = ""


class FindingTally(NamedTuple):
    """One row of the second kind: how many records. Never a record's value, and never a row per record."""

    key: FindingKey
    records: int


def bucket_of(milliseconds: int) -> int:
    """The histogram bucket of a latency: ceil(4 * log2(ms + 1))."""
    return math.ceil(4 * math.log2(milliseconds + 1)) if milliseconds > 0 else 0


def bucket_top(bucket: int) -> float:
    """The largest latency, in ms, that falls into a bucket."""
    return float(2 ** (bucket / 4) - 1)


class Latencies:
    """How late some records were, in ms: least, most, sum and histogram."""

    __slots__ = ("buckets", "high", "low", "total")

    def __init__(self) -> None:
        self.low = -1
        self.high = 0
        self.total = 0
        self.buckets: dict[int, int] = {}

    def add(self, latency: int, records: int = 1) -> None:
        """`records` more, each as late as this."""
        late = max(latency, 0)
        self.low = late if self.low < 0 else min(self.low, late)
        self.high = max(self.high, late)
        self.total += late * records
        bucket = bucket_of(late)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + records


class TallyBook:
    """Counts of one transaction, added up by key. Not thread-safe; one writer owns it."""

    def __init__(self) -> None:
        self._counts: dict[TallyKey, list[int]] = {}
        self._latencies: dict[TallyKey, dict[int, int]] = {}
        self._findings: dict[FindingKey, int] = {}

    def add(self, key: TallyKey, *, records: int = 1, size: int = 0, fixed: int = 0,
            latency: int | None = None) -> None:
        """Count `records` of `size` bytes in all; `latency` (ms, handled - arrived) holds for each of them."""
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0, 0, 0, -1, 0, 0]
        counts[0] += records
        counts[1] += size
        counts[2] += fixed
        if latency is None:
            return
        late = max(latency, 0)
        counts[3] = late if counts[3] < 0 else min(counts[3], late)
        counts[4] = max(counts[4], late)
        counts[5] += late * records
        buckets = self._latencies.setdefault(key, {})
        bucket = bucket_of(late)
        buckets[bucket] = buckets.get(bucket, 0) + records

    def add_spread(self, key: TallyKey, records: int, size: int, fixed: int, latencies: Latencies) -> None:
        """Count records that were not all equally late, in one go."""
        counts = self._counts.get(key)
        if counts is None:
            self._counts[key] = [records, size, fixed, latencies.low, latencies.high, latencies.total]
            self._latencies[key] = latencies.buckets.copy()
            return
        counts[0] += records
        counts[1] += size
        counts[2] += fixed
        counts[3] = latencies.low if counts[3] < 0 else min(counts[3], latencies.low)
        counts[4] = max(counts[4], latencies.high)
        counts[5] += latencies.total
        buckets = self._latencies.setdefault(key, {})
        for bucket, late in latencies.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + late

    def add_finding(self, key: FindingKey, records: int) -> None:
        """Count records in which this was found."""
        self._findings[key] = self._findings.get(key, 0) + records

    def findings(self) -> Iterator[FindingTally]:
        """What was found; iterating over the book itself gives the tallies of stages."""
        return (FindingTally(key, records) for key, records in self._findings.items())

    def merge(self, other: "TallyBook") -> None:
        """Add all that `other` counted."""
        for key, theirs in other._counts.items():
            ours = self._counts.get(key)
            if ours is None:
                self._counts[key] = list(theirs)
            else:
                lowest = theirs[3] if ours[3] < 0 else ours[3] if theirs[3] < 0 else min(ours[3], theirs[3])
                ours[:] = [ours[0] + theirs[0], ours[1] + theirs[1], ours[2] + theirs[2], lowest,
                           max(ours[4], theirs[4]), ours[5] + theirs[5]]
        for key, buckets in other._latencies.items():
            mine = self._latencies.setdefault(key, {})
            for bucket, records in buckets.items():
                mine[bucket] = mine.get(bucket, 0) + records
        for found, records in other._findings.items():
            self.add_finding(found, records)

    def sizes(self) -> Iterator[tuple[TallyKey, int]]:
        """Bytes by key."""
        return ((key, counts[1]) for key, counts in self._counts.items())

    def __len__(self) -> int:
        return len(self._counts)

    def __iter__(self) -> Iterator[Tally]:
        for key, (records, size, fixed, low, high, total) in self._counts.items():
            buckets = sorted(self._latencies.get(key, {}).items())
            yield Tally(key, records, size, fixed, max(low, 0), high, total,
                        tuple(bucket for bucket, _ in buckets), tuple(count for _, count in buckets))
