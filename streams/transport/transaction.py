"""The open transaction: handled chunks, noted memory and counted tallies, committed together or not at all.

    async with transaction as work:          # nobody else moves while we do
        work.handle(delivery, clean)         # one synchronous step (I-5)

The event loop owns it. Commits run in one executor thread while the lock is held.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeAlias

from schemas.codec import encode_tallies
from schemas.errors import HaltError
from schemas.names import TALLIES
from schemas.tally import Tally, TallyBook
from schemas.text import Text
from streams.chunk import Chunk, Handled, Output, Part, PartitionId
from streams.memory import Memory
from streams.transport.handover import Delivery, Opening
from streams.transport.pace import ChunkSize, CommitInterval
from streams.transport.positions import Positions
from streams.transport.producer import Aborted, CommitOffset
from streams.transport.view import Kind, View

__all__ = ["Handler", "Hold", "Producing", "Transaction"]

#: A pure function (chunk, plan, memory, now in ms) -> what it leads to.
Handler: TypeAlias = Callable[[Chunk, Any, Memory, int], Handled]
#: Tells the consumer thread to stop a partition before an offset: generation, partition, offset, schema ids waited for.
Hold: TypeAlias = Callable[[int, PartitionId, int, frozenset[int]], None]

#: A transaction stays below 16 MiB per partition (§4); lanes mostly have one, and the chunk that fills it comes on top.
_FULL: Final = 8 << 20
_TALLIES_A_RECORD: Final = 2000
_FINDINGS_A_RECORD: Final = 1000
#: Aborts in a row that Kafka forced, with no commit between. Rebalances cause a few; what causes so many will not pass.
_MOST_ABORTS: Final = 20

logger = logging.getLogger(__name__)


class Producing(Protocol):
    """What the transaction asks of its producer."""

    def produce(self, outputs: Iterable[Output]) -> None: ...
    def commit(self, offsets: Iterable[CommitOffset], group: Any) -> None: ...
    def abort(self) -> None: ...


class Transaction:
    """One at a time, for ever. `view` is the plan; a new one takes effect between chunks."""

    def __init__(self, producer: Producing, memory: Memory, view: View, worker: str, epoch: int,
                 on_restart: Callable[[], None] = lambda: None) -> None:
        self.positions = Positions()
        self.memory = memory
        self.view = view
        self.interval = CommitInterval()
        self.sizes: dict[Kind, ChunkSize] = {"raw": ChunkSize(), "clean": ChunkSize()}
        self.hold: Hold = lambda generation, partition, offset, unknown: None
        self.on_commit: Callable[[], None] = lambda: None
        self.begun = asyncio.Event()
        self.commits = 0
        self.aborts = 0
        self.commit_seconds = 0.0
        self.committed_at = 0.0
        self.counted: Counter[str] = Counter()
        self._producer = producer
        self._worker = worker
        self._epoch = epoch
        self._on_restart = on_restart
        self._lock = asyncio.Lock()
        self._executor = ThreadPoolExecutor(1, "commit")
        self._book = TallyBook()
        #: by subscriber, or stage and department: what its lane holds of the open transaction, about
        self._bytes: Counter[tuple[str, str]] = Counter()
        self._full = False
        self._group: Any = None
        #: why the open transaction cannot be committed any more
        self._broken = ""
        self._broken_in_a_row = 0
        #: the version the first chunk of the open transaction was handled under
        self._oldest: int | None = None

    async def __aenter__(self) -> "Transaction":
        await self._lock.acquire()
        return self

    async def __aexit__(self, error: type[BaseException] | None, *more: object) -> None:
        try:
            if self._full and error is None:
                await self._commit()
            if self._broken:
                await self._abort()
        finally:
            self._lock.release()

    @property
    def plan_version(self) -> int:
        """Everything handled under an older plan is committed, or never will be (I-18). Any thread may ask."""
        version = self.view.version  # before the other: nothing is handled under an older one from here on
        oldest = self._oldest
        return version if oldest is None else min(version, oldest)

    @property
    def held(self) -> tuple[str, ...]:
        """The lanes that are held at a stop-line here and were not released since. Any thread may ask."""
        return tuple(lane for lane in self.view.lanes if (by := self.memory.held(lane)) and self.view.holds(lane, by))

    def open(self, opening: Opening) -> None:
        """A partition begins: position and memory of the same committed moment."""
        lane, partition = opening.partition
        if not self.positions.open(opening.generation, opening.partition, opening.offset, fresh=opening.fresh):
            return
        self.memory.restore(lane, partition, opening.metadata, opening.rows, opening.offset)
        self._group = opening.group
        if opening.fresh:
            self.begun.set()

    def handle(self, delivery: Delivery, handler: Handler) -> int:
        """Handle what is the next of its partition; the rest was read in vain and comes again. Returns the records."""
        chunk = self._next_parts(delivery)
        if self._broken or not chunk.parts:
            return 0
        began = time.perf_counter()
        handled = handler(chunk, self.view.work, self.memory, int(time.time() * 1000))
        self._check(chunk, handled)
        try:
            self._producer.produce(handled.outputs)
        except Aborted as aborted:
            self._broken = str(aborted)
            return 0
        self._keep(handled, delivery.group)
        for (lane, number), change in handled.changes.items():
            if change.held:
                logger.warning("%s/%d has reached its provider's stop-line at offset %d and waits; see its letters, then "
                               "shutong lane release %s", lane, number, change.next_offset, lane)
        records = sum(len(part.records) for part in chunk.parts)
        self.sizes[chunk.kind].measured(records, time.perf_counter() - began)
        for partition, offset in handled.waiting.items():
            waited_for = [handled.unknown[partition]] if partition in handled.unknown else []
            self.hold(delivery.chunk.generation, partition, offset, frozenset(waited_for))
        return records

    async def commit(self) -> None:
        """Commit what was handled, if anything was."""
        async with self:
            await self._commit()

    async def settle(self, *, commit: bool) -> int:
        """Before partitions go: commit what was handled or give it up, and raise the generation, in one step (I-6)."""
        async with self:
            if commit:
                await self._commit()
            if self._broken or (self.begun.is_set() and not commit):
                return await self._abort()
            return self._restart()

    def _next_parts(self, delivery: Delivery) -> Chunk:
        chunk, accepts = delivery.chunk, self.positions.accepts
        if chunk.generation == self.positions.generation:
            for part in chunk.parts:
                if (part.lane, part.partition) not in self.positions:
                    raise _never_began(part)
        parts = [part for part in chunk.parts
                 if accepts(chunk.generation, (part.lane, part.partition), delivery.starts[part.lane, part.partition])]
        return chunk if len(parts) == len(chunk.parts) else Chunk(chunk.kind, chunk.generation, parts)

    def _keep(self, handled: Handled, group: Any) -> None:
        self.memory.apply(handled.changes)
        self.positions.handled({partition: change.next_offset for partition, change in handled.changes.items()})
        self._book.merge(handled.tallies)
        self._group = group
        # The tallies know the bytes; adding up those of each output would cost as much as producing half of them.
        sizes = self._bytes
        for tally, size in handled.tallies.sizes():
            sizes[tally.subscriber or tally.stage, tally.dept if not tally.subscriber else ""] += size
        self._full = bool(sizes) and max(sizes.values()) > _FULL
        if self._oldest is None and handled.changes:  # what only waits is no part of the transaction
            self._oldest = self.view.version
        self.begun.set()

    async def _commit(self) -> None:
        offsets = self.positions.due()
        if self._broken or not offsets:
            if not self._broken:
                self.begun.clear()
            return
        began = time.perf_counter()
        to_commit: list[CommitOffset] = [
            (partition, offset, self.memory.of(*partition).metadata()) for partition, offset in offsets.items()]
        try:
            self._producer.produce(self._tallies())
            await self._run(lambda: self._producer.commit(to_commit, self._group))
        except Aborted as aborted:
            self._broken = str(aborted)
            return
        self.positions.committed(offsets)
        self._count()
        self._begin()
        if self.positions.due():
            self.begun.set()  # a fresh partition has opened meanwhile
        self.commits += 1
        self.on_commit()
        self._broken_in_a_row = 0
        self.committed_at = time.time()
        self.commit_seconds = time.perf_counter() - began
        self.interval.measured(self.commit_seconds)

    async def _abort(self) -> int:
        self.aborts += 1
        await self._run(self._producer.abort)
        if self._broken:
            self._broken_in_a_row += 1
            logger.warning("transaction aborted: %s; starting again at the committed offsets", self._broken)
            if self._broken_in_a_row == _MOST_ABORTS:
                raise _lasting(self._broken)
        return self._restart()

    def _restart(self) -> int:
        """Nothing that is not committed counts any more; every partition is opened again by the consumer thread."""
        for lane, partition in self.positions.partitions():
            self.memory.forget(lane, partition)
        self._begin()
        # What waits is forgotten first: the thread may open partitions in the new generation as soon as there is one. What
        # it still hands over of the old one is refused.
        self._on_restart()
        return self.positions.raise_generation()

    def _begin(self) -> None:
        self._broken = ""
        self._full = False
        self._oldest = None
        self._book = TallyBook()
        self._bytes.clear()
        self.begun.clear()

    async def _run(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def _tallies(self) -> list[Output]:
        rows, found = list(self._book), list(self._book.findings())
        key, now = self._worker.encode(), int(time.time() * 1000)
        messages = max(-(-len(rows) // _TALLIES_A_RECORD), -(-len(found) // _FINDINGS_A_RECORD))
        parts = [(rows[number * _TALLIES_A_RECORD:][:_TALLIES_A_RECORD], found[number * _FINDINGS_A_RECORD:][:_FINDINGS_A_RECORD])
                 for number in range(messages)]
        return [(TALLIES, encode_tallies(self._worker, self._epoch, *part), key, -1, now, None) for part in parts]

    def _count(self) -> None:
        tally: Tally
        for tally in self._book:
            self.counted[tally.key.stage] += tally.records

    def _check(self, chunk: Chunk, handled: Handled) -> None:
        """Each part was handled to its end, or says where it waits: else records would be passed over."""
        for part in chunk.parts:
            partition = (part.lane, part.partition)
            end = handled.waiting.get(partition, part.records[-1][0] + 1)
            change = handled.changes.get(partition)
            if (change.next_offset if change else handled.waiting.get(partition)) != end:
                raise _passed_over(part)


def _passed_over(part: Part) -> HaltError:
    return HaltError(
        Text(f"{part.lane}/{part.partition} 有记录没有处理", f"records of {part.lane}/{part.partition} were passed over"),
        advice=Text("这是程序错误，请报告", "this is a defect, please report it"))


def _never_began(part: Part) -> HaltError:
    return HaltError(
        Text(f"{part.lane}/{part.partition} 的记录到了，分区却没有打开",
             f"records of {part.lane}/{part.partition} have come, but the partition never began"),
        advice=Text("这是程序错误，请报告", "this is a defect, please report it"))


def _lasting(reason: str) -> HaltError:
    return HaltError(
        Text(f"连续 {_MOST_ABORTS} 个事务被放弃：{reason}", f"{_MOST_ABORTS} transactions in a row were aborted: {reason}"),
        advice=Text("检查这条通道的设置和工作进程用户的权限（shutong apply）",
                    "check the settings of that lane and the worker user's rights (shutong apply)"))
