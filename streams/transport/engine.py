"""Everything between Faust and Kafka, wired: reader thread, handover, transaction, commits. One per worker.

Faust's consumer asks it for the `next` delivery, agents work in its `transaction`, the worker gives it new plans and the
word to leave.
"""

import asyncio
import logging
from typing import Final

from streams.chunk import PartitionId
from streams.memory import Memory
from streams.transport.chunking import Chunking
from streams.transport.handover import Delivery, Handover, Opening
from streams.transport.patience import PATIENCE, Patience
from streams.transport.producer import TransactionalProducer
from streams.transport.reader import Reader
from streams.transport.transaction import Transaction
from streams.transport.view import View
from wire.settings import KafkaSettings

__all__ = ["Engine"]

#: Milliseconds between two looks for lanes that Kafka did not know before.
_LOOK_FOR_LANES: Final = 10_000

logger = logging.getLogger(__name__)


class Engine:
    """`instance` is host-slot: group.instance.id and transactional.id come from it (I-8)."""

    def __init__(self, kafka: KafkaSettings, instance: str, epoch: int, view: View, memory: Memory) -> None:
        names = kafka.names
        self._producer = TransactionalProducer(
            kafka.transactional_config(names.transactional_id("worker", instance)), names)
        self._handover = Handover()
        self.transaction = Transaction(self._producer, memory, view, instance, epoch, self._handover.clear)
        self.transaction.hold = self._hold
        self._patience = Patience(view.version)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.reader = Reader(
            # A lane that is made while we find back to Kafka is unknown when we join; the client looks again after 5 min by itself.
            kafka.consumer_config("worker", group_instance_id=instance, enable_partition_eof=True,
                                  topic_metadata_refresh_interval_ms=_LOOK_FOR_LANES,
                                  client_id=f"shutong.worker.{instance}"),
            kafka.reader_config(auto_offset_reset="earliest"), names, self.transaction.positions, self._handover,
            Chunking(names, self.transaction.sizes), lambda: self.transaction.view, self._settle,
            memory.check_coming)

    def fence(self) -> None:
        """Take over the transactional id; blocks until the broker has ended what a predecessor left open."""
        self._producer.fence()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Join the group and read; what is read waits until the agents are ready."""
        self._loop = loop
        self._handover.attach(loop)
        self.reader.start()

    async def next(self, timeout: float) -> Delivery | None:
        """The next delivery; openings before it are applied on the way."""
        while isinstance(item := await self._handover.take(timeout), Opening):
            self.transaction.open(item)
        return item

    async def committing(self) -> None:
        """Commit when there is something to, as often as the measured time of a commit allows. Runs for ever."""
        work = self.transaction
        while True:
            await work.begun.wait()
            await asyncio.sleep(work.interval.seconds)
            await work.commit()

    def follow(self, view: View) -> None:
        """A new plan; it takes effect with the next chunk, and what was unknown is asked for again."""
        self._patience = Patience(view.version)
        self.transaction.view = view

    def follow_soon(self, view: View) -> None:
        """The same from another thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.follow, view)

    async def leave(self) -> None:
        """Commit what was handled and leave the group."""
        if self.reader.is_alive():
            self.reader.leave()
            await asyncio.to_thread(self.reader.join)

    def _settle(self, commit: bool) -> int:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self.transaction.settle(commit=commit), self._loop).result()

    def _hold(self, generation: int, partition: PartitionId, offset: int, unknown: frozenset[int]) -> None:
        """An unknown schema id is waited for once per worker, then given up until the plan moves."""
        assert self._loop is not None
        self.reader.hold(generation, partition, offset, self.transaction.view)
        for schema in self._patience.new(partition[0], unknown):
            self._loop.call_later(PATIENCE, self._give_up, self._patience, schema)

    def _give_up(self, patience: Patience, schema: int) -> None:
        if patience is self._patience:
            self.transaction.view = self.transaction.view.giving_up(patience.over(schema))

    @property
    def not_begun(self) -> int:
        """Partitions that are ours and whose position or memory is not known yet."""
        return self.reader.not_begun

    def progress(self) -> tuple[int, ...]:
        """Numbers that change when anything gets done. What is handled and then aborted is not, however often."""
        return self.transaction.commits, self.reader.remembered

    @property
    def call(self) -> int:
        """The number of the call to Kafka that is under way, 0 if none is; each has a timeout of its own."""
        return self._producer.call

    def has_work(self) -> bool:
        """Whether anything waits to get done: chunks, a commit, partitions that have not begun."""
        return bool(len(self._handover) or self.transaction.begun.is_set() or self.not_begun)

    def lag(self) -> dict[PartitionId, tuple[int, int]]:
        """Per open partition about how many records it is behind, and when the last one it handled arrived (ms)."""
        return self.reader.ends.lag(self.transaction.positions.handled_offsets())
