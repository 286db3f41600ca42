"""A rule: what it checks, by which clause, the options it takes, its reason codes in words, and its examples.

The examples are its tests, its documentation and the help text of pages.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.reasons import Reason
from schemas.rules.verdict import KEEP, Verdict
from schemas.text import Text

__all__ = ["Check", "Example", "Rule", "Takes", "rule"]

#: A rule with its options given: the word on a text.
Check = Callable[[str], Verdict]
#: How an option is read from the text in the dataset; ValueError where it says nothing that fits.
Takes = Callable[[str], Any]

#: 2026-01-02 03:04:05 UTC: when the records of the examples arrived, unless they say otherwise.
_ARRIVED = 1_767_323_045_000


class Example(NamedTuple):
    """A value and what the rule says of it. `use` is how a dataset writes the rule; empty: its bare name."""

    given: str | None
    verdict: Verdict
    use: str = ""
    arrived: int = _ARRIVED


class Rule(NamedTuple):
    """One rule. `make` takes the options and gives the check; `on_null` is its word on null, which no check sees."""

    name: str
    title: Text
    clause: str
    make: Callable[..., Check]
    reasons: Mapping[str, Reason]
    examples: tuple[Example, ...]
    options: Mapping[str, Takes]
    any_type: bool
    on_null: Verdict

    @property
    def needed(self) -> set[str]:
        """The options it cannot do without."""
        given = inspect.signature(self.make).parameters.values()
        return {part.name for part in given if part.default is inspect.Parameter.empty}


def rule(*, title: Text, clause: str, reasons: Mapping[str, Reason], examples: tuple[Example, ...],
         options: Mapping[str, Takes] | None = None, any_type: bool = False,
         on_null: Verdict = KEEP) -> Callable[[Callable[..., Check]], Rule]:
    """Declare a rule; the function below it takes the options by name and gives the check."""
    def declared(make: Callable[..., Check]) -> Rule:
        return Rule(make.__name__, title, clause, make, reasons, examples, options or {}, any_type, on_null)

    return declared
