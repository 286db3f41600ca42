"""Avro by fastavro, for all that need not be fast: one schema, Python values in, bytes out, and back.

Values that do not fit are refused by field name, bytes that do not fit as `undecodable`; no message holds a value. What it
writes the scanner takes, and nothing nested deeper than `DEEPEST` comes to fastavro, whose stack would end.
"""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import fastavro

from schemas.codec.canonical import Rewrite, compile_rewrite
from schemas.codec.composed import check_types, compile_end, contains_itself, holds_itself
from schemas.codec.ends import DEEPEST_EVENT, PRIMITIVE, End, Json, Unusual
from schemas.codec.form import check_form
from schemas.codec.frame import undecodable
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["PRIMITIVE", "Avro", "Json", "inlined", "parsed", "unencodable"]


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
    """Reads and writes values of one schema, given as the text of an .avsc or as the JSON in it.

    A value has at most `deepest` records, arrays and maps one in another.
    """

    def __init__(self, schema: str | Json, deepest: int = DEEPEST_EVENT) -> None:
        self.schema = parsed(_json(schema) if isinstance(schema, str) and schema.lstrip()[:1] in "{[" else schema)
        # fastavro looks at a value before it writes it only where there are branches to choose from; elsewhere it writes a
        # number that no int can hold, and cuts a fraction off.
        self._choice = self.schema if isinstance(self.schema, list) else [self.schema]
        self._skip = 0 if isinstance(self.schema, list) else 1
        self._deepest = deepest
        check_types(self.schema, deepest)
        self._recursive = contains_itself(self.schema)

    @cached_property
    def _end(self) -> End:
        return compile_end(self.schema, self._deepest)

    @cached_property
    def _rewrite(self) -> Rewrite:
        return compile_rewrite(self.schema, self._deepest)

    def encode(self, value: Any) -> bytes:
        """The value in bytes; RejectError `unencodable` names the fields that do not fit."""
        data = self.encoded(value)
        if data is None:
            raise unencodable(self.unfit(value))
        return data

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
            if self._recursive:
                self._look_ahead(data, start)
            value = fastavro.schemaless_reader(source, self.schema, None, return_record_name=True,
                                                return_record_name_override=True)
        except Exception:
            raise undecodable() from None
        return value, source.tell()

    def _look_ahead(self, data: bytes, start: int) -> None:
        """A ValueError or IndexError where fastavro would go too deep."""
        try:
            self._end(data, start)
        except Unusual:
            self._rewrite(data, start)

    def takes(self, value: Any) -> bool:
        """Whether the value can be encoded."""
        return self.encoded(value) is not None

    def encoded(self, value: Any) -> bytes | None:
        """The value in bytes; None where it does not fit. fastavro would write some that do not and that nobody could read back: a
        decimal of too many digits, a time that no day has, a symbol as a uuid."""
        if self._recursive and _nests_beyond(value, self._deepest):
            return None
        out = io.BytesIO()
        try:
            fastavro.schemaless_writer(out, self._choice, value, strict_allow_default=True)
            data = out.getvalue()[self._skip:]
            return data if self._end(data, 0) == len(data) else None
        except Unusual:
            return self._settled(data)
        except Exception:
            return None

    def _settled(self, data: bytes) -> bytes | None:
        """The one spelling of a value that was given in another, as a uuid may be."""
        try:
            return self._rewrite(data, 0)[0]
        except (ValueError, LookupError):
            return None

    def unfit(self, value: Any, levels: int = 3) -> list[str]:
        """The fields of a record (and of records in it, some levels down) that do not fit, by name."""
        if not isinstance(value, Mapping) or not isinstance(self.schema, dict) or "fields" not in self.schema:
            return []  # the keys of a map are data
        if holds_itself(self.schema):
            return []  # it may go on and on: the whole is named
        fields = {part["name"]: part for part in self.schema["fields"]}
        wrong = [str(name) for name in value if name not in fields]
        for name, part in fields.items():
            kind = Avro(inlined(part["type"], self.schema.get("__named_schemas", {})), self._deepest - 1)
            record, given = _record_of(kind.schema), value.get(name, part.get("default"))
            within = Avro(record, self._deepest - 1).unfit(given, levels - 1) if levels else []
            wrong += within or ([] if kind.takes(given) else [name])
        return wrong


def _json(text: str) -> Json:
    try:
        schema = json.loads(text)
        check_form(schema)
    except (ValueError, RecursionError):
        raise RejectError("schema_invalid", Text("模式不是 JSON", "the schema is not JSON"),
                          advice=Text("检查 .avsc 文件", "correct the .avsc file")) from None
    return schema


def _nests_beyond(value: Any, deepest: int) -> bool:
    """Whether a value goes so deep, or never ends, that fastavro would lose its stack; the exact depth is seen in the bytes.

    A tuple is no level in bytes: it names the record it is one of.
    """
    level: Iterable[Any] = ((value,),)
    for _ in range(2 * deepest + 3):
        parts = (part for one in level for part in (one.values() if isinstance(one, Mapping) else one))
        level = {id(part): part for part in parts if _has_parts(part)}.values()
        if not level:
            return False
    return True


def _has_parts(value: Any) -> bool:
    return isinstance(value, (Mapping, Sequence)) and not isinstance(value, (str, bytes, bytearray))


def _record_of(kind: Json) -> Json:
    branches = kind if isinstance(kind, list) else [kind]
    return next((branch for branch in branches if isinstance(branch, dict) and branch["type"] == "record"), "null")


def unencodable(fields: list[str]) -> RejectError:
    """The answer to values that do not fit, by field name."""
    names = ", ".join(fields) or "?"
    return RejectError("unencodable", Text(f"字段与模式不符: {names}", f"fields do not fit the schema: {names}"),
                       advice=Text("核对字段名与类型", "compare field names and types with the schema"))
