"""What would become of a letter's event: the same that clean makes of it when it comes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_letter, encode_letter
from schemas.letter import Finding, Letter
from schemas.replay import REPLAY
from streams.clean import clean
from streams.replay.box import Box, Selection
from streams.replay.decide import Rehearsal
from streams.replay.newest import Newest
from tests.streams.world import (
    NOW,
    RESIDENT,
    RESIDENT_CODEC,
    STREAM,
    chunk,
    city,
    compiled,
    key_of,
    memory,
    resident,
    value,
)
from wire.reading import Record

LANE, DEAD, CLEAN = "raw.health", "dead.health", "clean.health"
PLAN = city()
REHEARSAL = Rehearsal(PLAN)
KEY = key_of(resident()["resident_id"])


def letter(offset: int = 3, key: bytes | None = KEY, value_: bytes | None = None, **more: Any) -> Letter:
    came = value("u", resident(status="x"), seq=1) if value_ is None else value_
    told = Letter(LANE, 0, offset, NOW, NOW + 1, RESIDENT, "", STREAM, 0, 1, (Finding("status", "one_of", "reject"),), "1", 1, key, came)
    return told._replace(**more)


@given(st.fixed_dictionaries({}, optional={
    "status": st.sampled_from(["registered", "x"]), "phone": st.sampled_from([None, "1", "13900000000"]),
    "birth_date": st.sampled_from(["2026-01-01", "2999-01-01", "1999-02-30"]), "name": st.sampled_from(["王明", "", "王明 "])}),
    st.sampled_from([KEY, key_of("x"), None]), st.booleans())
def test_what_is_foretold_is_what_clean_says(changes: dict[str, Any], key: bytes | None, repaired: bool) -> None:
    event = value("u", resident(**changes), seq=1)
    lying = letter(key=key, value_=event, repaired=event if repaired else None)
    candidate = REHEARSAL.candidate(lying, event, repaired=repaired)
    assert candidate is not None
    assert candidate.key == (KEY if repaired else key)
    foretold = REHEARSAL.findings(lying, candidate, NOW, 9)
    handled = clean(chunk(LANE, [(9, NOW, candidate.key, REHEARSAL.outgoing(candidate, 9))]), compiled(), memory((LANE, 0)), NOW)
    letters = [decode_letter(data).findings for lane, data, *_ in handled.outputs if lane == DEAD and data is not None]
    assert ([foretold] if foretold else []) == letters


def test_what_goes_out_is_the_event_as_it_was_on_the_stream_of_the_replayer() -> None:
    came = RESIDENT_CODEC.decode(value("c", resident(), resident(name="x"), seq=7, cause="snapshot"))
    lying = letter(value_=RESIDENT_CODEC.encode(came._replace(meta=came.meta._replace(path="340000>341500"))))
    candidate = REHEARSAL.candidate(lying, lying.value or b"", repaired=False)
    assert candidate is not None
    out = RESIDENT_CODEC.decode(REHEARSAL.outgoing(candidate, 9))
    assert (out.row, out.before) == (came.row, came.before)
    assert out.meta == came.meta._replace(path="340000>341500", stream=REPLAY, cause="replay", epoch=6, seq=9)


@pytest.mark.parametrize(("stream", "reason"), [("nobody", "foreign_stream"), ("other", "")])
def test_a_stream_that_is_not_its_providers_is_none_through_quarantine_either(stream: str, reason: str) -> None:
    lying = letter(value_=value("u", resident(), seq=1, stream=stream))
    candidate = REHEARSAL.candidate(lying, lying.value or b"", repaired=False)
    assert candidate is not None
    assert [one.reason for one in REHEARSAL.findings(lying, candidate, NOW)] == ([reason] if reason else [])


def test_bytes_that_cannot_be_read_are_no_candidate() -> None:
    for data in (b"", b"noise", value("u", resident(), seq=1)[:-2], b"\0\0\0\0\x63" + value("u", resident())[5:]):
        assert REHEARSAL.candidate(letter(), data, repaired=False) is None
    assert REHEARSAL.registered(letter())
    without = PLAN.departments["health"].model_copy(update={"streams": {}})
    assert not Rehearsal(replace(PLAN, departments={"health": without})).registered(letter())


def clean_record(offset: int, seq: int, *, op: str = "u", stream: str = f"{LANE}/0", at: int = NOW, key: bytes = KEY,
                 cause: str = "live") -> Record:
    row = None if op == "d" else resident()
    return Record(CLEAN, 0, offset, at, key, value(op, row, seq=seq, stream=stream, cause=cause))


@pytest.mark.parametrize(("records", "newer"), [
    ([], False),
    ([clean_record(0, 2)], False),
    ([clean_record(0, 4)], True),
    ([clean_record(0, 4, key=key_of("x"))], False),
    ([clean_record(0, 4, op="d"), Record(CLEAN, 0, 1, NOW, KEY, None)], True),
    ([clean_record(0, 2, op="d"), Record(CLEAN, 0, 1, NOW, KEY, None)], False),
    ([Record(CLEAN, 0, 1, NOW - 1, KEY, None)], False),
    ([Record(CLEAN, 0, 1, NOW, KEY, None)], True),
    ([clean_record(0, 0, stream=f"{LANE}/1", at=NOW - 1)], False),
    ([clean_record(0, 0, stream=f"{LANE}/1", at=NOW + 1)], True),
    ([clean_record(0, 8, cause="replay")], False),
    ([clean_record(0, 9, cause="replay")], True),
])
def test_newer_is_what_truly_stood_behind_it(records: list[Record], newer: bool) -> None:
    """Offset 8 was the replay of what first stood at 1; what stands at 9 was never replayed to there."""
    newest = Newest({KEY}, lambda place: 1 if place == (LANE, 0, 8) else place[2], REHEARSAL.scan)
    newest.learn(records)
    assert newest.supersedes(KEY, LANE, 0, 3, NOW) == newer


def boxed(*letters: Letter, selection: Selection | None = None) -> Box:
    box = Box(selection or Selection(), REHEARSAL)
    box.take(Record(DEAD, 0, number, NOW, one.place.encode(), encode_letter(one)) for number, one in enumerate(letters))
    return box


def test_of_one_record_the_newest_goes_first_and_the_closed_do_not_go() -> None:
    older, newer, other = letter(3), letter(5, arrived=NOW + 9), letter(4, key=key_of("x"), arrived=NOW + 5)
    box = boxed(older, newer, other, letter(6), letter(6)._replace(closed="dropped", value=None, key=None))
    assert [[entry.raw[2] for entry in round_] for round_ in box.rounds()] == [[5, 4], [3]]


def test_what_was_replayed_and_turned_away_again_keeps_the_time_and_place_of_the_first() -> None:
    first = letter(3, arrived=NOW, closed="replayed", replayed=8, value=None, key=None)
    candidate = REHEARSAL.candidate(letter(3), letter(3).value or b"", repaired=False)
    assert candidate is not None
    out = REHEARSAL.outgoing(candidate, 6)
    scanned = REHEARSAL.scan(out)
    assert scanned is not None
    again = letter(8, value_=out, stream=REPLAY, epoch=scanned.epoch, seq=scanned.seq, arrived=NOW + 500)
    for order in ((first, again), (again, first)):
        box = boxed(*order)
        ((entry,),) = box.rounds()
        assert (entry.origin, entry.arrived) == (3, NOW)
        assert box.origin((LANE, 0, 8)) == 3
    ((lost,),) = boxed(again).rounds()
    assert (lost.origin, lost.arrived) == (3, 0), "nobody knows any more"


@pytest.mark.parametrize(("selection", "meant"), [
    (Selection(), True), (Selection(reason="one_of"), True), (Selection(reason="date"), False), (Selection(field="status"), True),
    (Selection(reason="one_of", field="phone"), False), (Selection(dataset=RESIDENT), True), (Selection(dataset="a.b"), False),
    (Selection(rules_version="1"), True), (Selection(rules_version="2"), False), (Selection(places=frozenset({f"{LANE}/0/3"})), True),
    (Selection(places=frozenset({f"{LANE}/0/4"})), False), (Selection(schemas=frozenset({1})), True),
    (Selection(schemas=frozenset({2})), False)])
def test_a_selection_means_letters_by_what_they_say(selection: Selection, meant: bool) -> None:
    box = boxed(letter(3), selection=selection)
    assert bool(box.open) == meant
    assert box.unknown == (selection.places if not meant else set())
