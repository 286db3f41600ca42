"""What clean must make of each raw value: one fate each (I-10, I-11, I-17), and the exact bytes of what passes."""

import json
from collections.abc import Iterable, Iterator, Mapping
from sys import intern
from typing import Any, NamedTuple

from trial.oracle.avro import Codec, UnknownSchema, Unreadable
from trial.oracle.eras import Eras
from trial.oracle.keys import key_of, parses
from trial.oracle.letters import TOO_LARGE, Letter, about, brief
from trial.oracle.plan import ROOM, Dataset
from trial.oracle.quality import Flaw, flaws, timing
from trial.oracle.records import Record, digest, fingerprint, is_marker
from trial.oracle.replays import REPLAY, Claim, Place, Replays, standing
from trial.oracle.rules import Finding, RowRules
from trial.oracle.tables import SourceState

__all__ = ["Fate", "judged", "passed"]

_LARGEST_JUMP = 1 << 40


class Fate(NamedTuple):
    """What must become of one raw value, or of a marker, which is not `counted` whatever becomes of it.

    `mark` is the fingerprint of the event on clean, `told` the digest of its findings there. `stream` is empty where the
    lane's provider has no such stream. `flaws` is what was found in it, and what is noted of its time.
    """

    kind: str
    dataset: str
    cause: str
    op: str
    timestamp: int
    size: int
    provider: str
    stream: str = ""
    division: str = ""
    fixed: bool = False
    mark: bytes = b""
    told: bytes = b""
    letter: Letter | None = None
    counted: bool = True
    #: where it goes on, if it does
    lane: str = ""
    flaws: frozenset[Flaw] = frozenset()


def judged(eras: Eras, codec: Codec, lane: str, records: Iterable[Record], sources: dict[str, SourceState], replays: Replays,
           claimed: Mapping[Place, Claim]) -> Iterator[tuple[Record, Fate]]:
    """Each value and marker of one raw lane with its fate; tombstones have none. Fills the state per stream, and `replays`."""
    clerk = _Clerk(eras, codec, lane, sources, replays, claimed)
    for record in records:
        if record.value is not None:
            fate = clerk.judge(record, record.value)
            yield record, fate._replace(counted=False) if is_marker(record) else fate
        replays.met(record)


def passed(record: Record, dataset: Dataset, event: Mapping[str, Any]) -> Fate:
    """The fate of a record that stands on clean, told by itself."""
    meta = event["meta"]
    row = event["row"] if event["row"] is not None else event["before"]
    return Fate("cleaned", dataset.id, meta["cause"], meta["op"], record.timestamp, 0, dataset.provider, division=dataset.division(row))


class _Clerk:
    """Judges the values of one lane in the order of each partition."""

    def __init__(self, eras: Eras, codec: Codec, lane: str, sources: dict[str, SourceState], replays: Replays,
                 claimed: Mapping[Place, Claim]) -> None:
        self._eras = eras
        self._replays = replays
        self._claimed = claimed
        self._sources = sources
        self._codec = codec
        self._provider = lane.split(".")[1]
        self._of_plan = [(plan, plan.streams.get(self._provider, frozenset()),
                          {item.id: RowRules(item) for item in plan.datasets.values() if item.provider == self._provider})
                         for plan in eras.plans]
        self._plan, self._streams, self._rules = self._of_plan[0]
        self._marks: dict[tuple[int, str], tuple[int, int]] = {}

    def judge(self, record: Record, value: bytes) -> Fate:
        self._plan, self._streams, self._rules = self._of_plan[self._eras.of_raw(record)]
        try:
            number = self._codec.number(value)
            dataset = self._plan.by_schema.get(number)
            if dataset is None or self._came_before(record, dataset.changed):
                raise UnknownSchema
            event = self._codec.resolved(*self._codec.read(value), dataset.schema)
        except UnknownSchema:
            self._replays.turned_away(record, record.offset, b"")
            return self._unreadable(record, "unknown_schema")
        except Unreadable:
            self._replays.turned_away(record, record.offset, b"")
            return self._unreadable(record, "undecodable")
        fate = self._judge_event(record, dataset, event)
        self._note(record, dataset, event, fate)
        return fate

    def _came_before(self, record: Record, changed: int) -> bool:
        """Whether a worker met the event when its schema was no dataset's yet: its letter says so, and of which plan.

        That somebody registered the schema before is no matter: what counts is when the dataset took it up, at its last change at most.
        """
        claim = self._claimed.get((record.partition, record.offset))
        return claim is not None and claim.reasons == {"unknown_schema"} and claim.plan_version < changed

    def _note(self, record: Record, dataset: Dataset, event: Mapping[str, Any], fate: Fate) -> None:
        """For the exchange of letters and events that are replayed."""
        meta = event["meta"]
        known = standing(meta, record.offset) if meta["stream"] == REPLAY and meta["cause"] == REPLAY else None
        origin = known.origin if known else record.offset
        identity = repr((meta["id"], meta["op"], meta["at"], meta["source"], meta["path"])).encode()
        if known and fate.stream and not (fate.letter and fate.letter.is_of("foreign_stream")):
            self._replays.went_out(record, origin, digest(identity))
        if fate.kind == "cleaned":
            self._replays.good(record, origin, log=dataset.log)
        elif fate.letter is not None:
            self._replays.turned_away(record, origin, digest(identity))

    def _judge_event(self, record: Record, dataset: Dataset, event: Mapping[str, Any]) -> Fate:
        meta, row = event["meta"], event["row"]
        wrong = self._trust(record, dataset, event)
        if wrong:
            return self._rejected(record, wrong, dataset, event, row)
        step = self._replayed(record, dataset, meta) if meta["stream"] == REPLAY else self._step(record.partition, meta)
        if step == "duplicate":
            return self._fate(record, step, dataset, event, row)
        if step:
            return self._rejected(record, step, dataset, event, row)
        if meta["op"] == "m":
            value = self._stamped(record, dataset, event, None, None)
            return self._fate(record, "marker", dataset, event, row)._replace(
                mark=fingerprint(record.timestamp, record.key, value))
        if meta["stream"] != REPLAY:  # no department's table is behind it
            self._sources.setdefault(meta["stream"], SourceState()).apply(record.key or b"", row)
        return self._apply_rules(record, dataset, event)

    def _trust(self, record: Record, dataset: Dataset, event: Mapping[str, Any]) -> str:
        """Why this event may not be believed; empty if it may."""
        if dataset.provider != self._provider:
            return "foreign_schema"
        if event["meta"]["stream"] not in self._streams:
            return "foreign_stream"
        if dataset.log and event["meta"]["op"] in ("u", "d"):
            return "log_op"
        return _key_problem(dataset, record.key or b"", event["meta"]["op"], event["row"], event["before"])

    def _step(self, partition: int, meta: Mapping[str, Any]) -> str:
        """What is wrong with the event's position in its stream; else the stream's mark moves there."""
        if meta["seq"] < 0:
            return ""
        here, position = (partition, meta["stream"]), (meta["epoch"], meta["seq"])
        mark = self._marks.get(here)
        if mark is not None and position <= mark:
            return "duplicate"
        if mark is not None and position[0] == mark[0] and position[1] - mark[1] > _LARGEST_JUMP:
            return "position_jump"
        self._marks[here] = position
        return ""

    def _replayed(self, record: Record, dataset: Dataset, meta: Mapping[str, Any]) -> str:
        """What stands against an event of the replayer: that it is none, or that its record had something newer on the way.

        A worker may know too little of the way, and then turns it away too: that it did stands in the letter.
        """
        known = standing(meta, record.offset)
        if known is None or meta["cause"] != REPLAY or meta["op"] == "m":
            return "foreign_stream"
        if dataset.log:
            return ""
        claim = self._claimed.get((record.partition, record.offset))
        return "replay_raced" if self._replays.raced(record, known.guard) or (claim and claim.reasons == {"replay_raced"}) else ""

    def _apply_rules(self, record: Record, dataset: Dataset, event: Mapping[str, Any]) -> Fate:
        row = event["row"]
        findings: tuple[Finding, ...] = ()
        if row is not None:
            row, findings = self._rules[dataset.id].judge(row, record.timestamp)
        if any(finding.severity == "reject" for finding in findings):
            return self._rejected(record, findings, dataset, event, event["row"])
        before = self._before(dataset, event["before"], record)
        value = self._stamped(record, dataset, event, row, before)
        told = _told(findings)
        if len(value) + len(record.key or b"") + len(told) > ROOM["clean"]:
            return self._rejected(record, TOO_LARGE, dataset, event, row)
        shown = row if row is not None else before
        return self._fate(record, "cleaned", dataset, {**event, "before": before}, shown)._replace(
            fixed=any(finding.severity == "fix" for finding in findings), told=digest(told) if told else b"",
            mark=fingerprint(record.timestamp, record.key, value), flaws=self._flaws(record, dataset, event, findings))

    def _stamped(self, record: Record, dataset: Dataset, event: Mapping[str, Any], row: Any, before: Any) -> bytes:
        """The event as it goes on, under its position on raw."""
        stamp = {"stream": f"{record.lane}/{record.partition}", "epoch": 0, "seq": record.offset}
        return self._codec.write(dataset.schema, {"meta": {**event["meta"], **stamp}, "row": row, "before": before})

    def _before(self, dataset: Dataset, before: Mapping[str, Any] | None, record: Record) -> Mapping[str, Any] | None:
        """The row before as it once passed; nothing if it would not have."""
        if before is None:
            return None
        row, findings = self._rules[dataset.id].judge(before, record.timestamp)
        return None if any(finding.severity == "reject" for finding in findings) else row

    def _unreadable(self, record: Record, why: str) -> Fate:
        """Bytes that tell nothing of where they belong."""
        return Fate("quarantined", "", "live", "", record.timestamp, _size(record), self._provider,
                    letter=Letter.of(record, about(why)), flaws=flaws(about(why), ""))

    def _rejected(self, record: Record, why: str | tuple[Finding, ...], dataset: Dataset, event: Mapping[str, Any],
                  row: Mapping[str, Any] | None) -> Fate:
        findings = about(why) if isinstance(why, str) else why
        letter = Letter.of(record, findings, dataset, event["meta"])
        return self._fate(record, "quarantined", dataset, event, row)._replace(
            letter=letter, flaws=self._flaws(record, dataset, event, findings))

    @staticmethod
    def _flaws(record: Record, dataset: Dataset, event: Mapping[str, Any], findings: tuple[Finding, ...]) -> frozenset[Flaw]:
        """What is counted of an event; its time only where it is live."""
        meta = event["meta"]
        return flaws(findings, timing(dataset.cycle, meta["at"], record.timestamp) if meta["cause"] == "live" else "")

    def _fate(self, record: Record, kind: str, dataset: Dataset, event: Mapping[str, Any], row: Mapping[str, Any] | None) -> Fate:
        """A fate, counted where the row says; without a row, where the one before does."""
        meta = event["meta"]
        stream = intern(meta["stream"]) if meta["stream"] in self._streams else ""
        return Fate(kind, dataset.id, meta["cause"], meta["op"], record.timestamp, _size(record), self._provider, stream,
                    intern(dataset.division(row if row is not None else event["before"])), lane=intern(dataset.lane))


def _key_problem(dataset: Dataset, key: bytes, op: str, row: Any, before: Any) -> str:
    marker = f"{dataset.id}/".encode()
    if op == "m":
        if key != marker:
            return "key_mismatch"
        return "" if row is None else "row_unexpected"
    if (row is None) != (op == "d"):
        return "row_unexpected" if op == "d" else "row_missing"
    known = before if op == "d" else row
    if known is None:
        return "" if parses(dataset, key) else "key_mismatch"
    return "" if key == key_of(dataset, known) != marker else "key_mismatch"


def _told(findings: tuple[Finding, ...]) -> bytes:
    """The findings as they travel with an event; nothing where there are none."""
    told = [{"field": field, "reason": reason, "severity": severity, "before": before, "after": after}
            for field, reason, severity, before, after in brief(findings)]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() if told else b""


def _size(record: Record) -> int:
    return len(record.key or b"") + len(record.value or b"")
