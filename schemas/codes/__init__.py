"""Code lists as data: a CSV each, with its standard, edition and source in `lists.toml`.

A dataset's field names one by its id (`GB/T 2261.1`); the rule `code` holds values to it. Retired codes stay in the list.
"""

import csv
import io
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["KEPT_BY_RULES", "Code", "CodeList", "code_list", "code_lists", "is_code_list"]

#: Lists too large or too old to stand here: the rule that knows their codes.
KEPT_BY_RULES: Mapping[str, str] = {"GB/T 2260": "division_code"}


class Code(NamedTuple):
    """One code. `since` and `until` name editions; what has an `until` is retired and stands in old records only."""

    code: str
    title: str
    title_en: str = ""
    synonyms: tuple[str, ...] = ()
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class CodeList:
    """One list. `complete`: a code that is not in it does not exist; else the source had only part of the list."""

    id: str
    name: str
    title: str
    title_en: str
    edition: str
    source: str
    complete: bool
    codes: tuple[Code, ...]

    @property
    def current(self) -> tuple[Code, ...]:
        """The codes in use."""
        return tuple(code for code in self.codes if not code.until)

    @property
    def retired(self) -> tuple[Code, ...]:
        """The codes of earlier editions."""
        return tuple(code for code in self.codes if code.until)

    def find(self, words: str) -> tuple[Code, ...]:
        """The codes in which these words stand: in the code itself, its titles or its synonyms."""
        wanted = words.casefold()
        return tuple(code for code in self.codes
                     if any(wanted in text.casefold() for text in (code.code, code.title, code.title_en, *code.synonyms)))


@cache
def code_lists() -> Mapping[str, CodeList]:
    """Every list by its id, in the order of `lists.toml`."""
    folder = files(__name__)
    told = tomllib.loads((folder / "lists.toml").read_text(encoding="utf-8"))
    return {item["id"]: CodeList(item["id"], name, item["title"], item["title_en"], item["edition"], item["source"],
                                 item.get("complete", True), _codes((folder / f"{name}.csv").read_text(encoding="utf-8")))
            for name, item in told.items()}


def is_code_list(name: str) -> bool:
    """Whether a field may name this list: it stands here, or a rule keeps it."""
    return name in code_lists() or name in KEPT_BY_RULES


def code_list(name: str) -> CodeList:
    """The list of this id; RejectError `unknown_code_list` says which there are."""
    found = code_lists().get(name)
    if found is None:
        known = ", ".join(code_lists())
        raise RejectError("unknown_code_list", Text(f"没有代码表 {name}", f"there is no code list {name}"),
                          advice=Text(f"可用: {known}", f"there are: {known}"))
    return found


def _codes(text: str) -> tuple[Code, ...]:
    return tuple(Code(row["code"], row["title"], row["title_en"], tuple(filter(None, row["synonyms"].split("|"))), row["from"], row["to"])
                 for row in csv.DictReader(io.StringIO(text)))
