"""The bytes of a value of one type as the bytes of another, as an Avro reader resolves them; nothing is decoded for its own sake.

For whoever has found the two compatible. What the rules cannot carry over raises ValueError or IndexError, as varint does.
"""

import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from schemas.codec.ends import kind_of, scalar_end
from schemas.codec.varint import INT, long_bytes, read_long, text_bytes
from schemas.compatibility import PROMOTED, misfits, written_as
from schemas.tree import MISSING, Kind

__all__ = ["Step", "alike", "blank_bytes", "default_bytes", "transcoder"]

#: Reads the value that begins at a position, appends what it becomes, and tells where it ended.
Step = Callable[[bytes, int, list[bytes]], int]

_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")
#: Written as one, read as the other: the same bytes.
_SAME_BYTES = {("int", "long"), ("string", "bytes")}


def transcoder(reader: Kind, writer: Kind) -> Step:
    """How a value of `writer` becomes one of `reader`."""
    return _Compiling().step(reader, writer)


def alike(reader: Kind, writer: Kind, above: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """Whether every value of `writer` lies in the same bytes as that which `reader` makes of it."""
    pair = id(reader), id(writer)
    if pair in above:
        return True
    if (writer.kind, reader.kind) in _SAME_BYTES:
        return True
    if reader.kind != writer.kind:
        return False
    within = above | {pair}
    match reader.kind:
        case "enum":
            return reader.symbols[:len(writer.symbols)] == writer.symbols
        case "fixed":
            return reader.size == writer.size
        case "array" | "map":
            assert reader.inner is not None
            assert writer.inner is not None
            return alike(reader.inner, writer.inner, within)
        case "record":
            return len(reader.parts) == len(writer.parts) and all(
                written_as(mine, writer) is theirs and alike(mine.kind, theirs.kind, within)
                for mine, theirs in zip(reader.parts, writer.parts, strict=True))
        case "union":
            return all(_branch(reader, branch) == number and alike(reader.branches[number], branch, within)
                       for number, branch in enumerate(writer.branches))
        case _:
            return True


def default_bytes(kind: Kind, value: Any) -> bytes:
    """A default as a schema's JSON writes it, in bytes that the scanner takes as they are; ValueError where it is no value of the
    type: no day that any calendar has, no number of so few digits."""
    if kind.logical == "uuid" and kind.kind == "string":
        return text_bytes(str(uuid.UUID(value))) if isinstance(value, str) else _no_default(kind)
    data = _plain_default(kind, value)
    if kind.logical:
        node = {"type": kind.kind, "logicalType": kind.logical, "precision": kind.precision, "size": kind.size}
        try:
            scalar_end(kind_of(node), node)(data, 0)
        except ValueError:
            _no_default(kind)
    return data


def _no_default(kind: Kind) -> NoReturn:
    raise ValueError(kind.kind)


def _plain_default(kind: Kind, value: Any) -> bytes:
    match kind.kind, value:
        case "null", None:
            return b""
        case "boolean", bool():
            return b"\1" if value else b"\0"
        case ("int" | "long") as word, int() if not isinstance(value, bool) and _fits(value, word):
            return long_bytes(value)
        case ("float" | "double") as word, int() | float() if not isinstance(value, bool):
            return _floating(word, value)
        case "string", str():
            return text_bytes(value)
        case "bytes", str():
            data = value.encode("latin-1")
            return long_bytes(len(data)) + data
        case "fixed", str() if len(value) == kind.size:
            return value.encode("latin-1")
        case "enum", str() if value in kind.symbols:
            return long_bytes(kind.symbols.index(value))
        case "array", list() if kind.inner is not None:
            return _block([default_bytes(kind.inner, item) for item in value])
        case "map", dict() if kind.inner is not None:
            return _block([text_bytes(key) + default_bytes(kind.inner, item) for key, item in value.items()])
        case "record", dict():
            return b"".join(default_bytes(part.kind, value.get(part.name, part.default)) for part in kind.parts)
        case "union", _:
            return _default_of_union(kind, value)
    _no_default(kind)


def blank_bytes(kind: Kind) -> bytes:
    """The value that says least, in bytes: null where the type has it, no text, nothing, the first symbol."""
    match kind.kind:
        case "record":
            return b"".join(blank_bytes(part.kind) for part in kind.parts)
        case "union":
            number = next((at for at, branch in enumerate(kind.branches) if branch.kind == "null"), 0)
            return long_bytes(number) + blank_bytes(kind.branches[number])
        case "null":
            return b""
        case "fixed":
            return bytes(kind.size)
        case "float" | "double":
            return bytes(4 if kind.kind == "float" else 8)
        case _ if kind.logical == "uuid":
            return text_bytes(str(uuid.UUID(int=0)))
        case _ if kind.logical == "decimal":
            return b"\2\0"
        case _:
            return b"\0"


def _default_of_union(kind: Kind, value: Any) -> bytes:
    """Under the first branch it fits: Avro once asked for the very first one, and now for any."""
    for number, branch in enumerate(kind.branches):
        try:
            return long_bytes(number) + default_bytes(branch, value)
        except ValueError:
            continue
    _no_default(kind)


def _floating(word: str, value: float) -> bytes:
    try:
        return (_FLOAT if word == "float" else _DOUBLE).pack(value)
    except OverflowError:
        raise ValueError(word) from None


def _fits(value: int, word: str) -> bool:
    reach = 1 << (31 if word == "int" else 63)
    return -reach <= value < reach


def _block(items: list[bytes]) -> bytes:
    return long_bytes(len(items)) + b"".join(items) + b"\0" if items else b"\0"


def _branch(union: Kind, writer: Kind) -> int:
    """The branch a value of `writer` is read into: its own type's, else the first that can read it; -1 where none can."""
    fitting = [number for number, branch in enumerate(union.branches) if not misfits(branch, writer)]
    own = [number for number in fitting if union.branches[number].kind == writer.kind]
    return next(iter(own or fitting), -1)


class _Compiling:
    """One pair of types; pairs met again, above or beside, share their step."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], Step] = {}

    def step(self, reader: Kind, writer: Kind) -> Step:
        pair = id(reader), id(writer)
        if pair not in self._made:
            # A type may contain itself: until its step is there, what stands in it calls it by way of the table.
            self._made[pair] = lambda v, p, out: self._made[pair](v, p, out)
            self._made[pair] = self._compile(reader, writer)
        return self._made[pair]

    def _compile(self, reader: Kind, writer: Kind) -> Step:
        if writer.kind == "union":
            return _choosing([self.step(reader, branch) for branch in writer.branches])
        if reader.kind == "union":
            return self._into(reader, writer)
        if reader.kind != writer.kind and writer.kind not in PROMOTED.get(reader.kind, ()):
            return _never
        match writer.kind:
            case "int" | "long":
                return _whole(INT if writer.kind == "int" else 1 << 64, reader.kind)
            case "record":
                return self._record(reader, writer)
            case "array" | "map":
                return self._items(reader, writer)
            case "enum":
                return _symbol(reader, writer)
            case "fixed":
                return _copy(writer.size if reader.size == writer.size else -1)
            case "float":
                return _copy(4) if reader.kind == "float" else _widened
            case word:
                return _PLAIN[word, reader.kind]

    def _into(self, reader: Kind, writer: Kind) -> Step:
        number = _branch(reader, writer)
        if number < 0:
            return _never
        head, inner = long_bytes(number), self.step(reader.branches[number], writer)

        def step(v: bytes, p: int, out: list[bytes]) -> int:
            out.append(head)
            return inner(v, p, out)

        return step

    def _record(self, reader: Kind, writer: Kind) -> Step:
        wanted: dict[int, list[int]] = {}
        given: list[bytes] = []
        for place, part in enumerate(reader.parts):
            source = written_as(part, writer)
            if source is not None:
                wanted.setdefault(writer.parts.index(source), []).append(place)
            given.append(b"" if source is not None or part.default is MISSING else default_bytes(part.kind, part.default))
            if source is None and part.default is MISSING:
                return _never
        # Fields that nobody asks for are read as they are, and left.
        steps = [[(place, self.step(reader.parts[place].kind, part.kind)) for place in wanted.get(number, ())]
                 or [(-1, self.step(part.kind, part.kind))] for number, part in enumerate(writer.parts)]

        def step(v: bytes, p: int, out: list[bytes]) -> int:
            made = list(given)
            for ways in steps:
                end = p
                for place, way in ways:
                    value: list[bytes] = []
                    end = way(v, p, value)
                    if place >= 0:
                        made[place] = b"".join(value)
                p = end
            out += made
            return p

        return step

    def _items(self, reader: Kind, writer: Kind) -> Step:
        assert reader.inner is not None
        assert writer.inner is not None
        item, text = self.step(reader.inner, writer.inner), _PLAIN["string", "string"] if writer.kind == "map" else None

        def step(v: bytes, p: int, out: list[bytes]) -> int:
            items: list[bytes] = []
            count = 0
            while True:
                left, p = read_long(v, p)
                if left < 0:
                    left, (_, p) = -left, read_long(v, p)
                if not left:
                    break
                count += left
                for _ in range(left):
                    p = item(v, p if text is None else text(v, p, items), items)
            out += [long_bytes(count), *items, b"\0"] if count else [b"\0"]
            return p

        return step


def _never(v: bytes, p: int, out: list[bytes]) -> int:
    raise ValueError


def _choosing(steps: list[Step]) -> Step:
    def step(v: bytes, p: int, out: list[bytes]) -> int:
        number, p = read_long(v, p)
        if number < 0:
            raise ValueError
        return steps[number](v, p, out)

    return step


def _symbol(reader: Kind, writer: Kind) -> Step:
    place = {symbol: number for number, symbol in enumerate(reader.symbols)}
    known = [place.get(symbol, place.get(reader.fallback, -1)) for symbol in writer.symbols]

    def step(v: bytes, p: int, out: list[bytes]) -> int:
        number, p = read_long(v, p, INT)
        if number < 0 or known[number] < 0:
            raise ValueError
        out.append(long_bytes(known[number]))
        return p

    return step


def _whole(size: int, word: str) -> Step:
    pack = {"float": _FLOAT.pack, "double": _DOUBLE.pack}.get(word, long_bytes)

    def step(v: bytes, p: int, out: list[bytes]) -> int:
        number, p = read_long(v, p, size)
        out.append(pack(number))
        return p

    return step


def _widened(v: bytes, p: int, out: list[bytes]) -> int:
    piece: list[bytes] = []
    p = _copy(4)(v, p, piece)
    out.append(_DOUBLE.pack(_FLOAT.unpack(piece[0])[0]))
    return p


def _copy(size: int) -> Step:
    def step(v: bytes, p: int, out: list[bytes]) -> int:
        if not 0 <= size <= len(v) - p:
            raise ValueError
        out.append(v[p:p + size])
        return p + size

    return step


def _sized(v: bytes, p: int, out: list[bytes]) -> int:
    size, start = read_long(v, p)
    end = start + size
    if size < 0 or end > len(v):
        raise ValueError
    out.append(v[p:end])
    return end


def _checked(v: bytes, p: int, out: list[bytes]) -> int:
    """Bytes that are to be a text must be one."""
    end = _sized(v, p, out)
    _, start = read_long(v, p)
    v[start:end].decode()
    return end


_PLAIN: Mapping[tuple[str, str], Step] = {
    ("null", "null"): _copy(0), ("boolean", "boolean"): _copy(1), ("double", "double"): _copy(8),
    ("bytes", "bytes"): _sized, ("string", "bytes"): _sized, ("string", "string"): _checked, ("bytes", "string"): _checked,
}  # fmt: skip
