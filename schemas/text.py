"""Texts for people: every sentence the bus prints exists in Chinese and in English.

The language is chosen once per process (`--lang`, else `SHUTONG_LANG`, else `LANG`); `str(text)` gives that language.
"""

import os
from typing import NamedTuple

__all__ = ["Text", "language", "set_language"]


def _from_environment() -> str:
    wish = os.environ.get("SHUTONG_LANG") or os.environ.get("LANG") or ""
    return "en" if wish.lower().startswith("en") else "zh"


_chosen = _from_environment()


def language() -> str:
    """The language of this process: `zh` or `en`."""
    return _chosen


def set_language(name: str) -> None:
    """Choose `zh` or `en`. Anything else is a ValueError."""
    global _chosen
    if name not in ("zh", "en"):
        raise ValueError(f"language {name!r}: choose zh or en")
    _chosen = name


class Text(NamedTuple):
    """One sentence in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.en if _chosen == "en" else self.zh
