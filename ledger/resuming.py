"""What recorder and auditor share: where to read on when retention has passed it, how far they are, which hours moved when."""

import logging
import time
from collections.abc import Iterable, Mapping

from schemas.errors import HaltError
from schemas.text import Text
from wire.cluster import Cluster, Place

__all__ = ["CaughtUp", "Moved", "still_there"]

#: Hours whose last movement is remembered: more than the tables keep.
_HOURS = 3000

log = logging.getLogger(__name__)


def still_there(cluster: Cluster, wanted: Mapping[Place, int]) -> dict[Place, int]:
    """The offsets to read from, or the first ones that retention has left; what is gone by then is said.

    HaltError when the tables know of more than lies on this Kafka: they are another one's.
    """
    counts = cluster.partitions({lane for lane, _ in wanted})
    if any(partition >= counts[lane] for lane, partition in wanted):
        raise _foreign()
    ends = cluster.ends(wanted)
    if any(offset > ends[place] for place, offset in wanted.items()):
        raise _foreign()
    first = cluster.beginnings(wanted)
    for (lane, partition), offset in wanted.items():
        if first[lane, partition] > offset + 1:
            log.warning("%s/%d: offsets %d to %d are gone by retention; if the ledger was away for that long, "
                        "the books lack them", lane, partition, offset + 1, first[lane, partition] - 1)  # fmt: skip
    return {place: max(offset, first[place]) for place, offset in wanted.items()}


def _foreign() -> HaltError:
    return HaltError(
        Text("账本记到的位置超出了这个 Kafka 上的内容：它属于另一个 Kafka，或通道被重建过",
             "the books reach beyond what this Kafka holds: they are another Kafka's, or lanes were made anew"),
        advice=Text("检查 SHUTONG_BOOTSTRAP 与 SHUTONG_HOME（或 SHUTONG_CLICKHOUSE）是否属于同一套总线；确要重新开始，换一个空的账本",
                    "see that SHUTONG_BOOTSTRAP and SHUTONG_HOME (or SHUTONG_CLICKHOUSE) are of one bus; "
                    "to begin anew on purpose, use an empty ledger"),
    )  # fmt: skip


class CaughtUp:
    """The moment everything written before which is in the tables. It moves on a bus that never rests, too: what is waited
    for is an end as it was when it was asked, not the end as it is.
    """

    def __init__(self) -> None:
        self.up_to = 0.0
        self._goal: tuple[float, Mapping[Place, int]] | None = None

    def start(self) -> None:
        """A new reader, perhaps of other lanes: what was waited for may never come."""
        self._goal = None

    def aim(self, asked: float, ends: Mapping[Place, int]) -> None:
        """The lanes ended there, then. Ignored while an earlier end is waited for."""
        if self._goal is None:
            self._goal = (asked, ends)

    def reach(self, positions: Mapping[Place, int]) -> None:
        """Everything below is in the tables."""
        if self._goal is not None and all(positions.get(place, 0) >= end for place, end in self._goal[1].items()):
            self.up_to, self._goal = self._goal[0], None


class Moved:
    """When each hour of the books got rows last. Written by one thread, read by any."""

    def __init__(self) -> None:
        self._when: dict[int, float] = {}

    def touch(self, hours: Iterable[int]) -> None:
        """Said before the rows are in the table, so that nobody sees them and knows of no movement."""
        now = time.time()
        when = self._when | dict.fromkeys(hours, now)
        newest = sorted(when.items(), key=lambda each: -each[1])[:_HOURS]
        self._when = dict(newest)

    @property
    def hours(self) -> Mapping[int, float]:
        """hour -> when. What was handed out does not change."""
        return self._when
