"""What recorder and auditor share: where to read on when retention has passed it, and which hours moved a moment ago."""

import logging
import time
from collections.abc import Iterable, Mapping

from wire.cluster import Cluster, Place

__all__ = ["Moved", "still_there"]

#: Seconds for which an hour counts as moving.
_RECENT = 600.0

log = logging.getLogger(__name__)


def still_there(cluster: Cluster, wanted: Mapping[Place, int]) -> dict[Place, int]:
    """The offsets to read from, or the first ones that retention has left; what is gone by then is said."""
    first = cluster.beginnings(wanted)
    for (lane, partition), offset in wanted.items():
        if first[lane, partition] > offset + 1:
            log.warning("%s/%d: offsets %d to %d are gone by retention; if the ledger was away for that long, "
                        "the books lack them", lane, partition, offset + 1, first[lane, partition] - 1)  # fmt: skip
    return {place: max(offset, first[place]) for place, offset in wanted.items()}


class Moved:
    """When each hour of the books got rows last."""

    def __init__(self) -> None:
        self._when: dict[int, float] = {}

    def touch(self, hours: Iterable[int]) -> None:
        now = time.time()
        self._when.update(dict.fromkeys(hours, now))

    def recent(self) -> dict[int, float]:
        """The hours that moved within the last minutes."""
        since = time.time() - _RECENT
        self._when = {hour: when for hour, when in self._when.items() if when > since}
        return dict(self._when)
