"""Replays: for each letter what would happen, and for those that pass it: one transaction closes the letter and sends the event.

So an event goes out exactly when its letter is closed, whatever dies when; whoever begins again finds what is still open.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final, NamedTuple

from pydantic import ValidationError

from schemas.errors import RetryError
from schemas.letter import Finding, Letter
from schemas.names import Names
from schemas.status import SILENT_AFTER, WorkerStatus
from schemas.text import Text
from streams.metadata import unpack
from streams.replay.box import Box, Entry, Selection
from streams.replay.decide import Candidate, Outcome
from streams.replay.desk import Desk, Lying
from streams.replay.newest import Newest
from wire.cluster import Cluster, Commit, Place
from wire.compacted import read_compacted
from wire.reading import LaneReader, committed

__all__ = ["Decision", "Replay", "plan_behind", "settled"]

#: Workers further behind than this are waited for: what they have not handled, a replay cannot be held against.
_FAR_BEHIND: Final = 100_000
#: Seconds for which workers are waited for, and between two looks.
_PATIENCE: Final = 60.0
_LOOK: Final = 0.25


def plan_behind(told: Iterable[bytes], version: int, now: float) -> list[str]:
    """The workers that are there and have not reached a version, by what they last said on `bus.workers`."""
    found = []
    for value in told:
        with suppress(ValidationError):  # of another version of shutong; `shutong status` is the place to see it
            worker = WorkerStatus.model_validate_json(value)
            if worker.state != "leaving" and now - worker.updated / 1000 < SILENT_AFTER and worker.plan_version < version:
                found.append(worker.worker)
    return sorted(found)


class Decision(NamedTuple):
    """What becomes of one letter, and why clean would turn its event away where that is the case."""

    place: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()


class _Going(NamedTuple):
    """An event on its way out."""

    letter: Letter
    key: bytes | None
    value: bytes


def settled(letter: Letter, closed: str, by: str, now: int, *, why: str = "", replayed: int = -1) -> Letter:
    """The letter closed: place and reasons stay, nobody's data does."""
    told = tuple(one._replace(before="", after="") for one in letter.findings)
    return letter._replace(findings=told, key=None, value=None, repaired=None, closed=closed, changed=now, by=by, why=why,
                           replayed=replayed)


class Replay:
    """One run over the letters of a selection. `told` hears what it waits for."""

    def __init__(self, desk: Desk, lanes: Collection[str], selection: Selection, by: str, *, rehearse: bool,
                 told: Callable[[Text], None] = lambda text: None) -> None:
        self._desk = desk
        self._by = by
        self._rehearse = rehearse
        self._told = told
        self._box: Box = desk.box(lanes, selection)
        #: letters that are open and meant
        self.total = len(self._box.open)
        #: letters that are named, and not there
        self.unknown = self._box.unknown
        self._newest: Newest | None = None
        self._clean: LaneReader | None = None
        #: keys of events that went out, or would, in an earlier round
        self._gone: set[bytes] = set()
        #: where the workers must be before the next round
        self._sent: dict[Place, int] = {}

    def run(self) -> Iterator[list[Decision]]:
        """What becomes of the letters, some at a time; each lot is done when it is told. The caller may stop between two."""
        if self._box.closed:
            yield [Decision(place, "closed") for place in sorted(self._box.closed)]
        with ExitStack() as open_:
            for number, round_ in enumerate(self._box.rounds()):
                if number == 0:
                    if not self._rehearse:
                        self._workers_know()
                    self._look_at_clean(open_)
                passed = self._rehearse or number == 0 or self._workers_passed()
                for batch in self._desk.batches(round_):
                    yield self._settle(batch, passed=passed)

    def _settle(self, batch: list[Lying], *, passed: bool) -> list[Decision]:
        """Decide, then do it in one transaction."""
        raw = sorted({lying.letter.lane for lying in batch if not lying.letter.subscription})
        guards, held = self._guards(raw)
        self._learn()
        now = int(time.time() * 1000)
        decisions: list[Decision] = []
        going: list[_Going] = []
        over: list[Letter] = []
        for lying in batch:
            guard = guards.get((lying.letter.lane, lying.letter.partition), -1)
            decision, candidate = self._decide(lying, guard, now, passed=passed, held=lying.letter.lane in held)
            decisions.append(decision)
            if decision.outcome == "superseded":
                over.append(lying.letter)
            elif decision.outcome == "passes" and candidate is not None:
                going.append(_Going(lying.letter, candidate.key, self._desk.rehearsal.outgoing(candidate, guard)))
        if not self._rehearse and (going or over):
            self._desk.insist(partial(self._do, going, over, now))
        self._gone |= {lying.entry.key for lying, decision in zip(batch, decisions, strict=True)
                       if decision.outcome == "passes" and lying.entry.key is not None}
        return decisions

    def _do(self, going: list[_Going], over: list[Letter], now: int) -> None:
        placed: dict[str, int] = {}
        publisher = self._desk.publisher
        with publisher.transaction():
            for each in going:
                publisher.send(each.letter.lane, each.key, each.value, each.letter.partition,
                               placed=partial(placed.__setitem__, each.letter.place))
            publisher.flush()  # only then is it known where they stand
            for each in going:
                self._desk.write(settled(each.letter, "replayed", self._by, now, replayed=placed[each.letter.place]))
            for letter in over:
                self._desk.write(settled(letter, "superseded", self._by, now))
        for each in going:
            place = each.letter.lane, each.letter.partition
            self._sent[place] = max(self._sent.get(place, 0), placed[each.letter.place] + 1)

    def _decide(self, lying: Lying, guard: int, now: int, *, passed: bool, held: bool) -> tuple[Decision, Candidate | None]:
        letter, entry, rehearsal = lying.whole, lying.entry, self._desk.rehearsal

        def out(outcome: Outcome, *findings: Finding) -> tuple[Decision, Candidate | None]:
            return Decision(entry.place, outcome, findings), candidate

        candidate = None
        if letter.subscription:
            return out("subscription")
        if letter.going is None:
            return out("gone")
        candidate = rehearsal.candidate(letter, letter.going, repaired=letter.repaired is not None)
        if candidate is None:
            return out("unreadable")
        if candidate.event.op == "m":
            return out("marker")
        if not rehearsal.registered(letter):
            return out("unregistered")
        if candidate.has_record and candidate.key is not None:
            if candidate.key in self._gone and not passed:
                return out("waits")
            if self._superseded(candidate, entry):
                return out("superseded")
        if held:
            return out("held")
        if guard <= candidate.origin:
            return out("waits")
        findings = rehearsal.findings(letter, candidate, now, guard)
        return out("fails", *findings) if findings else out("passes")

    def _superseded(self, candidate: Candidate, entry: Entry) -> bool:
        key = candidate.key or b""
        if self._rehearse and key in self._gone:
            return True
        assert self._newest is not None
        return self._newest.supersedes(key, *entry.raw[:2], candidate.origin, entry.arrived)

    def _look_at_clean(self, open_: ExitStack) -> None:
        """Everything of the letters' records that came to clean since the first of their events was turned away."""
        entries = [entry for round_ in self._box.rounds() for entry in round_ if entry.key is not None]
        self._newest = Newest({entry.key for entry in entries if entry.key}, self._box.origin, self._desk.rehearsal.scan)
        lanes = {Names.clean(Names.provider_of(entry.raw[0])) for entry in entries}
        if not lanes:
            return
        cluster = Cluster(self._desk.settings)
        start = cluster.since(cluster.places(lanes), min(entry.arrived for entry in entries))
        self._clean = open_.enter_context(LaneReader(self._desk.settings, lanes, start))
        if behind := sum(end - start[place] for place, end in self._clean.ends().items()):
            self._told(Text(f"查找更新的事件：标准通道约 {behind:,} 条", f"looking for newer events: about {behind:,} records on clean"))

    def _learn(self) -> None:
        if self._clean is not None and self._newest is not None:
            for batch in self._clean.to_end():
                self._newest.learn(batch)

    def _guards(self, lanes: Iterable[str]) -> tuple[Mapping[Place, int], frozenset[str]]:
        """What the workers have committed, asked before clean is read to its end: all below is on clean then. And the lanes that
        are held: behind what waits there nobody can say whether an event is the newest of its record."""
        wanted = list(lanes)
        if not wanted:
            return {}, frozenset()
        deadline = time.monotonic() + _PATIENCE
        while True:
            commits = committed(self._desk.settings, "worker", wanted)
            guards, held = {place: commit.offset for place, commit in commits.items()}, self._held(wanted, commits)
            ends = Cluster(self._desk.settings).ends(guards)
            behind = max((end - guards[place] for place, end in ends.items() if place[0] not in held), default=0)
            if behind <= _FAR_BEHIND:
                return guards, held
            self._wait(deadline, Text(f"工作进程落后 {behind:,} 条，先等它们赶上",
                                      f"the workers are {behind:,} records behind; they are waited for"))

    def _held(self, lanes: Iterable[str], commits: Mapping[Place, Commit]) -> frozenset[str]:
        """Those that wait for a person, by the plan or by what a worker has noted at a stop-line."""
        by_worker = {lane: max((unpack(lane, commit.metadata)[2] for (of, _), commit in commits.items() if of == lane), default=0)
                     for lane in lanes}
        states = self._desk.plan.lanes
        return frozenset(lane for lane, version in by_worker.items() if lane in states and states[lane].is_held(version))

    def _workers_know(self) -> None:
        """Wait until every worker that is there goes by our plan: an older one may not know a schema that we know."""
        version, deadline = self._desk.plan.version, time.monotonic() + _PATIENCE
        while behind := plan_behind(read_compacted(self._desk.settings, "bus.workers").values(), version, time.time()):
            self._wait(deadline, Text(f"等工作进程用上方案 {version}：{'、'.join(behind)}",
                                      f"workers {', '.join(behind)} are waited for: they do not go by plan {version} yet"))

    def _workers_passed(self) -> bool:
        """Wait until the workers have handled what went out; False when they do not come to it."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            lanes = sorted({lane for lane, _ in self._sent})
            done = committed(self._desk.settings, "worker", lanes) if lanes else {}
            left = {lane for (lane, number), offset in self._sent.items()
                    if (lane, number) not in done or done[lane, number].offset < offset}
            if not left:
                return True
            if self._held(left, done):
                return False
            try:
                self._wait(deadline, Text("同一条记录还有更早的死信：先等刚重放的事件处理完",
                                          "older letters of the same records wait until what was just replayed is handled"))
            except RetryError:
                return False

    def _wait(self, deadline: float, what: Text) -> None:
        if time.monotonic() > deadline:
            raise RetryError(Text("工作进程没有赶上", "the workers do not catch up"),
                             advice=Text("看 shutong status：工作进程是否在运行；之后再执行一次，已关闭的不会重复",
                                         "see with shutong status whether workers run, then do this again: what is closed stays so"))
        self._told(what)
        time.sleep(_LOOK)
