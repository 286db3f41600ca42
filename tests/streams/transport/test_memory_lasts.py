"""What a worker remembers is what was committed, whoever remembers it: the three ways to get that wrong, each by itself."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.streams.transport.group import LANE, Broker, Worker, view

LOG = list(range(0, 60, 2))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def broker(partitions: int = 1) -> Broker:
    return Broker({(LANE, number): list(LOG) for number in range(partitions)})


def joined(kafka: Broker, loop: asyncio.AbstractEventLoop, name: str, version: int = 1, room: int = 1000) -> Worker:
    """A worker that has been given its partitions."""
    worker = Worker(kafka, loop, name, view(version), room)
    worker.read()
    return worker


def turn(worker: Worker) -> None:
    """One read, all that was read handled, one commit."""
    worker.read()
    worker.handle_all()
    worker.commit()


def done(kafka: Broker, partition: int = 0) -> list[int]:
    return [offset for offset, _ in kafka.done.get((LANE, partition), [])]


def test_marks_that_an_abort_took_back_do_not_make_repeats_of_what_comes_again(loop: asyncio.AbstractEventLoop) -> None:
    kafka = broker()
    worker = joined(kafka, loop, "w1")
    worker.read()
    worker.handle_all()
    assert worker.memory.of(LANE, 0).marks, "the marks have moved"
    worker.producer.fail = True
    worker.commit()
    assert (worker.transaction.aborts, done(kafka)) == (1, [])
    for _ in range(24):
        turn(worker)
    assert done(kafka) == LOG


def test_marks_are_read_again_when_another_thread_finds_the_transaction_broken(loop: asyncio.AbstractEventLoop) -> None:
    kafka = broker()
    worker = joined(kafka, loop, "w1")
    worker.read()
    worker.handle_one()
    worker.handle_one()
    worker.producer.refuse = True
    worker.handle_all()
    for _ in range(24):
        turn(worker)
    assert done(kafka) == LOG


def test_a_partition_waits_at_a_worker_whose_plan_is_older_than_the_one_it_was_left_with(
        loop: asyncio.AbstractEventLoop) -> None:
    kafka = broker(2)
    ahead = joined(kafka, loop, "w1", 2)
    for _ in range(5):
        turn(ahead)
    left = {place: offset for place, (offset, _) in kafka.committed.items()}
    assert len(left) == 2
    assert all(0 < offset <= LOG[-1] for offset in left.values()), "neither is done, and both know of version 2"
    late = joined(kafka, loop, "w2")
    for _ in range(4):
        for worker in (late, ahead):
            turn(worker)
    kept = next(number for number in (0, 1) if (LANE, number) in kafka.members["w2"])
    assert kafka.committed[LANE, kept][0] == left[LANE, kept]
    assert late.reader.not_begun == 1
    late.follow(2)
    for _ in range(12):
        for worker in (late, ahead):
            turn(worker)
    assert [done(kafka, number) for number in (0, 1)] == [LOG, LOG]


def test_a_rebalance_that_finds_the_queue_full_loses_and_doubles_nothing(loop: asyncio.AbstractEventLoop) -> None:
    kafka = broker(2)
    worker = joined(kafka, loop, "w1", room=2)
    met = []

    def meanwhile() -> None:
        """The reader waits for room; the group wants everybody to join again, then the loop gets on with its work."""
        met.append(len(worker.handover))
        kafka.rebalance()
        worker.reader._consumer.poll(0)
        if len(met) > 1:
            worker.handle_one()

    worker.handover.meanwhile = meanwhile
    worker.read()
    assert met[0] >= 2
    worker.handover.meanwhile = worker.handle_one
    for _ in range(24):
        turn(worker)
    assert [done(kafka, number) for number in (0, 1)] == [LOG, LOG]


def test_a_queue_that_is_full_when_the_partitions_go_is_forgotten(loop: asyncio.AbstractEventLoop) -> None:
    kafka = broker(2)
    first = joined(kafka, loop, "w1")
    first.read()
    first.read()
    first.handle_one()
    first.handle_one()
    first.handle_one()
    queued = list(first.handover.items)
    assert queued
    second = joined(kafka, loop, "w2")
    first.read()  # the revoke commits what was handled
    first.handover.items[:0] = queued  # as if the loop had just taken them
    for _ in range(24):
        for worker in (first, second):
            turn(worker)
    assert [done(kafka, number) for number in (0, 1)] == [LOG, LOG]
    assert first.transaction.aborts == 0
