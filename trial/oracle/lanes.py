"""Each output lane read to its end and compared with what had to be there: lost, doubled, out of order, wrong content."""

from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any

import fastavro

from trial.oracle.avro import Codec, Unreadable, plain
from trial.oracle.clean import Fate
from trial.oracle.records import Order, Problems, Record, difference, fingerprint, partition_of

__all__ = ["CleanLane", "Inbox", "check_letters"]

Place = tuple[int, int]
Fates = Mapping[Place, Fate]
#: How an inbox finds an event again: subscription and position on clean, or, masked, subscription, key and id.
Token = tuple[object, ...]


class CleanLane:
    """The clean lane of one provider against the fates of its raw lane."""

    def __init__(self, lane: str, partitions: int, codec: Codec, fates: Fates, problems: Problems) -> None:
        self._raw = "raw." + lane.split(".", 1)[1]
        self._lane = lane
        self._partitions = partitions
        self._codec = codec
        self._fates = fates
        self._problems = problems
        self._seen: set[Place] = set()
        self._tombstones: dict[bytes, int] = {}
        self._order = Order()

    def events(self, records: Iterable[Record]) -> Iterator[tuple[Record, Fate, Mapping[str, Any]]]:
        """Every event that belongs on the lane, once, with its content; whatever is wrong is noted on the way."""
        for record in records:
            if record.value is None:
                self._tombstone(record)
                continue
            found = self._check(record, record.value)
            if found is not None:
                yield record, *found
        self._settle()

    def _check(self, record: Record, value: bytes) -> tuple[Fate, Mapping[str, Any]] | None:
        try:
            event = self._codec.read(value)[1]
        except Unreadable:
            self._problems.add("wrong_content", f"{record.place} cannot be read")
            return None
        meta = event["meta"]
        source = _source(meta["stream"], self._raw, meta["seq"])
        fate = self._fates.get(source) if source else None
        if source is None or fate is None or fate.kind != "cleaned":
            if meta["op"] != "m":
                self._problems.add("wrong_content", f"{record.place} has nothing on {self._raw} to come from")
            return None
        if source in self._seen:
            self._problems.add("duplicated", f"{record.place} repeats {self._raw}/{source[0]}/{source[1]}")
            return None
        self._seen.add(source)
        self._compare(record, meta, source, fate)
        if meta["op"] == "d":
            self._tombstones[record.key or b""] = self._tombstones.get(record.key or b"", 0) + 1
        return fate, event

    def _compare(self, record: Record, meta: Mapping[str, Any], source: Place, fate: Fate) -> None:
        if not self._order.follows(record.partition, meta["stream"], meta["seq"]):
            self._problems.add("out_of_order", f"{record.place} stands behind a later one of {self._raw}/{source[0]}")
        found = fingerprint(record.timestamp, record.key, record.value)
        if found != fate.mark:
            self._problems.add("wrong_content", f"{record.place}: another {difference(fate.mark, found)}")
        elif partition_of(record.key or b"", self._partitions) != record.partition:
            self._problems.add("wrong_content", f"{record.place}: its key belongs in another partition")

    def _tombstone(self, record: Record) -> None:
        owed = self._tombstones.get(record.key or b"", 0)
        if not owed:
            self._problems.add("wrong_content", f"{record.place}: a tombstone without a delete before it")
        elif owed == 1:
            del self._tombstones[record.key or b""]
        else:
            self._tombstones[record.key or b""] = owed - 1

    def _settle(self) -> None:
        for place, fate in self._fates.items():
            if fate.kind == "cleaned" and place not in self._seen:
                self._problems.add("lost", f"{self._raw}/{place[0]}/{place[1]} is not on {self._lane}")
        if self._tombstones:
            self._problems.add("lost", f"{self._lane}: deletes without their tombstone", sum(self._tombstones.values()))


class Inbox:
    """The inbox of one subscriber: filled with what it must hold, then compared."""

    def __init__(self, lane: str, partitions: int, codec: Codec, problems: Problems) -> None:
        self._lane = lane
        self._partitions = partitions
        self._codec = codec
        self._problems = problems
        #: token -> fingerprint, position and stream in one; several, oldest first, where an id comes again
        self._owed: dict[Token, bytes | list[bytes]] = {}
        self._given: set[Token] = set()
        self._order = Order()

    def expect(self, token: Token, stream: str, position: int, mark: bytes) -> None:
        """One event this inbox must hold; the same token again means another event of that name behind it."""
        debt = mark + position.to_bytes(8, "big") + stream.encode()
        known = self._owed.get(token)
        if known is None:
            self._owed[token] = debt
        else:
            self._owed[token] = [known, debt] if isinstance(known, bytes) else [*known, debt]

    def check(self, records: Iterable[Record], contracts: Mapping[int, str]) -> None:
        """Compare with the lane read to its end. `contracts`: output schema id -> subscription."""
        for record in records:
            token = self._token(record, contracts)
            if token is not None:
                self._match(record, token)
        for owed in self._owed.values():
            for debt in [owed] if isinstance(owed, bytes) else owed:
                _, stream, position = _read_debt(debt)
                self._problems.add("lost", f"{stream}/{position} is not on {self._lane}")

    def _token(self, record: Record, contracts: Mapping[int, str]) -> Token | None:
        try:
            number = self._codec.number(record.value or b"")
            meta = self._codec.trusted(record.value or b"")["meta"]
        except (Unreadable, EOFError, IndexError, ValueError):
            self._problems.add("wrong_content", f"{record.place} cannot be read")
            return None
        contract = contracts.get(number)
        if contract is None:
            self._problems.add("wrong_content", f"{record.place} carries the schema of another subscriber")
            return None
        if meta["op"] == "m":
            return None
        if meta["stream"]:
            return contract, meta["stream"], meta["seq"]
        return contract, record.key, meta["id"]

    def _match(self, record: Record, token: Token) -> None:
        debt = self._pay(token)
        if debt is None:
            known = token in self._given
            self._problems.add("duplicated" if known else "wrong_content",
                               f"{record.place} {'was delivered before' if known else 'was not for this subscriber'}")
            return
        mark, stream, position = _read_debt(debt)
        found = fingerprint(record.timestamp, record.key, record.value)
        if found != mark:
            self._problems.add("wrong_content", f"{record.place}: another {difference(mark, found)}")
        elif partition_of(record.key or b"", self._partitions) != record.partition:
            self._problems.add("wrong_content", f"{record.place}: its key belongs in another partition")
        if not self._order.follows(record.partition, stream, position):
            self._problems.add("out_of_order", f"{record.place} stands behind a later one of {stream}")

    def _pay(self, token: Token) -> bytes | None:
        """The oldest debt of this token, taken from the books."""
        owed = self._owed.pop(token, None)
        if owed is None:
            return None
        self._given.add(token)
        if isinstance(owed, bytes):
            return owed
        self._owed[token] = owed[1] if len(owed) == 2 else owed[1:]
        return owed[0]


def _read_debt(debt: bytes) -> tuple[bytes, str, int]:
    return debt[:24], debt[32:].decode(), int.from_bytes(debt[24:32], "big")


def check_letters(lane: str, schema: Any, records: Iterable[Record], fates: Fates, problems: Problems) -> None:
    """The quarantine of one provider: one letter for each rejected value, with its original and every reason."""
    raw = "raw." + lane.split(".", 1)[1]
    letters = fastavro.parse_schema(plain(schema))
    seen: set[Place] = set()
    for record in records:
        try:
            letter: Any = fastavro.schemaless_reader(BytesIO(record.value or b""), letters, None)
        except (EOFError, IndexError, ValueError):
            problems.add("wrong_content", f"{record.place} is no letter")
            continue
        place = letter["partition"], letter["offset"]
        fate = fates.get(place) if letter["lane"] == raw and not letter["subscription"] else None
        if fate is None or fate.kind != "quarantined":
            problems.add("wrong_content", f"{record.place} quarantines what is not to be rejected")
        elif place in seen:
            problems.add("duplicated", f"{record.place} repeats the letter of {raw}/{place[0]}/{place[1]}")
        else:
            seen.add(place)
            _compare_letter(record, letter, fate, raw, problems)
    for place, fate in fates.items():
        if fate.kind == "quarantined" and place not in seen:
            problems.add("lost", f"{raw}/{place[0]}/{place[1]} has no letter on {lane}")


def _compare_letter(record: Record, letter: Mapping[str, Any], fate: Fate, raw: str, problems: Problems) -> None:
    found = fingerprint(letter["arrived"], letter["key"], letter["value"])
    if found != fate.mark:
        problems.add("wrong_content", f"{record.place}: another {difference(fate.mark, found)} than the original")
    reasons = {(finding["field"], finding["reason"]) for finding in letter["findings"]}
    if reasons != fate.reasons:
        names = ", ".join(sorted(f"{field}:{reason}" for field, reason in reasons ^ fate.reasons))
        problems.add("wrong_content", f"{record.place}: reasons differ in {names}")
    if record.key != f"{raw}/{letter['partition']}/{letter['offset']}".encode():
        problems.add("wrong_content", f"{record.place}: its key is not the place of the original")


def _source(stream: str, raw: str, seq: int) -> Place | None:
    lane, _, partition = stream.rpartition("/")
    return (int(partition), seq) if lane == raw and partition.isdigit() else None
