"""Whether JSON has the form of an Avro schema at all: each word where it belongs, of the type it must have.

fastavro looks at less, and whoever walks over a schema must be able to rely on it. Names that are defined nowhere, defaults and the
rest of what Avro asks are fastavro's to judge.
"""

from collections.abc import Callable, Iterator
from typing import Any

from schemas.codec.ends import PRIMITIVE, Json
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["check_form"]

#: The words that make a type, by the types that have them.
_OWN = {"record": ("name", "fields"), "error": ("name", "fields"), "enum": ("name", "symbols"), "fixed": ("name", "size"),
        "array": ("items",), "map": ("values",)}
_MADE_OF = ("name", "fields", "symbols", "size", "items", "values")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31


_TEXT, _TEXTS, _SIZE = Text("文本", "a text"), Text("文本列表", "a list of texts"), Text("非负整数", "a whole number from 0 on")
#: What each of these words must be, wherever it stands.
_ARE: dict[str, tuple[Callable[[Any], bool], Text]] = {
    "name": (_is_text, _TEXT), "namespace": (_is_text, _TEXT), "logicalType": (_is_text, _TEXT), "aliases": (_are_texts, _TEXTS),
    "symbols": (_are_texts, _TEXTS), "size": (_is_size, _SIZE), "precision": (_is_size, _SIZE), "scale": (_is_size, _SIZE),
    "fields": (lambda value: isinstance(value, list), Text("列表", "a list")),
}


def check_form(schema: Json) -> None:
    """RejectError `schema_invalid` with everything that has not the form of a schema."""
    problems = list(dict.fromkeys(_type(schema, "")))
    if problems:
        raise RejectError("schema_invalid", Text("；".join(one.zh for one in problems), "; ".join(one.en for one in problems)),
                          advice=Text("检查 .avsc 文件", "correct the .avsc file"))


def _type(node: Json, path: str) -> Iterator[Text]:
    if isinstance(node, str):
        return
    if isinstance(node, list):
        for branch in node:
            yield from _type(branch, path)
    elif not isinstance(node, dict) or "type" not in node:
        yield _said(path, "不是类型：类型是名称、列表或带 type 的对象", "is no type: that is a name, a list, or an object with `type`")
    elif not isinstance(node["type"], str):
        yield from _type(node["type"], path)
    else:
        yield from _made(node, node["type"], path)


def _made(node: dict[str, Json], word: str, path: str) -> Iterator[Text]:
    """A type that says what it is made of."""
    needed = _OWN.get(word, ())
    for name in needed:
        if name not in node:
            yield _said(path, f"的类型 {word} 缺少 {name}", f"is of type {word}, which needs `{name}`")
    yield from _words(node, path)
    strange = [name for name in _MADE_OF if name in node and name not in needed]
    if strange and (word in PRIMITIVE or needed):
        yield _said(path, f"的类型 {word} 没有 {'、'.join(strange)}", f"is of type {word}, which has no {', '.join(strange)}")
    for inner, step in (("items", "[]"), ("values", "{}")):
        if inner in needed and inner in node:
            yield from _type(node[inner], path + step)
    fields = node.get("fields") if "fields" in needed else None
    for number, part in enumerate(fields if isinstance(fields, list) else ()):
        if not isinstance(part, dict) or not _is_text(part.get("name")) or "type" not in part:
            yield _said(path, f"的第 {number + 1} 个成员须有 name 与 type", f"has a member, number {number + 1}, without `name` or `type`")
            continue
        where = f"{path}.{part['name']}".lstrip(".")
        yield from _words(part, where)
        yield from _type(part["type"], where)


def _words(node: dict[str, Json], path: str) -> Iterator[Text]:
    for name, (fits, kind) in _ARE.items():
        if name in node and not fits(node[name]):
            yield _said(path, f"的 {name} 须为{kind.zh}", f"has a `{name}` that is not {kind.en}")


def _said(path: str, zh: str, en: str) -> Text:
    return Text(f"字段 {path} {zh}", f"field {path} {en}") if path else Text(f"模式{zh}", f"the schema {en}")
