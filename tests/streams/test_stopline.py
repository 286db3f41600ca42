"""The stop-line: the record that reaches it is the last that is handled; the lane then waits, also over a restart, until released."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.control import LaneState, Plan, StopLine
from schemas.replay import REPLAY, Standing
from streams.chunk import Handled, Record
from streams.clean import clean
from streams.memory import Memory
from streams.plan import WorkingPlan
from streams.stopline import Window
from tests.streams.world import NOW, PEOPLE, chunk, city, compiled, key_of, memory, resident, value

LANE = "raw.health"
HERE, OTHER = (LANE, 0), (LANE, 1)


def plan(line: StopLine | None, version: int = 1, **state: int) -> WorkingPlan:
    """The test city whose health commission has this line, its raw lane in this state."""
    whole = city(version)
    health = whole.departments["health"].model_copy(update={"stop_line": line})
    return compiled(Plan(version, {**whole.departments, "health": health}, whole.nodes, whole.schemas, whole.datasets,
                         whole.subscriptions, {**whole.lanes, LANE: LaneState(partitions=2, **state)}))


def records(what: str, first: int = 0) -> list[Record]:
    """A second apart: `.` good, `x` rejected, `t` a tombstone."""
    kinds = {".": value("c", resident()), "x": value("c", resident(sex="7")), "t": None}
    return [(offset, NOW + 1000 * offset, key_of(PEOPLE[0]), kinds[one]) for offset, one in enumerate(what, start=first)]


def handle(what: str, work: WorkingPlan, known: Memory, *, first: int = 0, partition: int = 0) -> Handled:
    """Handled and kept, as with a commit."""
    handled = clean(chunk(LANE, records(what, first), partition), work, known, NOW + 3_600_000)
    known.apply(handled.changes)
    return handled


def letters(handled: Handled) -> int:
    return sum(lane == "dead.health" for lane, *_ in handled.outputs)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60), st.integers(1, 8),
       st.integers(0, 4), st.sampled_from([0, 0.3, 1.0]), st.integers(1, 5))
def test_the_line_is_reached_where_counting_all_of_the_window_says_so(
        steps: list[tuple[int, bool]], seconds: int, most: int, ratio: float, at_least: int) -> None:
    line = StopLine(window_seconds=seconds, letters=most or 3, ratio=ratio, at_least=at_least)
    window, seen, now = Window(line), list[tuple[int, bool]](), 1_000
    for step, rejected in steps:
        now += step
        seen.append((now, rejected))
        recent = [bad for at, bad in seen if at > now - seconds]
        by_ratio = ratio > 0 and len(recent) >= at_least and sum(recent) >= ratio * len(recent)
        assert window.crossed(now * 1000, rejected) == (rejected and (sum(recent) >= line.letters or by_ratio))
        assert window.copy().crossed(now * 1000, False) is False


def test_what_stands_behind_the_record_that_reaches_the_line_is_left_where_it_is() -> None:
    known = memory(HERE, OTHER)
    handled = handle("..x.x..x", plan(StopLine(letters=2)), known)
    assert handled.waiting == {HERE: 5}
    assert handled.changes[HERE].next_offset == 5
    assert letters(handled) == 2
    assert known.held(LANE) == 1


def test_a_lane_that_is_held_waits_on_every_partition_and_moves_nothing() -> None:
    work, known = plan(StopLine(letters=1)), memory(HERE, OTHER)
    handle("x", work, known)
    for partition, first in ((0, 1), (1, 0)):
        handled = handle("..", work, known, first=first, partition=partition)
        assert (handled.waiting, handled.changes, handled.outputs) == ({(LANE, partition): first}, {}, [])


def test_the_line_falls_at_the_same_record_whatever_the_chunks() -> None:
    work = plan(StopLine(letters=3, window_seconds=5))
    one, by_one = memory(HERE), memory(HERE)
    whole = handle("x..x..x.x.x", work, one)
    at = next(offset for offset, what in enumerate("x..x..x.x.x") if handle(what, work, by_one, first=offset).waiting)
    assert whole.waiting == {HERE: at + 1} == {HERE: 11}


def test_a_hold_lasts_over_a_restart_and_ends_with_a_later_release() -> None:
    known = memory(HERE)
    handle("xx", plan(StopLine(letters=2), version=4), known)
    again = Memory()
    again.restore(LANE, 0, known.of(*HERE).metadata())
    assert handle(".", plan(StopLine(letters=2), version=5, released=4), again, first=2).waiting == {HERE: 2}
    handled = handle("..x", plan(StopLine(letters=2), version=5, released=5), again, first=2)
    assert not handled.waiting
    assert again.held(LANE) == 0
    assert handle("x", plan(StopLine(letters=2), version=5, released=5), again, first=5).waiting == {HERE: 6}


def test_a_hold_outlives_the_line_that_made_it() -> None:
    known = memory(HERE)
    handle("x", plan(StopLine(letters=1)), known)
    assert handle(".", plan(None, version=2), known, first=1).waiting == {HERE: 1}


def test_the_plan_holds_a_lane_without_any_line_and_lets_it_go() -> None:
    known = memory(HERE)
    assert handle(".", plan(None, version=3, held=3), known).waiting == {HERE: 0}
    assert not handle(".", plan(None, version=4, held=3, released=4), known).waiting


def test_tombstones_are_no_records_and_many_good_ones_keep_a_ratio_low() -> None:
    work, known = plan(StopLine(ratio=0.5, at_least=4, window_seconds=60)), memory(HERE)
    assert not handle("xttttt", work, known).waiting
    assert not handle("....x", work, known, first=6).waiting
    assert handle("xx.", work, known, first=11).waiting == {HERE: 13}


@pytest.mark.parametrize("wrong", [{}, {"letters": -1}, {"ratio": 1.5}, {"letters": 1, "window_seconds": 0}, {"letters": 1, "other": 2}])
def test_a_line_that_says_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        StopLine.model_validate(wrong)


def test_replays_that_come_back_are_counted_like_whatever_else_comes() -> None:
    work, known = plan(StopLine(letters=2)), memory(HERE, OTHER)
    handle(".", work, known)
    epoch, seq = Standing(0, 1).position
    again = value("u", resident(sex="7"), stream=REPLAY, cause="replay", epoch=epoch, seq=seq)
    handled = clean(chunk(LANE, [(offset, NOW, key_of(PEOPLE[offset % 3]), again) for offset in range(1, 5)]), work, known, NOW)
    assert (letters(handled), handled.waiting) == (2, {HERE: 3})
