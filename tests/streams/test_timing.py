"""Whether a record came in time, on bytes, against plain arithmetic; and that it is told only of what is live and counted."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codec import EventScanner
from schemas.codec.peek import moment_of
from schemas.envelope import CAUSES, Event, Meta, marker_key
from schemas.quality import FUTURE_MS, PROMISED_MS
from schemas.tally import FindingKey
from streams.clean import clean
from streams.timing import timing
from tests.schemas.drawn import MILLI
from tests.streams.world import (
    NOW,
    PEOPLE,
    RESIDENT,
    RESIDENT_CODEC,
    STREAM,
    chunk,
    city,
    compiled,
    key_of,
    memory,
    resident,
)

SCANNER = EventScanner(city().schemas[1].text, 1)
WORK = compiled()
LANE = "raw.health"
#: 2039-09-07: from then on a moment takes seven bytes; and 1970-07-18: before it took five.
SEVEN, SIX = 1 << 41, 1 << 34
ODD = st.sampled_from([0, 1, -1, -NOW, SEVEN - 1, SEVEN, SIX - 1, SIX]) | MILLI
IDS = st.text(max_size=3) | st.just("界" * 30) | st.just("x" * 200) | st.just("x" * 63)


def head_of(at: int, id_: str = "id", source: str = "health.core") -> bytes:
    return SCANNER.scan(RESIDENT_CODEC.encode(Event(Meta(id_, "c", at, source, STREAM), resident()))).head


def plainly(at: int, arrived: int, cycle: str) -> str:
    if arrived - at > PROMISED_MS[cycle]:
        return "late"
    return "at_in_future" if at - arrived > FUTURE_MS else ""


@st.composite
def times(draw: st.DrawFn) -> tuple[int, int, str]:
    """Moment and arrival, mostly near where the word changes, and a cycle."""
    cycle = draw(st.sampled_from(list(PROMISED_MS)))
    arrived = draw(st.sampled_from([NOW, SEVEN, SEVEN - 1000, SIX + 3 * PROMISED_MS["year"], SIX, 5]) | st.integers(0, 2 * SEVEN))
    edge = draw(st.sampled_from([-PROMISED_MS[cycle], FUTURE_MS, 0])) + draw(st.integers(-2, 2))
    return draw(st.just(arrived + edge) | ODD), arrived, cycle


@settings(max_examples=1500, deadline=None)
@given(times(), IDS, st.sampled_from(["", "a", "卫健委", "\U0001f600" * 20]))
@example((0, NOW, "year"), "i", "卫健委g")
@example((-NOW + 5, NOW, "day"), "i", "s")
def test_bytes_and_plain_arithmetic_say_the_same(drawn: tuple[int, int, str], id_: str, source: str) -> None:
    at, arrived, cycle = drawn
    head = head_of(at, id_, source)
    assert moment_of(head) == at
    word = timing(cycle)
    for _ in range(2):
        assert word(head, arrived) == plainly(at, arrived, cycle)
    assert word(head, arrived + 1) == plainly(at, arrived + 1, cycle)


def found(at: int, cause: str = "live", op: str = "c", key: bytes | None = None, **changes: object) -> dict[FindingKey, int]:
    """What clean finds in one event that arrived now."""
    row = None if op in "dm" else resident(**changes)
    data = RESIDENT_CODEC.encode(Event(Meta("id", op, at, "health.core", STREAM, 0, 1, cause), row))  # type: ignore[arg-type]
    handled = clean(chunk(LANE, [(0, NOW, key or key_of(PEOPLE[0]), data)]), WORK, memory((LANE, 0)), NOW)
    return dict(handled.tallies.findings())


def of_time(reason: str, dimension: str, cause: str = "live") -> dict[FindingKey, int]:
    key = FindingKey(NOW // 1000, cause, "health", RESIDENT, dimension)
    return {key._replace(reason=reason, severity="noted"): 1, key: 1}


LATE = NOW - PROMISED_MS["year"] - 1


@pytest.mark.parametrize("op", ["c", "u", "d", "r"])
def test_a_live_record_that_came_late_is_noted_and_goes_on_as_it_is(op: str) -> None:
    assert found(LATE, op=op) == of_time("late", "timeliness")
    assert found(NOW + FUTURE_MS + 1, op=op) == of_time("at_in_future", "validity")
    assert found(NOW, op=op) == {}


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause != "live"])
def test_what_is_sent_again_was_due_long_ago(cause: str) -> None:
    assert found(LATE, cause) == {}


def test_a_marker_is_no_record_and_not_late_even_where_it_is_turned_away() -> None:
    assert found(LATE, op="m", key=marker_key(RESIDENT)) == {}
    assert found(LATE, op="m", key=b"health.nobody/") == {}


def test_a_late_record_that_is_rejected_is_counted_under_both() -> None:
    counted = found(LATE, name="")
    assert {(key.dimension, key.field, key.reason, key.severity) for key in counted} == {
        ("timeliness", "", "late", "noted"), ("timeliness", "", "", ""),
        ("completeness", "name", "required", "reject"), ("completeness", "", "", "")}
    assert set(counted.values()) == {1}
