"""The quarantine as it lies: which letters are open, where each can be read, and where what was replayed first stood.

Of a letter only what a decision needs is kept, so that a hundred thousand of them have room. Pure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from schemas.codec import decode_letter
from schemas.errors import RejectError
from schemas.letter import Letter
from schemas.replay import REPLAY, first_stood
from streams.replay.decide import Rehearsal

__all__ = ["Box", "DeadRecord", "Entry", "RawPlace", "Selection"]

#: Lane, partition and offset on raw.
RawPlace = tuple[str, int, int]


class DeadRecord(Protocol):
    """What is read of a record on a quarantine lane."""

    @property
    def lane(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(frozen=True)
class Selection:
    """Which letters are meant: those named, or all that fit whatever is given. A letter fits by any one of its rejections."""

    places: frozenset[str] = frozenset()
    dataset: str = ""
    reason: str = ""
    field: str = ""
    rules_version: str = ""
    #: by schema id of the event's bytes; empty: any
    schemas: frozenset[int] = frozenset()

    def takes(self, letter: Letter) -> bool:
        """Whether this letter is meant."""
        if self.places:
            return letter.place in self.places
        return (self.dataset in ("", letter.dataset) and self.rules_version in ("", letter.rules_version)
                and (not self.schemas or self._of_schema(letter.value))
                and (not (self.reason or self.field) or any(
                    self.reason in ("", one.reason) and self.field in ("", one.field)
                    for one in letter.findings if one.severity == "reject")))

    def _of_schema(self, value: bytes | None) -> bool:
        return value is not None and int.from_bytes(value[1:5], "big") in self.schemas


class Entry(NamedTuple):
    """An open letter that is meant: its place, where it lies on its quarantine lane, and of its event the place on raw, the
    offset and the time where it first stood, and the key it would travel under (None: it can't be read, or has no record).

    `arrived` is 0 where nobody knows any more when that was.
    """

    place: str
    lane: str
    partition: int
    offset: int
    raw: RawPlace
    origin: int
    arrived: int
    key: bytes | None


class _Replayed(NamedTuple):
    """Of a letter whose event went out: where it had stood, when it had come there, and where it first stood."""

    offset: int
    arrived: int
    origin: int


@dataclass
class Box:
    """Takes the records of quarantine lanes in, in order. `whole` gives a letter whose bytes had no room in it what raw has."""

    selection: Selection
    rehearsal: Rehearsal
    whole: Callable[[Letter], Letter] = lambda letter: letter
    open: dict[str, Entry] = field(default_factory=dict)
    #: letters that are named, and closed
    closed: set[str] = field(default_factory=set)
    #: by where what was replayed went to
    replayed: dict[RawPlace, _Replayed] = field(default_factory=dict)

    @property
    def unknown(self) -> set[str]:
        """Letters that are named, and not there."""
        return set(self.selection.places) - self.open.keys() - self.closed

    def take(self, records: Iterable[DeadRecord]) -> None:
        """The next records; of one key the last counts."""
        for record in records:
            place = (record.key or b"").decode(errors="replace")
            self.open.pop(place, None)
            self.closed.discard(place)
            if record.value is None:
                continue
            try:
                letter = decode_letter(record.value)
            except RejectError:
                continue
            if letter.closed == "replayed":
                to = letter.lane, letter.partition, letter.replayed
                self.replayed[to] = _Replayed(letter.offset, letter.arrived, _origin(letter))
            if self.selection.takes(letter):
                if letter.closed and self.selection.places:
                    self.closed.add(place)
                elif not letter.closed:
                    self.open[place] = self._entry(record, letter)

    def origin(self, place: RawPlace) -> int:
        """The offset where the event that stands there first stood; there, unless it was replayed to there."""
        replayed = self.replayed.get(place)
        return replayed.origin if replayed is not None else place[2]

    def rounds(self) -> Iterator[list[Entry]]:
        """The open ones in the order in which they may go out: of one record the newest event first, an older one only when
        it is known what became of that. Each round as they lie."""
        of_key: defaultdict[bytes, list[Entry]] = defaultdict(list)
        alone = []
        for entry in map(self._dated, self.open.values()):
            if entry.key is None:
                alone.append(entry)
            else:
                of_key[entry.key].append(entry)
        for entries in of_key.values():
            entries.sort(key=lambda entry: (entry.arrived, entry.origin))
        while alone or of_key:
            yield sorted([*alone, *(entries.pop() for entries in of_key.values())], key=lambda entry: entry[1:4])
            alone = []
            of_key = defaultdict(list, {key: entries for key, entries in of_key.items() if entries})

    def _entry(self, record: DeadRecord, letter: Letter) -> Entry:
        whole = self.whole(letter)
        candidate = None
        if whole.going is not None and not letter.subscription:
            candidate = self.rehearsal.candidate(whole, whole.going, repaired=letter.repaired is not None)
        key = candidate.key if candidate is not None and candidate.has_record else None
        origin = candidate.origin if candidate is not None else _origin(letter)
        raw = letter.lane, letter.partition, letter.offset
        return Entry(letter.place, record.lane, record.partition, record.offset, raw, origin, letter.arrived, key)

    def _dated(self, entry: Entry) -> Entry:
        """With the time at which its event first came, told by the letters it was replayed from."""
        lane, partition, offset = entry.raw
        arrived = entry.arrived
        while offset != entry.origin:
            before = self.replayed.get((lane, partition, offset))
            if before is None:
                return entry._replace(arrived=0)
            offset, arrived = before.offset, before.arrived
        return entry._replace(arrived=arrived)


def _origin(letter: Letter) -> int:
    """Where the event first stood, as its position tells; a closed letter has no bytes any more."""
    standing = first_stood(letter.epoch, letter.seq, letter.offset) if letter.stream == REPLAY else None
    return standing.origin if standing else letter.offset
