"""The consumer thread: the only owner of the group's consumer, it makes every call on it (I-3).

Each pass: follow the plan's lanes, obey holds, start what has a committed position, read, hand over. A rebalance runs
inside a read; after every raise of the generation what came back is dropped and everything owned starts again (I-4).
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.errors import HaltError
from schemas.names import Names
from schemas.text import Text
from streams.chunk import PartitionId
from streams.transport.chunking import Chunking
from streams.transport.exits import BROKEN, FENCED, end_process, halt_process
from streams.transport.handover import Delivery, Handover, Opening
from streams.transport.lag import Ends
from streams.transport.positions import Positions, Reading
from streams.transport.recall import Recall
from streams.transport.starting import Start, starts_of
from streams.transport.view import View
from wire.outage import Outage

__all__ = ["Reader"]

_IDLE: Final = 0.1
_BUSY: Final = 0.01
#: Between two questions for a committed offset that is not known yet.
_ASK_AGAIN: Final = 0.05
#: What has not begun is told every so many seconds.
_TELL_AFTER: Final = 15.0
_SHOWN: Final = 5
#: How long we wait for room in the handover before we stop fetching and keep polling.
_ROOM_PATIENCE: Final = 2.0

_HOPELESS: Final = {KafkaError._AUTO_OFFSET_RESET, KafkaError.TOPIC_AUTHORIZATION_FAILED,
                    KafkaError.GROUP_AUTHORIZATION_FAILED}

logger = logging.getLogger(__name__)


class Reader(threading.Thread):
    """`settle(commit)` runs on the loop: commits or gives up what was handled and raises the generation (I-6)."""

    def __init__(self, config: dict[str, Any], recall_config: dict[str, Any], names: Names, positions: Positions,
                 handover: Handover, chunking: Chunking, view: Callable[[], View], settle: Callable[[bool], int],
                 check_room: Callable[[Iterable[Mapping[str, int]]], None],
                 make_consumer: Callable[[dict[str, Any]], Any] = Consumer) -> None:
        super().__init__(name="reader", daemon=True)
        self.ends = Ends()
        self._outage = Outage(config.get("bootstrap.servers", "-"))
        self._consumer = make_consumer(config | {"error_cb": self._on_error})
        self._names = names
        self._positions = positions
        self._handover = handover
        self._chunking = chunking
        self._view = view
        self._settle = settle
        self._reading = Reading()
        self._recall = Recall(recall_config, names, check_room, make_consumer)
        self._lanes: frozenset[str] = frozenset()
        self._holds: deque[tuple[int, PartitionId, int, View]] = deque()
        self._ends_seen: list[tuple[PartitionId, int]] = []
        self._ask_at = 0.0
        self._waiting_since = 0.0
        self._leaving = threading.Event()

    def hold(self, generation: int, partition: PartitionId, offset: int, view: View) -> None:
        """Any thread: stop this partition before `offset` until the plan's view is another one."""
        self._holds.append((generation, partition, offset, view))

    def leave(self) -> None:
        """Any thread: commit what was handled, leave the group, end."""
        self._leaving.set()

    @property
    def not_begun(self) -> int:
        """Partitions that are ours and whose position, memory or plan is not known yet."""
        return len(self._reading.starting)

    @property
    def remembered(self) -> int:
        """Records read again for memory; it grows while that goes on."""
        return self._recall.progress

    def run(self) -> None:
        try:
            while not self._leaving.is_set():
                self._pass()
            self._say_goodbye()
        except HaltError as error:
            halt_process(error)
        except BaseException:
            logger.exception("the consumer thread failed")
            end_process(BROKEN, "reader")

    def _pass(self) -> None:
        self._follow_lanes()
        if self._positions.generation != self._reading.generation:
            self._restart(self._positions.generation)
            self._consumer.assign([])
        self._obey_holds()
        self._start()
        messages = self._read()
        if self._positions.generation != self._reading.generation:
            return
        for delivery in self._chunking.chunks(messages, self._reading, self._consumer.consumer_group_metadata):
            if not self._hand_over(delivery):
                return
            for part in delivery.chunk.parts:
                self.ends.arrived((part.lane, part.partition), part.records[-1][1])
        self._note_ends()

    # -- the group -----------------------------------------------------------------------------------------------

    def _follow_lanes(self) -> None:
        lanes = frozenset(self._view().lanes)
        if lanes == self._lanes:
            return
        self._lanes = lanes
        if lanes:
            self._consumer.subscribe([self._names.topic(lane) for lane in sorted(lanes)], on_assign=self._on_assign,
                                     on_revoke=self._on_revoke, on_lost=self._on_lost)
        else:
            self._consumer.unsubscribe()

    def _on_assign(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        consumer.assign([])
        if self._reading.owned:
            self._settle(False)
        owned = [(self._names.lane(place.topic), place.partition) for place in assigned]
        logger.info("assigned %d partitions", len(owned))
        self._restart(self._positions.generation, owned)

    def _on_revoke(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        logger.info("%d partitions revoked", len(revoked))
        self._restart(self._settle(True), [])
        consumer.unassign()

    def _on_lost(self, consumer: Consumer, lost: list[TopicPartition]) -> None:
        logger.warning("%d partitions lost", len(lost))
        self._restart(self._settle(False), [])
        consumer.unassign()

    def _say_goodbye(self) -> None:
        """A static member stays in the group when it closes; unsubscribing first hands its partitions on at once."""
        self._consumer.unsubscribe()
        until = time.monotonic() + 5
        while self._reading.owned and time.monotonic() < until:
            self._consumer.poll(0.05)
        self._recall.close()
        self._consumer.close()

    # -- positions -----------------------------------------------------------------------------------------------

    def _restart(self, generation: int, owned: list[PartitionId] | None = None) -> None:
        self._reading.restart(generation, owned)
        self._recall.forget()
        self._ask_at = 0.0
        self._waiting_since = time.monotonic()

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(self._names.topic(lane), partition, offset)
                               for (lane, partition), offset in self._reading.running.items()])

    def _obey_holds(self) -> None:
        moved = False
        while self._holds:
            moved |= self._reading.hold(*self._holds.popleft())
        if self._reading.release(self._view()) or moved:
            self._assign()

    def _start(self) -> None:
        """Offset and memory of what starts; what is not known yet (an open transaction, a newer plan) is asked again."""
        reading, now = self._reading, time.monotonic()
        begun = len(reading.running)
        for start, recollection in self._recall.step():
            self._open(start, recollection.rows)
        if reading.starting and now >= self._ask_at:
            self._ask_at = now + _ASK_AGAIN
            view = self._view()
            for start in starts_of(self._consumer, self._names, reading.starting - self._recall.pending, view):
                wanted = view.recollection(start.partition[0]) if start.offset else None
                if wanted is None:
                    self._open(start, {})
                else:
                    self._recall.begin(start.partition, start.offset, wanted, start)
        if len(reading.running) > begun:
            self._waiting_since = now
            self._assign()
        elif reading.starting and now - self._waiting_since >= _TELL_AFTER:
            self._waiting_since = now
            self._tell_what_waits()

    def _tell_what_waits(self) -> None:
        recalled = self._recall.pending
        places = [f"{lane}/{partition}" for lane, partition in sorted(self._reading.starting)]
        shown = "、".join(places[:_SHOWN]) + (" …" if len(places) > _SHOWN else "")
        logger.warning("%s", Text(
            f"{len(places)} 个分区还没有开始：{shown}；{len(recalled)} 个在恢复记忆（已读 {self._recall.progress} 条），"
            "其余在等未结束的事务或更新的方案",
            f"{len(places)} partitions have not begun: {shown}; memory is read again for {len(recalled)} of them "
            f"({self._recall.progress} records so far), the others wait for an open transaction to end or for a newer plan"))

    def _open(self, start: Start, rows: Any) -> None:
        self._reading.run(start.partition, start.offset)
        self._handover.put(Opening(self._reading.generation, start.partition, start.offset, start.fresh, start.metadata,
                                   rows, self._consumer.consumer_group_metadata()))

    # -- records -------------------------------------------------------------------------------------------------

    def _read(self) -> list[Any]:
        first = self._consumer.poll(_BUSY if self._reading.starting else _IDLE)
        if first is None:
            return []
        messages = []
        for message in (first, *self._consumer.consume(self._chunking.wanted - 1, 0)):
            error = message.error()
            if error is None:
                messages.append(message)
            else:
                self._judge(error, message)
        return messages

    def _hand_over(self, delivery: Delivery) -> bool:
        """Wait for room; after seconds without any stop fetching but keep polling. False: the generation was raised."""
        until, fetching = time.monotonic() + _ROOM_PATIENCE, True
        while not self._handover.offer(delivery, _IDLE):
            if fetching and time.monotonic() > until:
                self._consumer.assign([])
                fetching = False
            if not fetching:
                self._consumer.poll(0)
            if delivery.chunk.generation != self._positions.generation or self._leaving.is_set():
                return False
        if not fetching:
            self._assign()
        return True

    def _judge(self, error: KafkaError, message: Any) -> None:
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            place = (self._names.lane(message.topic()), message.partition())
            self._ends_seen.append((place, message.offset()))
        elif error.fatal() or code in (KafkaError.FENCED_INSTANCE_ID, KafkaError._FENCED):
            end_process(FENCED, error.name())
        elif code in _HOPELESS:
            raise HaltError(
                Text(f"Kafka 拒绝读取：{error.name()}", f"Kafka refuses to let us read: {error.name()}"),
                advice=Text("检查权限（shutong apply）；若记录已过保留期，由管理员决定从哪里继续",
                            "check the rights (shutong apply); if records are past retention, have it decided where to go on"))
        else:
            self._outage.hear(error)

    def _note_ends(self) -> None:
        for place, end in self._ends_seen:
            if place in self._reading.running:
                self.ends.reached(place, self._reading.running[place], end)
        self._ends_seen.clear()
        self.ends.note(self._consumer, self._names, self._reading.running, self._reading.held)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            end_process(FENCED, error.name())
        self._outage.hear(error)
