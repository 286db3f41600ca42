"""What leaves quarantine: each event goes to raw once, in exchange for its letter, and overtakes nothing newer of its record.

Told while raw and quarantine are read; `check` holds the two against each other at the end.
"""

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

import fastavro

from trial.oracle.avro import plain
from trial.oracle.records import Problems, Record, digest

__all__ = ["REPLAY", "Claim", "Place", "Replays", "Standing", "claims", "read_letter", "standing"]

REPLAY = "replay"
#: Partition and offset on raw.
Place = tuple[int, int]

_GUARD_BITS, _EPOCH_BITS = 46, 31


class Standing(NamedTuple):
    """Where a replayed event first stood, and the offset below which nothing newer had been found when it was sent."""

    origin: int
    guard: int


def standing(meta: Mapping[str, Any], offset: int) -> Standing | None:
    """What epoch and seq of an event on the stream `replay` say at this offset; None where that cannot be."""
    epoch, seq = meta["epoch"], meta["seq"]
    if epoch < 0 or seq < 0:
        return None
    guard = seq % (1 << _GUARD_BITS)
    distance = epoch + (seq >> _GUARD_BITS) * (1 << _EPOCH_BITS)
    origin = guard - distance
    return Standing(origin, guard) if 0 <= origin < guard <= offset else None


class Claim(NamedTuple):
    """What a letter of clean says first: its reasons, and the version of the plan it was written under."""

    reasons: frozenset[str]
    plan_version: int


def claims(records: Iterable[Record], shape: Any, raw: str) -> dict[Place, Claim]:
    """By place on raw, the letters that clean wrote. What a run could not foresee, as when a worker began anew, stands there."""
    found: dict[Place, Claim] = {}
    for record in records:
        letter = read_letter(record.value or b"", shape)
        if letter is not None and letter["lane"] == raw and not letter["subscription"]:
            place = letter["partition"], letter["offset"]
            found.setdefault(place, Claim(frozenset(one["reason"] for one in letter["findings"]), letter["plan_version"]))
    return found


def read_letter(value: bytes, shape: Any) -> Mapping[str, Any] | None:
    """The letter in these bytes; None if they are none. `shape` is parsed, or the schema's JSON."""
    source = BytesIO(value)
    try:
        letter: Any = fastavro.schemaless_reader(source, shape if "__fastavro_parsed__" in shape else plain(shape), None)
    except (EOFError, IndexError, ValueError):
        return None
    return None if source.read(1) else letter


class _Good(NamedTuple):
    """The last good event of a record from one partition: where it truly stands, and when it arrived at most."""

    position: int
    arrived: int


class Replays:
    """One provider's raw lane and quarantine. Keys are kept as digests."""

    def __init__(self, raw: str, problems: Problems) -> None:
        self._raw = raw
        self._problems = problems
        #: the last offset at which anything of a key stands, by partition
        self._met: dict[tuple[int, bytes], int] = {}
        self._good: dict[bytes, dict[int, _Good]] = {}
        #: replayed events: where they first stood, and who they are
        self._out: dict[Place, tuple[int, bytes]] = {}
        #: who stands at a place on raw, and where it first stood
        self._turned_away: dict[Place, tuple[int, bytes, bytes, int]] = {}
        #: letters closed as replayed: where the event went
        self._closed: dict[Place, Place] = {}
        self._superseded: list[tuple[Place, bytes]] = []

    def met(self, record: Record) -> None:
        """Any record of raw, in order, once it was judged."""
        self._met[record.partition, digest(record.key or b"")] = record.offset

    def raced(self, record: Record, guard: int) -> bool:
        """Whether anything of the record's key stands between the guard and the record."""
        return self._met.get((record.partition, digest(record.key or b"")), -1) >= guard

    def good(self, record: Record, origin: int, *, log: bool) -> None:
        """An event that passed, and where it truly stands."""
        if log:
            return
        of_key = self._good.setdefault(digest(record.key or b""), {})
        before = of_key.get(record.partition, _Good(-1, -1))
        if before.position > origin:
            self._problems.add("out_of_order", f"{record.place} was replayed over a newer event of its record")
        of_key[record.partition] = _Good(max(origin, before.position), max(record.timestamp, before.arrived))

    def went_out(self, record: Record, origin: int, identity: bytes) -> None:
        """An event of the replayer."""
        self._out[record.partition, record.offset] = origin, identity

    def turned_away(self, record: Record, origin: int, identity: bytes) -> None:
        """An event that has a letter."""
        self._turned_away[record.partition, record.offset] = origin, identity, digest(record.key or b""), record.timestamp

    def closed(self, letter: Mapping[str, Any], key: bytes | None, place: str) -> None:
        """A letter of clean was closed; `key` is that of its repair, None where it has none."""
        at = letter["partition"], letter["offset"]
        if letter["closed"] == "superseded":
            known = self._turned_away.get(at)
            self._superseded.append((at, digest(key) if key is not None else known[2] if known else b""))
        elif letter["closed"] == "replayed":
            to = letter["partition"], letter["replayed"]
            if to in self._closed:
                self._problems.add("wrong_content", f"{place} was replayed to where another letter's event went")
            self._closed[to] = at

    def check(self) -> None:
        """Hold raw against quarantine: for each event that went out one letter that was closed for it, and the other way."""
        for (partition, offset), (origin, identity) in self._out.items():
            letter = self._closed.get((partition, offset))
            known = self._turned_away.get(letter) if letter else None
            if letter is None or known is None:
                self._problems.add("duplicated", f"{self._raw}/{partition}/{offset} was replayed, but no letter was closed for it")
            elif known[:2] != (origin, identity) and known[1]:
                self._problems.add("wrong_content", f"{self._raw}/{partition}/{offset} is not the event of the letter closed for it")
        for to, letter in self._closed.items():
            if to not in self._out:
                self._problems.add("lost", f"{self._raw}/{letter[0]}/{letter[1]} was closed as replayed, but did not go out")
        for at, key in self._superseded:
            if not self._has_newer(at, key):
                self._problems.add("lost", f"{self._raw}/{at[0]}/{at[1]} was closed as superseded, but nothing newer is good")

    def _has_newer(self, at: Place, key: bytes) -> bool:
        known = self._turned_away.get(at)
        if known is None:
            return False
        origin, _, _, arrived = known
        of_key = self._good.get(key, {})
        return any(good.position > origin if partition == at[0] else good.arrived >= arrived for partition, good in of_key.items())
