"""How far behind each partition is, from what the consumer knows anyway. For the status, never for a decision."""

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from schemas.names import Names
from streams.chunk import PartitionId

__all__ = ["Ends"]

_EVERY: Final = 1.0


class Ends:
    """The thread notes, the loop asks. Markers of transactions take offsets: an end that was reached counts as no lag."""

    def __init__(self) -> None:
        self._high: dict[PartitionId, int] = {}
        self._reached: dict[PartitionId, tuple[int, int]] = {}
        self._arrived: dict[PartitionId, int] = {}
        self._next = 0.0

    def reached(self, partition: PartitionId, read: int, end: int) -> None:
        """With `read` as our next offset there was nothing more before `end`."""
        self._reached[partition] = (read, end)

    def note(self, consumer: Consumer, names: Names, running: Mapping[PartitionId, int]) -> None:
        """Look at the cached watermarks now and then."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY
        high: dict[PartitionId, int] = {}
        for lane, partition in running:
            known = consumer.get_watermark_offsets(TopicPartition(names.topic(lane), partition), cached=True)
            if known is not None and known[1] >= 0:
                high[lane, partition] = known[1]
        self._high = high

    def arrived(self, partition: PartitionId, timestamp: int) -> None:
        """The arrival of the last record that was read."""
        self._arrived[partition] = timestamp

    def lag(self, handled: Mapping[PartitionId, int]) -> dict[PartitionId, tuple[int, int]]:
        """Per partition the records not yet handled, about, and the arrival of the last one that was read (ms)."""
        return {partition: (self._behind(partition, offset), self._arrived.get(partition, 0))
                for partition, offset in handled.items()}

    def _behind(self, partition: PartitionId, offset: int) -> int:
        high = self._high.get(partition, 0)
        read, end = self._reached.get(partition, (-1, -1))
        return 0 if offset >= read >= 0 and high <= end else max(high - offset, 0)
