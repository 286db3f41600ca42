"""Random row schemas of every Avro type, rows of them as any writer may spell them, and damage: all from one random.Random.

Plain chance and no hypothesis: thousands of schemas a run, each one again by its seed. `Free` spells as Avro allows, `Plain` as
fastavro, Java and the bus do.
"""

import json
import struct
import uuid
from collections.abc import Mapping
from random import Random
from typing import Any

from schemas.codec.varint import long_bytes
from schemas.shape import check_shape

Json = Any

DEPTH = 4
_LOGICAL: dict[str, list[dict[str, Any]]] = {
    "int": [{"logicalType": "date"}, {"logicalType": "time-millis"}, {"logicalType": "unknown"}],
    "long": [{"logicalType": name} for name in ("time-micros", "timestamp-millis", "timestamp-micros", "local-timestamp-millis",
                                                "local-timestamp-micros", "timestamp-nanos")],
    "string": [{"logicalType": "uuid"}], "boolean": [], "float": [], "double": [], "null": [],
    "bytes": [{"logicalType": "decimal", "precision": 9, "scale": 2}, {"logicalType": "decimal", "precision": 30}],
}
_FIRST_DAY, _LAST_DAY, _DAY = -719_162, 2_932_896, 86_400_000
_RANGES = {
    "date": (_FIRST_DAY, _LAST_DAY), "time-millis": (0, _DAY - 1), "time-micros": (0, _DAY * 1000 - 1),
    **{f"{local}timestamp-{unit}": (_FIRST_DAY * size, (_LAST_DAY + 1) * size - 1)
       for local in ("", "local-") for unit, size in (("millis", _DAY), ("micros", _DAY * 1000))},
}
_TEXTS = ["", "a", "示例", "示例路一号", "x" * 63, "x" * 64, "长" * 40, "é", "😀"]


class Schemas:
    """Draws schemas; the names of types are numbered."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._names = 0

    def row(self) -> tuple[str, Json]:
        """A row schema that the shape check takes, as text and as JSON."""
        while True:
            self._names = 0
            fields = self._fields(self._rng.randint(1, 4), 1, ())
            schema = {"type": "record", "name": "Thing", "fields": fields}
            text = json.dumps(schema)
            if not check_shape(text):
                return text, schema

    def _fields(self, count: int, depth: int, above: tuple[str, ...]) -> list[Json]:
        return [{"name": f"f{number}", "type": self.kind(depth, above)} for number in range(count)]

    def kind(self, depth: int, above: tuple[str, ...]) -> Json:
        """A type that stands `depth` deep, inside the records called `above`."""
        drawn = self._rng.random()
        if depth >= DEPTH or drawn < 0.4:
            return self._leaf()
        if drawn < 0.55:
            return ["null", self.kind(depth, above)] if self._rng.random() < 0.5 else [self.kind(depth, above), "null"]
        if drawn < 0.65:
            return self._union(depth, above)
        if drawn < 0.78:
            return {"type": "array", "items": self._inner(depth + 1, above)}
        if drawn < 0.88:
            return {"type": "map", "values": self._inner(depth + 1, above)}
        return self._record(depth, above)

    def _inner(self, depth: int, above: tuple[str, ...]) -> Json:
        """What an array or a map holds: perhaps what it stands in."""
        return self._rng.choice(above) if above and self._rng.random() < 0.3 else self.kind(depth, above)

    def _record(self, depth: int, above: tuple[str, ...]) -> Json:
        name = self._name("R")
        within = (*above, name)
        fields = self._fields(self._rng.randint(1, 4), depth + 1, within)
        if self._rng.random() < 0.35:
            fields.append({"name": "again", "type": ["null", self._rng.choice(within)]})
        return {"type": "record", "name": name, "fields": fields}

    def _union(self, depth: int, above: tuple[str, ...]) -> Json:
        bases = self._rng.sample(["null", *_LOGICAL, "array", "map", "record", "record", "enum", "fixed"], self._rng.randint(1, 6))
        branches: list[Json] = []
        for base in bases:
            if base == "array":
                branches.append({"type": "array", "items": self._inner(depth + 1, above)})
            elif base == "map":
                branches.append({"type": "map", "values": self._inner(depth + 1, above)})
            elif base == "record":
                branches.append(self._record(min(depth, DEPTH), above))
            else:
                branches.append(self._leaf(base))
        return branches

    def _leaf(self, base: str = "") -> Json:
        base = base or self._rng.choice([*_LOGICAL, "enum", "fixed", "string", "string"])
        if base == "enum":
            return {"type": "enum", "name": self._name("E"), "symbols": [f"S{n}" for n in range(self._rng.choice([1, 3, 64, 65, 200]))]}
        if base == "fixed":
            kind: dict[str, Any] = {"type": "fixed", "name": self._name("F"), "size": self._rng.choice([1, 4, 12, 16])}
            if kind["size"] == 4 and self._rng.random() < 0.5:
                kind |= {"logicalType": "decimal", "precision": 9, "scale": 3}
            elif kind["size"] in (12, 16):
                kind["logicalType"] = {12: "duration", 16: "uuid"}[kind["size"]]
            return kind
        if self._rng.random() < 0.5 and _LOGICAL[base]:
            return {"type": base, **self._rng.choice(_LOGICAL[base])}
        return base if self._rng.random() < 0.8 else {"type": base}

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}"


class Plain:
    """Spells random values of a schema in bytes, the one usual way."""

    def __init__(self, rng: Random, schema: Json) -> None:
        self.rng = rng
        self.named: dict[str, Json] = {}
        self._learn(schema)

    def _learn(self, node: Json) -> None:
        if isinstance(node, list):
            for branch in node:
                self._learn(branch)
        elif isinstance(node, dict):
            if "name" in node:
                self.named[node["name"]] = node
            for inner in [part["type"] for part in node.get("fields", ())] + [node[key] for key in ("items", "values") if key in node]:
                self._learn(inner)

    def spell(self, node: Json, left: int = 6) -> bytes:
        """A value in bytes; `left` is how much deeper it may go where it need not."""
        if isinstance(node, str) and node in self.named:
            node = self.named[node]
        if isinstance(node, list):
            return self._union(node, left)
        kind = node["type"] if isinstance(node, dict) else node
        if kind == "record":
            return b"".join(self.spell(part["type"], left - 1) for part in node["fields"])
        if kind == "array":
            return self.blocks([self.spell(node["items"], left - 1) for _ in range(self._many(left))])
        if kind == "map":
            return self.blocks([text(f"{self.rng.choice(_TEXTS)}{number}") + self.spell(node["values"], left - 1)
                                for number in range(self._many(left))])
        return self._leaf(kind, node if isinstance(node, Mapping) else {})

    def blocks(self, parts: list[bytes]) -> bytes:
        """The parts of an array or a map."""
        return long_bytes(len(parts)) + b"".join(parts) + b"\0" if parts else b"\0"

    def number(self, value: int) -> bytes:
        """A number, a length, a branch."""
        return long_bytes(value)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128)))

    def unscaled(self, value: int, size: int) -> bytes:
        """A decimal's digits in at least so many bytes, as few as fastavro takes."""
        return value.to_bytes(max(size, (abs(value).bit_length() + 8) // 8), "big", signed=True)

    def _many(self, left: int) -> int:
        return 0 if left <= 0 else self.rng.choice([0, 1, 2, 3, 3, 70 if left > 4 else 1])

    def _union(self, branches: list[Json], left: int) -> bytes:
        spot = self.rng.randrange(len(branches))
        if left <= 0:  # what could go on for ever ends here
            spot = next((at for at, branch in enumerate(branches) if branch == "null"), 0)
        return self.number(spot) + self.spell(branches[spot], left)

    def _leaf(self, kind: str, node: Mapping[str, Any]) -> bytes:
        rng, logical = self.rng, node.get("logicalType", "")
        if logical == "decimal":
            value = rng.choice([0, 1, -1, 127, -128, rng.randint(-10 ** node["precision"] + 1, 10 ** node["precision"] - 1)])
            if kind == "fixed":
                return self.unscaled(value, node["size"])
            digits = self.unscaled(value, 1)
            return self.number(len(digits)) + digits
        if kind in ("int", "long"):
            size = 31 if kind == "int" else 63
            first, last = _RANGES.get(logical, (-1 << size, (1 << size) - 1))
            return self.number(rng.choice([first, last, rng.randint(first, last), min(max(rng.randint(-300, 300), first), last)]))
        if kind == "string":
            return text(self.uuid() if logical == "uuid" else rng.choice(_TEXTS))
        if kind == "bytes":
            data = rng.randbytes(rng.choice([0, 1, 5, 63, 64, 200]))
            return self.number(len(data)) + data
        if kind == "enum":
            return self.number(rng.randrange(len(node["symbols"])))
        return {"null": b"", "boolean": bytes((rng.randrange(2),)), "float": struct.pack("<f", rng.uniform(-9, 9)),
                "double": struct.pack("<d", rng.uniform(-9, 9)), "fixed": rng.randbytes(node.get("size", 0))}[kind]


class Free(Plain):
    """Spells as Avro lets a writer, and now and then as no writer would."""

    def blocks(self, parts: list[bytes]) -> bytes:
        """In any number of blocks, with sizes or without; parts may stand twice, which for a map is a key twice."""
        rng = self.rng
        if parts and rng.random() < 0.2:
            parts = [*parts, rng.choice(parts)]
        out = b""
        while parts:
            some = rng.randint(1, len(parts))
            whole, parts = b"".join(parts[:some]), parts[some:]
            out += long_bytes(-some) + long_bytes(len(whole)) + whole if rng.random() < 0.4 else long_bytes(some) + whole
        return out + b"\0"

    def number(self, value: int) -> bytes:
        """Rarely a byte too long."""
        data = long_bytes(value)
        return data[:-1] + bytes((data[-1] | 128, 0)) if self.rng.random() < 0.01 else data

    def uuid(self) -> str:
        plain = super().uuid()
        return self.rng.choice([plain, plain.upper(), plain.replace("-", ""), f"{{{plain}}}", f"urn:uuid:{plain}", plain[1:]])

    def unscaled(self, value: int, size: int) -> bytes:
        data = super().unscaled(value, size)
        return data if size > 1 or self.rng.random() < 0.5 else (b"\xff" if value < 0 else b"\0") * self.rng.randint(0, 3) + data


def text(value: str) -> bytes:
    """A text as Avro writes it."""
    data = value.encode()
    return long_bytes(len(data)) + data


def damaged(rng: Random, value: bytes) -> bytes:
    """The value with a bit flipped, a byte changed, bytes cut, left out or put in."""
    spot = rng.randrange(len(value)) if value else 0
    what = rng.randrange(6)
    if what == 0 and value:
        return value[:spot] + bytes((value[spot] ^ 1 << rng.randrange(8),)) + value[spot + 1:]
    if what == 1:
        return value[:spot]
    if what == 2:
        return value[:spot] + value[spot + rng.choice([1, 2, 3, 5]):]
    if what == 3:
        return value[:spot] + rng.randbytes(rng.randint(1, 3)) + value[spot + 1:]
    if what == 4:
        number = rng.choice([rng.randint(-3, 3), rng.randint(-1 << 63, (1 << 63) - 1), rng.randint(-1 << 33, 1 << 33)])
        return value[:spot] + long_bytes(number) + value[spot + 1:]
    return value[:spot] + rng.choice([b"\x80", b"\xff", b"\0", b"\xff" * 20, b"\xc3", b"\xed\xa0\x80"]) + value[spot:]
