"""The version in a request: a number, or the latest one, which is no number before it was looked up."""

from enum import Enum

from governance.registry.errors import invalid_version

__all__ = ["LATEST", "Latest", "parse_version"]

_MOST = (1 << 31) - 1


class Latest(Enum):
    """The newest version that is not deleted."""

    LATEST = "latest"


LATEST = Latest.LATEST


def parse_version(text: str) -> int | Latest:
    """From 1 to 2^31 - 1, or `latest`, also written -1; 42202 for anything else."""
    word = text.strip().lower()
    if word in ("latest", "-1"):
        return LATEST
    if word.isascii() and word.isdigit() and len(word) <= len(str(_MOST)) and 1 <= int(word) <= _MOST:
        return int(word)
    raise invalid_version(text[:40])
