"""Read lanes from one place to another: assign-only, read_committed, quick. For cursors, audits, oracle, recorder.

Nothing is committed and no group is joined: where to start is the caller's business, and offsets are its own to keep.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.errors import BusError, RetryError
from schemas.text import Text
from wire.cluster import Cluster, Commit, Place
from wire.errors import Watch
from wire.settings import KafkaSettings

__all__ = ["LaneReader", "Place", "Record", "Start", "committed", "ends", "read_all", "read_with_headers"]

Headers = list[tuple[str, bytes]]
Start = Mapping[Place, int] | Literal["beginning", "end"]

_MANY = 5000

#: Troubles of a moment, which the client mends by itself, and those of the group, which we never join.
_PASSING = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError.GROUP_AUTHORIZATION_FAILED)


class Record(NamedTuple):
    """One record as it lies on its lane. `value` None is a tombstone; `timestamp` is milliseconds."""

    lane: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class LaneReader:
    """Reads all partitions of `lanes`. Partitions that a mapping `start` does not name start at the beginning."""

    def __init__(self, settings: KafkaSettings, lanes: Iterable[str], start: Start = "beginning", **more: Any) -> None:
        self._cluster = Cluster(settings)
        self._watch = Watch(settings, aloud=True)
        #: of the records of the last batch, in their order; each None while `wants_headers` is not set
        self.headers: list[Headers | None] = []
        self.wants_headers = False
        self._lane = {settings.names.topic(lane): lane for lane in lanes}
        places = self._cluster.places(self._lane.values())
        # Asked for as numbers: the client takes half a second to look up "the beginning" by itself.
        self._next: dict[Place, int] = (
            self._cluster.ends(places, committed=True) if start == "end" else self._cluster.beginnings(places)
        )
        if not isinstance(start, str):
            self._next |= {place: start[place] for place in places if place in start}
        self._broken: BusError | None = None
        self._consumer = Consumer(settings.reader_config(error_cb=self._watch, **more))
        self._parts = [TopicPartition(settings.names.topic(lane), number, at)
                       for (lane, number), at in self._next.items()]  # fmt: skip
        self._consumer.assign(self._parts)

    @property
    def places(self) -> list[Place]:
        """Every partition this reader reads."""
        return list(self._next)

    @property
    def positions(self) -> dict[Place, int]:
        """Per partition the offset everything below which was returned, or holds nothing (markers, aborts, gaps)."""
        for part in self._consumer.position(self._parts):
            place = (self._lane[part.topic], part.partition)
            self._next[place] = max(self._next[place], part.offset)
        return dict(self._next)

    def batch(self, timeout: float = 1.0, limit: int = _MANY) -> list[Record]:
        """What has arrived, at most `limit` records, in order per partition; [] after `timeout`, or sooner at an end.

        Kafka that is away is no error here, but it is logged: the reader goes on by itself when it is back.
        """
        if self._broken is not None:
            broken, self._broken = self._broken, None
            raise broken
        first = self._consumer.poll(timeout)
        if first is None:
            self._watch.check()
            return []
        # What is already fetched, without a wait: `consume` would wait for a full batch.
        return self._taken([first, *self._consumer.consume(limit - 1, 0)] if limit > 1 else [first])

    def ends(self) -> dict[Place, int]:
        """Where the partitions end now, open transactions included."""
        return self._cluster.ends(self._next)

    def reached(self, ends: Mapping[Place, int]) -> bool:
        """Whether everything below `ends` was returned."""
        return all(self._next[place] >= end for place, end in ends.items())

    def to_end(self, patience: float = 30, limit: int = _MANY) -> Iterator[list[Record]]:
        """Batches up to the end as it is now (I-4). RetryError when nothing moves for `patience` seconds."""
        goal = self.ends()
        moved, before = time.monotonic(), self.positions
        while not self.reached(goal):
            if batch := self.batch(0.05, limit):
                yield batch
            if self._next != before or (len(batch) < limit and self.positions != before):
                moved, before = time.monotonic(), dict(self._next)
            elif time.monotonic() - moved > patience:
                raise self._stuck(goal)

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _taken(self, messages: list[Any]) -> list[Record]:
        """The records among `messages` (the client types every part of one as optional); the rest moves positions."""
        records: list[Record] = []
        self.headers = []
        for message in messages:
            lane = self._lane.get(message.topic() or "", "")
            error = message.error()
            if error is None:
                place, offset = (lane, message.partition()), message.offset()
                records.append(Record(lane, place[1], offset, message.timestamp()[1], message.key(), message.value()))
                self.headers.append((message.headers() or []) if self.wants_headers else None)
                self._next[place] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._next[lane, message.partition()] = message.offset()
            elif self._broken is None and error.code() not in _PASSING:
                self._broken = self._watch.explain(error, lane)
        if self._broken is not None and not records:
            return self.batch(0)
        return records

    def _stuck(self, goal: Mapping[Place, int]) -> RetryError:
        self.ends()  # raises what is wrong when it is Kafka itself
        late = ", ".join(sorted({lane for (lane, number), end in goal.items() if self._next[lane, number] < end}))
        return RetryError(
            Text(f"通道 {late} 末尾的事务一直没有结束", f"a transaction at the end of {late} does not end"),
            advice=Text("稍后重试；超时的事务由 Kafka 自动中止",
                        "try again later; Kafka aborts a transaction that timed out"),
        )  # fmt: skip


def read_all(settings: KafkaSettings, lanes: Iterable[str], start: Start = "beginning") -> Iterator[Record]:
    """Every record of the lanes up to their end as it is now."""
    with LaneReader(settings, lanes, start) as reader:
        for batch in reader.to_end():
            yield from batch


def read_with_headers(settings: KafkaSettings, lanes: Iterable[str]) -> Iterator[tuple[Record, Headers | None]]:
    """Every record of the lanes up to their end as it is now, and the headers beside it."""
    with LaneReader(settings, lanes) as reader:
        reader.wants_headers = True
        for batch in reader.to_end():
            yield from zip(batch, reader.headers, strict=True)


def ends(settings: KafkaSettings, lanes: Iterable[str], *, stable: bool = False) -> dict[Place, int]:
    """The end offset of each partition of the lanes, open transactions included, or the last `stable` one."""
    cluster = Cluster(settings)
    return cluster.ends(cluster.places(lanes), committed=stable)


def committed(settings: KafkaSettings, group: str, lanes: Iterable[str]) -> dict[Place, Commit]:
    """What the group of a role (`worker`) has committed on the lanes: offset and metadata."""
    return Cluster(settings).committed(group, lanes)
