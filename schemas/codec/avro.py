"""Avro by fastavro, for all that need not be fast: one schema, Python values in, bytes out, and back.

Values that do not fit are refused by field name, bytes that do not fit as `undecodable`; no message holds a value.
"""

import io
import json
from collections.abc import Mapping
from typing import Any

import fastavro

from schemas.codec.frame import undecodable
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["PRIMITIVE", "Avro", "Json", "inlined", "parsed", "unencodable"]

#: A schema as JSON has it: a name, a list of branches, or an object.
Json = Any

#: The types that have no name of their own.
PRIMITIVE = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def parsed(schema: Json) -> Json:
    """The schema as fastavro wants it; RejectError `schema_invalid` where it is none."""
    try:
        return fastavro.parse_schema(schema)
    except Exception as error:
        raise RejectError("schema_invalid", Text(f"模式不合法: {error}", f"not an Avro schema: {error}"),
                          advice=Text("检查 .avsc 文件", "correct the .avsc file")) from None


def inlined(schema: Json, named: Mapping[str, Json], given: set[str] | None = None) -> Json:
    """A part of a larger schema standing alone: the first use of each name carries the definition.

    Parts that will stand side by side share `given`, the names defined in those before.
    """
    defined: set[str] = set() if given is None else given

    def walk(node: Json) -> Json:
        if isinstance(node, str):
            if node in PRIMITIVE or node in defined or node not in named:
                return node
            node = named[node]
        if isinstance(node, list):
            return [walk(branch) for branch in node]
        if "name" in node:
            if node["name"] in defined:
                return node["name"]
            defined.add(node["name"])
        copy = {key: value for key, value in node.items() if not key.startswith("__")}
        if "fields" in node:
            copy["fields"] = [{**part, "type": walk(part["type"])} for part in node["fields"]]
        for inner in ("items", "values"):
            if inner in node:
                copy[inner] = walk(node[inner])
        return copy

    return walk(schema)


class Avro:
    """Reads and writes values of one schema, given as the text of an .avsc or as the JSON in it."""

    def __init__(self, schema: str | Json) -> None:
        self.schema = parsed(_json(schema) if isinstance(schema, str) and schema.lstrip()[:1] in "{[" else schema)
        # fastavro looks at a value before it writes it only where there are branches to choose from; elsewhere it writes a
        # number that no int can hold, and cuts a fraction off.
        self._choice = self.schema if isinstance(self.schema, list) else [self.schema]
        self._skip = 0 if isinstance(self.schema, list) else 1

    def encode(self, value: Any) -> bytes:
        """The value in bytes; RejectError `unencodable` names the fields that do not fit."""
        out = io.BytesIO()
        try:
            fastavro.schemaless_writer(out, self._choice, value, strict_allow_default=True)
        except Exception:
            raise unencodable(self.unfit(value)) from None
        return out.getvalue()[self._skip:]

    def decode(self, data: bytes) -> Any:
        """The value in these bytes, all of them; RejectError `undecodable` otherwise."""
        value, end = self.decode_part(data, 0)
        if end != len(data):
            raise undecodable()
        return value

    def decode_part(self, data: bytes, start: int) -> tuple[Any, int]:
        """The value that begins at `start`, and where it ends."""
        source = io.BytesIO(data)
        source.seek(start)
        try:
            value = fastavro.schemaless_reader(source, self.schema, None, return_record_name=True,
                                                return_record_name_override=True)
        except Exception:
            raise undecodable() from None
        return value, source.tell()

    def unfit(self, value: Any) -> list[str]:
        """The fields of a record (one level down too) that do not fit, by name."""
        if not isinstance(value, Mapping) or not isinstance(self.schema, dict):
            return []
        fields = {part["name"]: part for part in self.schema.get("fields", ())}
        wrong = [str(name) for name in value if name not in fields]
        for name, part in fields.items():
            kind = Avro(inlined(part["type"], self.schema.get("__named_schemas", {})))
            inner = Avro(_record_of(kind.schema))
            given = value.get(name, part.get("default"))
            if isinstance(given, Mapping) and inner.schema != "null":
                wrong += inner.unfit(given)
            elif not kind.takes(given):
                wrong.append(name)
        return wrong

    def takes(self, value: Any) -> bool:
        """Whether the value can be encoded."""
        try:
            fastavro.schemaless_writer(io.BytesIO(), self._choice, value, strict_allow_default=True)
        except Exception:
            return False
        return True


def _json(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RejectError("schema_invalid", Text("模式不是 JSON", "the schema is not JSON"),
                          advice=Text("检查 .avsc 文件", "correct the .avsc file")) from None


def _record_of(kind: Json) -> Json:
    branches = kind if isinstance(kind, list) else [kind]
    return next((branch for branch in branches if isinstance(branch, dict) and branch["type"] == "record"), "null")


def unencodable(fields: list[str]) -> RejectError:
    """The answer to values that do not fit, by field name."""
    names = ", ".join(fields) or "?"
    return RejectError("unencodable", Text(f"字段与模式不符: {names}", f"fields do not fit the schema: {names}"),
                       advice=Text("核对字段名与类型", "compare field names and types with the schema"))
