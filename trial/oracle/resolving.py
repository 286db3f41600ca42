"""A value of one schema as another reads it, in the oracle's own words: what the Avro specification says of schema resolution.

Values are as `nested` reads them; fastavro forgets which branch was meant, and gives a default as its JSON. Where there is no value,
a ValueError.
"""

import struct
from collections.abc import Mapping
from typing import Any

from trial.oracle.nested import Branch

__all__ = ["Resolving"]

_WIDER = {("int", "long"), ("int", "float"), ("int", "double"), ("long", "float"), ("long", "double"), ("float", "double"),
          ("string", "bytes"), ("bytes", "string")}


class Resolving:
    """From one event schema to another, both as JSON. The names of types are compared without their namespace.

    With `blank`, bytes that are to be a text and are none are an empty one.
    """

    def __init__(self, writer: Any, reader: Any, blank: bool) -> None:
        self._writer, self._reader, self._blank = writer, reader, blank
        self._old: dict[str, Any] = {}
        self._new: dict[str, Any] = {}
        _learn(writer, self._old)
        _learn(reader, self._new)

    def resolved(self, event: Any) -> Any:
        """The value the reader has of this one."""
        return self._value(self._writer, self._reader, event)

    def _value(self, writer: Any, reader: Any, value: Any) -> Any:
        writer, reader = _known(writer, self._old), _known(reader, self._new)
        if isinstance(writer, list):
            return self._value(*_meant(writer, value, reader))
        if isinstance(reader, list):
            number = self._branch(writer, reader)
            made = self._value(writer, reader[number], value)
            return made if len(reader) == 2 and "null" in reader else Branch(number, made)
        old, new = _kind(writer), _kind(reader)
        if old != new:
            return self._text(value) if (old, new) == ("bytes", "string") else _widened(old, new, value)
        if new == "record":
            return {part["name"]: self._part(writer, part, value) for part in reader["fields"]}
        if new == "array":
            return [self._value(writer["items"], reader["items"], one) for one in value]
        if new == "map":
            return {key: self._value(writer["values"], reader["values"], one) for key, one in value.items()}
        if new == "enum":
            return _symbol(reader, value)
        return value

    def _part(self, writer: Any, part: Any, value: Mapping[str, Any]) -> Any:
        having = {one["name"]: one["type"] for one in writer["fields"]}
        for name in (part["name"], *part.get("aliases", ())):
            if name in having:
                return self._value(having[name], part["type"], value[name])
        if "default" not in part:
            raise ValueError
        return self._default(part["type"], part["default"])

    def _text(self, value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            if self._blank:
                return ""
            raise

    def _branch(self, writer: Any, reader: list[Any]) -> int:
        """The branch of the writer's own type, else the first that is wide enough."""
        known = [_known(branch, self._new) for branch in reader]
        for same in (True, False):
            for number, branch in enumerate(known):
                if (_kind(branch) == _kind(writer)) is same and _reads(branch, writer):
                    return number
        raise ValueError

    def _default(self, kind: Any, given: Any) -> Any:
        kind = _known(kind, self._new)
        if isinstance(kind, list):
            for number, branch in enumerate(kind):
                try:
                    made = self._default(branch, given)
                except ValueError:
                    continue
                return made if len(kind) == 2 and "null" in kind else Branch(number, made)
            raise ValueError
        word = _kind(kind)
        if not isinstance(given, _JSON[word]) or (isinstance(given, bool) and word != "boolean"):
            raise ValueError
        if word == "record":
            return {part["name"]: self._default(part["type"], given[part["name"]] if part["name"] in given else part["default"])
                    for part in kind["fields"]}
        if word == "array":
            return [self._default(kind["items"], one) for one in given]
        if word == "map":
            return {key: self._default(kind["values"], one) for key, one in given.items()}
        if word in ("bytes", "fixed"):
            return given.encode("latin-1")
        return float(given) if word in ("float", "double") else given


#: What a default of each type is in JSON.
_JSON: Mapping[str, Any] = {
    "null": type(None), "boolean": bool, "int": int, "long": int, "float": (int, float), "double": (int, float), "string": str,
    "bytes": str, "fixed": str, "enum": str, "array": list, "map": dict, "record": dict}


def _learn(node: Any, named: dict[str, Any]) -> None:
    for branch in node if isinstance(node, list) else [node]:
        if isinstance(branch, Mapping):
            if "name" in branch:
                named[branch["name"]] = branch
            for inner in (*(part["type"] for part in branch.get("fields", ())), branch.get("items"), branch.get("values")):
                _learn(inner, named)


def _known(node: Any, named: Mapping[str, Any]) -> Any:
    return named.get(node.rpartition(".")[2], node) if isinstance(node, str) else node


def _kind(node: Any) -> str:
    return str(node["type"] if isinstance(node, Mapping) else node)


def _meant(branches: list[Any], value: Any, reader: Any) -> tuple[Any, Any, Any]:
    if isinstance(value, Branch):
        return branches[value.number], reader, value.value
    return next(one for one in branches if (one == "null") == (value is None)), reader, value


def _reads(reader: Any, writer: Any) -> bool:
    """Whether a branch is for values of this type; what it has inside is another question."""
    old, new = _kind(writer), _kind(reader)
    if old != new and (old, new) not in _WIDER:
        return False
    if old == new and "name" in (writer if isinstance(writer, Mapping) else ()):
        return reader["name"] == writer["name"] or writer["name"] in reader.get("aliases", ())
    return _meaning(reader) == _meaning(writer)


def _meaning(node: Any) -> tuple[Any, Any]:
    return (node.get("logicalType"), node.get("scale", 0)) if isinstance(node, Mapping) else (None, 0)


def _symbol(reader: Any, symbol: str) -> str:
    found = symbol if symbol in reader["symbols"] else reader.get("default")
    if found is None:
        raise ValueError
    return str(found)


def _widened(old: str, new: str, value: Any) -> Any:
    if (old, new) not in _WIDER:
        raise ValueError
    if new == "bytes":
        return value.encode()
    if old == "float" and isinstance(value, bytes):
        return struct.unpack("<f", value)[0]
    return value if new == "long" else float(value)
