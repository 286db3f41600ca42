"""Messages into chunks: grouped by partition, raw and clean apart, as many records and bytes as handling can take at once.

Messages are confluent_kafka's, typed Any: a check per field and record would cost more than handling one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from schemas.names import Names
from streams.chunk import Chunk, Part, PartitionId, Record
from streams.transport.handover import Delivery
from streams.transport.pace import ChunkSize
from streams.transport.positions import Reading
from streams.transport.view import Kind

__all__ = ["Chunking"]

#: Bytes of a chunk, keys and values: several wait at a time, and what one leads to has to fit in a transaction (§4).
_MOST_BYTES: Final = 4 << 20

#: What was read of a partition, where that stood before, and the bytes of each record.
_Taken = tuple[Part, int, list[int]]


class Chunking:
    """`sizes` follow what the loop measures; this thread only looks at them."""

    def __init__(self, names: Names, sizes: Mapping[Kind, ChunkSize]) -> None:
        self._names = names
        self._sizes = sizes
        self._mean = 0

    @property
    def wanted(self) -> int:
        """How many records to ask for at once: no more bytes than a chunk has, if they are as large as those before."""
        most = max(size.records for size in self._sizes.values())
        return min(most, _MOST_BYTES // self._mean + 1) if self._mean else most

    def chunks(self, messages: Iterable[Any], reading: Reading, group: Callable[[], Any]) -> Iterator[Delivery]:
        """Deliveries of what runs, of messages without errors; records of partitions that do not run are dropped, they come again."""
        metadata = None
        waiting: dict[Kind, list[_Taken]] = {"raw": [], "clean": []}
        read = size = 0
        for (topic, partition), records in _grouped(messages).items():
            lane = self._names.lane(topic)
            sizes = [len(key or b"") + len(value or b"") for _, _, key, value in records]
            read, size = read + len(records), size + sum(sizes)
            start = reading.take((lane, partition), records[-1][0])
            if start is not None:
                waiting["raw" if lane.startswith("raw.") else "clean"].append((Part(lane, partition, records), start, sizes))
        self._mean = size // read if read else self._mean
        for kind, parts in waiting.items():
            for batch in _cut(parts, self._sizes[kind].records):
                metadata = metadata or group()
                starts: dict[PartitionId, int] = {(part.lane, part.partition): start for part, start in batch}
                chunk = Chunk(kind, reading.generation, [part for part, _ in batch])
                yield Delivery(chunk, starts, sum(len(part.records) for part, _ in batch), metadata)


def _grouped(messages: Iterable[Any]) -> dict[tuple[str, int], list[Record]]:
    """Records by topic and partition. A batch comes from one partition, so the one before mostly is the right one."""
    grouped: dict[tuple[str, int], list[Record]] = {}
    last_topic, last_partition, records = "", -1, list[Record]()
    for message in messages:
        topic, partition = message.topic(), message.partition()
        if partition != last_partition or topic != last_topic:
            last_topic, last_partition = topic, partition
            records = grouped.setdefault((topic, partition), [])
        records.append((message.offset(), message.timestamp()[1], message.key(), message.value()))
    return grouped


def _cut(parts: list[_Taken], size: int) -> Iterator[list[tuple[Part, int]]]:
    """Batches of at most `size` records and about so many bytes; a part that is cut goes on where its first piece ended."""
    batch: list[tuple[Part, int]] = []
    room, left = size, _MOST_BYTES
    for part, start, sizes in parts:
        records = part.records
        while records:
            fit = _fitting(sizes, room, left)
            piece, records = (records, []) if fit == len(records) else (records[:fit], records[fit:])
            batch.append((Part(part.lane, part.partition, piece), start))
            start = piece[-1][0] + 1
            room, left = room - fit, left - sum(sizes[:fit])
            sizes = sizes[fit:]
            if room <= 0 or left <= 0 or records:
                yield batch
                batch, room, left = [], size, _MOST_BYTES
    if batch:
        yield batch


def _fitting(sizes: list[int], room: int, left: int) -> int:
    """How many records go into a batch that has room for so many of so many bytes: the one that fills it comes along."""
    if len(sizes) <= room and sum(sizes) < left:
        return len(sizes)
    return min(next((number for number, total in enumerate(accumulate(sizes), start=1) if total >= left), room), room, len(sizes))
