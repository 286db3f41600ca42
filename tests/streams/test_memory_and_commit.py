"""Handlers and memory together: what an abort takes back is handled again as if it had never been, and a partition that
moves to another worker goes on with just what was committed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import RetryError
from streams.chunk import Handled, Record
from streams.clean import clean
from streams.memory import Memory
from streams.recollection import Recollection
from streams.route import route
from tests.streams.world import NOW, PEOPLE, chunk, city, compiled, key_of, memory, resident, value

RAW, CLEAN = "raw.health", "clean.health"
WORK = compiled()


def fates(handled: Handled) -> set[str]:
    """The stages that were counted, `arrived` aside."""
    return {tally.key.stage for tally in handled.tallies} - {"arrived"}


def outputs(handled: Handled) -> tuple[Any, ...]:
    """All that leaves a handler."""
    return handled.outputs, handled.changes, sorted(handled.tallies)


def raw_record(offset: int, seq: int) -> Record:
    return offset, NOW, key_of(PEOPLE[0]), value("u", resident(), seq=seq)


def test_after_an_abort_the_same_records_are_new_again_and_not_repeats() -> None:
    kept = memory((RAW, 0))
    kept.apply(clean(chunk(RAW, [raw_record(0, 1)]), WORK, kept, NOW).changes)
    committed = kept.of(RAW, 0).metadata()
    once = clean(chunk(RAW, [raw_record(1, 2)]), WORK, kept, NOW)
    kept.apply(once.changes)
    assert fates(clean(chunk(RAW, [raw_record(1, 2)]), WORK, kept, NOW)) == {"duplicate"}
    kept.forget(RAW, 0)
    kept.restore(RAW, 0, committed)
    assert outputs(clean(chunk(RAW, [raw_record(1, 2)]), WORK, kept, NOW)) == outputs(once)
    assert fates(clean(chunk(RAW, [raw_record(1, 1)]), WORK, kept, NOW)) == {"duplicate"}


STEPS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["commit", "abort", "move", "go on"])), min_size=1, max_size=12)
ROWS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["341502", "341600"]), st.sampled_from("cud")),
                min_size=1, max_size=15)


def replayed(records: list[Record], steps: list[tuple[int, str]], handler: Any, lane: str) -> list[Any]:
    """Handle the records in chunks with commits, aborts and moves between; what was committed in the end."""
    kept, at, committed_at = memory((lane, 0)), 0, 0
    metadata = ""
    committed: list[Any] = []
    open_: list[Any] = []
    for size, then in [*steps, *[(4, "commit")] * len(records)]:
        part = records[at:at + size]
        if part:
            handled = handler(chunk(lane, part), WORK, kept, NOW)
            kept.apply(handled.changes)
            open_ += handled.outputs
            at += len(part)
        if then == "commit":
            committed += open_
            open_, committed_at, metadata = [], at, kept.of(lane, 0).metadata()
        elif then in ("abort", "move"):
            open_, at = [], committed_at
            kept.forget(lane, 0)
            kept = remembered(metadata, records[:at], lane, Memory() if then == "move" else kept)
    return committed


def remembered(metadata: str, before: list[Record], lane: str, by: Memory) -> Memory:
    """By the same worker or another one: the metadata of the last commit, and what the lane up to there tells."""
    recollection = Recollection(WORK)
    recollection.learn(before)
    by.restore(lane, 0, metadata, recollection.rows if lane == CLEAN else None)
    return by


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=15), STEPS)
def test_aborts_and_moves_change_nothing_of_what_clean_commits(seqs: list[int], steps: list[tuple[int, str]]) -> None:
    records = [raw_record(offset, seq) for offset, seq in enumerate(seqs)]
    assert replayed(records, steps, clean, RAW) == replayed(records, [], clean, RAW)


@settings(max_examples=80, deadline=None)
@given(ROWS, STEPS)
def test_aborts_and_moves_change_nothing_of_what_route_commits(rows: list[tuple[str, str, str]],
                                                               steps: list[tuple[int, str]]) -> None:
    records: list[Record] = [
        (offset, NOW, key_of(number), value(op, None if op == "d" else resident(number, division=division), seq=offset))
        for offset, (number, division, op) in enumerate(rows)]
    assert replayed(records, steps, route, CLEAN) == replayed(records, [], route, CLEAN)


def test_a_partition_that_saw_a_revocation_waits_for_a_worker_that_knows_of_it() -> None:
    kept = memory((CLEAN, 0))
    record = (0, NOW, key_of(PEOPLE[0]), value("c", resident()))
    revoking = compiled(city(version=2, revoked=["school.health.resident"]))
    kept.apply(route(chunk(CLEAN, [record]), revoking, kept, NOW).changes)
    other = remembered(kept.of(CLEAN, 0).metadata(), [record], CLEAN, Memory())
    update = (1, NOW, key_of(PEOPLE[0]), value("u", resident(phone="1")))
    with pytest.raises(RetryError, match=r"2.*1"):
        route(chunk(CLEAN, [update]), WORK, other, NOW)
    handled = route(chunk(CLEAN, [update]), revoking, other, NOW)
    assert "deliver.school" not in {output[0] for output in handled.outputs}
    assert handled.changes[CLEAN, 0].plan_version == 2
