"""How records are cut into chunks and how much is read: by records, by bytes, and with nothing lost at a cut."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.names import Names
from streams.transport import chunking as module
from streams.transport.chunking import Chunking
from streams.transport.handover import Delivery
from streams.transport.pace import ChunkSize, CommitInterval
from streams.transport.positions import Reading

MIB = 1 << 20
LANES = ("raw.a", "raw.b", "clean.a")


@dataclass
class Message:
    """A record of so many bytes."""

    lane: str
    at: int
    size: int

    def topic(self) -> str:
        return self.lane

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, 1

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes:
        return bytes(self.size)


def cut(messages: list[Message], records: int) -> tuple[list[Delivery], Chunking]:
    sizes = {"raw": ChunkSize(), "clean": ChunkSize()}
    for size in sizes.values():
        size.records = records
    reading = Reading()
    reading.restart(1, [(lane, 0) for lane in LANES])
    for lane in LANES:
        reading.run((lane, 0), 0)
    chunking = Chunking(Names(""), sizes)  # type: ignore[arg-type]
    return list(chunking.chunks(messages, reading, lambda: None)), chunking


@given(st.lists(st.tuples(st.sampled_from(LANES), st.integers(1, 3), st.sampled_from([0, 1, 40, 100, 250])), max_size=60),
       st.integers(1, 20))
def test_every_record_is_in_one_chunk_in_order_and_chunks_are_bounded(steps: list[tuple[str, int, int]], records: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_BYTES", 200)
        at, messages = dict.fromkeys(LANES, 0), []
        for lane, step, size in steps:
            at[lane] += step
            messages.append(Message(lane, at[lane], size))
        deliveries, _ = cut(messages, records)
    stands = dict.fromkeys(LANES, 0)
    given_out = []
    for delivery in deliveries:
        sizes = [len(record[3] or b"") for part in delivery.chunk.parts for record in part.records]
        assert len(sizes) == delivery.records <= records
        assert sum(sizes[:-1]) < 200, "the record that fills it is the last"
        assert delivery.chunk.parts
        for part in delivery.chunk.parts:
            assert part.records
            assert delivery.starts[part.lane, 0] == stands[part.lane]
            stands[part.lane] = part.records[-1][0] + 1
            given_out += [(part.lane, record[0]) for record in part.records]
    assert sorted(given_out) == sorted((message.lane, message.at) for message in messages)
    assert all(stands[lane] == at[lane] + 1 for lane in LANES if at[lane])


def test_large_records_make_small_chunks_and_small_reads() -> None:
    deliveries, chunking = cut([Message("raw.a", at, MIB) for at in range(20)], 250)
    assert [delivery.records for delivery in deliveries] == [4] * 5
    assert chunking.wanted == 5
    assert cut([Message("raw.a", at, 300) for at in range(20)], 250)[1].wanted == 250


def test_a_chunk_shrinks_at_once_grows_twofold_and_learns_nothing_from_a_few_records() -> None:
    size = ChunkSize()
    size.measured(250, 0.4)
    assert size.records == 50, "never smaller"
    size.measured(50, 0.001)
    assert size.records == 100
    size.measured(100, 0.02)
    assert size.records == 200
    size.measured(20, 0.00001)
    assert size.records == 200
    size.measured(20, 0.05)
    assert size.records == 50, "slow is slow, however few"
    for _ in range(20):
        size.measured(size.records, 0.0)
    assert size.records == 5000, "never larger"


def test_committing_takes_a_fifth_of_the_time_and_one_slow_commit_changes_little() -> None:
    interval = CommitInterval()
    for _ in range(60):
        interval.measured(0.01)
    assert interval.seconds == 0.1, "never more often"
    for _ in range(60):
        interval.measured(0.1)
    assert interval.seconds == pytest.approx(0.4, rel=0.01)
    interval.measured(30.0)
    assert interval.seconds == 1.0
    for _ in range(10):
        interval.measured(0.1)
    assert interval.seconds < 0.6
    for _ in range(60):
        interval.measured(30.0)
    assert interval.seconds == 1.0, "never less often"
