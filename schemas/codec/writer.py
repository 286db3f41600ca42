"""Rows of Python values into bytes, fast: for connectors that read a million rows. `EventCodec` is the complete way.

Per schema one straight function is written and compiled (`RowWriter.source` shows it). It takes values of the exact type
a driver gives; every other value goes to the field's own function. A property test holds it equal to fastavro.
"""

import datetime as dt
import re
import struct
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.codec.avro import Avro, inlined
from schemas.codec.fields import Field
from schemas.codec.frame import prefix
from schemas.codec.varint import long_bytes, text_bytes
from schemas.envelope import CAUSES, OPS, Cause, Op

__all__ = ["EventWriter", "RowWriter", "row_fields"]

#: The slice of a value that is not of the exact type its field is written from.
Otherwise = Callable[[Any], bytes]


def row_fields(row_schema: str) -> list[Field]:
    """The fields of a row schema (the text of an .avsc), in order."""
    schema = Avro(row_schema).schema
    return [Field(part["name"], inlined(part["type"], schema["__named_schemas"])) for part in schema["fields"]]


class RowWriter:
    """`write(values)` gives the bytes of a row, its values in the order of the fields.

    `otherwise` says per field what becomes of a value the fast way does not know; by default fastavro encodes it, or
    refuses it as `unencodable`. A text that is no Unicode is a UnicodeEncodeError.
    """

    def __init__(self, fields: Sequence[Field], otherwise: Sequence[Otherwise] = ()) -> None:
        self.source = _source(fields)
        room: dict[str, Any] = {"long_bytes": long_bytes, "datetime": dt.datetime, "date": dt.date, "EPOCH": _EPOCH,
                                "double": struct.Struct("<d").pack}  # fmt: skip
        for number, field in enumerate(fields):
            some = b"" if field.some < 0 else bytes((field.some,))
            room |= {
                f"other{number}": otherwise[number] if otherwise else field.encode,
                f"size{number}": _Sizes(some),
                f"some{number}": some,
                f"null{number}": bytes((max(field.null, 0),)),
                f"symbols{number}": {symbol: some + long_bytes(at) for at, symbol in enumerate(field.symbols)},
            }
        exec(compile(self.source, "<row writer>", "exec"), room)
        self.write: Callable[[Sequence[Any]], bytes] = room["write"]


class EventWriter:
    """Events of one writer under one schema, from rows already in bytes. What all of them share is encoded once."""

    def __init__(self, schema_text: str, schema_id: int, source: str, stream: str, epoch: int) -> None:
        self._prefix = prefix(schema_id)
        self._writer = text_bytes(source) + text_bytes(stream) + long_bytes(epoch)
        has_before = any(part["name"] == "before" for part in Avro(schema_text).schema["fields"])
        self._end = b"\0" if has_before else b""
        self._head = f"{stream}:{epoch}:"

    def write(self, op: Op, at: int, seq: int, cause: Cause, row: bytes | None) -> bytes:
        """The framed event; its id is `<stream>:<epoch>:<seq>`, its path empty."""
        id_ = f"{self._head}{seq}".encode()
        return b"".join((
            self._prefix, _SIZES[len(id_)], id_, _OPS[op], long_bytes(at), self._writer, long_bytes(seq), _CAUSES[cause],
            b"\0" if row is None else b"\2" + row, self._end,
        ))  # fmt: skip


class _Sizes(dict[int, bytes]):
    """The bytes of a length behind those of the union's branch, made when they are first asked for."""

    def __init__(self, some: bytes) -> None:
        super().__init__()
        self._some = some

    def __missing__(self, size: int) -> bytes:
        made = self._some + long_bytes(size)
        if size < 1 << 14:
            self[size] = made
        return made


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SIZES = _Sizes(b"")
_OPS: Mapping[Op, bytes] = {op: long_bytes(number) for number, op in enumerate(OPS)}
#: The cause and an empty path.
_CAUSES: Mapping[Cause, bytes] = {cause: long_bytes(number) + b"\0" for number, cause in enumerate(CAUSES)}

#: Per kind: when the fast way takes value `v`, and what it sets `a` (the slice, or its beginning) and `b` (the rest) to.
_FAST = {
    "text": ("type(v) is str", "b = v.encode(); a = size[len(b)]"),
    "bytes": ("type(v) is bytes", "b = v; a = size[len(b)]"),
    "int": ("type(v) is int and -2147483648 <= v <= 2147483647", "a = some + long_bytes(v)"),
    "long": ("type(v) is int and -9223372036854775808 <= v <= 9223372036854775807", "a = some + long_bytes(v)"),
    "boolean": ("type(v) is bool", "a = some + (b'\\1' if v else b'\\0')"),
    "double": ("type(v) is float", "a = some + double(v)"),
    "enum": ("type(v) is str and v in symbols", "a = symbols[v]"),
    "date": ("type(v) is date", "a = some + long_bytes(v.toordinal() - 719163)"),
    "timestamp-millis": (
        "type(v) is datetime and v.tzinfo is not None",
        "d = v - EPOCH; a = some + long_bytes(d.days * 86400000 + d.seconds * 1000 + d.microseconds // 1000)",
    ),
}
#: The names in these lines that are the field's own.
_NAME = re.compile(r"\b(?:size|some|symbols|null|other|a|b|v)\b(?!')")


def _source(fields: Sequence[Field]) -> str:
    """The Python text of `write(values) -> bytes` for these fields."""
    names = "".join(f"v{number}, " for number in range(len(fields)))
    lines, parts = [f"({names}) = values\n"], []
    for number, field in enumerate(fields):
        lines.append(_numbered(_field_source(field), number))
        parts.append(f"a{number}, b{number}, " if field.kind in ("text", "bytes") else f"a{number}, ")
    return f'def write(values):\n{textwrap.indent("".join(lines), "    ")}    return b"".join(({"".join(parts)}))\n'


def _field_source(field: Field) -> str:
    """Lines that set `a` (and `b`) from `v`."""
    has_rest = field.kind in ("text", "bytes")
    rest = "; b = b''" if has_rest else ""
    steps = []
    if field.kind in _FAST:
        test, does = _FAST[field.kind]
        steps.append((test, does))
    if field.nullable:
        steps.append(("v is None", f"a = null{rest}"))
    lines = [f"{'el' if number else ''}if {test}: {does}\n" for number, (test, does) in enumerate(steps)]
    last = f"a = other(v){rest}\n"
    return "".join([*lines, f"else: {last}"]) if lines else last


def _numbered(text: str, number: int) -> str:
    """The lines for one field: its names carry its number."""
    return _NAME.sub(lambda match: f"{match[0]}{number}", text)
