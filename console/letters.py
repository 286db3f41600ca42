"""The quarantine as people see it: letters in groups of dataset, reason, field and rules, and the words of a reason."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.codec import decode_letter
from schemas.control import Plan
from schemas.errors import RejectError
from schemas.letter import Letter
from schemas.names import Names
from schemas.reasons import Reason
from schemas.rules import REASONS
from schemas.rules.path import general
from schemas.text import Text
from wire.reading import Record

__all__ = ["Count", "Group", "dead_lanes", "find_letter", "grouped", "in_words", "provider_in"]

_UNKNOWN = Reason(Text("未知的原因", "a reason unknown here"), Text("升级 shutong 后再看", "upgrade shutong and look again"))


class Group(NamedTuple):
    """What letters are counted by."""

    lane: str
    dataset: str
    reason: str
    field: str
    rules_version: str
    #: how it was closed; "" while it is open
    closed: str = ""


@dataclass
class Count:
    """How many letters, how many of them are repaired, when the first and the last was handled (ms), the id of the last."""

    letters: int = 0
    repaired: int = 0
    first: int = 0
    last: int = 0
    latest: str = ""

    def add(self, handled: int, name: str, *, repaired: bool = False) -> None:
        """One letter more."""
        self.letters += 1
        self.repaired += repaired
        self.first = min(self.first or handled, handled)
        if handled >= self.last:
            self.last, self.latest = handled, name


class _Line(NamedTuple):
    groups: tuple[Group, ...]
    handled: int
    name: str
    repaired: bool = False


def dead_lanes(plan: Plan, provider: str = "") -> list[str]:
    """The quarantine lanes of the plan, or that of one provider."""
    lanes = sorted(lane for lane in plan.lanes if lane.startswith("dead.") and provider in ("", lane.split(".")[1]))
    if provider and not lanes:
        known = ", ".join(sorted(lane.split(".")[1] for lane in plan.lanes if lane.startswith("dead."))) or "-"
        raise RejectError("unknown", Text(f"没有提供方 {provider}", f"there is no provider {provider}"),
                          advice=Text(f"已登记的有：{known}", f"registered: {known}"))
    return lanes


def grouped(records: Iterable[Record], wanted: Callable[[Group], bool] = lambda group: not group.closed) -> dict[Group, Count]:
    """The letters counted in every group they belong to and that is wanted, by default the open ones; the largest first."""
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
            if wanted(group):
                counts.setdefault(group, Count()).add(line.handled, line.name, repaired=line.repaired)
    return dict(sorted(counts.items(), key=lambda item: (-item[1].letters, item[0])))


def find_letter(records: Iterable[Record], name: str) -> Letter | None:
    """The letter of this id; None when there is none, or it was taken out."""
    found: Record | None = None
    for record in records:
        if record.key == name.encode():
            found = record
    return decode_letter(found.value) if found is not None and found.value is not None else None


def provider_in(name: str) -> str:
    """The provider in a letter's id; RejectError `usage` for a text that is no id."""
    lane, *place = name.split("/")
    if len(place) not in (2, 3) or "." not in lane or not all(part.isdigit() for part in place[:2]):
        raise RejectError("usage", Text(f"{name} 不是隔离区编号", f"{name} is no quarantine id"),
                          advice=Text("编号写作 <通道>/<分区>/<位置>，例如 raw.health/0/17",
                                      "write <lane>/<partition>/<offset>, such as raw.health/0/17"))
    return Names.provider_of(lane)


def in_words(reason: str) -> Reason:
    """A reason code in words: of the bus itself, or of a rule."""
    return REASONS.get(reason, _UNKNOWN)


def _line(record: Record) -> _Line:
    try:
        letter = decode_letter(record.value or b"")
    except RejectError:
        name = (record.key or b"").decode(errors="replace")
        return _Line((Group(record.lane, "", "undecodable", "", ""),), record.timestamp, name)
    return _Line(tuple(dict.fromkeys(_groups(letter))), letter.handled, letter.place, letter.state == "repaired")


def _groups(letter: Letter) -> Iterator[Group]:
    for one in letter.findings:
        if one.severity == "reject":
            yield Group(letter.lane, letter.dataset, one.reason, general(one.field), letter.rules_version, letter.closed)
