"""What a rule of the oracle says of one value."""

from typing import NamedTuple

__all__ = ["Said"]


class Said(NamedTuple):
    """What became of a value, and the word on it. A fix to None takes the value away; `proposed` goes with a doubt."""

    value: str | None
    reason: str = ""
    severity: str = ""
    proposed: str = ""
