"""Remembering again: reads clean partitions from their beginning to their committed offsets, in slices (I-4, I-12).

An assign-only read_committed consumer on the consumer thread. A committed offset is decided ground: everything below it
was read by a predecessor, so reading to it needs no watermark.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from schemas.errors import HaltError
from schemas.names import Names
from schemas.text import Text
from streams.chunk import PartitionId
from streams.transport.view import Recollection

__all__ = ["Recall"]

_SLICE: Final = 2000
_PATIENCE: Final = 0.05
#: A new leader may for a moment show an end that lies before what was committed.
_LOOK_EVERY: Final = 1.0
_SHORT_FOR: Final = 10.0


@dataclass(slots=True)
class _Pending:
    """One partition on its way back."""

    target: int
    recollection: Recollection
    token: Any
    #: since when the lane ends before the target
    short_since: float | None = None


class Recall:
    """`begin` partitions, call `step` until each has come back with its recollection and the token it was begun with.

    `check` is told the bytes of all that is on its way, by dataset, and says whether there is room.
    """

    def __init__(self, config: dict[str, Any], names: Names, check: Callable[[Iterable[Mapping[str, int]]], None],
                 make_consumer: Callable[[dict[str, Any]], Any] = Consumer) -> None:
        self._config = config
        self._names = names
        self._check = check
        self._make_consumer = make_consumer
        self._look_at = 0.0
        self._consumer: Consumer | None = None
        self._pending: dict[PartitionId, _Pending] = {}
        self.progress = 0

    @property
    def pending(self) -> set[PartitionId]:
        """What is on its way."""
        return set(self._pending)

    def begin(self, partition: PartitionId, target: int, recollection: Recollection, token: Any) -> None:
        """Read this partition up to `target`."""
        self._pending[partition] = _Pending(target, recollection, token)
        if self._consumer is None:
            self._consumer = self._make_consumer(self._config)
        self._consumer.incremental_assign([self._place(partition)])

    def forget(self) -> None:
        """The generation was raised: nothing is wanted any more."""
        if self._consumer is not None:
            self._consumer.unassign()
        self._pending.clear()

    def step(self) -> Iterator[tuple[Any, Recollection]]:
        """Read one slice; the partitions that are complete."""
        if not self._pending:
            return
        assert self._consumer is not None
        for message in self._consumer.consume(_SLICE, _PATIENCE):
            done = self._learn(message)
            if done is not None:
                yield done.token, done.recollection
        self._check(pending.recollection.sizes for pending in self._pending.values())
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_EVERY
            self._look_for_ends()

    def close(self) -> None:
        """Free the consumer."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _learn(self, message: Any) -> _Pending | None:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            _refuse(error)
            return None
        partition = (self._names.lane(message.topic()), message.partition())
        pending = self._pending.get(partition)
        if pending is None:
            return None
        reached = message.offset()
        if error is None and reached < pending.target:
            pending.recollection.learn([(reached, message.timestamp()[1], message.key(), message.value())])
            self.progress += 1
            reached += 1
        # An end before the target only says that the last stable offset lags behind; the reader goes on by itself.
        if reached < pending.target:
            return None
        del self._pending[partition]
        assert self._consumer is not None
        self._consumer.incremental_unassign([self._place(partition)])
        return pending

    def _look_for_ends(self) -> None:
        """What was committed cannot lie beyond the end of the lane, or it is not the lane it was committed on."""
        assert self._consumer is not None
        now = time.monotonic()
        for (lane, number), pending in self._pending.items():
            _, end = self._consumer.get_watermark_offsets(TopicPartition(self._names.topic(lane), number), cached=True)
            if not 0 <= end < pending.target:
                pending.short_since = None
            elif pending.short_since is None:
                pending.short_since = now
            elif now - pending.short_since >= _SHORT_FOR:
                raise _shorter(lane, number, end, pending.target)

    def _place(self, partition: PartitionId) -> TopicPartition:
        return TopicPartition(self._names.topic(partition[0]), partition[1], OFFSET_BEGINNING)


def _refuse(error: KafkaError) -> None:
    if not error.retriable():
        raise HaltError(
            Text(f"恢复记忆时 Kafka 报错：{error.name()}", f"Kafka refuses to let us remember: {error.name()}"),
            advice=Text("检查工作进程用户对标准通道的读权限", "check the worker user's right to read clean lanes"))


def _shorter(lane: str, partition: int, end: int, target: int) -> HaltError:
    return HaltError(
        Text(f"{lane}/{partition} 到 {end} 为止，已提交的位置却是 {target}：通道被重建或截断过",
             f"{lane}/{partition} ends at {end}, yet {target} was committed: the lane was made anew or cut"),
        advice=Text("从备份恢复通道，或由管理员重设工作进程的位置", "restore the lane, or have the workers' positions reset"))
