"""The seven compatibility levels: which way they look, at how many versions, and which of two asks for more."""

from typing import get_args

from governance.registry.errors import invalid_level
from schemas.control import Level

__all__ = ["LEVELS", "asks_as_much", "looks_back", "looks_forward", "parse_level", "transitive"]

LEVELS: tuple[Level, ...] = get_args(Level)


def parse_level(text: object) -> Level:
    """The level of this name, in whatever letters; 42203 for any other."""
    wanted = text.upper() if isinstance(text, str) else ""
    for level in LEVELS:
        if level == wanted:
            return level
    raise invalid_level(LEVELS)


def looks_back(level: Level) -> bool:
    """Whether a new version must be able to read what earlier ones wrote."""
    return level.startswith(("BACKWARD", "FULL"))


def looks_forward(level: Level) -> bool:
    """Whether earlier versions must be able to read what a new one writes."""
    return level.startswith(("FORWARD", "FULL"))


def transitive(level: Level) -> bool:
    """Whether every earlier version counts, not the last alone."""
    return level.endswith("_TRANSITIVE")


def asks_as_much(level: Level, least: Level) -> bool:
    """Whether what this level lets pass, the other would let pass too."""
    return (looks_back(level) or not looks_back(least)) and (looks_forward(level) or not looks_forward(least)) \
        and (transitive(level) or not transitive(least))
