"""How far behind each partition is, from what the consumer knows anyway. For the status, never for a decision."""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.names import Names
from streams.chunk import PartitionId

__all__ = ["Ends"]

_EVERY: Final = 1.0
_EVERY_HELD: Final = 2.0
_PATIENCE: Final = 0.5


class Ends:
    """The thread notes, the loop asks. Markers of transactions take offsets: an end that was reached counts as no lag."""

    def __init__(self) -> None:
        self._high: dict[PartitionId, int] = {}
        self._reached: dict[PartitionId, tuple[int, int]] = {}
        self._arrived: dict[PartitionId, int] = {}
        self._next = 0.0
        self._next_held = 0.0

    def reached(self, partition: PartitionId, read: int, end: int) -> None:
        """With `read` as our next offset there was nothing more before `end`."""
        self._reached[partition] = (read, end)

    def note(self, consumer: Consumer, names: Names, running: Iterable[PartitionId], held: Iterable[PartitionId]) -> None:
        """Look at the cached watermarks now and then; those of partitions that are held must be asked for, they are few."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY
        high: dict[PartitionId, int] = {}
        for lane, partition in running:
            known = consumer.get_watermark_offsets(TopicPartition(names.topic(lane), partition), cached=True)
            if known is not None and known[1] >= 0:
                high[lane, partition] = known[1]
        held = tuple(held)
        if now < self._next_held:
            high |= {partition: self._high[partition] for partition in held if partition in self._high}
        elif held:
            high |= self._asked(consumer, names, held)
        self._high = high

    def _asked(self, consumer: Consumer, names: Names, held: Iterable[PartitionId]) -> dict[PartitionId, int]:
        high: dict[PartitionId, int] = {}
        try:
            for lane, partition in held:
                place = TopicPartition(names.topic(lane), partition)
                high[lane, partition] = consumer.get_watermark_offsets(place, timeout=_PATIENCE)[1]
        except KafkaException:
            pass  # away: the consumer will say so, and we ask again
        self._next_held = time.monotonic() + _EVERY_HELD
        return high

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
