"""The quarantine as people see it: letters in groups of place, dataset, reason and field; and the words of a reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from console.decoding import letter_id
from schemas.codec import decode_letter
from schemas.control import Plan
from schemas.errors import RejectError
from schemas.letter import Letter
from schemas.reasons import Reason
from schemas.rules import REASONS
from schemas.text import Text
from wire.reading import Record

__all__ = ["Count", "Group", "dead_lanes", "find_letter", "grouped", "in_words"]

_UNKNOWN = Reason(Text("未知的原因", "a reason unknown here"), Text("升级 shutong 后再看", "upgrade shutong and look again"))


class Group(NamedTuple):
    """What letters are counted by."""

    lane: str
    dataset: str
    reason: str
    field: str


@dataclass
class Count:
    """How many letters, when the first and the last was handled (ms), and the id of the last."""

    letters: int = 0
    first: int = 0
    last: int = 0
    latest: str = ""

    def add(self, handled: int, name: str) -> None:
        """One letter more."""
        self.letters += 1
        self.first = min(self.first or handled, handled)
        if handled >= self.last:
            self.last, self.latest = handled, name


class _Line(NamedTuple):
    groups: tuple[Group, ...]
    handled: int
    name: str


def dead_lanes(plan: Plan, provider: str = "") -> list[str]:
    """The quarantine lanes of the plan, or that of one provider."""
    lanes = sorted(lane for lane in plan.lanes if lane.startswith("dead.") and provider in ("", lane.split(".")[1]))
    if provider and not lanes:
        known = ", ".join(sorted(lane.split(".")[1] for lane in plan.lanes if lane.startswith("dead."))) or "-"
        raise RejectError("unknown", Text(f"没有提供方 {provider}", f"there is no provider {provider}"),
                          advice=Text(f"已登记的有：{known}", f"registered: {known}"))
    return lanes


def grouped(records: Iterable[Record], reason: str = "", dataset: str = "") -> dict[Group, Count]:
    """The letters that still lie there, counted in every group they belong to; the largest group first."""
    lying: dict[tuple[str, bytes], _Line] = {}
    for record in records:
        place = (record.lane, record.key or b"")
        if record.value is None:
            lying.pop(place, None)
        else:
            lying[place] = _line(record)
    counts: dict[Group, Count] = {}
    for line in lying.values():
        for group in line.groups:
            if reason in ("", group.reason) and dataset in ("", group.dataset):
                counts.setdefault(group, Count()).add(line.handled, line.name)
    return dict(sorted(counts.items(), key=lambda item: (-item[1].letters, item[0])))


def find_letter(records: Iterable[Record], name: str) -> Letter | None:
    """The letter of this id; None when there is none, or it was taken out."""
    found: Record | None = None
    for record in records:
        if record.key == name.encode():
            found = record
    return decode_letter(found.value) if found is not None and found.value is not None else None


def in_words(reason: str) -> Reason:
    """A reason code in words: of the bus itself, or of a rule."""
    return REASONS.get(reason, _UNKNOWN)


def _line(record: Record) -> _Line:
    try:
        letter = decode_letter(record.value or b"")
    except RejectError:
        name = (record.key or b"").decode(errors="replace")
        return _Line((Group(record.lane, "", "undecodable", ""),), record.timestamp, name)
    return _Line(tuple(dict.fromkeys(_groups(letter))), letter.handled, letter_id(letter))


def _groups(letter: Letter) -> Iterator[Group]:
    for one in letter.findings:
        if one.severity == "reject":
            yield Group(letter.lane, letter.dataset, one.reason, one.field)
