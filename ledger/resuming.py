"""What recorder and auditor share: where to read on when retention has passed it, and which hours moved a moment ago."""

import logging
import time
from collections.abc import Iterable, Mapping

from schemas.errors import HaltError
from schemas.text import Text
from wire.cluster import Cluster, Place

__all__ = ["Moved", "still_there"]

#: Seconds for which an hour counts as moving.
_RECENT = 600.0

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
