"""The hot path's reader and writer of events: encoded fields as slices, nothing decoded that nobody asks for.

Per schema one straight function is written and compiled (`EventScanner.source` shows it). It takes the bytes fastavro reads, spelt
as an Avro writer spells them; a slice is what was sent wherever that is the only spelling, else it is rewritten, slowly and counted.
"""

import textwrap
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from schemas.codec.avro import Avro, inlined
from schemas.codec.ends import SIX, STEP, Unusual, milli_end
from schemas.codec.fields import Field
from schemas.codec.frame import prefix, undecodable
from schemas.codec.varint import INT, LONG, long_bytes, read_long, read_text, read_unsigned, text_bytes, text_end
from schemas.envelope import CAUSES, OPS, Cause, Meta, Op

__all__ = ["EventScanner", "Scanned", "stamp", "stream_prefix"]

Pieces = tuple[bytes, ...]


class Scanned(NamedTuple):
    """One event in slices. `head` is the encoded id, op, at, source; `tail` cause and path; a row one slice a field."""

    op: Op
    stream: str
    epoch: int
    seq: int
    cause: Cause
    head: bytes
    tail: bytes
    row: Pieces | None
    before: Pieces | None


def stream_prefix(stream: str, epoch: int) -> bytes:
    """The encoded stream and epoch, as they stand before seq: made once per partition."""
    return text_bytes(stream) + long_bytes(epoch)


def stamp(schema_id: int, head: bytes, stream_epoch: bytes, seq: int, tail: bytes,
          row: Sequence[bytes] | None, before: Sequence[bytes] | None) -> bytes:
    """An event put together again under a new position, framed."""
    if before is None and row is not None:
        return b"".join((prefix(schema_id), head, stream_epoch, long_bytes(seq), tail, b"\2", *row, b"\0"))
    return b"".join((prefix(schema_id), head, stream_epoch, long_bytes(seq), tail,
                     *((b"\2", *row) if row is not None else (b"\0",)),
                     *((b"\2", *before) if before is not None else (b"\0",))))


class EventScanner:
    """Reads events of one schema into slices. `fields` are the row's field names, `index` their positions.

    `rewritten` counts the events read so far of which some field was not spelt the bus's own way: all others took the fast path.
    """

    def __init__(self, schema_text: str, schema_id: int) -> None:
        schema = Avro(schema_text).schema
        named = schema["__named_schemas"]
        row = next(part["type"][1] for part in schema["fields"] if part["name"] == "row")
        record = named[row] if isinstance(row, str) else row
        self.schema_id = schema_id
        self._fields = [Field(part["name"], inlined(part["type"], named)) for part in record["fields"]]
        self.fields: tuple[str, ...] = tuple(field.name for field in self._fields)
        self.index: dict[str, int] = {name: number for number, name in enumerate(self.fields)}
        self.rewritten = 0
        self._has_before = any(part["name"] == "before" for part in schema["fields"])
        self.source = _source(self._fields, self._has_before, rewriting=False)
        self._scan: Callable[[bytes], Scanned] = _compiled(self.source, self._fields, schema_id)

    def scan(self, value: bytes) -> Scanned:
        """The event in a framed value; RejectError `undecodable` if a byte is not as it must be."""
        try:
            return self._scan(value)
        except Unusual:
            return self._scanned_slowly(value)
        except (ValueError, LookupError):
            raise undecodable() from None

    def _scanned_slowly(self, value: bytes) -> Scanned:
        try:
            scanned = self._scan_rewriting(value)
        except (ValueError, LookupError):
            raise undecodable() from None
        self.rewritten += 1
        return scanned

    @cached_property
    def _scan_rewriting(self) -> Callable[[bytes], Scanned]:
        return _compiled(_source(self._fields, self._has_before, rewriting=True), self._fields, self.schema_id, rewriting=True)

    def meta(self, scanned: Scanned) -> Meta:
        """The whole envelope, decoded."""
        id_, p = read_text(scanned.head, 0)
        at, p = read_long(scanned.head, p + 1)
        source, _ = read_text(scanned.head, p)
        path, _ = read_text(scanned.tail, 1)
        return Meta(id_, scanned.op, at, source, scanned.stream, scanned.epoch, scanned.seq, scanned.cause, path)

    def field(self, number: int) -> Field:
        """What is known of a field."""
        return self._fields[number]

    def decode_field(self, number: int, piece: bytes) -> Any:
        """The value of a field's slice."""
        return self._fields[number].decode(piece)

    def encode_field(self, number: int, value: Any) -> bytes:
        """The slice of a field's value."""
        return self._fields[number].encode(value)

    def text(self, number: int, piece: bytes) -> str | None:
        """The value of a field's slice as text; None for null."""
        return self._fields[number].text(piece)

    def decode_row(self, pieces: Sequence[bytes]) -> dict[str, Any]:
        """A row of slices as Python values, for letters and pages."""
        return {field.name: field.decode(piece) for field, piece in zip(self._fields, pieces, strict=True)}

    def encode_row(self, row: dict[str, Any]) -> Pieces:
        """A row of Python values as slices."""
        return tuple(field.encode(row.get(field.name)) for field in self._fields)

    def split(self, joined: bytes) -> Pieces:
        """The slices of a row that was joined; RejectError `undecodable` if it was none."""
        try:
            try:
                pieces, end = _row_of(self._scan)(joined, 0)
            except Unusual:
                pieces, end = _row_of(self._scan_rewriting)(joined, 0)
        except (ValueError, LookupError):
            raise undecodable() from None
        if end != len(joined):
            raise undecodable()
        return pieces


def _row_of(scan: Callable[[bytes], Scanned]) -> Callable[[bytes, int], tuple[Pieces, int]]:
    split: Callable[[bytes, int], tuple[Pieces, int]] = scan.__globals__["scan_row"]
    return split


def _compiled(source: str, fields: Sequence[Field], schema_id: int, rewriting: bool = False) -> Callable[[bytes], Scanned]:
    room: dict[str, Any] = {
        "PREFIX": prefix(schema_id), "LIVE_ROW": b"\0\0\2", "LIVE": b"\0\0", "STEP": STEP, "SIX": SIX,
        "OPS": {2 * number: op for number, op in enumerate(OPS)},
        "CAUSES": {2 * number: cause for number, cause in enumerate(CAUSES)},
        "Scanned": Scanned, "new": tuple.__new__, "text_end": text_end, "check_text": _check_text,
        "read_unsigned": read_unsigned, "LONG": LONG, "read_writer": _read_writer, "time_end": milli_end,
        "writer": (b"\0\0\0", 1, 3, "", 0),
        **{f"end{number}": field.end for number, field in enumerate(fields)},
        **{f"other{number}": field.other for number, field in enumerate(fields) if rewriting and field.respelt},
    }
    exec(compile(source, f"<scanner of schema {schema_id}>", "exec"), room)
    scan: Callable[[bytes], Scanned] = room["scan"]
    return scan


def _check_text(v: bytes, start: int, end: int) -> None:
    """Texts shorter than 64 bytes side by side are UTF-8 if and only if the whole is: their lengths are ASCII."""
    v[start:end].decode()


def _read_writer(v: bytes, p: int) -> tuple[bytes, int, int, str, int]:
    """Who wrote: (bytes of source, stream and epoch; how far the source reaches, how far all; stream, epoch)."""
    source = text_end(v, p)
    stream, end = read_text(v, source)
    epoch, end = read_long(v, end, INT)
    return v[p:end], source - p, end - p, stream, epoch


# Most events of a chunk have the writer of the one before, so its bytes are compared, not read.
_SCAN = """
def scan(v):
    global writer
    if not v.startswith(PREFIX): raise ValueError
    p = 5 + STEP[v[5]]
    if p == 5: p = text_end(v, 5)
    elif not v[5:p].isascii(): v[5:p].decode()
    op = OPS[v[p]]
    p += 1
    p = p + 6 if SIX(v, p) else time_end(v, p)
    known, source_size, writer_size, stream, epoch = writer
    if not v.startswith(known, p):
        known, source_size, writer_size, stream, epoch = writer = read_writer(v, p)
    head = v[5:p + source_size]
    p += writer_size
    n = v[p]
    if n < 128: p += 1
    elif 0 < (m := v[p + 1]) < 128:
        n += (m << 7) - 128
        p += 2
    elif m and 0 < (k := v[p + 2]) < 128:
        n += (m << 7) + (k << 14) - 16512
        p += 3
    else: n, p = read_unsigned(v, p, LONG)
    seq = n >> 1 ^ -(n & 1)
    if v.startswith(LIVE_ROW, p):
        cause = "live"
        tail = LIVE
        p += 2
    else:
        cause = CAUSES[v[p]]
        end = text_end(v, p + 1)
        tail = v[p:end]
        p = end
    n = v[p]
    p += 1
    if n == 2: row, p = scan_row(v, p)
    elif n: raise ValueError
    else: row = None
{before}
    if p != len(v): raise ValueError
    return new(Scanned, (op, stream, epoch, seq, cause, head, tail, row, before))
"""

_BEFORE = """
n = v[p]
p += 1
if n == 2: before, p = scan_row(v, p)
elif n: raise ValueError
else: before = None
"""

# `run` is where the texts not yet checked begin; a long text is checked by itself and ends the run before it.
_TEXT = """
step = STEP[v[{start}]]
if step: {end} = {start} + step
else:
    check_text(v, run, {piece})
    run = {end} = text_end(v, {start})
"""

_RUN = "if not v[run:{piece}].isascii(): check_text(v, run, {piece})\n"


def _source(fields: Sequence[Field], has_before: bool, rewriting: bool) -> str:
    """The Python text of `scan_row(v, p) -> (slices, end)` and `scan(v) -> Scanned` for rows of these fields.

    `rewriting` writes every field anew that has more than one spelling; otherwise an `Unusual` one ends the scan.
    """
    lines = ["run = p0\n"]
    for number, field in enumerate(fields):
        after_text = number > 0 and fields[number - 1].kind == "text"
        lines.append(_field_source(number, field, after_text, rewriting and field.respelt))
    last = len(fields)
    if fields and fields[-1].kind == "text":
        lines.append(_RUN.format(piece=f"p{last}"))
    slices = ", ".join(f"f{number}" if rewriting and field.respelt else f"v[p{number}:p{number + 1}]"
                       for number, field in enumerate(fields))
    row = f"def scan_row(v, p0):\n{_indented(''.join(lines))}    return ({slices}{',' if fields else ''}), p{last}\n"
    return row + _SCAN.format(before=_indented(_BEFORE) if has_before else "    before = None")


def _field_source(number: int, field: Field, after_text: bool, rewriting: bool) -> str:
    """Lines that set p<number + 1> to the end of the field that begins at p<number>."""
    here, there = f"p{number}", f"p{number + 1}"
    if field.kind == "text":
        opening = "" if after_text or number == 0 else f"run = {here}\n"
        if not field.nullable:
            return opening + _TEXT.format(start=here, end=there, piece=here).lstrip()
        some = _TEXT.format(start="s", end=there, piece=here)
        return (f"{opening}if v[{here}] == {field.some}:\n    s = {here} + 1\n{_indented(some)}"
                f"elif v[{here}] == {field.null}: {there} = {here} + 1\nelse: raise ValueError\n")
    closing = _RUN.format(piece=here) if after_text else ""
    if rewriting:
        return f"{closing}f{number}, {there} = other{number}(v, {here})\n"
    if field.kind == "timestamp-millis" and not field.nullable:
        return f"{closing}{there} = {here} + 6 if SIX(v, {here}) else time_end(v, {here})\n"
    if not field.nullable:
        return f"{closing}{there} = end{number}(v, {here})\n"
    return (f"{closing}if v[{here}] == {field.some}: {there} = end{number}(v, {here} + 1)\n"
            f"elif v[{here}] == {field.null}: {there} = {here} + 1\nelse: raise ValueError\n")


def _indented(text: str) -> str:
    return textwrap.indent(text.strip("\n") + "\n", "    ")
