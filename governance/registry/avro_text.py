"""Avro schemas as texts: one spelling of each, with what they reference put in, and whether they are schemas at all.

A schema's identity is its canonical JSON (the order of keys kept, white space not) with its references. Names follow the
Avro specification: a name without a dot takes the namespace around it.
"""

import json
import warnings
from collections.abc import Mapping
from typing import Any

import avro.errors
import avro.name
import avro.schema

from governance.registry.errors import RegistryError, invalid_schema
from schemas.codec.avro import PRIMITIVE, Avro
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["Json", "canonical", "complete", "definitions", "normalised", "standalone"]

Json = Any

# A logical type that the library does not know is the plain type then: nothing to print. For good, since threads share filters.
warnings.filterwarnings("ignore", category=avro.errors.IgnoredLogicalType)

#: JSON levels of one text: some thirty records in one another. What is deeper would end our stack, or a client's.
_DEEPEST = 100

#: The order in which a normalised schema names what it has; anything else follows by the alphabet.
_ORDER = ("name", "aliases", "type", "doc", "fields", "symbols", "items", "values", "size", "logicalType", "precision", "scale",
          "default", "order")
_DEEP = Text("嵌套太深", "it nests too deeply")


def canonical(text: str) -> str:
    """The text in the one spelling in which it is kept; 42201 when it is not JSON, or nothing a schema could be."""
    try:
        node = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise invalid_schema(_DEEP) from None
    except ValueError:
        if text.strip() in PRIMITIVE:  # a bare name: Avro's own tools take it
            return json.dumps(text.strip())
        raise invalid_schema(Text("不是 JSON", "it is not JSON")) from None
    if not isinstance(node, str | list | dict):
        raise invalid_schema(Text("模式是名称、列表或对象", "a schema is a name, a list or an object"))
    if _deeper_than(node, _DEEPEST):
        raise invalid_schema(_DEEP)
    return _text(node)


def normalised(text: str, lent: Mapping[str, Json]) -> str:
    """One spelling for schemas that differ only in how they are written: full names, one order of keys."""
    return _text(_in_order(_Names(frozenset(lent)).full(json.loads(text), "")))


def standalone(text: str, lent: Mapping[str, Json]) -> Json:
    """The schema with full names, the first use of each lent type (full name -> definition) replaced by its definition."""
    whole = _Names(frozenset(lent)).full(json.loads(text), "")
    given = set(definitions(whole))

    def walk(node: Json) -> Json:
        if isinstance(node, str):
            if node in given or node not in lent:
                return node
            given.add(node)
            return walk(lent[node])
        return [walk(branch) for branch in node] if isinstance(node, list) else _with_parts(node, walk)

    return walk(whole)


def definitions(whole: Json) -> dict[str, Json]:
    """Every type that a standalone schema defines, by full name."""
    found: dict[str, Json] = {}
    waiting = [whole]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and isinstance(node.get("name"), str):
            found[node["name"]] = node
        waiting += _inner(node)
    return found


def complete(text: str, lent: Mapping[str, Json]) -> str:
    """The text of the schema with all it references, which needs nothing else; 42201 says what is wrong with it.

    Both libraries must take it, defaults too.
    """
    try:
        whole = standalone(text, lent)
        avro.schema.make_avsc_object(whole, avro.name.Names())
        _no_empty_union(whole)
        Avro(whole)
    except RegistryError:
        raise
    except RejectError as error:
        raise invalid_schema(error.problem) from None
    except RecursionError:
        raise invalid_schema(_DEEP) from None
    except (avro.errors.AvroException, TypeError, KeyError, ValueError, AttributeError) as error:
        # The library trusts what it is given: of a malformed schema it may make any of these.
        raise invalid_schema(Text(str(error)[:300], str(error)[:300])) from None
    return _text(whole)


class _Names:
    """One walk that writes every name in full. A name that only exists without a namespace is found there too."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = set(known)

    def full(self, node: Json, space: str) -> Json:
        if isinstance(node, str):
            return node if node in PRIMITIVE else self._used(node, space)
        if isinstance(node, list):
            return [self.full(branch, space) for branch in node]
        if not isinstance(node, dict):
            raise invalid_schema(Text("类型须是名称、列表或对象", "a type is a name, a list or an object"))
        kind = node.get("type")
        if isinstance(kind, dict | list) and "name" not in node:
            return self.full(kind, space) if node.keys() == {"type"} else {**node, "type": self.full(kind, space)}
        if isinstance(node.get("name"), str) and kind in ("record", "error", "enum", "fixed"):
            return self._named(node, space)
        if node.keys() == {"type"} and isinstance(kind, str) and kind not in ("array", "map"):
            return self.full(kind, space)
        copy = dict(node)
        if isinstance(kind, str) and kind not in PRIMITIVE and kind not in ("array", "map", "record", "error", "enum", "fixed"):
            copy["type"] = self._used(kind, space)
        return _with_parts(copy, lambda part: self.full(part, space))

    def _named(self, node: dict[str, Json], space: str) -> Json:
        own = node.get("namespace", space)
        name = _full_name(node["name"], own if isinstance(own, str) else space)
        inner = name.rpartition(".")[0]
        self._known.add(name)
        copy = {key: value for key, value in node.items() if key != "namespace"} | {"name": name}
        aliases = node.get("aliases")
        if isinstance(aliases, list):
            copy["aliases"] = [_full_name(alias, inner) if isinstance(alias, str) else alias for alias in aliases]
        return _with_parts(copy, lambda part: self.full(part, inner))

    def _used(self, name: str, space: str) -> str:
        full = _full_name(name, space)
        return name if full not in self._known and name in self._known else full


def _full_name(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"


def _with_parts(node: dict[str, Json], walk: Any) -> dict[str, Json]:
    """A copy whose types within are what `walk` makes of them."""
    copy = dict(node)
    fields = node.get("fields")
    if isinstance(fields, list):
        copy["fields"] = [{**part, "type": walk(part["type"])} if isinstance(part, dict) and "type" in part else part
                          for part in fields]
    for inner in ("items", "values"):
        if inner in node:
            copy[inner] = walk(node[inner])
    if isinstance(node.get("type"), dict | list):
        copy["type"] = walk(node["type"])
    return copy


def _inner(node: Json) -> list[Json]:
    """The types within a type, one level down, however malformed it is."""
    if isinstance(node, list):
        return node
    if not isinstance(node, dict):
        return []
    fields = node.get("fields")
    parts = [part.get("type") for part in fields if isinstance(part, dict)] if isinstance(fields, list) else []
    return [*parts, node.get("items"), node.get("values"), node.get("type")]


def _no_empty_union(whole: Json) -> None:
    """Nothing can be written by one, so nothing is gained by keeping it."""
    waiting = [whole]
    while waiting:
        node = waiting.pop()
        if node == []:
            raise invalid_schema(Text("联合类型为空", "a union has no branch"))
        waiting += _inner(node)


def _deeper_than(node: Json, levels: int) -> bool:
    row = [node]
    for _ in range(levels):
        row = [part for each in row if isinstance(each, dict | list) for part in (each.values() if isinstance(each, dict) else each)]
    return bool(row)


def _in_order(node: Json) -> Json:
    if isinstance(node, list):
        return [_in_order(branch) for branch in node]
    if not isinstance(node, dict):
        return node
    places = {key: place for place, key in enumerate(_ORDER)}
    return {key: _in_order(node[key]) if key != "default" else node[key]
            for key in sorted(node, key=lambda key: (places.get(key, len(places)), key))}


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _text(node: Json) -> str:
    return json.dumps(node, ensure_ascii=False, separators=(",", ":"))
