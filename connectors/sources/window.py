"""What was sent lately: digests of key and row of the look-back window, so that an unchanged row is not sent again.

An append-only log in segments. Each segment is one part of the cursor, so a transaction rewrites only the last one; a
segment goes when the look-back has left its highest watermark behind. It holds digests, never a key or a value.
"""

import datetime as dt
import struct
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

__all__ = ["Window", "digest", "digest_of_values", "pack", "unpack"]

_ENTRIES = 4096
_PAIR = struct.Struct(">QQ")
_GONE = 0
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SEGMENT_BITS = 32


def digest(data: bytes) -> int:
    """Eight bytes that say whether two encoded rows, or two keys, are the same, also after a restart."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big") or 1


def digest_of_values(values: tuple[Any, ...]) -> int:
    """The same for column values that cannot be encoded. A moment is the same in whatever zone it is told."""
    plain = [value - _EPOCH if isinstance(value, dt.datetime) and value.tzinfo is not None else value for value in values]
    return digest(repr(plain).encode("utf-8", "surrogatepass"))


class Window:
    """Latest row digest per key digest. `parts` are named `w<n>`; `highs` is the highest watermark of each."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self._highs: dict[int, int] = {}
        self._parts: dict[str, bytes] = {}
        self._open = bytearray()
        self._number = 0

    @classmethod
    def restore(cls, highs: Mapping[str, int], parts: Mapping[str, bytes]) -> "Window":
        """The window a cursor holds."""
        window = cls()
        for number in sorted(int(name) for name in highs):
            window._number = number
            window._highs[number] = highs[str(number)]
            window._parts[f"w{number}"] = data = parts[f"w{number}"]
            for key, row in _PAIR.iter_unpack(data):
                window._rows[key] = row << _SEGMENT_BITS | number
        if window._highs and len(window._parts[f"w{window._number}"]) < _ENTRIES * _PAIR.size:
            window._open = bytearray(window._parts[f"w{window._number}"])
        else:
            window._number += 1
        return window

    def __len__(self) -> int:
        return len(self._rows)

    def holds(self, key: int, row: int) -> bool:
        """Whether the last thing sent of this key is this row."""
        return self._rows.get(key, 0) >> _SEGMENT_BITS == row

    def note(self, key: int, row: int, mark: int) -> None:
        """Remember that this row was sent, until the look-back has passed `mark`."""
        number = self._number
        self._rows[key] = row << _SEGMENT_BITS | number
        self._highs[number] = max(mark, self._highs.get(number, mark))
        self._open += _PAIR.pack(key, row)
        if len(self._open) >= _ENTRIES * _PAIR.size:
            self._close()

    def forget(self, key: int, mark: int) -> None:
        """The record was deleted: should the same row come back, it is news."""
        if key in self._rows:
            self.note(key, _GONE, mark)

    def expire(self, floor: int) -> None:
        """Drop the segments that lie below the look-back as a whole."""
        gone = {number for number, high in self._highs.items() if high < floor}
        if not gone:
            return
        if self._number in gone:
            self._open = bytearray()
            self._number += 1
        for number in gone:
            del self._highs[number]
            self._parts.pop(f"w{number}", None)
        last = (1 << _SEGMENT_BITS) - 1
        self._rows = {key: row for key, row in self._rows.items() if row & last not in gone}

    def highs(self) -> dict[str, int]:
        """For the cursor's position."""
        return {str(number): high for number, high in self._highs.items()}

    def parts(self) -> dict[str, bytes]:
        """For the cursor's parts. Equal segments are the same objects as before."""
        if self._open:
            name = f"w{self._number}"
            if len(self._parts.get(name, b"")) != len(self._open):
                self._parts[name] = bytes(self._open)
        return dict(self._parts)

    def _close(self) -> None:
        self._parts[f"w{self._number}"] = bytes(self._open)
        self._open = bytearray()
        self._number += 1


def pack(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Pairs of key digest and row digest as a part."""
    return b"".join(_PAIR.pack(key, row) for key, row in pairs)


def unpack(data: bytes) -> Iterator[tuple[int, int]]:
    """The pairs of a part."""
    return _PAIR.iter_unpack(data)
