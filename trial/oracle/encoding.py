"""Encoding damage, judged a second time: by trying every wrong reading one after the other, without any short cut.

The table of common pairs is data both sides read; how a text is weighed by it is written here anew.
"""

import csv
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import pairwise

from trial.oracle.said import Said

__all__ = ["encoding"]

_LOST = ("\ufffd", "锟斤拷", "ï¿½", "烫烫烫", "屯屯屯")
_FIRST_LEVEL = {character for code in range(16, 56) for character in bytes(
    byte for cell in range(1, 95) for byte in (code + 160, cell + 160)).decode("gb2312", "ignore")}
_ORDINARY = _FIRST_LEVEL - set("烫屯") | {chr(code) for code in range(128)} | set("·—“”…、。，：；！？（）") \
    | {chr(code) for code in (0x3000, *range(0x3008, 0x3012), *range(0xFF10, 0xFF1A))}
#: Windows-1252 by byte, where it says something.
_WINDOWS = {byte: bytes((byte,)).decode("cp1252") for byte in range(128, 160) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
_FROM_WINDOWS = {character: byte for byte, character in _WINDOWS.items()}
_PAIRS: set[str] = set()


def encoding(value: str, options: Mapping[str, str], arrived: int) -> Said:
    """The word on one text."""
    lost = Said(value, "encoding_lost", options.get("then", "reject"))
    if all(character in _ORDINARY for character in value):
        return Said(value)
    if any(sign in value for sign in _LOST):
        return lost
    right = _before(value)
    if right is not None:
        while _before(right) is not None:
            right = _before(right) or ""
        return lost if any(sign in right for sign in _LOST) else Said(right, "encoding", "fix")
    if _traces(value) or any(_late(part) for run in _runs(value) for part in _ends(run)):
        return Said(value, "encoding_doubt", "suspect")
    return Said(value)


def _before(text: str) -> str | None:
    """The text before it was read wrongly, if that is certain."""
    if all(_is_single(character) for character in text):
        neighbours = any(one > "\x7f" and two > "\x7f" for one, two in pairwise(text))
        found = set(_from_single_bytes(text)) if neighbours else set()
        return found.pop() if len(found) == 1 else None
    return _from_gbk(text) or _from_ends(text)


def _from_single_bytes(text: str) -> Iterator[str]:
    data = _single_bytes(text)
    if data is None:
        return
    read = _exactly(data, "utf-8")
    if read is not None and (_is_chinese(read) or _is_european(read) or (all(map(_is_single, read)) and any(_from_single_bytes(read)))):
        yield read
        if len([character for character in read if ord(character) > 127]) >= 3:
            return
    read = _exactly(data, "gbk")
    if read is not None and all(len(one.encode("gbk")) == 1 or one.encode("gbk")[1] >= 0x80 for one in read):
        hanzi = len(data) - len(read)
        if hanzi >= 2 and _likely(read) >= hanzi:
            yield read


def _single_bytes(text: str) -> bytes | None:
    if all(ord(character) < 256 for character in text):
        return text.encode("latin-1")
    if any(ord(character) in _WINDOWS for character in text):
        return None
    return bytes(_FROM_WINDOWS.get(character, ord(character) & 255) for character in text)


def _from_gbk(text: str) -> str | None:
    if _opening(text) < 0:
        return None
    read = _exactly(_gbk_bytes(text), "utf-8")
    if not read or _from_gbk(read) is not None:
        return read
    better = _likely(read) - _likely(text) >= 3
    return read if better and _likely(read) > 0 and _is_chinese(read) else None


def _from_ends(text: str) -> str | None:
    if not any("\x81" <= end <= "\xfe" for end in (text[0], text[-1])):
        return None
    data = b"".join(bytes((ord(one),)) if ord(one) < 256 else one.encode("gb18030", "replace") for one in text)
    read = _exactly(data, "gbk")
    return read if read and _is_chinese(read) and _likely(read) - _likely(text) >= 5 else None


def _traces(text: str) -> bool:
    """Single bytes of UTF-8 in a row, four Latin letters beyond ASCII, or UTF-8 from some character on."""
    def goes_on(character: str) -> bool:
        return "\x80" <= character <= "\xbf" or character in _FROM_WINDOWS

    for place, character in enumerate(text):
        if character in "ÂÃ" and any(map(goes_on, text[place + 1:place + 2])):
            return True
        if (character in "ãäåæçèéï") and [goes_on(one) for one in text[place + 1:place + 3]] == [True, True]:
            return True
        if all(map(_is_single, text)) and len(text[place:place + 4]) == 4 and all("\xa1" <= one <= "\xff" for one in text[place:place + 4]):
            return True
    start = _opening(text)
    if start < 0:
        return False
    read = _gbk_bytes(text[start:]).decode("utf-8", "ignore")
    return len(read) > 1 and _likely(read) - _likely(text[start:]) >= 5


def _late(part: str) -> bool:
    """Whether the part reads better one byte later."""
    hanzi = [one for one in part if "\u3400" <= one <= "\u9fff" or "\ue000" <= one <= "\uf8ff"]
    if 2 * len(hanzi) < len(part) or 3 * _paired(part) >= len(part) - 1:
        return False
    # What even the best reading could not better by five is not read again.
    if _likely(part) > 4 * len(part) - 12:
        return False
    inner = part.encode("gb18030", "replace")[1:-1].decode("gb18030", "replace")
    return _likely(inner) - _likely(part) >= 5


def _runs(text: str) -> list[str]:
    return [run for run in "".join(one if ord(one) > 127 else "\0" for one in text).split("\0") if len(run) >= 3]


def _ends(run: str) -> list[str]:
    if len(run) < 12:
        return [run]
    size = min(24, len(run) // 2 + 1)
    return [run[:size], run[-size:]]


def _opening(text: str) -> int:
    """Where a character stands whose GBK bytes open a Chinese character in UTF-8; -1 for none."""
    for place, character in enumerate(text):
        code = character.encode("gb18030", "replace")
        if len(code) == 2 and (0xE3 <= code[0] <= 0xE9 or code[0] == 0xEF) and 0x80 <= code[1] <= 0xBF:
            return place
    return -1


def _gbk_bytes(text: str) -> bytes:
    return b"".join(b"\x80" if one == "€" else one.encode("gb18030", "replace") for one in text)


def _exactly(data: bytes, encoding: str) -> str | None:
    try:
        read = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return read if read.encode(encoding) == data else None


def _is_single(character: str) -> bool:
    return ord(character) < 256 or character in _FROM_WINDOWS


def _is_plain(character: str) -> bool:
    return " " <= character <= "~" or character in "\n\r\t"


def _is_chinese(text: str) -> bool:
    ranges = (("\u2010", "\u2026"), ("\u2e80", "\u9fff"), ("\uf900", "\ufaff"), ("\uff00", "\uffef"), ("\u00b7", "\u00b7"))
    return all(_is_plain(one) or any(first <= one <= last for first, last in ranges) for one in text)


def _is_european(text: str) -> bool:
    return all(_is_plain(one) or "\u00a0" <= one <= "\u00ff" for one in text)


def _likely(text: str) -> int:
    return sum(map(_counts, text)) + 3 * _paired(text)


def _paired(text: str) -> int:
    if not _PAIRS:
        lines = (files("schemas.rules") / "data" / "bigrams.csv").read_text(encoding="utf-8").splitlines()
        _PAIRS.update(first + second for first, seconds in list(csv.reader(lines))[1:] for second in seconds)
    return sum(text[place:place + 2] in _PAIRS for place in range(len(text) - 1))


def _counts(character: str) -> int:
    """What one character says for or against a text being Chinese."""
    if character in "，。、：；（）":
        return 1
    code = character.encode("gb18030", "replace")
    if len(code) == 1:
        return 0
    if len(code) > 2 or code[1] < 0xA1:
        return -2
    section = code[0] - 0xA0
    if 16 <= section <= 55:
        return 1
    if 56 <= section <= 87:
        return -1
    if section in (1, 3):
        return -1 if "Ａ" <= character <= "ｚ" else 0
    return -3 if section in (4, 5) else -2
