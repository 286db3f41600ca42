"""Scanning and projecting events of three shapes, flat, wide and nested, next to fastavro's reading and writing of the same.

Both deliver the same fields of the same events, and not a time is shown before the bytes were compared. `fast` is the share of
events of which no field had to be rewritten; the last line has a nested row whose arrays come in blocks, so that all of them are.
"""

import datetime as dt
import io
import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

import fastavro

from schemas.codec import EventCodec, EventScanner, Scanned, stream_prefix
from schemas.contract import compile_subscription, event_schema, output_schema
from schemas.control import Dataset, Subscription
from schemas.datasets import standard_dataset
from schemas.envelope import Event, Meta
from trial.city.residents import Population

__all__ = ["show"]

ROUNDS = 5
ARRIVED = 1_767_323_045_000
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
STREAM = stream_prefix("raw.health/0", 0)
TEXT, DECIMAL = ["null", "string"], {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
MOMENT = {"type": "long", "logicalType": "timestamp-millis"}


class Shape(NamedTuple):
    """A dataset, rows of it, and the fields that are delivered."""

    name: str
    dataset: Dataset
    rows: list[dict[str, Any]]
    fields: tuple[str, ...]


def resident(count: int) -> Shape:
    """The trial city's people: twelve flat fields."""
    people = Population(7)
    rows = [{**people.draw()._asdict(), "updated_at": AT} for _ in range(count)]
    return Shape("resident", standard_dataset("resident").declare("health.resident", 1), rows,
                 ("resident_id", "name", "phone", "division", "status"))


def wide(count: int) -> Shape:
    """Sixty flat fields of every second kind, as an old table has them."""
    kinds = [("string", lambda rng: f"值{rng.random():.6f}"), (TEXT, lambda rng: rng.choice([None, "示例路一号", "x"])),
             ("int", lambda rng: rng.randrange(1 << 20)), (["null", DECIMAL], lambda rng: Decimal(rng.randrange(1 << 30)).scaleb(-2)),
             (MOMENT, lambda rng: AT + dt.timedelta(seconds=rng.randrange(1 << 24))), ("double", lambda rng: rng.random())]
    rng = Random(7)
    fields = [(f"f{number}", *kinds[number % len(kinds)]) for number in range(60)]
    rows = [{name: draw(rng) for name, _, draw in fields} for _ in range(count)]
    return Shape("wide, 60 fields", _dataset("wide", [{"name": name, "type": kind} for name, kind, _ in fields]), rows,
                 tuple(f"f{number}" for number in range(0, 60, 3)))


def nested(count: int) -> Shape:
    """An order with five lines, each a record with a decimal and an array, labels in a map, and a plan that contains itself."""
    fields = [
        {"name": "order_id", "type": "string"}, {"name": "at", "type": MOMENT}, {"name": "total", "type": DECIMAL},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "title", "type": "string"}, {"name": "price", "type": DECIMAL}, {"name": "note", "type": TEXT},
            {"name": "counts", "type": {"type": "array", "items": "int"}}]}}},
        {"name": "labels", "type": {"type": "map", "values": "string"}},
        {"name": "plan", "type": {"type": "record", "name": "Step", "fields": [
            {"name": "title", "type": "string"}, {"name": "next", "type": {"type": "array", "items": "Step"}}]}}]
    rng = Random(7)

    def row(number: int) -> dict[str, Any]:
        lines = [{"title": f"项目{rng.randrange(1000)}", "price": Decimal(rng.randrange(1 << 24)).scaleb(-2),
                  "note": rng.choice([None, "加急"]), "counts": [rng.randrange(500) for _ in range(3)]} for _ in range(5)]
        plan = {"title": "a", "next": [{"title": "b", "next": [{"title": "c", "next": []}]}, {"title": "d", "next": []}]}
        return {"order_id": f"{number:012}", "at": AT, "total": sum((line["price"] for line in lines), Decimal(0)), "lines": lines,
                "labels": {"渠道": "窗口", "level": "2"}, "plan": plan}

    return Shape("nested, 5 lines", _dataset("order", fields), [row(number) for number in range(count)],
                 ("order_id", "total", "lines", "plan"))


def _dataset(name: str, fields: list[Any]) -> Dataset:
    row = json.dumps({"type": "record", "name": "Row", "fields": fields})
    return Dataset(id=f"health.{name}", title=name, provider="health", key=(fields[0]["name"],), row_schema=row, event_schema=1)


class Run:
    """One shape both ways."""

    def __init__(self, shape: Shape) -> None:
        item = Subscription(id=f"tax.{shape.dataset.id}", subscriber="tax", dataset=shape.dataset.id, fields=shape.fields,
                            purpose="bench", output_schema=2)
        text, out = event_schema(shape.dataset.id, shape.dataset.row_schema), output_schema(shape.dataset, item)
        self.name, self.fields = shape.name, shape.fields
        self.scanner = EventScanner(text, 1)
        self._delivery = compile_subscription(item, shape.dataset, self.scanner, "341500", b"")
        self._read, self._write = (fastavro.parse_schema(json.loads(schema)) for schema in (text, out))
        codec = EventCodec(text, 1)
        self.values = [codec.encode(Event(Meta(f"{seq:012}", "c", ARRIVED, "hr.core", "health.core", 0, seq), row))
                       for seq, row in enumerate(shape.rows)]

    def blocks(self) -> "Run":
        """The same events, each array of lines in two blocks: what a writer may do that does not know how many there will be."""
        spot = self.scanner.index["lines"]
        for number, value in enumerate(self.values):
            pieces = list(self.scanner.scan(value).row or ())
            first = self.scanner.encode_field(spot, self.scanner.decode_field(spot, pieces[spot])[:1])[:-1]
            rest = self.scanner.encode_field(spot, self.scanner.decode_field(spot, pieces[spot])[1:])
            at = value.index(pieces[spot])
            self.values[number] = value[:at] + first + rest + value[at + len(pieces[spot]):]
        self.name = "nested, in blocks"
        return self

    def deliver(self, value: bytes) -> bytes:
        """What the router does: scan, cut, put together under its own position."""
        scanned: Scanned = self.scanner.scan(value)
        return self._delivery.value(scanned, scanned.op, scanned.row, STREAM, 7)

    def deliver_by_values(self, value: bytes) -> bytes:
        """The same by decoding and encoding."""
        source, out = io.BytesIO(value), io.BytesIO()
        source.seek(5)
        event: Any = fastavro.schemaless_reader(source, self._read, None)
        event["meta"] |= {"stream": "raw.health/0", "epoch": 0, "seq": 7}
        out.write(b"\0\0\0\0\2")
        fastavro.schemaless_writer(out, self._write, {"meta": event["meta"], "row": {name: event["row"][name] for name in self.fields}})
        return out.getvalue()

    def check(self) -> float:
        """The share of events on the fast path; stops unless both ways deliver the same bytes."""
        before = self.scanner.rewritten
        for value in self.values:
            if self.deliver(value) != self.deliver_by_values(value):
                sys.exit(f"{self.name}: an output is wrong; no time is shown")
        return 1 - (self.scanner.rewritten - before) / len(self.values)

    def cost(self, work: Callable[[bytes], object]) -> float:
        """CPU microseconds per event of one round."""
        began = time.process_time()
        for value in self.values:
            work(value)
        return (time.process_time() - began) / len(self.values) * 1e6


def show(count: int) -> None:
    """Check, measure in turn, print."""
    runs = [Run(resident(count)), Run(wide(count)), Run(nested(count)), Run(nested(count)).blocks()]
    print(f"\n{'':20}{'bytes':>6} {'fast':>6}   {'scan':>6} {'scan, project':>14}   {'fastavro reads, writes':>22}")
    for run in runs:
        share, best = run.check(), [float("inf")] * 3
        for _ in range(ROUNDS):
            times = [run.cost(work) for work in (run.scanner.scan, run.deliver, run.deliver_by_values)]
            best = list(map(min, best, times))
        print(f"{run.name:20}{len(run.values[0]):6} {share:6.0%}   {best[0]:6.2f} {best[1]:14.2f}   {best[2]:22.2f}   "
              f"{best[2] / best[1]:4.1f} times")
