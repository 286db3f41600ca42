"""Paths to the values inside a row: `name`, `holder.name`, `items[].amount`, `tags{}`, as a dataset writes its rules for them.

`[]` stands for every item of an array and `{}` for every value of a map. A null on the way ends the path in silence.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.codec.avro import Json, inlined
from schemas.codec.composed import compile_end, names_in
from schemas.codec.fields import Field
from schemas.codec.varint import read_long, text_end

__all__ = ["Place", "Places", "Steps", "bound", "by_path", "compile_places", "general", "kind_of", "leaf", "steps_of", "turns_of",
           "written_path"]

#: A path step by step: names, `[]` and `{}`; the first is a field of the row.
Steps = tuple[str, ...]

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_PATH = re.compile(rf"{_NAME}(?:\[\]|\{{\}}|\.{_NAME})*").fullmatch
_STEP = re.compile(rf"{_NAME}|\[\]|\{{\}}").findall
_NUMBER = re.compile(r"(?<=[\[{])[0-9]+(?=[\]}])").sub
_MANY = ("[]", "{}")


class Place(NamedTuple):
    """Where a value lies in the slice of a field. `where` is its concrete path, `turns` the item taken at each `[]` and `{}`."""

    start: int
    end: int
    where: str
    turns: tuple[int, ...] = ()


#: Every place in a slice that a path leads to, in order.
Places = Callable[[bytes], list[Place]]

#: Appends the places in the value that begins at a position, and tells where it ends.
_Find = Callable[[bytes, int, str, tuple[int, ...], list[Place]], int]


def steps_of(path: str) -> Steps:
    """The steps of a path; ValueError where it is none."""
    if not _PATH(path):
        raise ValueError(path)
    return tuple(_STEP(path))


def written_path(steps: Steps) -> str:
    """The path of these steps, as it is written."""
    return "".join(step if step in _MANY else f".{step}" for step in steps)[1:]


def by_path(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The rules of a TOML table by path: a bare `holder.name = [...]` is a table in a table there."""
    told: dict[str, Any] = {}
    for name, uses in table.items():
        path = f"{above}.{name}" if above else name
        told |= by_path(uses, path) if isinstance(uses, Mapping) else {path: uses}
    return told


def general(where: str) -> str:
    """The path as the dataset writes it, of a concrete one: `items[2].amount` is told of `items[].amount`."""
    return _NUMBER("", where)


def bound(steps: Steps, by: Steps) -> bool:
    """Whether a path leads to one value once another is at one: it takes the same turns and no more."""
    last = max((number for number, step in enumerate(steps) if step in _MANY), default=-1)
    return steps[:last + 1] == by[:last + 1]


def leaf(fields: Mapping[str, Field], steps: Steps) -> Field | None:
    """What stands at the end of a path; None where the row has no such place."""
    field = fields.get(steps[0])
    if field is None or len(steps) == 1:
        return field
    named = names_in(field.avro.schema)
    node = field.avro.schema
    for step in steps[1:]:
        node = _below(_some(node, named), step)
        if node is None:
            return None
    return Field(steps[-1], inlined(node, named))


def kind_of(field: Field) -> str:
    """The kind of a field as rules name it: `Field.kind`, and for what has none there `array`, `map`, `record` or `other`."""
    if field.kind != "other":
        return field.kind
    node = _some(field.avro.schema, {})
    kind = node.get("type") if isinstance(node, Mapping) else None
    return kind if kind in ("array", "map", "record") else "other"


def turns_of(steps: Steps) -> int:
    """How many turns a path takes."""
    return sum(step in _MANY for step in steps)


def compile_places(field: Field, steps: Steps) -> Places:
    """Where the values lie that a path, which `leaf` knows, leads to in a slice of its first field."""
    find = _find(field.avro.schema, steps[1:], names_in(field.avro.schema))

    def places(piece: bytes) -> list[Place]:
        found: list[Place] = []
        find(piece, 0, steps[0], (), found)
        return found

    return places


def _find(node: Json, rest: Steps, named: Mapping[str, Json]) -> _Find:
    if not rest:
        return _here(node, named)
    some = _some(node, named)
    find = _each(rest[0], _find(_below(some, rest[0]), rest[1:], named)) if rest[0] in _MANY else _part(some, rest, named)
    return _unless_null(2 * node.index("null"), find) if isinstance(node, list) else find


def _here(node: Json, named: Mapping[str, Json]) -> _Find:
    end_of = compile_end(inlined(node, named))

    def find(v: bytes, p: int, where: str, turns: tuple[int, ...], found: list[Place]) -> int:
        end = end_of(v, p)
        found.append(Place(p, end, where, turns))
        return end

    return find


def _unless_null(null: int, inner: _Find) -> _Find:
    def find(v: bytes, p: int, where: str, turns: tuple[int, ...], found: list[Place]) -> int:
        return p + 1 if v[p] == null else inner(v, p + 1, where, turns, found)

    return find


def _part(record: Json, rest: Steps, named: Mapping[str, Json]) -> _Find:
    """One field of a record, and past those around it."""
    parts = record["fields"]
    at = next(number for number, part in enumerate(parts) if part["name"] == rest[0])
    before, after = (compile_end(inlined({"type": "record", "name": "", "fields": some}, named)) for some in (parts[:at], parts[at + 1:]))
    inner, step = _find(parts[at]["type"], rest[1:], named), f".{rest[0]}"

    def find(v: bytes, p: int, where: str, turns: tuple[int, ...], found: list[Place]) -> int:
        return after(v, inner(v, before(v, p), where + step, turns, found))

    return find


def _each(step: str, inner: _Find) -> _Find:
    """Every item of an array or value of a map."""
    is_map = step == "{}"

    def find(v: bytes, p: int, where: str, turns: tuple[int, ...], found: list[Place]) -> int:
        number = 0
        while True:
            count, p = read_long(v, p)
            if not count:
                return p
            if count < 0:
                count, (_, p) = -count, read_long(v, p)
            for _ in range(count):
                # The key of a map's entry is data, and a path is shown where data must not be: the entry is told by its place.
                label = f"{where}{step[0]}{number}{step[1]}"
                p = inner(v, text_end(v, p) if is_map else p, label, (*turns, number), found)
                number += 1

    return find


def _some(node: Json, named: Mapping[str, Json]) -> Json:
    """The type of a value that is there: of a nullable union the other branch."""
    if isinstance(node, list):
        kinds = [branch for branch in node if branch != "null"]
        return _some(kinds[0], named) if len(kinds) == 1 and len(node) == 2 else None
    return named.get(node) if isinstance(node, str) else node


def _below(node: Json, step: str) -> Json:
    """The type one step further down; None where there is no such step."""
    if not isinstance(node, Mapping):
        return None
    if step in _MANY:
        return node.get("items" if step == "[]" else "values")
    return next((part["type"] for part in node.get("fields", ()) if part["name"] == step), None)
