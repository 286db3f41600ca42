"""Counting one chunk: records are added up by cheap keys and reach the `TallyBook` once per key, not once per record.

Records of one Kafka batch share their arrival time, so the arrival millisecond is a good key and latency stays exact.
"""

from schemas.tally import TallyBook, TallyKey
from streams.plan import Source

__all__ = ["DeliveryCounts", "FateCounts", "Group"]


class FateCounts:
    """What clean did with the values of one lane: each is counted as arrived and under exactly one fate."""

    __slots__ = ("_counts", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._counts: dict[tuple[str, str, int, str, str], list[int]] = {}

    def add(self, fate: str, dataset: str, arrived: int, cause: str, division: str, size: int, fixed: int = 0) -> None:
        """Count one value."""
        key = (fate, dataset, arrived, cause, division)
        counts = self._counts.get(key)
        if counts is None:
            self._counts[key] = [1, size, fixed]
        else:
            counts[0] += 1
            counts[1] += size
            counts[2] += fixed

    def write(self, book: TallyBook, now_ms: int) -> None:
        """Add all to the book, by arrival second."""
        for (fate, dataset, arrived, cause, division), (records, size, fixed) in self._counts.items():
            latency = now_ms - arrived
            for stage, repaired in (("arrived", 0), (fate, fixed)):
                key = TallyKey(arrived // 1000, stage, cause, self._provider, dataset, "", division)
                book.add(key, records=records, size=size, fixed=repaired, latency=latency)


class Group:
    """Records of one dataset that share arrival time, cause and division: how many, and what became of them."""

    __slots__ = ("given", "key_bytes", "plainly", "records", "refused", "sizes")

    def __init__(self, plain: int) -> None:
        self.records = 0
        #: records that every plain outlet was given, the bytes of their keys, and of their values by outlet
        self.plainly = 0
        self.key_bytes = 0
        self.sizes = [0] * plain
        #: subscription -> records and bytes it was given
        self.given: dict[str, list[int]] = {}
        #: subscription -> records its lane had no room for
        self.refused: dict[str, int] = {}

    def give(self, subscription: str, size: int) -> None:
        """Count one record of `size` bytes as delivered."""
        given = self.given.get(subscription)
        if given is None:
            self.given[subscription] = [1, size]
        else:
            given[0] += 1
            given[1] += size

    def refuse(self, subscription: str) -> None:
        """Count one record as quarantined for this subscription."""
        self.refused[subscription] = self.refused.get(subscription, 0) + 1


class DeliveryCounts:
    """What route did with the records of one dataset, for each of its live subscriptions.

    Held back is seen less told, so it costs by subscription and second, not by record, and knows no division.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._plain = len(source.outlets.plain)
        self._groups: dict[tuple[int, str, str], Group] = {}

    def group(self, arrived: int, cause: str, division: str) -> Group:
        """The group a record belongs to."""
        key = (arrived, cause, division)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self._plain)
        return group

    def write(self, book: TallyBook, now_ms: int) -> None:
        """Add all to the book, by arrival second."""
        outlets = {outlet.id: outlet for outlet in self._source.outlets.all()}
        seen: dict[tuple[int, str], int] = {}
        told: dict[tuple[int, str, str], int] = {}
        for (arrived, cause, division), group in self._groups.items():
            at, latency = arrived // 1000, now_ms - arrived
            seen[at, cause] = seen.get((at, cause), 0) + group.records
            if group.plainly:
                for outlet, size in zip(self._source.outlets.plain, group.sizes, strict=True):
                    book.add(self._key(at, outlet.stage, cause, outlet.subscriber, division), records=group.plainly,
                             size=size + group.key_bytes, latency=latency)
            for name, (records, size) in group.given.items():
                key = self._key(at, outlets[name].stage, cause, outlets[name].subscriber, division)
                book.add(key, records=records, size=size, latency=latency)
                told[at, cause, name] = told.get((at, cause, name), 0) + records
            for name, records in group.refused.items():
                book.add(self._key(at, "quarantined", cause, outlets[name].subscriber, division), records=records)
                told[at, cause, name] = told.get((at, cause, name), 0) + records
        for (at, cause), records in seen.items():
            for name, outlet in self._source.outlets.scoped.items():
                held = records - told.get((at, cause, name), 0)
                if held:
                    book.add(self._key(at, "held_back", cause, outlet.subscriber, ""), records=held)

    def _key(self, at: int, stage: str, cause: str, subscriber: str, division: str) -> TallyKey:
        return TallyKey(at, stage, cause, self._source.provider, self._source.dataset, subscriber, division)
