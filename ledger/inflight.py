"""Values on clean that route has not committed, by dataset and hour: asked only when a subscription's book is in doubt."""

from collections import Counter

from ledger.settings import LedgerSettings
from schemas.control import Plan
from schemas.value import is_value
from wire.reading import LaneReader, committed

__all__ = ["clean_in_flight"]

#: More than this is not counted: then what is in flight explains any difference that it could explain at all.
_MOST = 500_000


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
