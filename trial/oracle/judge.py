"""The judgement: raw in, everything that must follow from it recomputed, every output lane compared."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from sys import intern
from typing import Any, Literal

import fastavro

from trial.oracle.avro import Codec, Unreadable, plain
from trial.oracle.books import Books
from trial.oracle.clean import Fate, judged, passed
from trial.oracle.eras import Eras
from trial.oracle.keys import key_of
from trial.oracle.lanes import CleanLane, Inbox, Place
from trial.oracle.letters import TOO_LARGE, UNDECODABLE, Letter, Mailing, check_letters
from trial.oracle.plan import ROOM, Dataset, Plan
from trial.oracle.records import Problems, Record, fingerprint
from trial.oracle.replays import Claim, Replays, claims
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
          tables: Iterable[str] = (), hops: Iterable[Hop] = HOPS, earlier: Iterable[Mapping[str, Any]] = ()) -> Verdict:
    """Read everything and compare. `tables` names the subscriptions whose sink tables will be compared afterwards; `earlier`
    are the plans in force before this one while the run lasted, oldest first."""
    eras = Eras([*map(Plan, earlier), Plan(plan)])
    case = _Case(eras, secret, lanes, letter_schema, tables, frozenset(hops))
    for provider in sorted({item.provider for item in case.plan.datasets.values()}):
        case.provider(provider)
    if "route" in case.hops:
        case.inboxes()
    return case.verdict


class _Case:
    """One judgement under way."""

    def __init__(self, eras: Eras, secret: bytes, lanes: Lanes, letter_schema: Mapping[str, Any],
                 tables: Iterable[str], hops: frozenset[Hop]) -> None:
        self.eras = eras
        self.plan = plan = eras.plans[-1]
        self.hops = hops
        self.verdict = Verdict()
        self._secret = secret
        self._lanes = lanes
        self._schema = letter_schema
        self._shape = fastavro.parse_schema(plain(letter_schema))
        self._codec = Codec(plan.schemas)
        by_id = {item.id: item for item in plan.subscriptions}
        self.verdict.tables = {name: SinkTable(name, by_id[name].fields) for name in tables}
        self._inboxes = {item.subscriber: self._inbox(item.subscriber) for each in eras.plans for item in each.subscriptions}
        self._refused: dict[Mailing, Letter] = {}

    def provider(self, provider: str) -> None:
        """Raw, clean and quarantine of one provider; what its subscribers must get is noted."""
        routers = [{item.id: Router(plan, item, self._codec, self._secret)
                    for item in plan.datasets.values() if item.provider == provider and "route" in self.hops}
                   for plan in self.eras.plans]
        lanes = [lane for lane in (f"clean.{provider}", f"clean-log.{provider}") if lane in self.plan.lanes]
        if self.eras.several:
            self._find_eras(provider, lanes)
        for record, fate, event in self._clean(lanes, provider) if "clean" in self.hops else self._as_they_are(lanes):
            if fate.dataset in routers[-1]:
                self._route_in_its_era([by_id.get(fate.dataset) for by_id in routers], record, fate, event)
        if "route" in self.hops:
            self._check_letters(provider, self._refused, "route")
            self._refused = {}

    def _find_eras(self, provider: str, lanes: Iterable[str]) -> None:
        """Read what tells under which plan each record was handled."""
        for lane in lanes:
            self.eras.read_clean(self._lanes(lane), self._codec)
        self.eras.read_letters(self._lanes(f"dead.{provider}"), self._schema)
        eras: dict[int, tuple[str, frozenset[int]]] = {}
        for era, plan in enumerate(self.eras.plans):
            for item in plan.of_provider(provider):
                eras[item.schema] = item.id, eras.get(item.schema, ("", frozenset()))[1] | {era}
        for subscriber in self._inboxes:
            self.eras.read_inbox(self._lanes(f"deliver.{subscriber}"), self._codec, eras)

    def _route_in_its_era(self, routers: Sequence[Router | None], record: Record, fate: Fate, event: Mapping[str, Any]) -> None:
        """Routers of every era follow what they can read; the record goes out by the one of its own."""
        number = self._codec.number(record.value or b"")
        tokens = routers[-1].masked_tokens(record.key or b"", event["meta"]["id"]) if routers[-1] and self.eras.several else ()
        era = self.eras.of_clean(record, number, tokens)
        for at, (plan, router) in enumerate(zip(self.eras.plans, routers, strict=True)):
            dataset = plan.by_schema.get(number)
            if router is None or dataset is None:
                continue
            whole = True
            try:
                seen = self._codec.resolved(number, event, dataset.schema)
            except Unreadable:
                seen, whole = self._codec.resolved(number, event, dataset.schema, blank=True), False
            if at == era:
                if number != dataset.schema:  # counted by what its era makes of it, which may lack the row before
                    shown = seen["row"] if seen["row"] is not None else seen["before"]
                    fate = fate._replace(division=dataset.division(shown))
                self._route(router, record, fate, seen, dataset, whole=whole)
            else:
                router.follow(seen, record.key or b"")

    def _clean(self, lanes: Iterable[str], provider: str) -> Iterator[tuple[Record, Fate, Mapping[str, Any]]]:
        """The events of the clean lanes that belong there, after everything that raw leads to was compared."""
        raw = f"raw.{provider}"
        replays = Replays(raw, self.verdict.problems)
        fates = self._fates(raw, replays, claims(self._lanes(f"dead.{provider}"), self._shape, raw))
        owed = {(raw, *place, ""): fate.letter for place, fate in fates.items() if fate.letter}
        self._check_letters(provider, owed, "clean", replays)
        replays.check()
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
                    yield record, passed(record, self._dataset_of(number), event), event

    def _dataset_of(self, number: int) -> Dataset:
        """The dataset as it was when events first went on under this schema id."""
        return self.eras.plans[min(self.eras.writing(number))].by_schema[number]

    def _check_letters(self, provider: str, owed: Mapping[Mailing, Letter], hop: Hop, replays: Replays | None = None) -> None:
        lane = f"dead.{provider}"
        check_letters(lane, self.plan, self._schema, self._lanes(lane), owed, hop, self.verdict.problems, replays, self._key_of_repair)

    def _key_of_repair(self, value: bytes) -> bytes | None:
        """The key a repaired event travels under; None for one that has no row to tell it. It may be of a version that is past."""
        try:
            number, event = self._codec.read(value)
            dataset = self.plan.by_schema[number]
            event = self._codec.resolved(number, event, dataset.schema)
        except Unreadable:
            return None
        row = event["row"] if event["row"] is not None else event["before"]
        return key_of(dataset, row) if row is not None else None

    def inboxes(self) -> None:
        """Every inbox, read to its end."""
        for subscriber, inbox in self._inboxes.items():
            contracts = {item.schema: item.id for plan in self.eras.plans for item in plan.subscriptions
                         if item.subscriber == subscriber}
            inbox.check(self._lanes(f"deliver.{subscriber}"), contracts)

    def _inbox(self, subscriber: str) -> Inbox:
        lane = f"deliver.{subscriber}"
        return Inbox(lane, self.plan.lanes[lane], self._codec, self.verdict.problems)

    def _fates(self, lane: str, replays: Replays, claimed: Mapping[Place, Claim]) -> dict[Place, Fate]:
        fates: dict[Place, Fate] = {}
        for record, fate in judged(self.eras, self._codec, lane, self._lanes(lane), self.verdict.sources, replays, claimed):
            fates[record.partition, record.offset] = fate
            if fate.counted:
                self.verdict.books.fate(fate)
                self.verdict.streams.update([(fate.stream, "published"), (fate.stream, fate.kind)])
                self.verdict.streams[fate.stream, "fixed"] += fate.fixed
                self.verdict.reasons.update(fate.letter.reasons if fate.letter else ())
        return fates

    def _route(self, router: Router, record: Record, fate: Fate, event: Mapping[str, Any], dataset: Dataset, *,
               whole: bool) -> None:
        """What follows from a cleaned event; of one that is not `whole` a row goes to nobody, with a letter for whom it was."""
        key, books = record.key or b"", self.verdict.books
        served: set[str] = set()
        for gift in router.deliveries(event, key, record.partition, record.offset):
            contract, size = gift.subscription, len(gift.key) + len(gift.value)
            served.add(contract.id)
            blank = not whole and gift.row is not None
            if blank or size > ROOM["deliver"]:
                about = record.lane, record.partition, record.offset, contract.id
                self._refused[about] = Letter.of(record, UNDECODABLE if blank else TOO_LARGE, dataset, event["meta"])
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
