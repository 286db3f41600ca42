"""A look at the head of an event's bytes, for readers that need no more: the operation and the source system."""

from schemas.codec.frame import HEADER, undecodable
from schemas.envelope import OPS, Op

__all__ = ["op_and_source"]


def op_and_source(value: bytes) -> tuple[Op, str]:
    """`meta.op` and `meta.source` of a framed event of any dataset; RejectError `undecodable` where there is no such head."""
    try:
        size, at = _zigzag(value, HEADER)
        op, at = _zigzag(value, at + size)
        _, at = _zigzag(value, at)
        size, at = _zigzag(value, at)
        source = value[at:at + size]
        if op < 0 or len(source) != size:
            raise undecodable()
        return OPS[op], source.decode()
    except (IndexError, UnicodeDecodeError):
        raise undecodable() from None


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    """A number and where the next thing begins."""
    shift = number = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift > 63:
            break
    return number >> 1 ^ -(number & 1), at
