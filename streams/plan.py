"""The plan compiled for work: per schema id a scanner, a judge and the outlets of its live subscriptions.

Compiled when the plan changes, and then only what did change, never per record. For the handlers; `lanes` tells the
transport what to subscribe to.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from schemas.codec.frame import prefix
from schemas.codec.scanner import EventScanner, Pieces, Scanned
from schemas.control import Dataset, LaneState, Node, Plan, StopLine, Subscription
from schemas.envelope import marker_key
from schemas.errors import RetryError
from schemas.keys import Key
from schemas.lanes import clean_lane
from schemas.rules import Judgement, compile_rules
from schemas.text import Text
from streams.chunk import Chunk
from streams.memory import Memory
from streams.outlets import Outlets, outlets
from streams.timing import timing
from streams.versions import reading_older

__all__ = ["Source", "WorkingPlan", "check_version", "working_plan"]

#: Field values whose division is kept, per dataset.
_DIVISIONS: Final = 65_536
_DIVISION_SIZE: Final = 64
#: Ids are given in turn, so one far beyond all that are known is no schema's, but the bytes of something else.
_AHEAD: Final = 1000


class _Parts(NamedTuple):
    """All of the plan that a source is made of."""

    dataset: Dataset
    schema: str
    live: tuple[Subscription, ...]
    home: Node | None
    #: the event schema of the earlier version it reads; "" where it is the present one's own
    older: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset, compiled: all a handler needs to know about a record that carries its schema id.

    Each earlier version of a dataset has one too, which differs in how it reads; `schema_id` is always the present one.
    """

    dataset: str
    provider: str
    #: where its records go on, and whether each is an event of its own: then no record has a past
    lane: str
    log: bool
    schema_id: int
    rules_version: str
    scan: Callable[[bytes], Scanned]
    judge: Callable[[Pieces, int], Judgement]
    record_key: Callable[[Pieces], bytes]
    parses_key: Callable[[bytes], bool]
    marker: bytes
    division: Callable[[Pieces | None], str]
    timing: Callable[[bytes, int], str]
    outlets: Outlets
    made_of: _Parts


@dataclass(frozen=True, slots=True)
class WorkingPlan:
    """What one version of the plan means to a worker. `sources` is keyed by the five bytes a value begins with."""

    version: int
    sources: Mapping[bytes, Source]
    streams: Mapping[str, Mapping[str, int]]
    #: schema ids that are no longer waited for, and lanes on which none is
    given_up: frozenset[int | str]
    #: the highest id a schema may be given before this worker hears of it
    farthest: int
    all_lanes: tuple[str, ...]
    #: by lane, and by provider
    states: Mapping[str, LaneState] = field(default_factory=dict)
    stop_lines: Mapping[str, StopLine] = field(default_factory=dict)

    def holds(self, lane: str, by_worker: int) -> bool:
        """Whether a lane waits for a person, by the plan or by what a worker noted under version `by_worker`."""
        state = self.states.get(lane)
        return state is not None and state.is_held(by_worker)

    def giving_up(self, unknown: Iterable[int | str]) -> "WorkingPlan":
        """The same plan, no longer waiting for these schema ids, or for any on these lanes."""
        return replace(self, given_up=self.given_up | frozenset(unknown))

    def waits_for(self, schema_id: int, lane: str) -> bool:
        """Whether a schema id that is in no dataset yet may still come with a newer plan."""
        return schema_id <= self.farthest and schema_id not in self.given_up and lane not in self.given_up

    def lanes(self, kind: str) -> tuple[str, ...]:
        """The lanes a worker reads: kind `raw` or `clean`, those of logs among them."""
        return tuple(sorted(lane for lane in self.all_lanes if lane.startswith((f"{kind}.", f"{kind}-log."))))


def check_version(chunk: Chunk, plan: WorkingPlan, memory: Memory) -> None:
    """I-18: a RetryError while this plan is older than what one of the partitions has seen."""
    for part in chunk.parts:
        wanted = memory.of(part.lane, part.partition).plan_version
        if wanted > plan.version:
            raise RetryError(
                Text(f"{part.lane}/{part.partition} 已用到方案 {wanted}，本进程只读到 {plan.version}",
                     f"{part.lane}/{part.partition} has seen plan {wanted}, this worker only {plan.version}"),
                advice=Text("等待控制通道", "wait for the control topics"), after=0.2)


def working_plan(plan: Plan, secret: bytes, given_up: Iterable[int | str] = (),
                 before: WorkingPlan | None = None) -> WorkingPlan:
    """Compile a plan. `secret` keys the HMAC masks; `given_up` is what is no longer waited for.

    What is as it was `before`, an earlier version under the same secret, is taken from there.
    """
    live: dict[str, list[Subscription]] = {}
    for item in plan.subscriptions.values():
        if item.state == "live":
            live.setdefault(item.dataset, []).append(item)
    known = before.sources if before else {}
    sources: dict[bytes, Source] = {}
    for dataset in plan.datasets.values():
        parts = _Parts(dataset, plan.schemas[dataset.event_schema].text, tuple(live.get(dataset.id, ())), plan.home)
        source = known.get(prefix(dataset.event_schema))
        if source is None or source.made_of != parts:
            source = _source(plan, parts, secret)
        sources[prefix(dataset.event_schema)] = source
        for number in (version.event_schema for version in dataset.versions if version.event_schema in plan.schemas):
            older = known.get(prefix(number))
            wanted = parts._replace(older=plan.schemas[number].text)
            # What it shares with the present one is the same object, so that records of both count and scope as one.
            shares = older is not None and older.made_of == wanted and older.judge == source.judge
            sources[prefix(number)] = older if older is not None and shares else _older(source, wanted, number)
    return WorkingPlan(
        version=plan.version,
        sources=sources,
        streams={name: department.streams for name, department in plan.departments.items()},
        given_up=frozenset(given_up),
        farthest=max(plan.schemas, default=0) + _AHEAD,
        all_lanes=tuple(plan.lanes),
        states=plan.lanes,
        stop_lines={name: department.stop_line for name, department in plan.departments.items() if department.stop_line})


def _source(plan: Plan, parts: _Parts, secret: bytes) -> Source:
    dataset = parts.dataset
    scanner = EventScanner(parts.schema, dataset.event_schema)
    judge = compile_rules(dataset, scanner)
    key = Key(dataset, scanner)
    return Source(
        dataset=dataset.id, provider=dataset.provider, lane=clean_lane(dataset), log=dataset.kind == "log",
        schema_id=dataset.event_schema,
        rules_version=dataset.rules_version,
        scan=scanner.scan, judge=judge.judge, record_key=key.canonical, parses_key=key.parses,
        marker=marker_key(dataset.id), division=_division(dataset, scanner), timing=timing(dataset.cycle),
        outlets=outlets(plan, dataset, parts.live, scanner, secret), made_of=parts)


def _older(present: Source, parts: _Parts, number: int) -> Source:
    """The source of an earlier version. Its rows may grow on the way, so each output is measured."""
    return replace(present, scan=reading_older(parts.schema, parts.older, number), made_of=parts,
                   outlets=replace(present.outlets, safe=-1))


def _division(dataset: Dataset, scanner: EventScanner) -> Callable[[Pieces | None], str]:
    """The six digits of a row's division; "" where there are none, so that no other text gets into the books."""
    field = scanner.index.get(dataset.division_field, -1)
    kept: dict[bytes, str] = {}

    def division(row: Pieces | None) -> str:
        if row is None or field < 0:
            return ""
        piece = row[field]
        found = kept.get(piece)
        if found is None:
            code = (scanner.text(field, piece) or "")[:6]
            found = code if len(code) == 6 and code.isascii() and code.isdigit() else ""
            if len(kept) < _DIVISIONS and len(piece) < _DIVISION_SIZE:
                kept[piece] = found
        return found

    return division
