"""Counting one chunk: records are added up by cheap keys and reach the `TallyBook` once per key, not once per record.

Records of one Kafka batch share their arrival time, so the arrival millisecond is a good key and latency stays exact.
"""

from schemas.letter import Finding
from schemas.quality import Counted, counted
from schemas.tally import FindingKey, Latencies, TallyBook, TallyKey
from streams.plan import Source

__all__ = ["DeliveryCounts", "FateCounts", "FindingCounts", "Group"]


class _Sum:
    """Records, their bytes, how many were fixed, and how late they were."""

    __slots__ = ("fixed", "late", "records", "size")

    def __init__(self) -> None:
        self.records = self.size = self.fixed = 0
        self.late = Latencies()

    def add(self, records: int, size: int, latency: int, fixed: int = 0) -> None:
        """`records` more that were equally late."""
        self.records += records
        self.size += size
        self.fixed += fixed
        self.late.add(latency, records)


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
        sums: dict[TallyKey, _Sum] = {}
        for (fate, dataset, arrived, cause, division), (records, size, fixed) in self._counts.items():
            key = TallyKey(arrived // 1000, fate, cause, self._provider, dataset, "", division)
            found = sums.get(key)
            if found is None:
                found = sums[key] = _Sum()
            found.add(records, size, now_ms - arrived, fixed)
        for key, found in sums.items():
            book.add_spread(key, found.records, found.size, found.fixed, found.late)
            book.add_spread(key._replace(stage="arrived"), found.records, found.size, 0, found.late)


class FindingCounts:
    """What was found in the values of one lane, records by reason. A record without findings costs nothing here."""

    __slots__ = ("_counts", "_provider")

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._counts: dict[tuple[str, int, str, tuple[Counted, ...]], int] = {}

    def add(self, dataset: str, arrived: int, cause: str, findings: tuple[Finding, ...], noted: str = "") -> None:
        """Count one value: what its rules or the bus said of it, and what is noted of its time."""
        marks = tuple([finding[:3] for finding in findings])
        key = (dataset, arrived // 1000, cause, counted((*marks, ("", noted, "noted")) if noted else marks))
        self._counts[key] = self._counts.get(key, 0) + 1

    def write(self, book: TallyBook) -> None:
        """Add all to the book."""
        for (dataset, at, cause, rows), records in self._counts.items():
            for row in rows:
                book.add_finding(FindingKey(at, cause, self._provider, dataset, *row), records)


class Group:
    """Records of one dataset that share arrival time, cause and division: how many, and what became of them."""

    __slots__ = ("given", "key_bytes", "openly", "records", "refused", "sizes")

    def __init__(self, outlets: int) -> None:
        self.records = 0
        #: records that every open outlet was given, and their bytes by outlet; keys in clear apart
        self.openly = 0
        self.key_bytes = 0
        self.sizes = [0] * outlets
        #: subscription -> records and bytes it was given apart from these
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


#: Groups of one dataset, second, cause and division, each with the time its records arrived.
_Groups = list[tuple[int, Group]]


class DeliveryCounts:
    """What route did with the records of a chunk, for each live subscription of their datasets.

    Held back is seen less told, so it costs by subscription and second, not by record, and knows no division.
    """

    __slots__ = ("_groups", "_sources")

    def __init__(self) -> None:
        self._sources: dict[int, Source] = {}
        self._groups: dict[tuple[int, int, str, str], Group] = {}

    def group(self, source: Source, arrived: int, cause: str, division: str) -> Group:
        """The group a record belongs to."""
        key = (source.schema_id, arrived, cause, division)
        group = self._groups.get(key)
        if group is None:
            self._sources[source.schema_id] = source
            group = self._groups[key] = Group(len(source.outlets.open))
        return group

    def write(self, book: TallyBook, now_ms: int) -> None:
        """Add all to the book, by arrival second."""
        seconds: dict[tuple[int, int, str, str], _Groups] = {}
        for (schema_id, arrived, cause, division), group in self._groups.items():
            seconds.setdefault((schema_id, arrived // 1000, cause, division), []).append((arrived, group))
        scoped: dict[tuple[int, int, str], dict[str, int]] = {}
        for (schema_id, at, cause, division), groups in seconds.items():
            source = self._sources[schema_id]
            _write_open(book, source, groups, now_ms, at, cause, division)
            told = _write_single(book, source, groups, now_ms, at, cause, division)
            if source.outlets.scoped:
                left = scoped.setdefault((schema_id, at, cause), dict.fromkeys(source.outlets.scoped, 0))
                seen = sum(group.records for _, group in groups)
                for name in left:
                    left[name] += seen - told.get(name, 0)
        for (schema_id, at, cause), left in scoped.items():
            for name, held in left.items():
                if held:
                    book.add(_key(self._sources[schema_id], at, name, "held_back", cause, ""), records=held)


def _write_open(book: TallyBook, source: Source, groups: _Groups, now_ms: int, at: int, cause: str,
                division: str) -> None:
    """What every open outlet was given: the same records, so one count of how late they were."""
    late, records, key_bytes = Latencies(), 0, 0
    for arrived, group in groups:
        if group.openly:
            late.add(now_ms - arrived, group.openly)
            records += group.openly
            key_bytes += group.key_bytes
    if records:
        sizes = groups[0][1].sizes if len(groups) == 1 else map(sum, zip(*(group.sizes for _, group in groups), strict=True))
        for outlet, size in zip(source.outlets.open, sizes, strict=True):
            book.add_spread(_key(source, at, outlet.id, "", cause, division), records, size + key_bytes * outlet.plain, 0, late)


def _write_single(book: TallyBook, source: Source, groups: _Groups, now_ms: int, at: int, cause: str,
                  division: str) -> dict[str, int]:
    """What subscriptions were given or refused one by one; the records each has met so."""
    given: dict[str, _Sum] = {}
    told: dict[str, int] = {}
    for arrived, group in groups:
        for name, (records, size) in group.given.items():
            found = given.get(name)
            if found is None:
                found = given[name] = _Sum()
            found.add(records, size, now_ms - arrived)
        for name, records in group.refused.items():
            book.add(_key(source, at, name, "quarantined", cause, division), records=records)
            told[name] = told.get(name, 0) + records
    for name, found in given.items():
        book.add_spread(_key(source, at, name, "", cause, division), found.records, found.size, 0, found.late)
        told[name] = told.get(name, 0) + found.records
    return told


def _key(source: Source, at: int, subscription: str, stage: str, cause: str, division: str) -> TallyKey:
    outlet = source.outlets.by_id[subscription]
    return TallyKey(at, stage or outlet.stage, cause, source.provider, source.dataset, outlet.subscriber, division)
