"""What counts as a value on a lane: the one definition clean, the auditor and the books share. Cheap, and safe on any bytes.

A tombstone is none, and a marker is none: a record whose key has one slash, at its end, and whose encoded op is m.
Everything else is a value, readable or not, and meets exactly one fate.
"""

from typing import Final

from schemas.envelope import OPS

__all__ = ["is_value"]

#: The frame before the Avro part, and the byte that is op m: the number of an enum's symbol, zigzag.
_FRAME: Final = 5
_MARKER: Final = 2 * OPS.index("m")
#: A number takes ten bytes at most; what goes on is none.
_LONGEST: Final = 10


def is_value(key: bytes | None, value: bytes | None) -> bool:
    """Whether a record is counted."""
    if value is None:
        return False
    if not key or key.find(b"/") != len(key) - 1:
        return True
    return not _is_marker(value)


def _is_marker(value: bytes) -> bool:
    """Whether op m stands where the event's op does: behind the frame and the id, a length and so many bytes."""
    length = 0
    for number, byte in enumerate(value[_FRAME:_FRAME + _LONGEST]):
        length |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            at = _FRAME + number + 1 + (length >> 1)
            return not length & 1 and value[at:at + 1] == bytes((_MARKER,))
    return False
