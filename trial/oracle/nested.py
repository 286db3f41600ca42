"""The oracle's reader of values with parts: fastavro takes more than the bus does, and forgets which branch of a union was meant.

It takes a value however an Avro writer may spell its arrays and maps, so that what is written again is the one spelling of the bus.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["DEEPEST", "Branch", "Reader", "needs_reader"]

#: How many records, arrays and maps may stand one in another: an event, its row, and 64 in a field.
DEEPEST = 66

Encoder = Callable[[Any], bytes]


class Branch(NamedTuple):
    """A value of a union of several types, and which of them it is."""

    number: int
    value: Any


def needs_reader(schema: Any) -> bool:
    """Whether some value of this schema has parts that may be spelt in several ways, or a branch to be kept."""
    if schema == "float":
        return True  # read as a Python number, some NaN would lose bits
    if isinstance(schema, list):
        return len(schema) != 2 or "null" not in schema or any(map(needs_reader, schema))
    if not isinstance(schema, dict):
        return False
    if schema["type"] in ("array", "map") or schema.get("logicalType") == "uuid":
        return True
    return any(needs_reader(part["type"]) for part in schema.get("fields", ())) or needs_reader(schema["type"])


class Reader:
    """Reads values of one schema. `leaves` write a value without parts; whatever they would write otherwise is broken."""

    def __init__(self, schema: Any, leaves: Callable[[Any], Encoder]) -> None:
        self._schema = schema
        self._leaves = leaves
        self._made: dict[int, Encoder] = {}
        self._named: dict[str, Any] = {}
        self._spaces: dict[str, str] = {}
        self._learn(schema, "")
        self._data, self._at = b"", 0

    def read(self, data: bytes) -> Any:
        """The value in all of these bytes; ValueError or IndexError where there is none."""
        self._data, self._at = data, 0
        value = self._value(self._schema, 0, "")
        if self._at != len(data):
            raise ValueError
        return value

    def _learn(self, node: Any, space: str) -> None:
        for branch in node if isinstance(node, list) else [node]:
            if not isinstance(branch, Mapping):
                continue
            if "name" in branch:
                space = branch.get("namespace", space)
                self._named[f"{space}.{branch['name']}"] = branch
                self._spaces[f"{space}.{branch['name']}"] = space
            for inner in (*(part["type"] for part in branch.get("fields", ())), branch.get("items"), branch.get("values")):
                self._learn(inner, space)

    def _number(self) -> int:
        start, left, shift = self._at, 0, 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            left |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if left >= 1 << 64 or (byte == 0 and self._at - start > 1):
            raise ValueError
        return (left >> 1) ^ -(left & 1)

    def _value(self, node: Any, deep: int, space: str) -> Any:
        if isinstance(node, str):
            name = node if node in self._named else f"{space}.{node}"
            if name in self._named:
                return self._value(self._named[name], deep, self._spaces[name])
        if isinstance(node, list):
            return self._branch(node, deep, space)
        kind = node["type"] if isinstance(node, Mapping) else node
        if kind not in ("record", "array", "map"):
            return self._plain(node, kind)
        if deep == DEEPEST:
            raise ValueError
        if kind == "record":
            space = node.get("namespace", space)
            return {part["name"]: self._value(part["type"], deep + 1, space) for part in node["fields"]}
        return self._parts(node, kind, deep + 1, space)

    def _branch(self, branches: list[Any], deep: int, space: str) -> Any:
        number = self._number()
        if not 0 <= number < len(branches):
            raise ValueError
        value = self._value(branches[number], deep, space)
        return value if len(branches) == 2 and "null" in branches else Branch(number, value)

    def _parts(self, node: Any, kind: str, deep: int, space: str) -> Any:
        rows: list[Any] = []
        while count := self._number():
            if count < 0:
                count = -count
                self._number()  # the size of the block, for readers that skip it
            if count > len(self._data) - self._at:
                raise ValueError
            for _ in range(count):
                key = self._plain("string", "string") if kind == "map" else None
                value = self._value(node["items" if key is None else "values"], deep, space)
                rows.append(value if key is None else (key, value))
        return dict(rows) if kind == "map" else rows

    def _plain(self, node: Any, kind: str) -> Any:
        """A value without parts, as the writer takes it; a uuid may be spelt in any way."""
        start = self._at
        value: Any
        if kind in ("int", "long"):
            value = self._number()
        elif kind == "enum":
            symbols = node["symbols"]
            number = self._number()
            value = symbols[number] if 0 <= number < len(symbols) else None
        elif kind in ("bytes", "string"):
            value = self._take(self._number())
            value = value if kind == "bytes" else value.decode()
        elif kind == "null":
            value = None
        else:
            value = self._take({"boolean": 1, "float": 4, "double": 8}.get(kind) or node["size"])
            if kind == "boolean":
                value = value == b"\1"
            elif kind == "double":
                value = struct.unpack("<d", value)[0]
        if kind == "float":
            return value  # as it lies there
        leaf = self._made.get(id(node))
        if leaf is None:
            leaf = self._made[id(node)] = self._leaves(node)
        again = leaf(value)
        if again != self._data[start:self._at] and not (isinstance(node, Mapping) and node.get("logicalType") == "uuid"):
            raise ValueError
        return value

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise ValueError
        data = self._data[self._at:end]
        self._at = end
        return data
