"""A third reader of Avro, slow and plain, for the tests: it says what we refuse although fastavro reads it, and why.

`DECISIONS` is the whole list of such differences; each has an example in test_codec_decisions, and the fuzz takes no other.
"""

import uuid
from collections.abc import Mapping
from typing import Any

Json = Any

DECISIONS = {
    "long spelling": "a number, length, count or branch in more bytes than it needs: no writer does this, and two spellings of one "
                     "value would be two slices",
    "no such number": "a number beyond the 32 bits of an int or the 64 of a long: fastavro reads on, and other readers see another value",
    "no boolean": "a byte other than 0 or 1: fastavro takes any for true",
    "no such branch": "a branch or symbol below zero: fastavro counts from the end of the list",
    "no such count": "a block of -2^63 parts: the number has no positive, and fastavro takes the block for an empty one",
    "no such time": "a time of day below zero: fastavro shows another time, and would write it back as that",
    "no such decimal": "more digits than the precision, or none: fastavro rounds them, or reads nothing as 0",
    "too deep": "more records, arrays and maps one in another than DEEPEST: fastavro's own stack ends some thousands further on",
}


class Refused(Exception):
    """These bytes are refused by one of the decisions, named in the first argument."""


class Strict:
    """Walks over a value as Avro describes it. What fastavro refuses too is any other exception."""

    def __init__(self, schema: Json, deepest: int) -> None:
        self._schema = schema
        self._deepest = deepest
        self._named: dict[str, Json] = {}
        self._learn(schema)
        self._data, self._at = b"", 0

    def read(self, data: bytes) -> None:
        """Refused if some decision is against it."""
        self._data, self._at = data, 0
        self._value(self._schema, 0)

    def _learn(self, node: Json) -> None:
        if isinstance(node, list):
            for branch in node:
                self._learn(branch)
        elif isinstance(node, dict):
            if "name" in node:
                self._named[node["name"]] = node
            for part in node.get("fields", ()):
                self._learn(part["type"])
            self._learn(node.get("items"))
            self._learn(node.get("values"))

    def _number(self, bits: int) -> int:
        raw, shift, start = 0, 0, self._at
        while True:
            byte = self._data[self._at]
            self._at += 1
            raw |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if raw >> bits:
            raise Refused("no such number")
        if byte == 0 and self._at - start > 1:
            raise Refused("long spelling")
        return raw >> 1 if raw % 2 == 0 else -(raw + 1 >> 1)

    def _bytes(self) -> bytes:
        size = self._number(64)
        self._at += size
        return self._data[self._at - size:self._at]

    def _value(self, node: Json, deep: int) -> None:
        if isinstance(node, str) and node in self._named:
            node = self._named[node]
        if isinstance(node, list):
            branch = self._number(64)
            if branch < 0:
                raise Refused("no such branch")
            self._value(node[branch], deep)
            return
        kind, more = (node["type"], node) if isinstance(node, dict) else (node, {})
        if kind in ("record", "array", "map") and deep == self._deepest:
            raise Refused("too deep")
        if kind == "record":
            for part in more["fields"]:
                self._value(part["type"], deep + 1)
        elif kind in ("array", "map"):
            while count := self._number(64):
                if count < 0:
                    self._number(64)
                if count == -1 << 63:
                    raise Refused("no such count")
                for _ in range(abs(count)):
                    if kind == "map":
                        self._bytes()
                    self._value(more["items" if kind == "array" else "values"], deep + 1)
        else:
            self._leaf(kind, more)

    def _leaf(self, kind: str, more: Mapping[str, Any]) -> None:
        logical = more.get("logicalType")
        if kind in ("int", "long"):
            number = self._number(32 if kind == "int" else 64)
            if number < 0 and logical in ("time-millis", "time-micros"):
                raise Refused("no such time")
        elif kind == "enum":
            if self._number(32) < 0:
                raise Refused("no such branch")
        elif kind == "boolean":
            self._at += 1
            if self._data[self._at - 1] > 1:
                raise Refused("no boolean")
        elif kind in ("bytes", "string", "fixed"):
            if kind == "fixed":
                self._at += more["size"]
                data = self._data[self._at - more["size"]:self._at]
            else:
                data = self._bytes()
            if logical == "decimal" and (not data or abs(int.from_bytes(data, "big", signed=True)) >= 10 ** more["precision"]):
                raise Refused("no such decimal")
            if (kind, logical) == ("string", "uuid"):
                uuid.UUID(data.decode())
        else:
            self._at += {"null": 0, "float": 4, "double": 8}[kind]
