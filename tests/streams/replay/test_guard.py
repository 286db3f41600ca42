"""A replayed event and clean: it passes only while nothing of its record lies between its guard and itself."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_letter
from schemas.replay import REPLAY, Standing, first_stood
from streams.chunk import Handled, Record
from streams.clean import clean
from streams.memory import Memory
from streams.replay.guard import Guard
from streams.replay.recent import RecentKeys, RecentOfAll, hashes
from tests.streams.transport.bus import person as number_of
from tests.streams.world import NOW, chunk, compiled, key_of, memory, resident, value

LANE, DEAD = "raw.health", "dead.health"
PLAN = compiled()
PEOPLE = [number_of(number) for number in range(3)]
KEYS = [key_of(number) for number in PEOPLE]


def replayed(offset: int, person: int, origin: int, guard: int, **more: Any) -> Record:
    """An event of the replayer at this offset."""
    epoch, seq = Standing(origin, guard).position
    number = PEOPLE[person]
    told = {"epoch": epoch, "seq": seq, "stream": REPLAY, "cause": "replay"} | more
    return offset, NOW, key_of(number), value("u", resident(number), **told)


def live(offset: int, person: int) -> Record:
    """An event of a department."""
    number = PEOPLE[person]
    return offset, NOW, key_of(number), value("u", resident(number), seq=offset)


def fate(handled: Handled, offset: int) -> str:
    """`cleaned`, or why it was turned away."""
    for lane, data, key, *_ in handled.outputs:
        if lane == DEAD and key == f"{LANE}/0/{offset}".encode():
            assert data is not None
            return decode_letter(data).findings[0].reason
    return "cleaned"


def handle(kept: Memory, records: list[Record]) -> Handled:
    handled = clean(chunk(LANE, records), PLAN, kept, NOW + 1000)
    kept.apply(handled.changes)
    return handled


@given(st.integers(0, 1 << 45), st.integers(1, 1 << 45))
def test_where_an_event_first_stood_travels_in_its_position(origin: int, distance: int) -> None:
    standing = Standing(origin, origin + distance)
    if standing.guard < 1 << 46:
        epoch, seq = standing.position
        assert 0 <= epoch < 1 << 31
        assert 0 <= seq < 1 << 63
        assert first_stood(epoch, seq, standing.guard) == standing
        assert first_stood(epoch, seq, standing.guard - 1) is None, "it cannot have been held against what came after it"


def test_a_replay_passes_carries_its_cause_and_moves_no_mark() -> None:
    kept = memory((LANE, 0))
    handle(kept, [live(0, 1)])
    handled = handle(kept, [replayed(5, 0, origin=2, guard=4)])
    assert fate(handled, 5) == "cleaned"
    assert handled.changes[LANE, 0].marks == {}
    counted = {(tally.key.stage, tally.key.cause): tally.records for tally in handled.tallies}
    assert counted == {("arrived", "replay"): 1, ("cleaned", "replay"): 1}
    assert fate(handle(kept, [replayed(6, 2, origin=2, guard=4)]), 6) == "cleaned", "it is no repeat of another at its position"


@pytest.mark.parametrize("how", ["chunk before", "same chunk", "a tombstone", "an undecodable one"])
def test_what_came_in_between_of_its_record_turns_it_away_again(how: str) -> None:
    kept = memory((LANE, 0))
    handle(kept, [live(0, 0)])
    between = live(4, 0) if "chunk" in how else (4, NOW, KEYS[0], None if "tombstone" in how else b"noise")
    records = [between, replayed(5, 0, origin=0, guard=1), replayed(6, 1, origin=0, guard=1)]
    if how == "chunk before":
        handle(kept, [records.pop(0)])
    handled = handle(kept, records)
    assert fate(handled, 5) == "replay_raced"
    assert fate(handled, 6) == "cleaned"


def test_the_letter_of_a_raced_one_still_knows_where_it_first_stood() -> None:
    kept = memory((LANE, 0))
    handled = handle(kept, [live(4, 0), replayed(5, 0, origin=0, guard=1)])
    letter = decode_letter(next(data for lane, data, *_ in handled.outputs if lane == DEAD and data is not None))
    assert (letter.stream, letter.offset) == (REPLAY, 5)
    assert first_stood(letter.epoch, letter.seq, letter.offset) == Standing(0, 1)


def test_what_a_worker_has_not_seen_lets_nothing_pass_after_a_restart() -> None:
    again = Memory()
    again.restore(LANE, 0, "", offset=10)
    assert fate(handle(again, [replayed(12, 0, origin=3, guard=9)]), 12) == "replay_raced"
    assert fate(handle(again, [replayed(13, 1, origin=3, guard=10)]), 13) == "cleaned"


def test_an_abort_forgets_which_keys_were_met() -> None:
    kept = Memory()
    kept.restore(LANE, 0, "", offset=4)
    handle(kept, [live(4, 0)])
    kept.restore(LANE, 0, "", offset=4)
    assert fate(handle(kept, [replayed(5, 0, origin=0, guard=4)]), 5) == "cleaned", "the event at 4 comes again, behind it or never"


@pytest.mark.parametrize("wrong", [
    {"cause": "live"}, {"seq": -1}, {"epoch": 0}, {"epoch": -1}, {"seq": 999}, {"epoch": 4}, {"seq": (1 << 63) - 1},
])
def test_a_department_that_writes_under_the_replayers_stream_is_turned_away(wrong: dict[str, Any]) -> None:
    kept = memory((LANE, 0))
    assert fate(handle(kept, [replayed(5, 0, origin=0, guard=3, **wrong)]), 5) == "foreign_stream"


def test_a_marker_is_never_replayed() -> None:
    epoch, seq = Standing(0, 3).position
    marker = value("m", None, stream=REPLAY, cause="replay", epoch=epoch, seq=seq)
    assert fate(handle(memory((LANE, 0)), [(5, NOW, b"health.resident/", marker)]), 5) == "foreign_stream"


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[list[Record]], int]:
    """A partition's records in chunks, with gaps between offsets, and the size of the window."""
    offset, chunks = 0, []
    for _ in range(draw(st.integers(1, 6))):
        records: list[Record] = []
        for _ in range(draw(st.integers(1, 5))):
            offset += draw(st.integers(1, 2))
            person = draw(st.integers(0, 2))
            if offset > 1 and draw(st.booleans()):
                guard = draw(st.integers(1, offset))
                records.append(replayed(offset, person, origin=draw(st.integers(0, guard - 1)), guard=guard))
            else:
                records.append(live(offset, person))
        chunks.append(records)
    return chunks, draw(st.integers(3, 40))


@given(lives())
def test_nothing_passes_that_something_of_its_record_came_before(drawn: tuple[list[list[Record]], int]) -> None:
    chunks, most = drawn
    kept = memory((LANE, 0))
    kept._recent = RecentOfAll(most, span=0)
    before: list[Record] = []
    for records in chunks:
        since = kept.of(LANE, 0).recent.since
        handled = handle(kept, records)
        ends = {0, *(part[-1][0] + 1 for part in chunks)}
        for at, (offset, _, key, data) in enumerate(records):
            event = PLAN.sources[(data or b"")[:5]].scan(data or b"")
            standing = first_stood(event.epoch, event.seq, offset) if event.stream == REPLAY else None
            if standing is None:
                continue
            met = any(one[2] == key for one in [*before, *records[:at]] if one[0] >= standing.guard)
            found = fate(handled, offset)
            assert found in ("cleaned", "replay_raced")
            if met or standing.guard < since:
                assert found == "replay_raced"
            elif standing.guard in ends or standing.guard >= records[0][0]:
                assert found == "cleaned", "a guard is where the workers had committed: between two chunks"
        before += records


def test_all_partitions_together_remember_no_more_than_there_is_room_for() -> None:
    every, one, other = RecentOfAll(10, span=0), RecentKeys(), RecentKeys()
    for end in range(3, 31, 3):
        every.add(one if end < 20 else other, end, hashes([b"a", b"b", b"c"]))
    assert every.taken <= 10
    assert one.since == 18
    assert one.beyond(18) == set()
    assert other.beyond(20) is None
    assert other.beyond(24) == set(hashes([b"a", b"b", b"c"]))


def test_a_quiet_bus_with_a_record_a_chunk_takes_no_more_room_than_a_busy_one() -> None:
    tracemalloc.start()
    try:
        every, one = RecentOfAll(200_000), RecentKeys()
        for end in range(100_000):
            every.add(one, end, hashes([b"%d" % end]))
        quiet, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert quiet < 8 * 200_000
    assert one.beyond(99_000) == set(hashes(b"%d" % end for end in range(99_001, 100_000)))


def test_an_event_of_a_log_is_its_own_record_and_nothing_is_newer() -> None:
    records = [live(4, 0), replayed(5, 0, origin=0, guard=1)]
    data = records[1][3]
    assert data is not None
    event = PLAN.sources[data[:5]].scan(data)
    guard = Guard(RecentKeys(since=99), records)
    assert guard.why_not(event, 5, KEYS[0], log=True) == ""
    assert guard.why_not(event, 5, KEYS[0], log=False) == "replay_raced"
    assert guard.why_not(event._replace(cause="live"), 5, KEYS[0], log=True) == "foreign_stream"
