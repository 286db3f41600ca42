"""How much a text looks like Chinese: a cheap measure for telling damage from rare words, never for judging a text alone.

Common characters (GB 2312's first level, by its rows) count for a text, rare ones and stray symbols against it; so do pairs
that often stand side by side (`data/bigrams.csv`). Compare the measure of two readings of the same bytes.
"""

import csv
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

__all__ = ["COMMON", "PAIR", "common_pairs", "plausibility", "weight"]

#: What a pair that is often seen is worth in common characters.
PAIR: Final = 3
#: Rows of GB 2312 by the first byte of EUC-CN: the common Hanzi, the rarer ones; symbols and full-width forms; kana.
_COMMON, _RARER, _NEUTRAL, _KANA = range(0xB0, 0xD8), range(0xD8, 0xF8), (0xA1, 0xA3), (0xA4, 0xA5)
#: The 3,755 common Hanzi: the first level of GB 2312.
COMMON: Final = "".join(bytes((row, cell)).decode("gb2312", "ignore") for row in _COMMON for cell in range(0xA1, 0xFF))
_STOPS = frozenset("，。、：；（）")


class _Weights(dict[str, int]):
    """What a character counts for, learnt as it is met."""

    def __missing__(self, character: str) -> int:
        code, counts = character.encode("gb18030", "replace"), -2
        if len(code) == 1:
            counts = 0
        elif character in _STOPS:
            counts = 1
        elif len(code) == 2 and code[1] >= 0xA1:
            row = code[0]
            counts = 1 if row in _COMMON else -1 if row in _RARER else -3 if row in _KANA else 0 if row in _NEUTRAL else -2
            counts -= "Ａ" <= character <= "ｚ"
        self[character] = counts
        return counts


_WEIGHTS = _Weights()


@cache
def _pairs() -> frozenset[tuple[str, str]]:
    lines = (files("schemas.rules") / "data" / "bigrams.csv").read_text(encoding="utf-8").splitlines()
    return frozenset((row["first"], second) for row in csv.DictReader(lines) for second in row["seconds"])


def common_pairs(text: str) -> int:
    """How many pairs of neighbours are often seen."""
    return sum(map(_pairs().__contains__, pairwise(text)))


def weight(text: str) -> int:
    """What the characters count for: 1 each where all are common."""
    return sum(map(_WEIGHTS.__getitem__, text))


def plausibility(text: str) -> int:
    """The measure; higher is more like Chinese."""
    return weight(text) + PAIR * common_pairs(text)
