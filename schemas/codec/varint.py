"""Avro's whole numbers and texts on the wire, read at a position and written; only the shortest spelling is taken.

Every failure is a ValueError or an IndexError: the scanner turns either into `undecodable`.
"""

__all__ = ["INT", "LONG", "long_bytes", "long_end", "read_long", "read_text", "read_unsigned", "text_bytes", "text_end"]

#: How many values an int and a long have.
INT = 1 << 32
LONG = 1 << 64

#: Writing a number is looking up its low 14 bits and the rest: what any seq below 134 million needs.
_LOW = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]
_LAST = [bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(1 << 14)]


def long_bytes(value: int) -> bytes:
    """A long as Avro writes it."""
    n = value << 1 if value >= 0 else ~(value << 1)
    if n < 1 << 14:
        return _LAST[n]
    out = b""
    while n >= 1 << 14:
        out += _LOW[n & 16383]
        n >>= 14
    return out + _LAST[n]


def read_unsigned(v: bytes, p: int, size: int) -> tuple[int, int]:
    """The bits of the number that begins at `p`, and where it ends; `size` is INT or LONG. No number has more than ten bytes."""
    n = 0
    for shift in range(0, 70, 7):
        byte = v[p]
        n |= (byte & 127) << shift
        p += 1
        if byte < 128:
            if n >= size or (byte == 0 and shift):
                break
            return n, p
    raise ValueError


def read_long(v: bytes, p: int, size: int = LONG) -> tuple[int, int]:
    """The number that begins at `p`, and where it ends; `size` is INT or LONG."""
    n, p = read_unsigned(v, p, size)
    return n >> 1 ^ -(n & 1), p


def long_end(v: bytes, p: int) -> int:
    """Where the long that begins at `p` ends."""
    if v[p] < 128:
        return p + 1
    return read_long(v, p)[1]


def text_end(v: bytes, p: int) -> int:
    """Where the text that begins at `p` ends; its bytes are UTF-8."""
    size, start = read_long(v, p)
    end = start + size
    if size < 0 or end > len(v):
        raise ValueError
    v[start:end].decode()
    return end


def read_text(v: bytes, p: int) -> tuple[str, int]:
    """The text that begins at `p`, and where it ends."""
    size, start = read_long(v, p)
    end = start + size
    if size < 0 or end > len(v):
        raise ValueError
    return v[start:end].decode(), end


def text_bytes(text: str) -> bytes:
    """A text as Avro writes it."""
    data = text.encode()
    return long_bytes(len(data)) + data
