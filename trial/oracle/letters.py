"""The quarantine: for each rejected event one letter, with its original bytes, every reason, and all it says besides."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple, Self

import fastavro

from trial.oracle.avro import plain, varint
from trial.oracle.plan import ROOM, Dataset, Plan
from trial.oracle.records import Problems, Record, difference, fingerprint, partition_of
from trial.oracle.replays import Replays, read_letter
from trial.oracle.rules import Finding

__all__ = ["TOO_LARGE", "UNDECODABLE", "Letter", "Mailing", "about", "check_letters"]

#: What a letter is about: lane, partition and offset, and the one subscription that could not be served; else empty.
Mailing = tuple[str, int, int, str]


def about(why: str) -> tuple[Finding, ...]:
    """The one finding on a whole event."""
    return (Finding("", why, "reject", "", ""),)


def brief(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What is told of findings where room is scarce: the first of them, long names cut, long values left out."""
    def short(text: str) -> str:
        return text if len(text) <= _LONG else ""

    return tuple(Finding(one.field[:_LONG], one.reason, one.severity, short(one.before), short(one.after)) for one in findings[:_MOST])


#: Characters of a text, and findings, that are told even then.
_LONG, _MOST = 200, 500
TOO_LARGE, UNDECODABLE = about("too_large"), about("undecodable")


class Letter(NamedTuple):
    """What a letter must say of an event. `mark` is the fingerprint of the original, the sizes are its key's and value's."""

    mark: bytes
    key_size: int
    value_size: int
    findings: tuple[tuple[str, str, str, str], ...]
    dataset: str = ""
    stream: str = ""
    epoch: int = 0
    seq: int = -1
    rules_version: str = ""

    @classmethod
    def of(cls, record: Record, findings: tuple[Finding, ...], dataset: Dataset | None = None,
           meta: Mapping[str, Any] | None = None) -> Self:
        """The letter on a record; bytes that tell nothing have neither dataset nor position."""
        letter = cls(fingerprint(record.timestamp, record.key, record.value), len(record.key or b""), len(record.value or b""),
                     tuple((one.field, one.reason, one.severity, one.after) for one in findings))
        if dataset is None or meta is None:
            return letter
        return letter._replace(dataset=dataset.id, stream=meta["stream"], epoch=meta["epoch"], seq=meta["seq"],
                               rules_version=dataset.rules_version)

    def is_of(self, reason: str) -> bool:
        """Whether this is its one reason, about the whole event."""
        return [finding[:2] for finding in self.findings] == [("", reason)]

    @property
    def shortened(self) -> Self:
        """What is told of it where there is no room for all."""
        return self._replace(stream=self.stream[:_LONG], findings=tuple(
            (field[:_LONG], reason, severity, proposed if len(proposed) <= _LONG else "")
            for field, reason, severity, proposed in self.findings[:_MOST]))

    @property
    def size(self) -> int:
        """The bytes that its stream and findings take."""
        return sum(len(varint(len(text.encode()))) + len(text.encode()) for text in (self.stream, *chain.from_iterable(self.findings)))

    @property
    def reasons(self) -> frozenset[tuple[str, str]]:
        """(field, reason) of every finding."""
        return frozenset(finding[:2] for finding in self.findings)


def check_letters(lane: str, plan: Plan, schema: Any, records: Iterable[Record], owed: Mapping[Mailing, Letter], hop: str,
                  problems: Problems, replays: Replays | None = None, key_of_repair: Callable[[bytes], bytes | None] = lambda value: None,
                  ) -> None:  # fmt: skip
    """The letters of one quarantine that one hop wrote: `clean` on events, `route` on single deliveries.

    A letter comes once as it was written, then perhaps with repairs, then perhaps closed; of what was closed `replays` hears.
    """
    shape = fastavro.parse_schema(plain(schema))
    seen: dict[Mailing, str] = {}
    repaired: dict[Mailing, bytes | None] = {}
    for record in records:
        letter = read_letter(record.value or b"", shape)
        if letter is None:
            if hop == "clean":
                problems.add("wrong_content", f"{record.place} is no letter")
            continue
        place, state = _place(letter), _state(letter)
        if hop != ("route" if place[3] else "clean"):
            continue
        expected = owed.get(place)
        if expected is None:
            problems.add("wrong_content", f"{record.place} quarantines what is not to be rejected")
            continue
        if seen.get(place) == "closed":
            problems.add("wrong_content", f"{record.place} changes a letter that is closed: {_name(place)}")
        elif place in seen and state == "open":
            problems.add("duplicated", f"{record.place} repeats the letter of {_name(place)}")
            continue
        seen[place] = state
        for wrong in _differences(record, letter, expected, plan, lane):
            problems.add("wrong_content", f"{record.place}: {wrong}")
            break
        if state == "repaired":
            repaired[place] = key_of_repair(letter["repaired"])
        elif state == "closed" and replays is not None:
            replays.closed(letter, repaired.get(place), record.place)
    for place in owed:
        if place not in seen:
            problems.add("lost", f"{_name(place)} has no letter on {lane}")


def _state(letter: Mapping[str, Any]) -> str:
    return "closed" if letter["closed"] else "repaired" if letter["repaired"] is not None else "open"


def _differences(record: Record, letter: Mapping[str, Any], expected: Letter, plan: Plan, lane: str) -> Iterable[str]:
    """What is wrong with a letter, by the names of its parts."""
    state = _state(letter)
    expected = _with_room(record, letter, expected, state)
    yield from _settled(letter) if state == "closed" else _original(record, letter, expected)
    findings = tuple((one["field"], one["reason"], one["severity"], one["proposed"]) for one in letter["findings"])
    right = tuple((*one[:3], "") for one in expected.findings) if state == "closed" else expected.findings
    if findings != right:
        fields = sorted({f"{one[0]}:{one[1]}" for one in {*findings} ^ {*right}})
        yield f"reasons differ in {', '.join(fields) or 'their order'}"
    for name in ("dataset", "stream", "epoch", "seq", "rules_version"):
        if letter[name] != getattr(expected, name):
            yield f"another {name}"
    if not 0 < letter["plan_version"] <= plan.version:
        yield "a version of the plan that never was"
    if record.key != _name(_place(letter)).encode():
        yield "its key is not the place of the original"
    elif record.partition != partition_of(record.key, plan.lanes[lane]):
        yield "its key belongs in another partition"
    if record.timestamp != letter["handled" if state == "open" else "changed"]:
        yield "its time is not that of its handling"
    if (state == "open") == bool(letter["by"]):
        yield "nobody is named who changed it" if state != "open" else "somebody is named who changed nothing"


def _with_room(record: Record, letter: Mapping[str, Any], expected: Letter, state: str) -> Letter:
    """What the letter must say of its event: all of it, unless it has no room for that. An open letter tells by its own size
    whether it has; one that was changed since is as short as it was then."""
    short = expected.shortened
    found = short._replace(stream=letter["stream"], findings=tuple(
        (one["field"], one["reason"], one["severity"], one["proposed"]) for one in letter["findings"]))
    if state != "open":
        said = [(one[:3], one[3] if state == "repaired" else "") for one in short.findings]
        return short if (found.stream, [(one[:3], one[3]) for one in found.findings]) == (short.stream, said) else expected
    whole = len(record.key or b"") + len(record.value or b"") - found.size + expected.size
    if letter["key"] is None and letter["value"] is None:
        whole += sum(len(varint(size)) + size for size in (expected.key_size, expected.value_size))
    return short if whole > ROOM["dead"] else expected


def _original(record: Record, letter: Mapping[str, Any], expected: Letter) -> Iterable[str]:
    """An open letter holds the event as it came."""
    found = fingerprint(letter["arrived"], letter["key"], letter["value"])
    if not (found == expected.mark or _is_left_out(record, letter, expected)):
        yield f"another {difference(expected.mark, found)} than the original"
    if letter["replayed"] != -1:
        yield "an open letter was replayed"


def _settled(letter: Mapping[str, Any]) -> Iterable[str]:
    """A closed letter holds nobody's data any more, and says how it was closed."""
    if any(letter[name] is not None for name in ("key", "value", "repaired")):
        yield "a closed letter still holds the event"
    if letter["closed"] not in (("dropped",) if letter["subscription"] else ("dropped", "replayed", "superseded")):
        yield "closed in a way there is none of"
    if (letter["closed"] == "replayed") != (letter["replayed"] >= 0):
        yield "where it was replayed to does not fit how it was closed"


def _is_left_out(record: Record, letter: Mapping[str, Any], expected: Letter) -> bool:
    """Whether the original rightly is not in its letter: with it the letter would have no room on its lane."""
    if letter["key"] is not None or letter["value"] is not None or letter["arrived"] != int.from_bytes(expected.mark[:8], "big"):
        return False
    originals = sum(len(varint(size)) + size for size in (expected.key_size, expected.value_size))
    return len(record.key or b"") + len(record.value or b"") + originals > ROOM["dead"]


def _place(letter: Mapping[str, Any]) -> Mailing:
    return letter["lane"], letter["partition"], letter["offset"], letter["subscription"]


def _name(place: Mailing) -> str:
    return "/".join(map(str, place if place[3] else place[:3]))
