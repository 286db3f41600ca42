"""Where partitions start: committed offset and memory from one answer of the broker (I-4), or 0 on a new lane (§4)."""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.errors import HaltError
from schemas.names import Names
from schemas.text import Text
from streams.chunk import PartitionId
from streams.metadata import unpack
from streams.transport.view import View

__all__ = ["Start", "starts_of"]

#: All at once, then one by one: an open transaction of a dead worker on one partition must not hold the others.
_TOGETHER: Final = 0.5
_ALONE: Final = 0.1
_BUDGET: Final = 1.0

_NOT_YET: Final = {KafkaError._TIMED_OUT, KafkaError._WAIT_COORD, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN,
                   KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
                   KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR, KafkaError.REQUEST_TIMED_OUT,
                   KafkaError.NETWORK_EXCEPTION}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """One partition's beginning. `fresh`: nobody has committed there yet."""

    partition: PartitionId
    offset: int
    fresh: bool
    metadata: str


def starts_of(consumer: Consumer, names: Names, waiting: Iterable[PartitionId], view: View) -> Iterator[Start]:
    """The starts that are known now. Missing ones wait for an open transaction to end, or for a newer plan (I-18)."""
    places = [TopicPartition(names.topic(lane), partition) for lane, partition in sorted(waiting)]
    for place in _committed(consumer, places):
        lane = names.lane(place.topic)
        if place.offset < 0:
            if lane not in view.lanes:
                continue
            if lane not in view.new:
                raise _never_committed(lane, place.partition)
            yield Start((lane, place.partition), 0, True, "")
        elif unpack(lane, place.metadata or "")[0] <= view.version:
            yield Start((lane, place.partition), place.offset, False, place.metadata or "")


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    if not places:
        return []
    found = _ask(consumer, places, _TOGETHER)
    if found is not None or len(places) == 1:
        return found or []
    until = time.monotonic() + _BUDGET
    known: list[TopicPartition] = []
    for place in places:
        if time.monotonic() > until:
            break
        known += _ask(consumer, [place], _ALONE) or []
    return known


def _ask(consumer: Consumer, places: list[TopicPartition], timeout: float) -> list[TopicPartition] | None:
    try:
        found: list[TopicPartition] = consumer.committed(places, timeout)
    except KafkaException as exception:
        _judge(exception.args[0])
        return None
    for place in found:
        if place.error is not None:
            _judge(place.error)
    return [place for place in found if place.error is None]


def _judge(error: KafkaError) -> None:
    if error.code() not in _NOT_YET and not error.retriable():
        raise HaltError(
            Text(f"Kafka 不给出已提交的位置：{error.name()}", f"Kafka does not tell committed positions: {error.name()}"),
            advice=Text("检查工作进程用户对消费组的权限", "check the worker user's right on its group"))
    logger.info("committed positions are not known yet: %s", error.name())


def _never_committed(lane: str, partition: int) -> HaltError:
    return HaltError(
        Text(f"{lane}/{partition} 不是新通道，却没有已提交的位置",
             f"{lane}/{partition} is not a new lane, yet nothing was ever committed there"),
        advice=Text("消费组的位置丢失了：从备份恢复，或由管理员重设；不要从头再来",
                    "the group's positions are lost: restore them or have them reset; do not begin again at 0"))
