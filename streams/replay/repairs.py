"""Repairs stored, and letters dropped: whoever does it is told of each letter what became of it.

A repaired event is one of its dataset's present version, whatever it came as. It is judged by the rules in force as of its
arrival and stored only when nothing is wrong with it any more.
"""

import time
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple

from schemas.errors import RejectError
from schemas.letter import Finding, Letter
from schemas.text import Text
from streams.letters import brief
from streams.replay.box import Selection
from streams.replay.desk import Desk, Lying
from streams.replay.mending import Mending, Workshop, changed_fields
from streams.replay.replayer import settled

__all__ = ["Repaired", "drop", "repair"]

#: `repaired`: it is stored. `fails`: something would still be wrong. `untouched`: nothing of what was asked applies to it.
#: `misfit`: a field is none, or a value not of its type. `no_room`: the quarantine can't hold original and repair.
Result = Literal["repaired", "fails", "untouched", "misfit", "no_room", "subscription", "unreadable", "gone", "closed", "dropped"]


class Repaired(NamedTuple):
    """What became of one letter: its findings where something is wrong still, the fields that changed, what is said of a misfit."""

    place: str
    result: Result
    dataset: str = ""
    findings: tuple[Finding, ...] = ()
    changed: dict[str, tuple[Any, Any]] = {}  # noqa: RUF012 - never written to
    problem: Text | None = None


def repair(desk: Desk, lanes: Collection[str], selection: Selection, mending: Mending, by: str, *,
           rehearse: bool = False) -> Iterator[list[Repaired]]:
    """Repair the open letters of a selection, some at a time; each lot is stored when it is told, or nothing if `rehearse`."""
    box, workshop = desk.box(lanes, selection), Workshop(desk.plan)
    if box.closed:
        yield [Repaired(place, "closed") for place in sorted(box.closed)]
    for batch in desk.batches(box.open.values()):
        yield desk.insist(partial(_repair, desk, workshop, batch, mending, by, rehearse=rehearse))


def drop(desk: Desk, lanes: Collection[str], selection: Selection, by: str, why: str) -> Iterator[list[Repaired]]:
    """Close the open letters of a selection: their events are given up, their bytes go, the reason stays."""
    box = desk.box(lanes, selection)
    if box.closed:
        yield [Repaired(place, "closed") for place in sorted(box.closed)]
    for batch in desk.batches(box.open.values()):
        yield desk.insist(partial(_drop, desk, batch, by, why))


def _repair(desk: Desk, workshop: Workshop, batch: list[Lying], mending: Mending, by: str, *, rehearse: bool) -> list[Repaired]:
    now = int(time.time() * 1000)
    done = [_mend(desk, workshop, lying, mending, by, now) for lying in batch]
    stored = [letter for letter, _ in done if letter is not None]
    if stored and not rehearse:
        with desk.publisher.transaction():
            for letter in stored:
                desk.write(letter)
    return [repaired for _, repaired in done]


def _mend(desk: Desk, workshop: Workshop, lying: Lying, mending: Mending, by: str, now: int) -> tuple[Letter | None, Repaired]:
    entry, letter, whole = lying
    value = whole.going

    def out(result: Result, **more: Any) -> tuple[Letter | None, Repaired]:
        return None, Repaired(entry.place, result, letter.dataset, **more)

    if letter.subscription:
        return out("subscription")
    if value is None:
        return out("gone")
    present = desk.rehearsal.present(value)
    # Of a row that could not be carried over nothing is left to be changed: all of it has to be given.
    if present is None or not (present.whole or mending.record is not None):
        return out("unreadable")
    try:
        mended = workshop.mend(mending, present.value, letter.findings)
    except RejectError as error:
        return out("misfit", problem=error.problem)
    if mended is None:
        return out("untouched")
    changed = changed_fields(mended.before.row, mended.after.row)
    candidate = desk.rehearsal.candidate(whole, mended.value, repaired=True)
    if candidate is None:
        return out("misfit")
    if findings := desk.rehearsal.findings(whole, candidate, letter.arrived):
        return out("fails", findings=findings, changed=changed)
    new = letter._replace(repaired=mended.value, changed=now, by=by)
    if not desk.fits(new):
        new = new._replace(findings=brief(new.findings))
    if not desk.fits(new):
        return out("no_room")
    return new, Repaired(entry.place, "repaired", letter.dataset, changed=changed)


def _drop(desk: Desk, batch: list[Lying], by: str, why: str) -> list[Repaired]:
    now = int(time.time() * 1000)
    with desk.publisher.transaction():
        for lying in batch:
            desk.write(settled(lying.letter, "dropped", by, now, why=why))
    return [Repaired(lying.entry.place, "dropped", lying.letter.dataset) for lying in batch]


