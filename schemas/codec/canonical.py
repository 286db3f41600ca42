"""The one way the bus writes a value that an Avro writer may write in several: blocks joined, each key once, a plain uuid.

What Avro leaves to the writer is rewritten here: arrays and maps in several blocks or with block sizes (one block without),
a key that stands twice (the last value, at the first one's place), a uuid's spelling. All else stays as it was sent, byte for byte,
and what the end-finders refuse is refused.
"""

import uuid
from collections.abc import Callable

from schemas.codec.composed import names_in
from schemas.codec.ends import DEEPEST, Json, kind_of, scalar_end, takes_bytes
from schemas.codec.varint import long_bytes, read_long, read_text, text_bytes, text_end

__all__ = ["Rewrite", "compile_rewrite"]

#: The canonical bytes of the value that begins at a position, and where it ends; raises ValueError or IndexError where there is none.
Rewrite = Callable[[bytes, int], tuple[bytes, int]]

#: The same with how many records, arrays and maps the value stands in.
_Part = Callable[[bytes, int, int], tuple[bytes, int]]


def compile_rewrite(schema: Json, deepest: int = DEEPEST) -> Rewrite:
    """The rewriter of a parsed schema."""
    part = _Parts(schema, deepest).of(schema)
    return lambda v, p: part(v, p, 0)


class _Parts:
    """The rewriters of the parts of a schema; a named type is made once and may ask for itself."""

    def __init__(self, schema: Json, deepest: int) -> None:
        self._named = names_in(schema)
        self._deepest = deepest
        self._made: dict[str, _Part] = {}

    def of(self, node: Json) -> _Part:
        """The rewriter of one type."""
        if isinstance(node, str) and node in self._named:
            return self._known(self._named[node])
        if isinstance(node, list):
            return _union([self.of(branch) for branch in node])
        if isinstance(node, dict) and "fields" in node:
            return self._known(node)
        if isinstance(node, dict) and "items" in node:
            return self._deeper(_array(self.of(node["items"]), takes_bytes(node["items"], self._named)))
        if isinstance(node, dict) and "values" in node:
            return self._deeper(_map(self.of(node["values"])))
        kind = kind_of(node)
        if kind == "uuid":
            return _uuid
        end = scalar_end(kind, node)
        return lambda v, p, deep: (v[p:(q := end(v, p))], q)

    def _known(self, node: Json) -> _Part:
        if "fields" not in node:
            end = scalar_end(kind_of(node), node)
            return lambda v, p, deep: (v[p:(q := end(v, p))], q)
        name: str = node["name"]
        if name not in self._made:
            self._made[name] = lambda v, p, deep: self._made[name](v, p, deep)  # for those inside, until it is there
            self._made[name] = self._deeper(_record([self.of(part["type"]) for part in node["fields"]]))
        return self._made[name]

    def _deeper(self, part: _Part) -> _Part:
        deepest = self._deepest

        def within(v: bytes, p: int, deep: int) -> tuple[bytes, int]:
            if deep >= deepest:
                raise ValueError
            return part(v, p, deep + 1)

        return within


def _record(parts: list[_Part]) -> _Part:
    def record(v: bytes, p: int, deep: int) -> tuple[bytes, int]:
        pieces = []
        for part in parts:
            piece, p = part(v, p, deep)
            pieces.append(piece)
        return b"".join(pieces), p

    return record


def _union(parts: list[_Part]) -> _Part:
    def union(v: bytes, p: int, deep: int) -> tuple[bytes, int]:
        branch, start = read_long(v, p)
        if not 0 <= branch < len(parts):
            raise ValueError
        piece, end = parts[branch](v, start, deep)
        return v[p:start] + piece, end

    return union


def _block(v: bytes, p: int, so_far: int) -> tuple[int, int]:
    """How many parts the next block has, 0 for none, and where they begin; there are never more of them than bytes."""
    count, p = read_long(v, p)
    if count < 0:
        _, p = read_long(v, p)
        count = -count
    if so_far + count > len(v):
        raise ValueError
    return count, p


def _array(part: _Part, takes_bytes: bool) -> _Part:
    def array(v: bytes, p: int, deep: int) -> tuple[bytes, int]:
        pieces: list[bytes] = []
        total = 0
        while True:
            count, p = _block(v, p, total)
            if not count:
                return (b"".join((long_bytes(total), *pieces, b"\0")) if total else b"\0"), p
            total += count
            for _ in range(count if takes_bytes else 0):
                piece, p = part(v, p, deep)
                pieces.append(piece)

    return array


def _map(part: _Part) -> _Part:
    def map_(v: bytes, p: int, deep: int) -> tuple[bytes, int]:
        pieces: dict[bytes, bytes] = {}
        total = 0
        while True:
            count, p = _block(v, p, total)
            if not count:
                whole = [half for entry in pieces.items() for half in entry]
                return (b"".join((long_bytes(len(pieces)), *whole, b"\0")) if total else b"\0"), p
            total += count
            for _ in range(count):
                end = text_end(v, p)
                key = v[p:end]
                pieces[key], p = part(v, end, deep)

    return map_


def _uuid(v: bytes, p: int, deep: int) -> tuple[bytes, int]:
    text, p = read_text(v, p)
    return text_bytes(str(uuid.UUID(text))), p
