"""Paths to the values inside a row: `name`, `holder.name`, `items[].amount`, `tags{}`, as a dataset writes its rules for them.

`[]` stands for every item of an array and `{}` for every value of a map. A null on the way ends the path in silence.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.codec.avro import Json, inlined
from schemas.codec.fields import Field

__all__ = ["Spot", "Steps", "bound", "by_path", "general", "kind_of", "leaf", "spot_of", "spots", "steps_of", "written_path"]

#: A path step by step: names, `[]` and `{}`; the first is a field of the row.
Steps = tuple[str, ...]

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_PATH = re.compile(rf"{_NAME}(?:\[\]|\{{\}}|\.{_NAME})*").fullmatch
_STEP = re.compile(rf"{_NAME}|\[\]|\{{\}}").findall
_NUMBER = re.compile(r"(?<=[\[{])[0-9]+(?=[\]}])").sub
_MANY = ("[]", "{}")


class Spot(NamedTuple):
    """One value of a row: it is `holder[key]`. `where` is its concrete path, `turns` the item taken at each `[]` and `{}`."""

    holder: Any
    key: Any
    where: str
    turns: tuple[tuple[Any, str], ...] = ()


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
    named: dict[str, Json] = {}
    _collect(field.avro.schema, named)
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


def spots(values: Mapping[str, Any], steps: Steps) -> Iterator[Spot]:
    """Every value that a path leads to in a row of Python values, in order."""
    return _walk(Spot(values, steps[0], steps[0]), steps[1:])


def spot_of(values: Mapping[str, Any], steps: Steps, turns: Sequence[tuple[Any, str]]) -> Spot | None:
    """The one value a path leads to under the turns of another; None where a null stands on the way."""
    spot, taken = Spot(values, steps[0], steps[0]), iter(turns)
    for step in steps[1:]:
        value = spot.holder[spot.key]
        if value is None:
            return None
        key, label = next(taken) if step in _MANY else (step, f".{step}")
        spot = Spot(value, key, spot.where + label)
    return spot


def _walk(spot: Spot, rest: Steps) -> Iterator[Spot]:
    if not rest:
        yield spot
        return
    value, step = spot.holder[spot.key], rest[0]
    if value is None:
        return
    if step == "[]":
        turns: Iterator[tuple[Any, str]] = ((number, f"[{number}]") for number in range(len(value)))
    elif step == "{}":
        # The key of a map's entry is data, and a path is shown where data must not be: the entry is told by its place.
        turns = ((key, f"{{{number}}}") for number, key in enumerate(value))
    else:
        yield from _walk(Spot(value, step, f"{spot.where}.{step}", spot.turns), rest[1:])
        return
    for key, label in turns:
        yield from _walk(Spot(value, key, spot.where + label, (*spot.turns, (key, label))), rest[1:])


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


def _collect(node: Json, named: dict[str, Json]) -> None:
    """Every named type that is defined in a schema."""
    if isinstance(node, list):
        for branch in node:
            _collect(branch, named)
    elif isinstance(node, Mapping):
        if "name" in node:
            named[node["name"]] = node
        for part in node.get("fields", ()):
            _collect(part["type"], named)
        for inner in ("items", "values"):
            if inner in node:
                _collect(node[inner], named)
