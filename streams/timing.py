"""Whether a live record came in time: its `meta.at` held against its arrival and its dataset's cycle, on encoded bytes.

Asked of every live record, so most cost one comparison and nothing is decoded: whole numbers of six bytes, read with the
lowest byte first, have the order of the moments they say.
"""

from collections.abc import Callable
from typing import Final

from schemas.codec.peek import moment_of
from schemas.codec.varint import long_bytes
from schemas.quality import FUTURE_MS, PROMISED_MS

__all__ = ["timing"]

#: Of six bytes read as one number: the bits that say that five go on and the sixth is the last; and the sign.
_BITS: Final = 0x80_80_80_80_80_80 | 1
_SIX: Final = 0x00_80_80_80_80_80


def timing(cycle: str) -> Callable[[bytes, int], str]:
    """For one dataset: `(head of a scanned event, arrival in ms) -> late, at_in_future, or nothing`."""
    promised = PROMISED_MS[cycle]
    # Records of one Kafka batch arrive at one time: what is in time for that one, as six bytes.
    known, first, last = -1, 1, 0

    def word(head: bytes, arrived: int) -> str:
        nonlocal known, first, last
        if arrived != known:
            first, last = _between(arrived - promised, arrived + FUTURE_MS)
            known = arrived
        size = head[0]
        if size < 128:  # else the length of the id takes more than one byte
            at = 2 + (size >> 1)
            six = int.from_bytes(head[at:at + 6], "little")
            if first <= six <= last and six & _BITS == _SIX:
                return ""
        happened = moment_of(head)
        if happened < arrived - promised:
            return "late"
        return "at_in_future" if happened > arrived + FUTURE_MS else ""

    return word


def _between(first: int, last: int) -> tuple[int, int]:
    """Two moments' six bytes as numbers; with nothing between them where one takes more bytes, or fewer."""
    ends = long_bytes(first), long_bytes(last)
    if first < 0 or len(ends[0]) != 6 or len(ends[1]) != 6:
        return 1, 0
    return int.from_bytes(ends[0], "little"), int.from_bytes(ends[1], "little")
