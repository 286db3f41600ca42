"""Full-width forms of ASCII, as Chinese input methods leave them in numbers and codes."""

import re

__all__ = ["bare", "half", "narrow"]

_HALF = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_NARROW = {code: plain for code, plain in _HALF.items() if chr(plain).isalnum()}
#: Blanks, dashes, and what is copied along with a number and seen by nobody: zero-width and bidirectional characters.
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_WIDE = re.compile("[" + "".join(map(chr, _NARROW)) + "]").search


def half(text: str) -> str:
    """Every full-width form of an ASCII character as that character: for codes, where punctuation means nothing else."""
    return text if text.isascii() else text.translate(_HALF)


def narrow(text: str) -> str:
    """Full-width letters and digits as ASCII; Chinese punctuation stays: for names and addresses."""
    return text.translate(_NARROW) if _WIDE(text) else text


def bare(text: str) -> str:
    """A code without what people put between its characters: half-width, no blanks or dashes, in capitals; "" where
    something is left that is not ASCII, for some letters become others as capitals."""
    code = _BETWEEN.sub("", half(text))
    return code.upper() if code.isascii() else ""
