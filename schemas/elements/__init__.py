"""Standard elements: what one kind of field is, wherever it stands. Sections of TOML files, by the name a field refers to.

A field of a row schema says `"element": "resident-id"`; `schemas.elements.fit` holds it to what is written here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["LEVELS", "Element", "element", "elements"]

#: The levels of data in GB/T 43697-2024, the least first.
LEVELS = ("general", "important", "core")


@dataclass(frozen=True)
class Element:
    """One element. `types` are Avro types in short (`decimal(16,2)`), the preferred one first; `max_length` 0: not a text.

    `rules` hold for fields that name none of their own, each for those of the types it takes; `masks` are the kinds that make
    sense, and `shown` is how many characters `keep_last` may leave. `source` is the standard that was read for it; empty: our
    own choice.
    """

    name: str
    title: str
    title_en: str
    types: tuple[str, ...]
    max_length: int
    code_list: str
    level: str
    rules: tuple[str, ...]
    masks: tuple[str, ...]
    shown: int
    source: str


@cache
def elements() -> Mapping[str, Element]:
    """Every element by its name."""
    found: dict[str, Element] = {}
    for entry in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            for name, told in tomllib.loads(entry.read_text(encoding="utf-8")).items():
                found[name] = _read(name, told)
    return found


def element(name: str) -> Element:
    """The element of this name; RejectError `unknown_element` says which there are."""
    found = elements().get(name)
    if found is None:
        known = ", ".join(elements())
        raise RejectError("unknown_element", Text(f"没有数据元 {name}", f"there is no element {name}"),
                          advice=Text(f"可用: {known}", f"there are: {known}"))
    return found


def _read(name: str, told: Mapping[str, Any]) -> Element:
    return Element(name, told["title"], told["title_en"], tuple(told["types"]), told.get("max_length", 0), told.get("code_list", ""),
                   told.get("level", LEVELS[0]), tuple(told.get("rules", ())), tuple(told["masks"]), told.get("shown", 0),
                   told.get("source", ""))
