"""Each output lane read to its end and compared with what had to be there: lost, doubled, out of order, wrong content."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from trial.oracle.avro import Codec, Unreadable
from trial.oracle.clean import Fate
from trial.oracle.records import Order, Problems, Record, difference, digest, fingerprint, partition_of

__all__ = ["CleanLane", "Inbox"]

Place = tuple[int, int]
Fates = Mapping[Place, Fate]
#: How an inbox finds an event again: subscription and position on clean, or, masked, subscription, key and id.
Token = tuple[object, ...]
#: Fates that lead to a record on clean.
_GO_ON = ("cleaned", "marker")


class _Debt(NamedTuple):
    """A tombstone that is to come: the delete's key and time."""

    key: bytes
    timestamp: int


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
        #: partition and stream -> the tombstone that comes before the stream's next event there
        self._owed: dict[tuple[int, str], _Debt] = {}
        #: those whose turn is over
        self._late: list[_Debt] = []
        self._order = Order()

    def events(self, records: Iterable[Record]) -> Iterator[tuple[Record, Fate, Mapping[str, Any]]]:
        """Every event that belongs on the lane, once, with its content; whatever is wrong is noted on the way."""
        for record in records:
            if record.value is None:
                self._tombstone(record)
                continue
            found = self._check(record, record.value)
            if found is not None and found[0].kind == "cleaned":
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
        if source is None or fate is None or fate.kind not in _GO_ON:
            self._problems.add("wrong_content", f"{record.place} has nothing on {self._raw} to come from")
            return None
        if source in self._seen:
            self._problems.add("duplicated", f"{record.place} repeats {self._raw}/{source[0]}/{source[1]}")
            return None
        self._seen.add(source)
        self._compare(record, meta, source, fate)
        return fate, event

    def _compare(self, record: Record, meta: Mapping[str, Any], source: Place, fate: Fate) -> None:
        if not self._order.follows(record.partition, meta["stream"], meta["seq"]):
            self._problems.add("out_of_order", f"{record.place} stands behind a later one of {self._raw}/{source[0]}")
        here = record.partition, meta["stream"]
        if here in self._owed:
            self._late.append(self._owed.pop(here))
        if meta["op"] == "d":
            self._owed[here] = _Debt(record.key or b"", record.timestamp)
        right = source[0] if fate.kind == "marker" else partition_of(record.key or b"", self._partitions)
        found = fingerprint(record.timestamp, record.key, record.value)
        if found != fate.mark:
            self._problems.add("wrong_content", f"{record.place}: another {difference(fate.mark, found)}")
        elif right != record.partition:
            self._problems.add("wrong_content", f"{record.place}: its key belongs in another partition")
        elif record.headers is not None and _told(record.headers) != fate.told:
            self._problems.add("wrong_content", f"{record.place}: other findings in its header")

    def _tombstone(self, record: Record) -> None:
        """A tombstone pays the delete before it: of its key, in its partition, at its time, before anything else follows."""
        of_key = [(here, debt) for here, debt in self._owed.items() if debt.key == record.key]
        late = next((debt for debt in self._late if debt.key == record.key), None)
        if of_key:
            here, debt = min(of_key, key=lambda one: (one[0][0] != record.partition, one[1].timestamp != record.timestamp))
            del self._owed[here]
            if here[0] != record.partition:
                self._problems.add("wrong_content", f"{record.place}: a tombstone in another partition than its delete")
            elif debt.timestamp != record.timestamp:
                self._problems.add("wrong_content", f"{record.place}: a tombstone of another time than its delete")
        elif late is not None:
            self._late.remove(late)
            self._problems.add("out_of_order", f"{record.place}: a tombstone behind what followed its delete")
        else:
            self._problems.add("wrong_content", f"{record.place}: a tombstone without a delete before it")

    def _settle(self) -> None:
        for place, fate in self._fates.items():
            if fate.kind in _GO_ON and place not in self._seen:
                self._problems.add("lost", f"{self._raw}/{place[0]}/{place[1]} is not on {self._lane}")
        missing = len(self._owed) + len(self._late)
        if missing:
            self._problems.add("lost", f"{self._lane}: deletes without their tombstone", missing)


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


def _told(headers: Sequence[tuple[str, Any]]) -> bytes:
    """The digest of the findings that travel with an event; nothing else may."""
    if not headers:
        return b""
    return digest(headers[0][1]) if len(headers) == 1 and headers[0][0] == "findings" else b"other"


def _source(stream: str, raw: str, seq: int) -> Place | None:
    lane, _, partition = stream.rpartition("/")
    return (int(partition), seq) if lane == raw and partition.isdigit() else None
