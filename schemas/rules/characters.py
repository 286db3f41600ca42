"""Characters that look like others or like nothing: full-width forms of ASCII, the invisible, and blanks of all kinds."""

import re

__all__ = ["bare", "half", "invisible", "narrow", "unspaced", "visible"]

_HALF = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_NARROW = {code: plain for code, plain in _HALF.items() if chr(plain).isalnum()}
#: Blanks, dashes, and what is copied along with a number and seen by nobody: zero-width and bidirectional characters.
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_FORMS = re.compile("[\uff01-\uff5e]").search
_WIDE = re.compile("[" + "".join(map(chr, _NARROW)) + "]").search
#: Zero-width and bidirectional characters, soft hyphens, marks of byte order. A joiner between emoji is a part of them.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
                        "|\u200d(?![\u2600-\u27bf\U0001f000-\U0001faff])")
invisible = _INVISIBLE.search
#: Blanks beside a Chinese character say nothing; others part words.
_BESIDE = re.compile(r"(?<=[\u00b7\u2e80-\u2fff\u3001-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff])\s+"
                     r"|\s+(?=[\u00b7\u2e80-\u2fff\u3001-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff])")
_BLANKS = re.compile(r"\s+")


def half(text: str) -> str:
    """Every full-width form of an ASCII character as that character: for codes, where punctuation means nothing else."""
    return text if text.isascii() or not _FORMS(text) else text.translate(_HALF)


def narrow(text: str) -> str:
    """Full-width letters and digits as ASCII; Chinese punctuation stays: for names and addresses."""
    return text.translate(_NARROW) if _WIDE(text) else text


def visible(text: str) -> str:
    """The text without what nobody sees."""
    return _INVISIBLE.sub("", text)


def unspaced(text: str) -> str:
    """No blanks at the ends or beside Chinese characters, and one where there were several or one of another width."""
    return _BLANKS.sub(" ", _BESIDE.sub("", text.strip()))


def bare(text: str) -> str:
    """A code without what people put between its characters: half-width, no blanks or dashes, in capitals; "" where
    something is left that is not ASCII, for some letters become others as capitals."""
    code = _BETWEEN.sub("", half(text))
    return code.upper() if code.isascii() else ""
