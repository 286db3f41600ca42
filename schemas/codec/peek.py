"""A look at the head of an event's bytes, for readers that need no more: operation and source system, or when it happened."""

from schemas.codec.ends import milli_end
from schemas.codec.frame import HEADER, undecodable
from schemas.codec.varint import read_long, read_text, text_end
from schemas.envelope import OPS, Op

__all__ = ["moment_of", "op_and_source"]

_OPS: dict[int, Op] = {2 * number: op for number, op in enumerate(OPS)}


def op_and_source(value: bytes) -> tuple[Op, str]:
    """`meta.op` and `meta.source` of a framed event of any dataset; RejectError `undecodable` where there is no such head."""
    try:
        at = text_end(value, HEADER)
        source, _ = read_text(value, milli_end(value, at + 1))
        return _OPS[value[at]], source
    except (LookupError, ValueError):
        raise undecodable() from None


def moment_of(head: bytes) -> int:
    """`meta.at`, in milliseconds, of the `head` of a scanned event: id, op, at, source."""
    return read_long(head, text_end(head, 0) + 1)[0]
