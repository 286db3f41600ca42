"""How far each raw and clean lane is behind: from the workers' own word where they cover it, else from offsets. Pure.

A worker knows its lag to the record. While none speaks for a partition, what lies between the group's commit and the last
stable offset is behind; for how long tells the history of ends we have seen ourselves.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from schemas.status import WorkerStatus
from wire.cluster import Place

__all__ = ["Behind", "EndHistory", "told_by_workers", "uncovered"]

#: Ends remembered per partition; older ones only make "for at least" out of "for".
_REMEMBERED = 512


class Behind(NamedTuple):
    """One lane. `basis` says who knows; `at_least`: it may be longer, we have not watched longer."""

    lane: str
    partitions: int
    records: int
    seconds: float
    basis: Literal["workers", "offsets"]
    at_least: bool = False


def told_by_workers(workers: Iterable[WorkerStatus]) -> dict[str, Behind]:
    """Per lane what the living workers say together: their records added up, the worst of their seconds."""
    found: dict[str, Behind] = {}
    for worker in workers:
        for lane, lag in worker.lanes.items():
            before = found.get(lane, Behind(lane, 0, 0, 0.0, "workers"))
            found[lane] = before._replace(partitions=before.partitions + lag.partitions,
                                          records=before.records + lag.records, seconds=max(before.seconds, lag.seconds))
    return found


def uncovered(lanes: Mapping[str, int], told: Mapping[str, Behind]) -> list[str]:
    """The lanes with a partition that no living worker speaks for."""
    return sorted(lane for lane, partitions in lanes.items() if lane not in told or told[lane].partitions < partitions)


class EndHistory:
    """When each partition's end was seen to move. One owner thread."""

    def __init__(self) -> None:
        self._seen: dict[Place, deque[tuple[int, float]]] = {}

    def note(self, ends: Mapping[Place, int], now: float) -> None:
        """The ends as they are at `now`."""
        for place, end in ends.items():
            seen = self._seen.setdefault(place, deque(maxlen=_REMEMBERED))
            if seen and end < seen[-1][0]:
                seen.clear()  # the lane was made anew
            if not seen or end > seen[-1][0]:
                seen.append((end, now))

    def behind(self, lanes: Iterable[str], committed: Mapping[Place, int], now: float) -> dict[str, Behind]:
        """The lanes as the offsets have them. A partition without a commit is behind from its first record on."""
        places: dict[str, list[Place]] = defaultdict(list)
        for place in self._seen:
            places[place[0]].append(place)
        return {lane: self._lane(lane, places[lane], committed, now) for lane in lanes}

    def _lane(self, lane: str, places: list[Place], committed: Mapping[Place, int], now: float) -> Behind:
        records, since, at_least = 0, now, False
        for place in places:
            seen = self._seen[place]
            at = committed.get(place, 0)
            if seen[-1][0] <= at:
                continue
            records += seen[-1][0] - at
            # The first end beyond the commit was seen at most one look after the record it shows had come.
            first = bisect_right([end for end, _ in seen], at)
            if seen[first][1] < since:
                since, at_least = seen[first][1], first == 0
        return Behind(lane, len(places), records, round(now - since, 1), "offsets", at_least)
