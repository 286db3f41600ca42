"""Code lists as the oracle reads them: from the data files alone, looked through word by word.

The lists themselves are data that both sides share; what a text means in one of them is worked out here anew.
"""

import csv
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Meaning", "meaning"]

_FOLDER = Path(__file__).parents[2] / "schemas" / "codes"


class Meaning(NamedTuple):
    """What a text is in a list: `kind` current, retired, word (of `code`), absent, or nothing."""

    kind: str
    code: str = ""


@cache
def _table(name: str) -> tuple[list[dict[str, str]], bool]:
    told = tomllib.loads((_FOLDER / "lists.toml").read_text(encoding="utf-8"))
    file, about = next((file, about) for file, about in told.items() if about["id"] == name)
    with (_FOLDER / f"{file}.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows)), about.get("complete", True)


@lru_cache(1 << 16)
def meaning(name: str, text: str) -> Meaning:
    """What the text means in the list of this name."""
    rows, complete = _table(name)
    for row in rows:
        if row["code"] == text:
            return Meaning("retired" if row["to"] else "current", text)
    bearers = {row["code"] for row in rows if not row["to"] and _same(text) in map(_same, _words(row))}
    if len(bearers) == 1:
        return Meaning("word", bearers.pop())
    if not complete and text.isdigit() and text.isascii() and any(len(row["code"]) == len(text) for row in rows if not row["to"]):
        return Meaning("absent")
    return Meaning("nothing")


def _words(row: dict[str, str]) -> list[str]:
    return [word for word in (row["code"], row["title"], row["title_en"], *row["synonyms"].split("|")) if word]


def _same(text: str) -> str:
    """One form for all spellings: half-width, without blanks, in lower case."""
    return "".join(chr(ord(sign) - 0xFEE0) if "！" <= sign <= "～" else sign for sign in text if not sign.isspace()).casefold()
