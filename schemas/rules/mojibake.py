"""Texts read in the wrong encoding: what they were, and whether one looks so.

The wrong readings that Chinese systems make: UTF-8 as GBK, UTF-8 or GBK as Latin-1 or Windows-1252, and GBK whose pairs of
bytes are taken one byte too late. A reading is given back only if it comes from exactly the bytes the text was read from.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from schemas.rules.plausible import PAIR, common_pairs, plausibility, weight

__all__ = ["is_out_of_phase", "looks_read_wrongly", "original"]

#: What Windows-1252 has for the bytes 80 to 9F; five of them it leaves as they are.
_BYTES = {bytes((byte,)).decode("cp1252", "replace"): byte for byte in range(0x80, 0xA0)}
_WESTERN = "".join(character for character in _BYTES if character != "\ufffd")
#: The first two bytes of a Chinese character in UTF-8 as GBK reads them.
_OPENINGS = "".join(bytes((lead, trail)).decode("gb18030") for lead in (*range(0xE3, 0xEA), 0xEF) for trail in range(0x80, 0xC0))

_LATIN = re.compile(f"[\\x00-\\xff{_WESTERN}]*").fullmatch
_HIGH = re.compile(f"[\\x80-\\xff{_WESTERN}]{{2}}").search
_ORPHAN = re.compile("\\A[\\x81-\\xfe]|[\\x81-\\xfe]\\Z").search
_OPENING = re.compile(f"[{_OPENINGS}]").search
_PAIRS = re.compile(rb"(?:[\x00-\x7f]|[\x81-\xfe][\x80-\xfe])*", re.DOTALL).fullmatch
#: Four Latin letters or signs in a row, none of them ASCII: no language of Europe writes so.
_FOREIGN = re.compile("[\xa1-\xff]{4}").search
#: A Chinese character's three bytes, or a Latin letter's or middle dot's two, among characters that are each one byte.
_TRACE = re.compile(f"[ã-éï][\\x80-\\xbf{_WESTERN}]{{2}}|[ÂÃ][\\x80-\\xbf{_WESTERN}]").search
#: What a Chinese text, and one of western names, is made of.
_CHINESE = re.compile("[\\x20-\\x7e\\n\\r\\t\u00b7\u2010-\u2026\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]*").fullmatch
_EUROPEAN = re.compile("[\\x20-\\x7e\\n\\r\\t\u00a0-\u00ff]*").fullmatch
_HANZI = re.compile("[\u3400-\u9fff\ue000-\uf8ff]").findall
_RUN = re.compile("[^\\x00-\\x7f]{3,}").findall
#: How much more the right reading must look like Chinese. By trial on names of places and people and on a dictionary.
_BETTER, _OUT_OF_PHASE = 3, 5
#: A longer run is judged by its beginning and its end.
_WINDOW = 24


def original(text: str) -> str | None:
    """What a text was before it was read in the wrong encoding; None where that cannot be told for sure."""
    if _LATIN(text):
        readings = set(_from_latin(text)) if _HIGH(text) else set()
        # Where two readings look right, neither is sure.
        return readings.pop() if len(readings) == 1 else None
    return _from_gbk(text) or _from_bytes_and_pairs(text)


def looks_read_wrongly(text: str) -> bool:
    """Whether parts of a text look so, though not all of it gives its bytes back."""
    if _TRACE(text) or (_FOREIGN(text) and _LATIN(text)):
        return True
    opening = _OPENING(text)
    if opening is None:
        return False
    rest = text[opening.start():]
    read = _gbk(rest, "replace").decode("utf-8", "ignore")
    return len(read) > 1 and plausibility(read) - plausibility(rest) >= _OUT_OF_PHASE


def is_out_of_phase(text: str) -> bool:
    """Whether the pairs of GBK begin one byte too late, or do so from somewhere on."""
    return any(_is_out_of_phase(part) for run in _RUN(text) for part in _parts(run))


def _parts(run: str) -> tuple[str, ...]:
    size = len(run)
    if size < 12:
        return (run,)
    size = min(_WINDOW, size // 2 + 1)
    return run[:size], run[-size:]


# A city's addresses share their beginnings. A part is never longer than the window.
@lru_cache(1 << 14)
def _is_out_of_phase(part: str) -> bool:
    size, pairs = len(part), common_pairs(part)
    # Kana, Cyrillic or Greek alone are what they are.
    if 2 * len(_HANZI(part)) < size:
        return False
    given = weight(part) + PAIR * pairs
    # Even the best reading would not be so much better.
    if PAIR * pairs >= size - 1 or given > (size - 1) + PAIR * (size - 2) - _OUT_OF_PHASE:
        return False
    inner = part.encode("gb18030", "replace")[1:-1].decode("gb18030", "replace")
    return plausibility(inner) - given >= _OUT_OF_PHASE


def _from_latin(text: str) -> Iterator[str]:
    """UTF-8 or GBK, read as Latin-1 or Windows-1252."""
    for data in _latin_bytes(text):
        read = _read(data, "utf-8")
        if read is not None and (_CHINESE(read) or _EUROPEAN(read) or (_LATIN(read) and any(_from_latin(read)))):
            yield read
            # Bytes that are UTF-8 three times over are nothing else.
            if sum(not one.isascii() for one in read) > 2:
                return
        read = _read(data, "gbk") if _PAIRS(data) else None
        if read is not None and plausibility(read) >= len(data) - len(read) > 1:
            yield read


def _from_gbk(text: str) -> str | None:
    """UTF-8, read as GBK."""
    read = _read(_gbk(text, "replace"), "utf-8") if _OPENING(text) else None
    if not read or _from_gbk(read) is not None:
        return read
    if not _CHINESE(read):
        return None
    likely = plausibility(read)
    return read if likely > 0 and likely - plausibility(text) >= _BETTER else None


def _from_bytes_and_pairs(text: str) -> str | None:
    """GBK one byte out of phase, whose first or last byte was kept as a character of its own."""
    if not _ORPHAN(text):
        return None
    data = b"".join(bytes((ord(one),)) if one < "\u0100" else one.encode("gb18030", "replace") for one in text)
    read = _read(data, "gbk")
    return read if read and _CHINESE(read) and plausibility(read) - plausibility(text) >= _OUT_OF_PHASE else None


def _latin_bytes(text: str) -> Iterator[bytes]:
    """The bytes a text was read from as Latin-1, and as Windows-1252."""
    try:
        yield text.encode("latin-1")
    except UnicodeEncodeError:
        if not any("\x80" <= one < "\xa0" and one.encode("latin-1")[0] not in _UNNAMED for one in text):
            yield bytes(_BYTES.get(one) or ord(one) for one in text)


#: Bytes that Windows-1252 leaves as they are.
_UNNAMED = frozenset({*range(0x80, 0xA0)} - {byte for one, byte in _BYTES.items() if one != "\ufffd"})


def _gbk(text: str, errors: str) -> bytes:
    """The bytes of a text that was read as GBK, where the byte 80 is the sign of the euro."""
    return b"\x80".join(part.encode("gb18030", errors) for part in text.split("€"))


def _read(data: bytes, encoding: str) -> str | None:
    """The text in these bytes, if it gives exactly these bytes back."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return text if text.encode(encoding) == data else None
