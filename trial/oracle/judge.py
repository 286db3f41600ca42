"""The judgement: raw in, everything that must follow from it recomputed, every output lane compared."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from sys import intern
from typing import Any, Literal

from trial.oracle.avro import Codec, Unreadable
from trial.oracle.books import Books
from trial.oracle.clean import Fate, judged, passed
from trial.oracle.lanes import CleanLane, Inbox, Place
from trial.oracle.letters import TOO_LARGE, Letter, Mailing, check_letters
from trial.oracle.plan import ROOM, Plan
from trial.oracle.records import Problems, Record, fingerprint
from trial.oracle.route import Router
from trial.oracle.tables import SinkTable, SourceState

__all__ = ["HOPS", "Hop", "Lanes", "Verdict", "judge"]

Hop = Literal["clean", "route"]
#: raw to clean and quarantine; clean to the inboxes. Judged apart, route is held to what is on clean.
HOPS: tuple[Hop, ...] = ("clean", "route")

#: Every record of a lane, in order per partition.
Lanes = Callable[[str], Iterable[Record]]


@dataclass
class Verdict:
    """What the oracle found. The four counts of what went wrong are 0 on a bus that kept its promise."""

    books: Books = field(default_factory=Books)
    problems: Problems = field(default_factory=Problems)
    #: subscription -> what a sink's table must hold, for those that were asked for
    tables: dict[str, SinkTable] = field(default_factory=dict)
    #: stream -> what it last said of each record on raw
    sources: dict[str, SourceState] = field(default_factory=dict)
    #: (field, reason) -> rejected records
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: (stream, what became of it) -> values; "published" and "fixed" beside the fates. Unreadable ones, and those under a
    #: stream that is not its lane's, have none.
    streams: Counter[tuple[str, str]] = field(default_factory=Counter)

    def merge(self, other: "Verdict") -> None:
        """Take over what another found of other hops."""
        self.books.merge(other.books)
        self.problems.merge(other.problems)
        self.tables.update(other.tables)
        self.sources.update(other.sources)
        self.reasons.update(other.reasons)
        self.streams.update(other.streams)

    @property
    def lost(self) -> int:
        return self.problems.counts["lost"]

    @property
    def duplicated(self) -> int:
        return self.problems.counts["duplicated"]

    @property
    def out_of_order(self) -> int:
        return self.problems.counts["out_of_order"]

    @property
    def wrong_content(self) -> int:
        return self.problems.counts["wrong_content"]

    @property
    def ledger_equals_count(self) -> bool:
        return not self.problems.counts["ledger"]

    @property
    def examples(self) -> list[str]:
        """The first of each kind, by place."""
        return self.problems.examples


def judge(plan: Mapping[str, Any], secret: bytes, lanes: Lanes, *, letter_schema: Mapping[str, Any],
          tables: Iterable[str] = (), hops: Iterable[Hop] = HOPS) -> Verdict:
    """Read everything and compare. `tables` names the subscriptions whose sink tables will be compared afterwards."""
    case = _Case(Plan(plan), secret, lanes, letter_schema, tables, frozenset(hops))
    for provider in sorted({item.provider for item in case.plan.datasets.values()}):
        case.provider(provider)
    if "route" in case.hops:
        case.inboxes()
    return case.verdict


class _Case:
    """One judgement under way."""

    def __init__(self, plan: Plan, secret: bytes, lanes: Lanes, letter_schema: Mapping[str, Any],
                 tables: Iterable[str], hops: frozenset[Hop]) -> None:
        self.plan = plan
        self.hops = hops
        self.verdict = Verdict()
        self._secret = secret
        self._lanes = lanes
        self._schema = letter_schema
        self._codec = Codec(plan.schemas)
        by_id = {item.id: item for item in plan.subscriptions}
        self.verdict.tables = {name: SinkTable(name, by_id[name].fields) for name in tables}
        self._inboxes = {item.subscriber: self._inbox(item.subscriber) for item in plan.subscriptions}
        self._refused: dict[Mailing, Letter] = {}

    def provider(self, provider: str) -> None:
        """Raw, clean and quarantine of one provider; what its subscribers must get is noted."""
        routers = {item.id: Router(self.plan, item, self._codec, self._secret)
                   for item in self.plan.datasets.values() if item.provider == provider and "route" in self.hops}
        lanes = [lane for lane in (f"clean.{provider}", f"clean-log.{provider}") if lane in self.plan.lanes]
        for record, fate, event in self._clean(lanes, provider) if "clean" in self.hops else self._as_they_are(lanes):
            if fate.dataset in routers:
                self._route(routers[fate.dataset], record, fate, event)
        if "route" in self.hops:
            self._check_letters(provider, self._refused, "route")
            self._refused = {}

    def _clean(self, lanes: Iterable[str], provider: str) -> Iterator[tuple[Record, Fate, Mapping[str, Any]]]:
        """The events of the clean lanes that belong there, after everything that raw leads to was compared."""
        raw = f"raw.{provider}"
        fates = self._fates(raw)
        self._check_letters(provider, {(raw, *place, ""): fate.letter for place, fate in fates.items() if fate.letter}, "clean")
        for lane in lanes:
            due = {place: fate for place, fate in fates.items() if fate.lane == lane}
            yield from CleanLane(lane, self.plan.lanes[lane], self._codec, due, self.verdict.problems).events(self._lanes(lane))

    def _as_they_are(self, lanes: Iterable[str]) -> Iterator[tuple[Record, Fate, Mapping[str, Any]]]:
        """The events of the clean lanes, which somebody else compares with raw; each once."""
        seen: set[tuple[str, int]] = set()
        for record in chain.from_iterable(map(self._lanes, lanes)):
            if record.value is not None:
                try:
                    number, event = self._codec.read(record.value)
                except Unreadable:
                    continue
                meta = event["meta"]
                if meta["op"] != "m" and (meta["stream"], meta["seq"]) not in seen:
                    seen.add((intern(meta["stream"]), meta["seq"]))
                    yield record, passed(record, self.plan.by_schema[number], event), event

    def _check_letters(self, provider: str, owed: Mapping[Mailing, Letter], hop: Hop) -> None:
        lane = f"dead.{provider}"
        check_letters(lane, self.plan, self._schema, self._lanes(lane), owed, hop, self.verdict.problems)

    def inboxes(self) -> None:
        """Every inbox, read to its end."""
        for subscriber, inbox in self._inboxes.items():
            contracts = {item.schema: item.id for item in self.plan.subscriptions if item.subscriber == subscriber}
            inbox.check(self._lanes(f"deliver.{subscriber}"), contracts)

    def _inbox(self, subscriber: str) -> Inbox:
        lane = f"deliver.{subscriber}"
        return Inbox(lane, self.plan.lanes[lane], self._codec, self.verdict.problems)

    def _fates(self, lane: str) -> dict[Place, Fate]:
        fates: dict[Place, Fate] = {}
        for record, fate in judged(self.plan, self._codec, lane, self._lanes(lane), self.verdict.sources):
            fates[record.partition, record.offset] = fate
            if fate.counted:
                self.verdict.books.fate(fate)
                self.verdict.streams.update([(fate.stream, "published"), (fate.stream, fate.kind)])
                self.verdict.streams[fate.stream, "fixed"] += fate.fixed
                self.verdict.reasons.update(fate.letter.reasons if fate.letter else ())
        return fates

    def _route(self, router: Router, record: Record, fate: Fate, event: Mapping[str, Any]) -> None:
        key, books = record.key or b"", self.verdict.books
        served: set[str] = set()
        for gift in router.deliveries(event, key, record.partition, record.offset):
            contract, size = gift.subscription, len(gift.key) + len(gift.value)
            served.add(contract.id)
            if size > ROOM["deliver"]:
                about = record.lane, record.partition, record.offset, contract.id
                self._refused[about] = Letter.of(record, TOO_LARGE, self.plan.datasets[fate.dataset], event["meta"])
                books.refused(contract, fate)
                continue
            books.delivered(contract, fate, size)
            mark = fingerprint(record.timestamp, gift.key, gift.value)
            stream = f"{router.lane}/{record.partition}"
            self._inboxes[contract.subscriber].expect(gift.token, stream, record.offset, mark)
            if contract.id in self.verdict.tables:
                self.verdict.tables[contract.id].apply(gift.key, gift.row)
        for contract in router.contracts:
            if contract.id not in served:
                books.held_back(contract, fate)
