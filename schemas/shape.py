"""What the shape of a row must hold beyond what fastavro asks of a schema: names, unions, and values that are bounded by bytes.

Items that take no bytes would let ten bytes stand for any number of them, in every receiver's memory (I-11). A type may contain
itself where a value can end: `DEEPEST` bounds how far it goes. The row may not: what a subscription cuts would come back inside it.
"""

import re
from collections.abc import Iterator, Mapping

from schemas.codec.avro import Avro, Json
from schemas.codec.ends import takes_bytes
from schemas.text import Text

__all__ = ["check_shape"]

#: A field's name travels with every finding on it; this is longer than any database takes.
_LONGEST_NAME = 128
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch


def check_shape(row_schema: str) -> list[Text]:
    """Everything that is wrong with a row schema that fastavro reads, all of it at once."""
    schema = Avro(row_schema).schema
    walk = _Walk(schema["name"], schema["__named_schemas"])
    return list(dict.fromkeys(walk.fields(schema, "", frozenset())))


class _Walk:
    """One look at all parts of a parsed schema. `above` are the types a part stands in with nothing between that could be left
    out."""

    def __init__(self, row: str, named: Mapping[str, Json]) -> None:
        self._row = row
        self._named = named

    def fields(self, record: Json, path: str, above: frozenset[str]) -> Iterator[Text]:
        names = [part["name"] for part in record["fields"]]
        for name in dict.fromkeys(names):
            where = f"{path}{name}"
            if names.count(name) > 1:
                yield Text(f"字段 {where} 出现了两次", f"field {where} is there twice")
            if not _NAME(name) or len(name) > _LONGEST_NAME:
                yield Text(f"字段名 {where} 须由英文字母、数字和下划线组成，不以数字开头，最多 {_LONGEST_NAME} 个字符；"
                           "中文写在 title 或 doc",
                           f"field name {where} is not made of ASCII letters, digits and _, or begins with a digit, or is longer "
                           f"than {_LONGEST_NAME}; a Chinese name goes into `title` or `doc`")
        for part in record["fields"]:
            yield from self.kind(part["type"], f"{path}{part['name']}", above)

    def kind(self, node: Json, where: str, above: frozenset[str]) -> Iterator[Text]:
        """What is wrong with the type of the field at `where`."""
        if isinstance(node, str):
            if node == self._row:
                yield Text(f"字段 {where} 的类型 {node} 是整行本身；请另起名字定义其中的部分",
                           f"the type {node} of field {where} is the row itself; define what repeats under a name of its own")
            elif node in above:
                yield Text(f"字段 {where} 的类型 {node} 必然包含自身，没有尽头",
                           f"the type {node} of field {where} holds itself without an end")
        elif isinstance(node, list):
            kinds = [_branch(branch) for branch in node]
            if not kinds or "union" in kinds or len(set(kinds)) < len(kinds):
                yield Text(f"字段 {where} 的联合类型为空、重复或嵌套", f"the union of field {where} is empty, nested or names a type twice")
            for branch in node:
                yield from self.kind(branch, where, frozenset() if len(node) > 1 else above)
        else:
            yield from self._complex(node, where, above)

    def _complex(self, node: Json, where: str, above: frozenset[str]) -> Iterator[Text]:
        if "name" in node and not _NAME(node["name"]):
            yield Text(f"字段 {where} 的类型名 {node['name']} 须由英文字母、数字和下划线组成，不带 namespace",
                       f"the type name {node['name']} of field {where} is not made of ASCII letters, digits and _, without a namespace")
        if "fields" in node:
            yield from self.fields(node, f"{where}.", above | {node["name"]})
        for inner in ("items", "values"):
            if inner in node:
                yield from self.kind(node[inner], where, frozenset())
        if "items" in node and not takes_bytes(node["items"], self._named):
            yield Text(f"字段 {where} 的数组元素不占字节", f"the items of the array in field {where} take no bytes")


def _branch(node: Json) -> str:
    """What a union may hold once: a type by its name, others by their kind."""
    if isinstance(node, list):
        return "union"
    return node if isinstance(node, str) else node["name"] if "name" in node else str(node["type"])
