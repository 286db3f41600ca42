"""Messages into chunks: grouped by partition, raw and clean apart, as many records as handling can take at once.

Messages are confluent_kafka's, typed Any: a check per field and record would cost more than handling one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from schemas.names import Names
from streams.chunk import Chunk, Part, PartitionId, Record
from streams.transport.handover import Delivery
from streams.transport.pace import ChunkSize
from streams.transport.positions import Reading
from streams.transport.view import Kind

__all__ = ["Chunking"]


class Chunking:
    """`sizes` follow what the loop measures; this thread only looks at them."""

    def __init__(self, names: Names, sizes: Mapping[Kind, ChunkSize]) -> None:
        self._names = names
        self._sizes = sizes

    @property
    def wanted(self) -> int:
        """How many records to ask for at once."""
        return max(size.records for size in self._sizes.values())

    def chunks(self, messages: Iterable[Any], reading: Reading, group: Callable[[], Any]) -> Iterator[Delivery]:
        """Deliveries of what runs, of messages without errors; records of partitions that do not run are dropped, they come again."""
        metadata = None
        waiting: dict[Kind, list[tuple[Part, int]]] = {"raw": [], "clean": []}
        for (topic, partition), records in _grouped(messages).items():
            lane = self._names.lane(topic)
            start = reading.take((lane, partition), records[-1][0])
            if start is not None:
                waiting["raw" if lane.startswith("raw.") else "clean"].append((Part(lane, partition, records), start))
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


def _cut(parts: list[tuple[Part, int]], size: int) -> Iterator[list[tuple[Part, int]]]:
    """Batches of at most `size` records; a part that is cut goes on where its first piece ended."""
    batch: list[tuple[Part, int]] = []
    room = size
    for part, start in parts:
        records = part.records
        while len(records) > room:
            batch.append((Part(part.lane, part.partition, records[:room]), start))
            yield batch
            start, records = records[room - 1][0] + 1, records[room:]
            batch, room = [], size
        batch.append((Part(part.lane, part.partition, records), start))
        room -= len(records)
        if not room:
            yield batch
            batch, room = [], size
    if batch:
        yield batch
