"""What clean must make of each raw value: one fate each (I-10, I-11, I-17), and the exact bytes of what passes."""

from collections.abc import Iterable, Iterator, Mapping
from sys import intern
from typing import Any, NamedTuple

from trial.oracle.avro import Codec, UnknownSchema, Unreadable
from trial.oracle.keys import key_of, parses
from trial.oracle.plan import Dataset, Plan
from trial.oracle.records import Record, fingerprint
from trial.oracle.rules import Finding, RowRules
from trial.oracle.tables import SourceState

__all__ = ["Fate", "judged", "passed"]

_LARGEST_JUMP = 1 << 40


class Fate(NamedTuple):
    """What must become of one raw value. `mark` is the fingerprint of the clean event, or of the letter's original."""

    kind: str
    dataset: str
    cause: str
    op: str
    fixed: bool
    reasons: frozenset[tuple[str, str]]
    mark: bytes
    timestamp: int
    stream: str = ""


def judged(plan: Plan, codec: Codec, lane: str, records: Iterable[Record],
           sources: dict[str, SourceState]) -> Iterator[tuple[Record, Fate]]:
    """Each value of one raw lane with its fate; tombstones and markers are none. Fills the state per stream."""
    clerk = _Clerk(plan, codec, lane, sources)
    for record in records:
        if record.value is not None:
            fate = clerk.judge(record, record.value)
            if fate.kind != "marker":
                yield record, fate


def passed(record: Record, dataset: str, meta: Mapping[str, Any]) -> Fate:
    """The fate of a record that stands on clean, told by itself."""
    return _fate(record, "cleaned", dataset, meta)


class _Clerk:
    """Judges the values of one lane in the order of each partition."""

    def __init__(self, plan: Plan, codec: Codec, lane: str, sources: dict[str, SourceState]) -> None:
        self._plan = plan
        self._sources = sources
        self._codec = codec
        self._provider = lane.split(".")[1]
        self._marks: dict[tuple[int, str], tuple[int, int]] = {}
        self._rules = {item.id: RowRules(item) for item in plan.datasets.values() if item.provider == self._provider}

    def judge(self, record: Record, value: bytes) -> Fate:
        try:
            number, event = self._codec.read(value)
        except UnknownSchema:
            return _rejected(record, "unknown_schema")
        except Unreadable:
            return _rejected(record, "undecodable")
        dataset = self._plan.by_schema.get(number)
        if dataset is None:
            return _rejected(record, "unknown_schema")
        return self._judge_event(record, dataset, event)

    def _judge_event(self, record: Record, dataset: Dataset, event: Mapping[str, Any]) -> Fate:
        meta = event["meta"]
        wrong = self._trust(record, dataset, event)
        if wrong:
            return _rejected(record, wrong, dataset.id, meta)
        step = self._step(record.partition, meta)
        if step == "duplicate":
            return _fate(record, step, dataset.id, meta)
        if step:
            return _rejected(record, step, dataset.id, meta)
        if meta["op"] == "m":
            return _fate(record, "marker", dataset.id, meta)
        self._sources.setdefault(meta["stream"], SourceState()).apply(record.key or b"", event["row"])
        return self._apply_rules(record, dataset, event)

    def _trust(self, record: Record, dataset: Dataset, event: Mapping[str, Any]) -> str:
        """Why this event may not be believed; empty if it may."""
        meta, row = event["meta"], event["row"]
        if dataset.provider != self._provider:
            return "foreign_schema"
        if meta["stream"] not in self._plan.streams.get(self._provider, ()):
            return "foreign_stream"
        return _key_problem(dataset, record.key or b"", meta["op"], row, event["before"])

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

    def _apply_rules(self, record: Record, dataset: Dataset, event: Mapping[str, Any]) -> Fate:
        row = event["row"]
        findings: tuple[Finding, ...] = ()
        if row is not None:
            row, findings = self._rules[dataset.id].judge(row, record.timestamp)
        if any(finding.severity == "reject" for finding in findings):
            return _rejected(record, findings, dataset.id, event["meta"])
        stamp = {"stream": f"{record.lane}/{record.partition}", "epoch": 0, "seq": record.offset}
        content = {"meta": {**event["meta"], **stamp}, "row": row, "before": self._before(dataset, event["before"], record)}
        value = self._codec.write(dataset.schema, content)
        return _fate(record, "cleaned", dataset.id, event["meta"], fingerprint(record.timestamp, record.key, value),
                     any(finding.severity == "fix" for finding in findings))

    def _before(self, dataset: Dataset, before: Mapping[str, Any] | None, record: Record) -> Mapping[str, Any] | None:
        """The row before as it once passed; nothing if it would not have."""
        if before is None:
            return None
        row, findings = self._rules[dataset.id].judge(before, record.timestamp)
        return None if any(finding.severity == "reject" for finding in findings) else row


def _key_problem(dataset: Dataset, key: bytes, op: str, row: Any, before: Any) -> str:
    if op == "m":
        if key != f"{dataset.id}/".encode():
            return "key_mismatch"
        return "" if row is None else "row_unexpected"
    if (row is None) != (op == "d"):
        return "row_unexpected" if op == "d" else "row_missing"
    known = before if op == "d" else row
    if known is None:
        return "" if parses(dataset, key) else "key_mismatch"
    return "" if key == key_of(dataset, known) else "key_mismatch"


def _rejected(record: Record, why: str | tuple[Finding, ...], dataset: str = "",
              meta: Mapping[str, Any] | None = None) -> Fate:
    reasons = frozenset({("", why)}) if isinstance(why, str) else frozenset((finding.field, finding.reason) for finding in why)
    return Fate("quarantined", dataset, meta["cause"] if meta else "live", meta["op"] if meta else "", False, reasons,
                fingerprint(record.timestamp, record.key, record.value), record.timestamp,
                meta["stream"] if meta else "")


def _fate(record: Record, kind: str, dataset: str, meta: Mapping[str, Any], mark: bytes = b"",
          fixed: bool = False) -> Fate:
    return Fate(kind, dataset, meta["cause"], meta["op"], fixed, frozenset(), mark, record.timestamp, intern(meta["stream"]))
