"""Pairs of Avro schemas for the comparison tests: one drawn, the other changed here and there as people change schemas."""

import copy
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
DEFAULTS = {"null": None, "boolean": True, "int": 1, "long": 2, "float": 1.0, "double": 2.0, "bytes": "", "string": ""}
NAMES = ["a", "b", "c", "d"]


class _Drawing:
    """One schema; names are given once and may be used again below and beside."""

    def __init__(self, draw: st.DrawFn, space: str) -> None:
        self.draw, self.space, self.given = draw, space, list[str]()

    def kind(self, depth: int, *, union: bool = True) -> Any:
        words = ["primitive"] * 4 + ["enum", "fixed"] + (["array", "map", "record", "union"] if depth else [])
        match self.draw(st.sampled_from([word for word in words if union or word != "union"])):
            case "array":
                return {"type": "array", "items": self.kind(depth - 1)}
            case "map":
                return {"type": "map", "values": self.kind(depth - 1)}
            case "union":
                branches: dict[str, Any] = {}
                for _ in range(self.draw(st.integers(1, 3))):
                    branch = self.kind(depth - 1, union=False)
                    branches.setdefault(branch if isinstance(branch, str) else branch.get("name", branch["type"]), branch)
                return list(branches.values())
            case "primitive":
                if self.given and self.draw(st.integers(0, 5)) == 0:
                    return self.draw(st.sampled_from(self.given))
                return self.draw(st.sampled_from(PRIMITIVES))
            case word:
                return self.named(word, depth)

    def named(self, word: str, depth: int) -> Any:
        name = f"{word.title()}{len(self.given)}"
        self.given.append(name)
        if word == "enum":
            symbols = self.draw(st.lists(st.sampled_from("XYZ"), min_size=1, unique=True))
            made: dict[str, Any] = {"type": "enum", "name": name, "symbols": symbols}
            return made | ({"default": symbols[0]} if self.draw(st.booleans()) else {})
        if word == "fixed":
            return {"type": "fixed", "name": name, "size": self.draw(st.integers(1, 2))}
        names = self.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
        return {"type": "record", "name": name, "fields": [self.field(each, depth - 1) for each in names]}

    def field(self, name: str, depth: int) -> dict[str, Any]:
        made = {"name": name, "type": self.kind(depth)}
        first = made["type"][0] if isinstance(made["type"], list) else made["type"]
        return made | ({"default": DEFAULTS[first]} if first in PRIMITIVES and self.draw(st.booleans()) else {})

    def changed(self, node: Any) -> Any:
        """The same with some things changed."""
        if isinstance(node, list):
            kept = [self.changed(branch) for branch in node if len(node) == 1 or self.draw(st.integers(0, 5))]
            return self._apart(self.draw(st.permutations(kept or node)))
        if isinstance(node, str):
            if node not in PRIMITIVES or self.draw(st.integers(0, 3)):
                return node
            other = self.draw(st.sampled_from(PRIMITIVES))
            return self.draw(st.sampled_from([other, self._apart([node, other]), self._apart(["null", node])]))
        node = dict(node)
        for inner in ("items", "values"):
            if inner in node:
                node[inner] = self.changed(node[inner])
        for key, how in (("symbols", self._symbols), ("size", lambda size: size + (self.draw(st.integers(0, 5)) == 0)),
                         ("fields", self._fields)):
            if key in node:
                node[key] = how(node[key])
        if "default" in node and node["default"] not in node["symbols"]:
            del node["default"]
        return node

    def _apart(self, branches: list[Any]) -> list[Any]:
        """No type twice, no union in a union."""
        flat = [each for branch in branches for each in (branch if isinstance(branch, list) else [branch])]
        return list({each if isinstance(each, str) else each.get("name", each["type"]): each for each in flat}.values())

    def _symbols(self, symbols: list[str]) -> list[str]:
        return self.draw(st.sampled_from([symbols, symbols, symbols[1:] or symbols, sorted({*symbols, "W"}), symbols[::-1]]))

    def _fields(self, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
        made = []
        for field in fields:
            match self.draw(st.sampled_from(["keep"] * 6 + ["rename", "rename with alias", "default", "no default"])):
                case "keep":
                    made.append({**field, "type": self.changed(field["type"])})
                case "rename":
                    made.append({**field, "name": f"{field['name']}2"})
                case "rename with alias":
                    made.append({**field, "name": f"{field['name']}2", "aliases": [f"{field['name']}0", field["name"]]})
                case "default":
                    made.append({**field, "type": "string", "default": ""} if field["type"] == "string" else field)
                case _:
                    made.append({key: value for key, value in field.items() if key != "default"})
        if self.draw(st.integers(0, 3)) == 0 and all(field["name"] != "new" for field in made):
            made.append({"name": "new", "type": "int"} | ({"default": 0} if self.draw(st.booleans()) else {}))
        return self.draw(st.permutations(made))


def _sound(node: Any, given: set[str]) -> bool:
    """Whether every name is defined before it is used, and once: a branch that was there already, or a change, takes a definition away."""
    if isinstance(node, str):
        return node in PRIMITIVES or node in given
    if isinstance(node, list):
        return all(_sound(branch, given) for branch in node)
    if "name" in node:
        if node["name"] in given:
            return False
        given.add(node["name"])
    inner = [node[key] for key in ("items", "values") if key in node] + [field["type"] for field in node.get("fields", ())]
    return all(_sound(each, given) for each in inner)


def _renamed(node: Any, old: str) -> Any:
    """A type under another name, with its old name among the aliases."""
    if isinstance(node, list):
        return [_renamed(branch, old) for branch in node]
    if isinstance(node, str):
        return f"{old}New" if node == old else node
    node = {key: _renamed(value, old) if key in ("items", "values") else value for key, value in node.items()}
    if node.get("name") == old:
        node |= {"name": f"{old}New", "aliases": [old]}
    if "fields" in node:
        node["fields"] = [{**field, "type": _renamed(field["type"], old)} for field in node["fields"]]
    return node


@st.composite
def schema_pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas as JSON, the second a change of the first, or (seldom) another one."""
    drawing = _Drawing(draw, "")
    first = drawing.named("record", 3) if draw(st.integers(0, 4)) else drawing.kind(3)
    assume(_sound(first, set()))
    if draw(st.integers(0, 9)) == 0:
        other = _Drawing(draw, "").kind(2)
        assume(_sound(other, set()))
        return first, other
    second = copy.deepcopy(first)
    for _ in range(draw(st.integers(0, 2))):
        changed = drawing.changed(second)
        second = changed if _sound(changed, set()) else second
    if drawing.given and draw(st.integers(0, 4)) == 0:
        second = _renamed(second, draw(st.sampled_from(drawing.given)))
    return first, second
