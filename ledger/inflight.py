"""What workers have not committed: on clean by dataset and hour, when a subscription's book is in doubt; and how far back it
reaches, when a subscription changes.
"""

import time
from collections import Counter
from collections.abc import Collection

from ledger.settings import LedgerSettings
from schemas.control import Plan
from schemas.names import Names
from schemas.value import is_value
from wire.reading import LaneReader, committed

__all__ = ["clean_in_flight", "oldest_in_flight"]

#: More than this is not counted: then what is in flight explains any difference that it could explain at all.
_MOST = 500_000
#: Seconds that are waited for the first record of each partition; an open transaction may hide it for as long as it lasts.
_PATIENCE = 15.0


def clean_in_flight(settings: LedgerSettings, plan: Plan) -> dict[tuple[str, int], int]:
    """(dataset, hour) -> values between route's committed offsets and the end of the clean lanes."""
    lanes = sorted(lane for lane in plan.lanes if lane.startswith(("clean.", "clean-log.")))
    if not lanes:
        return {}
    found: Counter[tuple[str, int]] = Counter()
    start = {place: commit.offset for place, commit in committed(settings, "worker", lanes).items()}
    with LaneReader(settings, lanes, start, client_id=f"shutong.{settings.role}.in-flight") as reader:
        for batch in reader.to_end():
            for record in batch:
                if is_value(record.key, record.value):
                    dataset = (record.key or b"").partition(b"/")[0].decode(errors="replace")
                    second = record.timestamp // 1000
                    found[dataset, second - second % 3600] += 1
            if found.total() > _MOST:
                break
    return dict(found)


def oldest_in_flight(settings: LedgerSettings, plan: Plan, providers: Collection[str]) -> float:
    """The arrival second of the oldest record on these providers' lanes that workers have not committed; now if there is none.

    Each partition's first such record tells: raw is in order of arrival, and clean nearly so.
    """
    oldest = time.time()
    lanes = sorted(lane for lane in plan.lanes
                   if lane.startswith(("raw.", "clean.", "clean-log.")) and Names.provider_of(lane) in providers)
    if not lanes:
        return oldest
    start = {place: commit.offset for place, commit in committed(settings, "worker", lanes).items()}
    with LaneReader(settings, lanes, start, client_id=f"shutong.{settings.role}.in-flight") as reader:
        goal, deadline = reader.ends(), time.monotonic() + _PATIENCE
        waiting = {place for place, at in reader.positions.items() if at < goal[place]}
        while waiting and time.monotonic() < deadline:
            for record in reader.batch(0.1):
                oldest = min(oldest, record.timestamp / 1000)
                waiting.discard((record.lane, record.partition))
            waiting = {place for place in waiting if reader.positions[place] < goal[place]}
    return oldest
