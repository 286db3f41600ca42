"""An Avro schema as a tree: names and namespaces resolved, the logical types that hold told apart from those that do not.

For who compares schemas or carries values from one to another; whether a schema is valid is asked of the codec.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["MISSING", "Kind", "Part", "in_words", "tree"]

#: The default of a field that has none; null is one.
MISSING: Final = object()

_PRIMITIVE = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
_NAMED = {"record", "error", "enum", "fixed"}
#: Logical types by the type they stand on; on another, or under another name, they mean nothing (Avro ignores them).
_LOGICAL = {
    "int": {"date", "time-millis"},
    "long": {"time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos", "local-timestamp-millis",
             "local-timestamp-micros", "local-timestamp-nanos"},
    "bytes": {"decimal", "big-decimal"},
    "string": {"uuid"},
    "fixed": {"decimal", "uuid", "duration"},
}  # fmt: skip

_WORDS = {
    "null": Text("空值", "null"), "boolean": Text("是否（boolean）", "boolean"),
    "int": Text("32 位整数（int）", "32-bit whole number (int)"),
    "long": Text("64 位整数（long）", "64-bit whole number (long)"), "float": Text("单精度数（float）", "single-precision number (float)"),
    "double": Text("双精度数（double）", "double-precision number (double)"), "bytes": Text("字节串（bytes）", "bytes"),
    "string": Text("文本（string）", "text (string)"), "date": Text("日期（date）", "date"), "uuid": Text("UUID", "UUID"),
    "timestamp-millis": Text("毫秒时刻（timestamp-millis）", "moment in milliseconds (timestamp-millis)"),
    "timestamp-micros": Text("微秒时刻（timestamp-micros）", "moment in microseconds (timestamp-micros)"),
    "time-millis": Text("毫秒钟点（time-millis）", "time of day in milliseconds (time-millis)"),
    "time-micros": Text("微秒钟点（time-micros）", "time of day in microseconds (time-micros)"),
    "timestamp-nanos": Text("纳秒时刻（timestamp-nanos）", "moment in nanoseconds (timestamp-nanos)"),
    "local-timestamp-millis": Text("毫秒当地时间（local-timestamp-millis）", "local time in milliseconds (local-timestamp-millis)"),
    "local-timestamp-micros": Text("微秒当地时间（local-timestamp-micros）", "local time in microseconds (local-timestamp-micros)"),
    "local-timestamp-nanos": Text("纳秒当地时间（local-timestamp-nanos）", "local time in nanoseconds (local-timestamp-nanos)"),
    "duration": Text("时长（duration）", "duration"),
    "big-decimal": Text("任意精度十进制数（big-decimal）", "decimal of any scale (big-decimal)"),
}  # fmt: skip


@dataclass(eq=False, slots=True)
class Kind:
    """One type. `kind` is Avro's word (`error` is `record`), `name` the full name of a named one; of the rest, what the kind has."""

    kind: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    logical: str = ""
    precision: int = 0
    scale: int = 0
    size: int = 0
    symbols: tuple[str, ...] = ()
    #: the enum symbol that stands for those a reader does not know; "" for none
    fallback: str = ""
    inner: "Kind | None" = None
    branches: tuple["Kind", ...] = ()
    parts: tuple["Part", ...] = ()

    @property
    def short(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(".")[2]


@dataclass(eq=False, slots=True)
class Part:
    """One field of a record. `default` is as the schema writes it, MISSING where it writes none; `props` what else stands there."""

    name: str
    aliases: tuple[str, ...]
    kind: Kind
    default: Any
    props: dict[str, Any]


def tree(schema: str) -> Kind:
    """The tree of a schema's text; RejectError `schema_invalid` where it is none."""
    try:
        return _Growing().kind(json.loads(schema), "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise RejectError("schema_invalid", Text("模式不合法", "not an Avro schema"),
                          advice=Text("检查 .avsc 文件", "correct the .avsc file")) from None


class _Growing:
    """One schema on its way to a tree."""

    def __init__(self) -> None:
        self._named: dict[str, Kind] = {}

    def kind(self, node: Any, space: str) -> Kind:
        if isinstance(node, str):
            return Kind(node) if node in _PRIMITIVE else self._named[_full(node, space)]
        if isinstance(node, list):
            return Kind("union", branches=tuple(self.kind(branch, space) for branch in node))
        word = node["type"]
        if isinstance(word, dict | list) or (word not in _PRIMITIVE and word not in _NAMED and word not in ("array", "map")):
            return self.kind(word, space)
        made = self._plain(node, word, space) if word not in _NAMED else self._of_name(node, word, space)
        logical = node.get("logicalType")
        if logical in _LOGICAL.get(word, ()):
            made.logical = str(logical)
            made.precision, made.scale = int(node.get("precision", 0)), int(node.get("scale", 0))
        return made

    def _plain(self, node: dict[str, Any], word: str, space: str) -> Kind:
        inner = {"array": "items", "map": "values"}.get(word)
        return Kind(word, inner=self.kind(node[inner], space) if inner else None)

    def _of_name(self, node: dict[str, Any], word: str, space: str) -> Kind:
        name = _full(node["name"], str(node.get("namespace", space)))
        space = name.rpartition(".")[0]
        made = Kind("record" if word == "error" else word, name=name,
                    aliases=tuple(_full(alias, space) for alias in node.get("aliases", ())))
        self._named[name] = made
        if word == "enum":
            made.symbols, made.fallback = tuple(node["symbols"]), str(node.get("default", ""))
        elif word == "fixed":
            made.size = int(node["size"])
        else:
            made.parts = tuple(self._parts(node["fields"], space))
        return made

    def _parts(self, fields: list[dict[str, Any]], space: str) -> Iterator[Part]:
        for field in fields:
            props = {key: value for key, value in field.items() if key not in ("name", "type", "default", "aliases")}
            yield Part(field["name"], tuple(field.get("aliases", ())), self.kind(field["type"], space),
                       field.get("default", MISSING), props)


def _full(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"


def in_words(kind: Kind) -> Text:
    """A type for people."""
    match kind.kind:
        case _ if kind.logical == "decimal":
            return Text(f"共 {kind.precision} 位、小数 {kind.scale} 位的十进制数（decimal）",
                        f"decimal of {kind.precision} digits, {kind.scale} of them after the point")
        case _ if kind.logical:
            return _WORDS[kind.logical]
        case "union":
            told = [in_words(branch) for branch in kind.branches]
            return Text(" 或 ".join(text.zh for text in told) or "无", " or ".join(text.en for text in told) or "nothing")
        case "array" | "map":
            items = in_words(kind.inner) if kind.inner else Text("", "")
            named = kind.kind == "map"
            return Text(f"{items.zh}的{'映射' if named else '列表'}（{kind.kind}）", f"{'map' if named else 'list'} of {items.en}")
        case "enum":
            return Text(f"枚举 {kind.short}", f"enum {kind.short}")
        case "fixed":
            return Text(f"{kind.size} 字节的 {kind.short}（fixed）", f"{kind.size} bytes, fixed, {kind.short}")
        case "record":
            return Text(f"记录 {kind.short}", f"record {kind.short}")
        case word:
            return _WORDS[word]
