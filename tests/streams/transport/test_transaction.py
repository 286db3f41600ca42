"""The transaction where two things happen at once, and where Kafka refuses: nothing stands still, nothing is committed twice."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.codec import decode_tallies
from schemas.errors import HaltError
from schemas.lanes import room_for
from schemas.names import TALLIES
from schemas.tally import FindingKey, FindingTally, TallyKey
from streams.chunk import Chunk, Handled, Output, Part, PartitionChange, PartitionId
from streams.memory import Memory
from streams.transport.handover import Delivery, Opening
from streams.transport.producer import Aborted, CommitOffset
from streams.transport.transaction import Transaction
from tests.streams.transport.group import LANE, Broker, Worker, view


@dataclass
class Kafka:
    """A producer: what is open and what was committed. With a `trouble` it refuses all but an abort, for ever or `once`."""

    open: list[Output] = field(default_factory=list)
    committed: list[list[tuple[PartitionId, int]]] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    trouble: str = ""
    lasting: bool = False
    aborts: int = 0
    committing: asyncio.Event = field(default_factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop | None = None

    def produce(self, outputs: Iterable[Output]) -> None:
        self.open += outputs
        self._judge()

    def commit(self, offsets: Iterable[CommitOffset], group: Any) -> None:
        if self.loop is not None:
            asyncio.run_coroutine_threadsafe(self._meanwhile(), self.loop).result()
        self._judge()
        self.committed.append([(place, offset) for place, offset, _ in offsets])
        self.outputs += self.open
        self.open = []

    def abort(self) -> None:
        self.aborts += 1
        self.open = []
        if not self.lasting:
            self.trouble = ""

    async def _meanwhile(self) -> None:
        self.committing.set()
        await asyncio.sleep(0)

    def _judge(self) -> None:
        if self.trouble:
            raise Aborted(self.trouble)


def handler(chunk: Chunk, work: Any, memory: Memory, now: int) -> Handled:
    """One output and one count a record."""
    handled = Handled()
    for part in chunk.parts:
        for _, _, key, value in part.records:
            handled.outputs.append(("clean.a", value, key or b"", -1, 1, None))
            handled.tallies.add(TallyKey(1, "cleaned", "live", "a"), size=len(value or b""))
        handled.changes[part.lane, part.partition] = PartitionChange(part.records[-1][0] + 1, work[0])
    return handled


def begun(kafka: Kafka, partition: int = 0) -> Transaction:
    transaction = Transaction(kafka, Memory(), view(1), "w", 1)
    transaction.open(opening(transaction, partition))
    return transaction


def opening(transaction: Transaction, partition: int = 0, *, fresh: bool = False) -> Opening:
    return Opening(transaction.positions.generation, (LANE, partition), 0, fresh, "", {}, None)


def delivery(transaction: Transaction, at: int = 0, partition: int = 0, value: bytes = b"v") -> Delivery:
    generation = transaction.positions.generation
    chunk = Chunk("raw", generation, [Part(LANE, partition, [(at, 1, b"k", value)])])
    return Delivery(chunk, {(LANE, partition): at}, 1, None)


async def handle(transaction: Transaction, work: Delivery) -> None:
    async with transaction:
        transaction.handle(work, handler)


def test_a_partition_that_opens_while_an_abort_is_under_way_goes_on() -> None:
    """The reader's thread may see the new generation as soon as there is one, before the loop does anything more."""
    loop = asyncio.new_event_loop()
    kafka = Broker({(LANE, 0): list(range(40))})
    worker = Worker(kafka, loop, "w1", view(1))
    worker.read()
    raising = worker.transaction.positions.raise_generation

    def raised_and_seen() -> int:
        generation = raising()
        worker.transaction.positions.raise_generation = raising  # type: ignore[method-assign]
        worker.read()
        return generation

    worker.read()
    worker.handle_all()
    worker.transaction.positions.raise_generation = raised_and_seen  # type: ignore[method-assign]
    worker.producer.fail = True
    worker.commit()
    for _ in range(30):
        worker.read()
        worker.handle_all()
        worker.commit()
    assert [offset for offset, _ in kafka.done[LANE, 0]] == list(range(40))
    loop.close()


def test_records_of_a_partition_that_never_began_halt_the_worker_and_name_it() -> None:
    async def run() -> None:
        transaction = begun(Kafka())
        await handle(transaction, delivery(transaction, partition=1))

    with pytest.raises(HaltError, match=rf"{LANE}/1"):
        asyncio.run(run())


def test_what_a_revoke_cannot_commit_is_aborted() -> None:
    async def run() -> None:
        kafka = Kafka()
        transaction = begun(kafka)
        await handle(transaction, delivery(transaction))
        kafka.trouble = "deliver.a: MSG_SIZE_TOO_LARGE"  # a delivery fails; librdkafka now refuses the counts
        await transaction.settle(commit=True)
        assert (kafka.aborts, kafka.open, transaction.aborts) == (1, [], 1)

    asyncio.run(run())


def test_a_cause_that_lasts_halts_the_worker_and_is_named() -> None:
    async def run() -> int:
        kafka = Kafka(trouble="deliver.a: MSG_SIZE_TOO_LARGE", lasting=True)
        transaction = begun(kafka)
        try:
            for _ in range(1000):
                await handle(transaction, delivery(transaction))
                await transaction.commit()
                transaction.open(opening(transaction))
        finally:
            assert 10 <= kafka.aborts <= 50
        return kafka.aborts

    with pytest.raises(HaltError, match=r"deliver\.a: MSG_SIZE_TOO_LARGE"):
        asyncio.run(run())


def test_a_commit_between_two_aborts_shows_that_the_cause_does_not_last() -> None:
    async def run() -> None:
        kafka = Kafka()
        transaction = begun(kafka)
        for at in range(60):
            kafka.trouble = "ILLEGAL_GENERATION"
            await handle(transaction, delivery(transaction, at))
            transaction.open(Opening(transaction.positions.generation, (LANE, 0), at, False, "", {}, None))
            await handle(transaction, delivery(transaction, at))
            await transaction.commit()
        assert (kafka.aborts, len(kafka.committed)) == (60, 60)

    asyncio.run(run())


def test_a_fresh_partition_that_opens_during_a_commit_is_committed_next() -> None:
    async def run() -> None:
        kafka = Kafka(loop=asyncio.get_running_loop())
        transaction = begun(kafka)
        await handle(transaction, delivery(transaction))
        commit = asyncio.create_task(transaction.commit())
        await kafka.committing.wait()
        transaction.open(opening(transaction, 1, fresh=True))
        await commit
        assert transaction.begun.is_set()
        kafka.loop = None
        await transaction.commit()
        assert kafka.committed == [[((LANE, 0), 1)], [((LANE, 1), 0)]]
        assert not transaction.begun.is_set()

    asyncio.run(run())


def test_a_plan_counts_as_reached_once_all_that_was_handled_under_an_older_one_is_committed() -> None:
    async def run() -> None:
        kafka = Kafka()
        transaction = begun(kafka)
        await handle(transaction, delivery(transaction))
        transaction.view = view(2)
        assert transaction.plan_version == 1
        await handle(transaction, delivery(transaction, 1))
        assert transaction.plan_version == 1
        await transaction.commit()
        assert transaction.plan_version == 2
        await handle(transaction, delivery(transaction, 2))
        transaction.view = view(3)
        kafka.trouble = "ILLEGAL_GENERATION"
        await transaction.commit()
        assert transaction.plan_version == 3, "what was aborted no subscriber sees"

    asyncio.run(run())


def test_a_transaction_that_is_full_is_committed_before_the_next_chunk() -> None:
    async def run() -> None:
        kafka = Kafka()
        transaction = begun(kafka)
        largest = 0
        for at in range(10):
            await handle(transaction, delivery(transaction, at, value=bytes(4 << 20)))
            largest = max(largest, sum(len(value or b"") for _, value, *_ in kafka.open))
        assert largest <= 16 << 20
        assert 2 <= len(kafka.committed) <= 5

    asyncio.run(run())


def test_what_was_found_is_committed_with_what_was_counted_and_no_message_outgrows_its_lane() -> None:
    """Ten thousand reasons on fields with long names, in a transaction whose tallies fit one message; and none at all."""
    keys = [FindingKey(number, "live", "a" * 60, "a." + "b" * 60, "validity", "字" * 200, "not_listed", "reject")
            for number in range(10_000)]

    def finding(chunk: Chunk, work: Any, memory: Memory, now: int) -> Handled:
        handled = handler(chunk, work, memory, now)
        for key in keys:
            handled.tallies.add_finding(key, 2)
        return handled

    async def run(handling: Any) -> list[bytes]:
        kafka = Kafka()
        transaction = begun(kafka)
        async with transaction:
            transaction.handle(delivery(transaction), handling)
        assert kafka.outputs == []
        await transaction.commit()
        assert len(kafka.committed) == 1
        return [value or b"" for lane, value, *_ in kafka.outputs if lane == TALLIES]

    values = asyncio.run(run(finding))
    told = [decode_tallies(value) for value in values]
    assert [one for message in told for one in message.findings] == [FindingTally(key, 2) for key in keys]
    assert [len(message.rows) for message in told] == [1] + [0] * (len(told) - 1)
    assert max(map(len, values)) < room_for(TALLIES)
    assert [len(decode_tallies(value).findings) for value in asyncio.run(run(handler))] == [0]


def test_the_keys_met_are_known_from_where_a_partition_opens() -> None:
    """Below it nobody knows them, and then no replay passes."""

    async def work() -> int:
        transaction = Transaction(Kafka(), Memory(), view(1), "w", 1)
        transaction.open(Opening(transaction.positions.generation, (LANE, 0), 17, False, "", {}, None))
        return transaction.memory.of(LANE, 0).recent.since

    assert asyncio.run(work()) == 17


def test_each_partition_waits_for_its_own_schema_id_and_one_at_a_stop_line_for_none() -> None:
    async def run() -> list[tuple[int, frozenset[int]]]:
        transaction, holds = begun(Kafka()), list[tuple[int, frozenset[int]]]()
        transaction.open(opening(transaction, 1))
        transaction.hold = lambda generation, partition, offset, unknown: holds.append((partition[1], unknown))
        one, other = delivery(transaction), delivery(transaction, partition=1)
        both = Delivery(Chunk("raw", one.chunk.generation, [*one.chunk.parts, *other.chunk.parts]), {**one.starts, **other.starts}, 2, None)
        async with transaction:
            transaction.handle(both, lambda chunk, work, memory, now: Handled(
                waiting={(LANE, 0): 0, (LANE, 1): 0}, unknown={(LANE, 1): 99}))
        return holds

    assert asyncio.run(run()) == [(0, frozenset()), (1, frozenset({99}))]
