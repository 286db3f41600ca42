"""Row schemas of every type as people change them from version to version: all from one random.Random, like `random_avro`.

What comes out is another version that can read the one before, or can't: whoever draws asks.
"""

import copy
from random import Random
from typing import Any

Json = Any

_WIDER = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"], "string": ["bytes"], "bytes": ["string"]}
#: Types with a default that a field added later may have, as JSON writes it.
ADDED: list[tuple[Json, Any]] = [
    ("null", None), ("boolean", True), ("int", -7), ("long", 1 << 40), ("float", 0.5), ("double", 1),
    ("string", "无"), ("bytes", "\u00ff\0"),
    (["null", "string"], None), (["int", "null"], 3), (["null", "int"], 3), ({"type": "array", "items": "int"}, [1, 2]),
    ({"type": "map", "values": "string"}, {"a": "b"}), ({"type": "int", "logicalType": "date"}, 20_000),
    ({"type": "long", "logicalType": "timestamp-millis"}, 1_767_225_600_000), ({"type": "int", "logicalType": "time-millis"}, 0),
    ({"type": "string", "logicalType": "uuid"}, "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, "\u0001\0"),
    ({"type": "fixed", "name": "?", "size": 2, "logicalType": "decimal", "precision": 4, "scale": 2}, "\0\u0007"),
    ({"type": "fixed", "name": "?", "size": 12, "logicalType": "duration"}, "\u0001\0\0\0" * 3),
    ({"type": "enum", "name": "?", "symbols": ["A", "B"]}, "B"),
    ({"type": "record", "name": "?", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "int", "default": 9}]},
     {"a": "x", "b": 4}),
]


class Evolving:
    """Changes schemas; types that come in are numbered."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._names = 0

    def row(self, schema: Json) -> Json:
        """A later version of a row schema."""
        return self._changed(copy.deepcopy(schema))

    def _seldom(self, share: float = 0.15) -> bool:
        return self._rng.random() < share

    def _changed(self, node: Json) -> Json:
        rng = self._rng
        if isinstance(node, list):
            branches = [self._changed(branch) for branch in node]
            if self._seldom():
                rng.shuffle(branches)
            if self._seldom() and not any(branch in ("boolean", {"type": "boolean"}) for branch in branches):
                branches.insert(rng.randint(0, len(branches)), "boolean")
            return branches if not any(isinstance(branch, list) for branch in branches) else node
        if isinstance(node, str):
            if self._seldom() and node in _WIDER:
                return rng.choice(_WIDER[node])
            return ["null", node] if self._seldom(0.05) and node != "null" else node
        for inner in ("items", "values"):
            if inner in node:
                node[inner] = self._changed(node[inner])
        if node["type"] == "enum" and self._seldom(0.4):
            self._symbols(node)
        if "fields" in node:
            self._fields(node)
        return node

    def _symbols(self, node: Json) -> None:
        rng, symbols = self._rng, node["symbols"]
        what = rng.randrange(3)
        if what == 0:
            symbols.append("LATER")
        elif what == 1:
            rng.shuffle(symbols)
        else:
            node["symbols"] = symbols[:rng.randint(1, len(symbols))]
            node["default"] = node["symbols"][0]

    def _fields(self, node: Json) -> None:
        rng, fields = self._rng, []
        for part in node["fields"]:
            if self._seldom(0.07) and len(node["fields"]) > 1 and not _defines(part["type"]):
                continue
            part["type"] = self._changed(part["type"])
            if self._seldom(0.1):
                part |= {"name": f"{part['name']}_now", "aliases": ["never", part["name"]]}
            fields.append(part)
        if self._seldom(0.3):
            kind, default = rng.choice(ADDED)
            if isinstance(kind, dict) and "name" in kind:
                self._names += 1
                kind = {**kind, "name": f"Added{self._names}"}
            fields.insert(rng.randint(0, len(fields)), {"name": f"added{rng.randrange(1 << 30)}", "type": kind, "default": default})
        node["fields"] = fields


def _defines(node: Json) -> bool:
    """Whether other parts may refer to a type that is defined here."""
    if isinstance(node, list):
        return any(map(_defines, node))
    return isinstance(node, dict) and ("name" in node or any(_defines(node[inner]) for inner in ("items", "values") if inner in node))
