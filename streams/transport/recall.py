"""Remembering again: reads clean partitions from their beginning to their committed offsets, in slices (I-4, I-12).

An assign-only read_committed consumer on the consumer thread. A committed offset is decided ground: everything below it
was read by a predecessor, so reading to it needs no watermark.
"""

from collections.abc import Iterator
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


@dataclass(slots=True)
class _Pending:
    """One partition on its way back."""

    target: int
    recollection: Recollection
    token: Any


class Recall:
    """`begin` partitions, call `step` until each has come back with its recollection and the token it was begun with."""

    def __init__(self, config: dict[str, Any], names: Names) -> None:
        self._config = config
        self._names = names
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
            self._consumer = Consumer(self._config)
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

    def close(self) -> None:
        """Free the consumer."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _learn(self, message: Any) -> _Pending | None:
        partition = (self._names.lane(message.topic()), message.partition())
        pending = self._pending.get(partition)
        if pending is None:
            return None
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            _refuse(error)
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

    def _place(self, partition: PartitionId) -> TopicPartition:
        return TopicPartition(self._names.topic(partition[0]), partition[1], OFFSET_BEGINNING)


def _refuse(error: KafkaError) -> None:
    if not error.retriable():
        raise HaltError(
            Text(f"恢复记忆时 Kafka 报错：{error.name()}", f"Kafka refuses to let us remember: {error.name()}"),
            advice=Text("检查工作进程用户对标准通道的读权限", "check the worker user's right to read clean lanes"))
