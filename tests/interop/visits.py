"""What the peers are given: a dataset of nested rows with a part of every kind, its events, and Avro container files by hand."""

import io
import json
import struct
from random import Random
from typing import Any

import fastavro

from schemas.codec import Avro, EventCodec, EventScanner, long_bytes, stream_prefix
from schemas.codec.avro import inlined
from schemas.codec.varint import read_long
from schemas.contract import compile_subscription, event_schema, output_schema
from schemas.control import Dataset, Subscription
from schemas.envelope import CAUSES, OPS, Event, Meta
from tests.schemas.random_avro import Plain, text

FIELDS = [
    {"name": "visit", "type": "string"},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "clock", "type": ["null", {"type": "int", "logicalType": "time-millis"}]},
    {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "share", "type": {"type": "fixed", "name": "Share", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 4}},
    {"name": "case", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["clinic", "ward", "home"]}},
    {"name": "scan", "type": ["null", "bytes"]}, {"name": "mark", "type": {"type": "fixed", "name": "Mark", "size": 3}},
    {"name": "urgent", "type": "boolean"}, {"name": "heat", "type": "double"}, {"name": "weight", "type": ["float", "null"]},
    {"name": "said", "type": ["null", "string", "int", "boolean", {"type": "record", "name": "Note", "fields": [
        {"name": "by", "type": "string"}, {"name": "kind", "type": "Kind"}]}, {"type": "array", "items": "string"}]},
    {"name": "drugs", "type": {"type": "array", "items": {"type": "record", "name": "Drug", "fields": [
        {"name": "name", "type": "string"}, {"name": "doses", "type": {"type": "array", "items": "int"}},
        {"name": "price", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}]}]}}},
    {"name": "labels", "type": {"type": "map", "values": ["null", "string"]}},
    {"name": "plan", "type": {"type": "record", "name": "Step", "fields": [
        {"name": "title", "type": "string"}, {"name": "next", "type": {"type": "array", "items": "Step"}}]}},
]
ROW = json.dumps({"type": "record", "name": "Visit", "fields": FIELDS})
VISITS = Dataset(id="health.visit", title="就诊", provider="health", key=("visit",), row_schema=ROW, event_schema=1)
EVENT = event_schema(VISITS.id, ROW)
CUT = Subscription(id="tax.health.visit", subscriber="tax", dataset=VISITS.id, fields=("plan", "drugs", "visit", "fee", "said"),
                   purpose="p", output_schema=2)
DELIVERED = output_schema(VISITS, CUT)


def rows(count: int) -> list[bytes]:
    """Rows in bytes, spelt the usual way."""
    schema = json.loads(ROW)
    # JavaScript's numbers end at 2^53, and a moment of the year 9999 lies below.
    return [Plain(Random(seed), schema).spell(schema) for seed in range(count)]


def events(count: int) -> list[Event]:
    """Events of every operation, some with a row before."""
    row = Avro(inlined(json.loads(EVENT)["fields"][1]["type"][1], {}))
    values = [row.decode(data) for data in rows(count)]
    return [Event(Meta(f"{number:04}", OPS[number % len(OPS)], 1_767_323_045_000 + number, "hr.core", "health.visit", 1, number,
                       CAUSES[number % len(CAUSES)], "341500>340000"), value, values[number - 1] if number % 3 == 0 else None)
            for number, value in enumerate(values)]


def delivered(count: int) -> list[bytes]:
    """What a subscriber gets of these events."""
    codec, scanner = EventCodec(EVENT, 1), EventScanner(EVENT, 1)
    delivery = compile_subscription(CUT, VISITS, scanner, "341500", b"secret")
    scans = [scanner.scan(codec.encode(event)) for event in events(count)]
    return [delivery.value(one, one.op, one.row, stream_prefix("clean.health/0", 0), number) for number, one in enumerate(scans)]


def said(schema: str, data: bytes) -> Any:
    """The value in Avro's JSON, as the specification has it, names short: peers differ in whether they tell the namespace."""
    reader = _Said(json.loads(schema), data)
    value = reader.value(reader.schema)
    assert reader.at == len(data)
    return value


class _Said:
    """Reads bytes that are known to be right; fastavro's own JSON does not write types that contain themselves."""

    def __init__(self, schema: Any, data: bytes) -> None:
        self.schema, self.at = schema, 0
        self._data = data
        self._named: dict[str, Any] = {}

    def _number(self) -> int:
        value, self.at = read_long(self._data, self.at)
        return value

    def _take(self, size: int) -> bytes:
        self.at += size
        return self._data[self.at - size:self.at]

    def value(self, node: Any) -> Any:
        if isinstance(node, str) and node.rsplit(".", 1)[-1] in self._named:
            node = self._named[node.rsplit(".", 1)[-1]]
        if isinstance(node, list):
            branch = node[self._number()]
            kind = branch if isinstance(branch, str) else branch.get("name", branch["type"])
            return None if branch == "null" else {kind.rsplit(".", 1)[-1]: self.value(branch)}
        kind, more = (node, {}) if isinstance(node, str) else (node["type"], node)
        if "name" in more:
            self._named[more["name"]] = more
        if kind == "record":
            return {part["name"]: self.value(part["type"]) for part in more["fields"]}
        if kind in ("array", "map"):
            parts: list[Any] = []
            while count := self._number():
                parts += [self.value(more["items"]) if kind == "array" else (self.value("string"), self.value(more["values"]))
                          for _ in range(count)]
            return parts if kind == "array" else dict(parts)
        if kind in ("int", "long"):
            return self._number()
        if kind in ("float", "double"):
            return struct.unpack("<f" if kind == "float" else "<d", self._take(4 if kind == "float" else 8))[0]
        if kind == "boolean":
            return self._take(1) == b"\1"
        if kind == "enum":
            return more["symbols"][self._number()]
        if kind == "string":
            return self._take(self._number()).decode()
        return self._take(more["size"] if kind == "fixed" else self._number()).decode("latin-1")


def short(value: Any) -> Any:
    """The value with the names of types cut to their last part."""
    if isinstance(value, list):
        return [short(one) for one in value]
    if isinstance(value, dict):
        return {name.rsplit(".", 1)[-1]: short(one) for name, one in value.items()}
    return value


_SYNC = bytes(range(16))


def container(schema: str, values: list[bytes]) -> bytes:
    """An Avro container file of values already in bytes, so that a peer reads ours and no library's."""
    head = b"Obj\1\4" + text("avro.schema") + text(schema) + text("avro.codec") + text("null") + b"\0" + _SYNC
    data = b"".join(values)
    return head + long_bytes(len(values)) + long_bytes(len(data)) + data + _SYNC


def contained(file: bytes) -> list[bytes]:
    """The values of a container file, in the bytes a peer wrote: fastavro tells the blocks, the schema where each value ends."""
    values: list[bytes] = []
    for block in fastavro.block_reader(io.BytesIO(file)):
        data, at = block.bytes_.getvalue(), 0
        parsed = fastavro.parse_schema(block.writer_schema)
        source = io.BytesIO(data)
        for _ in range(block.num_records):
            fastavro.schemaless_reader(source, parsed, None)
            values.append(data[at:source.tell()])
            at = source.tell()
    return values
