"""Where a value with parts ends: records, arrays, maps and unions of any depth, also those that contain themselves.

Per type one straight function is written and compiled. It takes the bytes as an Avro writer puts them in one go and raises
`Unusual` for what a writer may also do (several blocks, a key twice); `canonical` then says how those are spelt.
Nothing that arrives makes it go on: a count is never larger than the bytes left, and no value lies deeper than it is told.
"""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from schemas.codec.ends import (
    DEEPEST,
    EIGHT,
    PRIMITIVE,
    SIX,
    STEP,
    End,
    Json,
    Unusual,
    bare_size,
    kind_of,
    micro_end,
    milli_end,
    scalar_end,
    takes_bytes,
)
from schemas.codec.varint import read_long, text_end
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["check_types", "compile_end", "contains_itself", "holds_itself", "names_in"]

#: Beyond so many blocks one in another a function of its own goes on: Python takes no more than twenty loops.
_BLOCKS = 6
#: A branch's number takes one byte up to here.
_ONE_BYTE = 64


def compile_end(schema: Json, deepest: int = DEEPEST) -> End:
    """The end-finder of a parsed schema. It may say an end beyond the bytes: the caller compares it with their length."""
    writer = _Writer(schema, deepest)
    exec(compile(writer.source(schema), "<end of a value>", "exec"), writer.room)
    end: End = writer.room["end"]
    return end


def names_in(schema: Json) -> dict[str, Json]:
    """The named types a schema defines."""
    return {node["name"]: node for node, _ in _parts(schema) if isinstance(node, dict) and "name" in node}


def contains_itself(schema: Json) -> bool:
    """Whether some type in it is used within itself. A name is defined before it is used, so only those around it can be meant."""
    return any(isinstance(node, str) and node in above for node, above in _parts(schema))


def holds_itself(record: Json) -> bool:
    """Whether a record is a part of itself."""
    return isinstance(record, dict) and any(node == record["name"] for node, _ in _parts(record))


def check_types(schema: Json, deepest: int) -> None:
    """RejectError `schema_invalid` for a decimal without a precision, a fixed without a size, or types that stand deeper one in
    another than their values may: a reader calls itself for each."""
    heights: dict[str, int] = {}

    def height(node: Json, left: int) -> int:
        """How many records, arrays and maps a value holds one in another, one inside itself counted once."""
        if isinstance(node, str):
            known = heights.get(node, 0)
            return known if known <= left else _too_deep(deepest)
        if isinstance(node, list):
            return max((height(branch, left) for branch in node), default=0)
        if (kind := kind_of(node)) in ("decimal", "fixed"):
            scalar_end(kind, node)
        inner = [part["type"] for part in node.get("fields", ())] + [node[name] for name in ("items", "values") if name in node]
        if not {"fields", "items", "values"} & node.keys():
            return 0
        if left == 0:
            return _too_deep(deepest)
        found = 1 + max((height(one, left - 1) for one in inner), default=0)
        if "name" in node:
            heights[node["name"]] = found
        return found

    height(schema, deepest)


def _too_deep(deepest: int) -> NoReturn:
    raise RejectError("schema_invalid", Text(f"模式嵌套超过 {deepest} 层", f"the schema is nested deeper than {deepest} levels"),
                      advice=Text("把内层数据拆成单独的数据资源", "make a dataset of its own of what lies inside"))


def _parts(node: Json, above: frozenset[str] = frozenset()) -> Iterator[tuple[Json, frozenset[str]]]:
    """Every type in a schema, and the named ones it stands in."""
    yield node, above
    if isinstance(node, list):
        inner: Iterable[Json] = node
    elif isinstance(node, dict) and "fields" in node:
        above |= {node["name"]}
        inner = [part["type"] for part in node["fields"]]
    elif isinstance(node, dict):
        inner = [node[name] for name in ("items", "values") if name in node]
    else:
        return
    for one in inner:
        yield from _parts(one, above)


def _count(v: bytes, p: int) -> tuple[int, int]:
    """How many parts the first block has, and where they begin."""
    count, p = read_long(v, p)
    if count < 0:
        raise Unusual
    return count, p


class _Writer:
    """Writes the source of one schema's end-finder. Lines move `p` behind a value; `d` is how deep a function's value lies."""

    def __init__(self, schema: Json, deepest: int) -> None:
        self._named: Mapping[str, Json] = names_in(schema)
        self._uses = Counter(node for node, _ in _parts(schema) if isinstance(node, str))
        self._recursive = contains_itself(schema)
        self._deepest = deepest
        self._functions: list[str] = []
        self._of: dict[str, str] = {}
        self._made = 0
        self.room: dict[str, Any] = {"STEP": STEP, "SIX": SIX, "EIGHT": EIGHT, "Unusual": Unusual, "text_end": text_end, "count": _count,
                                     "read_long": read_long, "int_end": scalar_end("int", "int"), "long_end": scalar_end("long", "long"),
                                     "milli_end": milli_end, "micro_end": micro_end}

    def source(self, schema: Json) -> str:
        """The text of `end(v, p)` and all it calls."""
        body = self._value(schema, 1, 0)
        head = "def end(v, p):\n" + ("    d = 0\n" if self._recursive else "")
        return "".join(self._functions) + head + textwrap.indent(body, "    ") + "    return p\n"

    def _value(self, node: Json, deep: int, blocks: int) -> str:
        """Lines for a value. `deep` counts the records, arrays and maps it is or stands in, `blocks` the indentations."""
        if isinstance(node, str) and node not in PRIMITIVE:
            node = self._named[node]
        if kind_of(node) != "other":
            return self._scalar(node)
        if isinstance(node, dict) and "fields" in node:
            if self._uses[node["name"]] or blocks >= _BLOCKS:
                return self._call(node, deep, node["name"])
            return self._record(node, deep, blocks)
        if blocks >= _BLOCKS:
            return self._call(node, deep, f"#{self._made}")
        if isinstance(node, list):
            return self._union(node, deep, blocks)
        return self._blocks(node, deep, blocks)

    def _call(self, node: Json, deep: int, name: str) -> str:
        """A function of its own, written when it is first asked for."""
        if name not in self._of:
            self._of[name] = f"end{len(self._of)}"
            self._made += 1
            write: Callable[[Json, int, int], str] = (
                self._union if isinstance(node, list) else self._record if "fields" in node else self._blocks)
            parameters = "v, p, d" if self._recursive else "v, p"
            body = textwrap.indent(write(node, 0, 0), "    ")
            self._functions.append(f"def {self._of[name]}({parameters}):\n{body}    return p\n")
        return f"p = {self._of[name]}(v, p{f', d + {deep}' if self._recursive else ''})\n"

    def _depth(self, deep: int) -> str:
        return f"if d > {self._deepest - deep}: raise ValueError\n" if self._recursive else ""

    def _record(self, node: Json, deep: int, blocks: int) -> str:
        """Texts side by side are checked as one, their lengths being ASCII while they are short."""
        lines, in_run = [self._depth(deep)], False
        kinds = [part["type"] for part in node["fields"]]
        for kind in kinds:
            is_text = kind_of(kind) == "text"
            if is_text and not in_run:
                lines.append("r = p\n")
            if in_run and not is_text:
                lines.append(_CHECK)
            lines.append(_TEXT_OF_RUN if is_text else self._value(kind, deep + 1, blocks))
            in_run = is_text
        return "".join([*lines, _CHECK if in_run else ""]) or "pass\n"

    def _union(self, branches: list[Json], deep: int, blocks: int) -> str:
        """A union is no level of its own: a branch lies as deep as it does."""
        if not branches:
            return "raise ValueError\n"
        one_byte = len(branches) <= _ONE_BYTE
        lines = ["b = v[p]\np += 1\n" if one_byte else "b, p = read_long(v, p)\n"]
        ranked = sorted(enumerate(branches), key=lambda numbered: numbered[1] == "null")
        for spot, (number, branch) in enumerate(ranked):
            body = self._value(branch, deep, blocks + 1) or "pass\n"
            lines.append(f"{'el' if spot else ''}if b == {number * 2 if one_byte else number}:\n{textwrap.indent(body, '    ')}")
        return "".join([*lines, "else: raise ValueError\n"])

    def _blocks(self, node: Json, deep: int, blocks: int) -> str:
        """An array or a map: a count, so many parts, and a zero."""
        n, keys = f"n{blocks}", f"keys{blocks}"
        if "items" in node:
            item, size = node["items"], bare_size(node["items"])
            if size is None and not takes_bytes(item, self._named):
                size = 0
            if size is not None:
                body = f"p += {n} * {size}\n" if size else "pass\n"
            elif kind_of(item) == "text":
                body = f"r = p\nfor _ in range({n}):\n{textwrap.indent(_TEXT_OF_RUN, '    ')}{_CHECK}"
            else:
                body = f"for _ in range({n}):\n{textwrap.indent(self._value(item, deep + 1, blocks + 2), '    ')}"
        else:
            value = textwrap.indent(self._value(node["values"], deep + 1, blocks + 2), "    ")
            body = (f"{keys} = set()\nfor _ in range({n}):\n{textwrap.indent(_KEY.format(keys=keys), '    ')}{value}"
                    f"if len({keys}) != {n}: raise Unusual\n")
        opening = _BLOCKS_OPEN.format(n=n)
        return f"{self._depth(deep)}{opening}{textwrap.indent(body, '    ')}    if v[p]: raise Unusual\n    p += 1\n"

    def _scalar(self, node: Json) -> str:
        kind = kind_of(node)
        if kind in _LINES:
            return _LINES[kind]
        size = bare_size(node)
        if size is not None:
            return f"p += {size}\n" if size else ""
        if kind == "enum" and 0 < len(node["symbols"]) <= _ONE_BYTE:
            return f"if (n := v[p]) & 1 or n >= {2 * len(node['symbols'])}: raise ValueError\np += 1\n"
        name = f"scalar{len(self.room)}"
        self.room[name] = scalar_end(kind, node)
        return f"p = {name}(v, p)\n"


_CHECK = "if not v[r:p].isascii(): v[r:p].decode()\n"
_TEXT_OF_RUN = """if s := STEP[v[p]]: p += s
else:
    if not v[r:p].isascii(): v[r:p].decode()
    r = p = text_end(v, p)
"""
_KEY = """q = p
if s := STEP[v[p]]:
    p += s
    v[q:p].decode()
else: p = text_end(v, p)
{keys}.add(v[q:p])
"""
_BLOCKS_OPEN = """{n} = v[p]
p += 1
if {n}:
    if {n} & 129: {n}, p = count(v, p - 1)
    else: {n} >>= 1
    if {n} > len(v) - p: raise ValueError
"""
_MILLIS = "p = p + 6 if SIX(v, p) else milli_end(v, p)\n"
_MICROS = "p = p + 8 if EIGHT(v, p) else micro_end(v, p)\n"
_LINES = {
    "timestamp-millis": _MILLIS, "local-timestamp-millis": _MILLIS, "timestamp-micros": _MICROS, "local-timestamp-micros": _MICROS,
    "int": "if v[p] < 128: p += 1\nelse: p = int_end(v, p)\n",
    "long": "if v[p] < 128: p += 1\nelse: p = long_end(v, p)\n",
    "boolean": "if v[p] > 1: raise ValueError\np += 1\n",
    "text": "if s := STEP[v[p]]:\n    p += s\n    v[p - s:p].decode()\nelse: p = text_end(v, p)\n",
}
