"""What scanning, judging and projecting one event costs, in microseconds of CPU, next to fastavro on decoded values.

Run it as `python -m benchmarks.codec_bench [events]`. Residents of the trial city, a tenth of them dirty, no two the same;
every result is compared with its peer's before a time is shown. Then rows of other shapes: `codec_shapes`.
"""

import datetime as dt
import io
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import fastavro

from benchmarks.codec_shapes import show
from schemas.codec import EventCodec, EventScanner, Scanned, stamp, stream_prefix
from schemas.contract import compile_subscription, event_schema, output_schema
from schemas.control import Dataset, Subscription
from schemas.datasets import standard_dataset
from schemas.delivery import Delivery
from schemas.envelope import Event, Meta
from schemas.rules import Judge, compile_rules
from trial.city.dirt import DirtyPopulation
from trial.oracle.rules import RowRules

ROUNDS = 5
ARRIVED = 1_767_323_045_000
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
STREAM = stream_prefix("raw.health/0", 0)
FIELDS = ("resident_id", "name", "phone", "division", "status")


class Measured(NamedTuple):
    """One line of the result: CPU microseconds per event of ours and of the peer."""

    what: str
    ours: float
    peer: float
    peer_name: str


class Bench:
    """A dataset compiled both ways, and the events."""

    def __init__(self, count: int) -> None:
        self.dataset: Dataset = standard_dataset("resident").declare("health.resident", 1)
        text = event_schema(self.dataset.id, self.dataset.row_schema)
        self.item = Subscription(id="tax.health.resident", subscriber="tax", dataset=self.dataset.id, fields=FIELDS,
                                 purpose="bench", output_schema=2)
        out = output_schema(self.dataset, self.item)
        self.scanner = EventScanner(text, 1)
        self.schema, self.out = (fastavro.parse_schema(json.loads(schema)) for schema in (text, out))
        self.delivery: Delivery = compile_subscription(self.item, self.dataset, self.scanner, "341500", b"")
        self.oracle = RowRules(self.dataset)  # type: ignore[arg-type]
        codec, people = EventCodec(text, 1), DirtyPopulation(7)
        rows = ({**people.draw()[0]._asdict(), "updated_at": AT} for _ in range(count))
        self.values = [codec.encode(Event(Meta(f"{seq:012}", "c", ARRIVED, "hr.core", "health.population", 0, seq), row))
                       for seq, row in enumerate(rows)]
        self.scans: list[Scanned] = [self.scanner.scan(value) for value in self.values]
        self.events: list[Any] = [self.read(value) for value in self.values]
        self.cuts = [{"meta": {**event["meta"], "stream": "raw.health/0", "seq": 7}, "row": {name: event["row"][name] for name in FIELDS}}
                     for event in self.events]

    def judge(self) -> Judge:
        """The rules, nothing remembered yet."""
        return compile_rules(self.dataset, self.scanner)

    def read(self, value: bytes) -> Any:
        """The event as fastavro reads it."""
        source = io.BytesIO(value)
        source.seek(5)
        return fastavro.schemaless_reader(source, self.schema, None)

    def write(self, schema: Any, head: bytes, content: Any) -> bytes:
        """The event as fastavro writes it."""
        out = io.BytesIO()
        out.write(head)
        fastavro.schemaless_writer(out, schema, content)
        return out.getvalue()

    def project(self, scanned: Scanned) -> bytes:
        """The event for one subscriber."""
        return self.delivery.value(scanned, scanned.op, scanned.row, STREAM, 7)

    def clean(self, judge: Judge, value: bytes) -> bytes:
        """Scanned, judged and put together again."""
        event = self.scanner.scan(value)
        assert event.row is not None
        told = judge.judge(event.row, ARRIVED)
        return b"" if told.rejected else stamp(1, event.head, STREAM, 7, event.tail, told.row, None)

    def clean_slowly(self, value: bytes) -> bytes:
        """Decoded, judged by the oracle's rules and encoded again."""
        event = self.read(value)
        row, findings = self.oracle.judge(event["row"], ARRIVED)
        if any(one.severity == "reject" for one in findings):
            return b""
        meta = {**event["meta"], "stream": "raw.health/0", "seq": 7}
        return self.write(self.schema, value[:5], {"meta": meta, "row": row, "before": None})

    def check(self) -> None:
        """Stop unless both ways say the same."""
        judge = self.judge()
        for value, scanned, event, cut in zip(self.values, self.scans, self.events, self.cuts, strict=True):
            assert scanned.row is not None
            told, (_, findings) = judge.judge(scanned.row, ARRIVED), self.oracle.judge(event["row"], ARRIVED)
            right = (self.scanner.decode_row(scanned.row) == event["row"]
                     and self.project(scanned) == self.write(self.out, b"\0\0\0\0\2", cut)
                     and [(one.field, one.reason) for one in told.findings] == [(one.field, one.reason) for one in findings]
                     and self.clean(judge, value) == self.clean_slowly(value))
            if not right:
                sys.exit("an output is wrong; no time is shown")


def cost(work: Callable[[Any], object], given: Iterable[Any], count: int) -> float:
    """CPU microseconds per event of one round."""
    began = time.process_time()
    for one in given:
        work(one)
    return (time.process_time() - began) / count * 1e6


def measure(bench: Bench) -> list[Measured]:
    """The best of some rounds, ours and the peer's taken in turn."""
    rows, same = [event["row"] for event in bench.events], bench.scans[:500] * (len(bench.scans) // 500)
    pairs: list[tuple[str, str, Callable[[], tuple[Callable[[Any], object], list[Any]]], Callable[[Any], object], list[Any]]] = [
        ("scan", "fastavro reads", lambda: (bench.scanner.scan, bench.values), bench.read, bench.values),
        ("judge, no row twice", "rules on values", lambda: (_judging(bench.judge()), bench.scans),
         lambda row: bench.oracle.judge(row, ARRIVED), rows),
        ("judge, few rows", "rules on values", lambda: (_judging(bench.judge()), same),
         lambda row: bench.oracle.judge(row, ARRIVED), rows),
        ("project", "fastavro writes", lambda: (bench.project, bench.scans),
         lambda cut: bench.write(bench.out, b"\0\0\0\0\2", cut), bench.cuts),
        ("scan, judge, stamp", "read, rules, write", lambda: (_cleaning(bench, bench.judge()), bench.values),
         bench.clean_slowly, bench.values)]
    best = [[float("inf"), float("inf")] for _ in pairs]
    for _ in range(ROUNDS):
        for spot, (_, _, ours, peer, given) in enumerate(pairs):
            work, mine = ours()
            best[spot][0] = min(best[spot][0], cost(work, mine, len(mine)))
            best[spot][1] = min(best[spot][1], cost(peer, given, len(given)))
    return [Measured(what, *best[spot], peer) for spot, (what, peer, *_) in enumerate(pairs)]


def _judging(judge: Judge) -> Callable[[Scanned], object]:
    return lambda scanned: judge.judge(scanned.row or (), ARRIVED)


def _cleaning(bench: Bench, judge: Judge) -> Callable[[bytes], object]:
    return lambda value: bench.clean(judge, value)


def main(events: int = 10_000) -> None:
    """Check, measure, show."""
    bench = Bench(max(events // 500, 1) * 500)
    bench.check()
    print(f"{len(bench.values)} events of {len(bench.values[0])} bytes; CPU us per event, best of {ROUNDS}")
    for line in measure(bench):
        print(f"{line.what:20} {line.ours:6.2f}   {line.peer_name:18} {line.peer:6.2f}   {line.peer / line.ours:4.1f} times")
    show(events)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
