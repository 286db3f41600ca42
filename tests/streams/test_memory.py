"""Memory: what was committed comes back, whatever was applied since; its bytes are those of its rows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import HaltError
from streams.chunk import PartitionChange
from streams.memory import Memory, PartitionMemory, row_cost

RAW, CLEAN = ("raw.a", 0), ("clean.a", 0)
KEYS = st.sampled_from([b"a.x/1", b"a.x/2", b"a.yy/333"])
CHANGES = st.builds(
    lambda marks, rows, version: {RAW: PartitionChange(1, version, marks), CLEAN: PartitionChange(1, version, {}, rows)},
    st.dictionaries(st.integers(1, 3), st.tuples(st.integers(0, 2), st.integers(0, 99)), max_size=3),
    st.dictionaries(KEYS, st.none() | st.sampled_from([(), ("s",), ("s", "t")]), max_size=3), st.integers(1, 4))


def state(memory: Memory) -> tuple[PartitionMemory, PartitionMemory, int]:
    """All a memory holds, copied."""
    def copy(of: PartitionMemory) -> PartitionMemory:
        return PartitionMemory(of.lane, of.partition, of.plan_version, dict(of.marks), dict(of.rows))

    return copy(memory.of(*RAW)), copy(memory.of(*CLEAN)), memory.bytes


def fresh() -> Memory:
    """Two partitions, never committed on."""
    memory = Memory()
    memory.restore(*RAW, "")
    memory.restore(*CLEAN, "")
    return memory


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CHANGES, st.sampled_from(["apply", "commit", "abort"])), max_size=12))
def test_forgetting_and_restoring_leads_back_to_the_last_commit(
        steps: list[tuple[dict[tuple[str, int], PartitionChange], str]]) -> None:
    memory = fresh()
    committed = state(memory)
    metadata = {place: memory.of(*place).metadata() for place in (RAW, CLEAN)}
    for changes, then in steps:
        memory.apply(changes)
        assert memory.bytes == sum(row_cost(key) for key in memory.of(*CLEAN).rows)
        if then == "commit":
            committed = state(memory)
            metadata = {place: memory.of(*place).metadata() for place in (RAW, CLEAN)}
        elif then == "abort":
            memory.forget(*RAW)
            memory.forget(*CLEAN)
            assert memory.bytes == 0
            memory.restore(*RAW, metadata[RAW])
            memory.restore(*CLEAN, metadata[CLEAN], committed[1].rows)
            assert state(memory) == committed


@settings(max_examples=100, deadline=None)
@given(CHANGES)
def test_marks_and_version_come_back_from_the_metadata(changes: dict[tuple[str, int], PartitionChange]) -> None:
    memory = fresh()
    memory.apply(changes)
    again = Memory()
    again.restore(*RAW, memory.of(*RAW).metadata())
    assert again.of(*RAW) == memory.of(*RAW)


def test_the_plan_version_never_goes_back() -> None:
    memory = fresh()
    memory.apply({RAW: PartitionChange(1, 5)})
    memory.apply({RAW: PartitionChange(2, 3)})
    assert memory.of(*RAW).plan_version == 5


def test_a_partition_that_was_not_restored_cannot_be_read() -> None:
    memory = fresh()
    memory.forget(*RAW)
    assert RAW not in memory
    with pytest.raises(HaltError, match=r"raw\.a/0"):
        memory.of(*RAW)


def test_what_is_restored_is_the_memorys_own() -> None:
    memory, rows = fresh(), {b"a.x/1": ("s",)}
    memory.restore(*CLEAN, "", rows)
    memory.apply({CLEAN: PartitionChange(1, 1, {}, {b"a.x/1": None})})
    assert rows == {b"a.x/1": ("s",)}


def test_restoring_more_than_the_limit_names_the_largest_dataset() -> None:
    memory = Memory(limit=400)
    with pytest.raises(HaltError, match=r"a\.large"):
        memory.restore(*CLEAN, "", {b"a.small/1": (), b"a.large/1": (), b"a.large/2": (), b"a.large/3": ()})
