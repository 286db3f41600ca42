"""A rule: what it checks, by which clause, the options it takes, its reason codes in words, and its examples.

The examples are its tests, its documentation and the help text of pages. A value of any kind reaches a rule as the text
that keys, scopes and masks take it for (`Field.text`); arrays, maps and records as JSON.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from schemas.reasons import Reason
from schemas.rules.path import Steps, steps_of
from schemas.rules.verdict import KEEP, Grade, Verdict
from schemas.text import Text

__all__ = ["ANY", "MOMENTS", "NUMBERS", "TEXT", "Check", "Example", "Pack", "Rule", "Takes", "another_field", "arrival",
           "grade", "inner_field", "rule"]

#: A rule with its options given: the word on a text. One across fields takes the texts of the other fields behind it.
Check = Callable[..., Verdict]
#: How an option is read from the text in the dataset; ValueError where it says nothing that fits.
Takes = Callable[[str], Any]
#: What a rule belongs to in lists and benchmarks.
Pack = Literal["identity", "text", "values", "cross-field", "codes"]

#: The kinds of fields a rule takes, as `path.kind_of` names them; ANY takes all.
TEXT: Final = frozenset({"text"})
NUMBERS: Final = frozenset({"int", "long", "float", "double", "decimal"})
MOMENTS: Final = frozenset({"date", "timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros"})
ANY: Final = frozenset({"*"})

#: 2026-01-02 03:04:05 UTC: when the records of the examples arrived, unless they say otherwise.
_ARRIVED = 1_767_323_045_000


class Example(NamedTuple):
    """A value and what the rule says of it. `use` is how a dataset writes the rule; empty: its bare name.
    `others` are the texts of the other fields a rule across fields reads, in the order of its options."""

    given: str | None
    verdict: Verdict
    use: str = ""
    arrived: int = _ARRIVED
    others: tuple[str | None, ...] = ()


class Rule(NamedTuple):
    """One rule. `make` takes the options and gives the check; `on_null` is its word on null, which no check sees.

    A rule `across` values (of other fields, or of the items of an array) runs when the rules of single fields are done,
    on what these made of the values, and never fixes.
    """

    name: str
    title: Text
    clause: str
    make: Callable[..., Check]
    reasons: Mapping[str, Reason]
    examples: tuple[Example, ...]
    options: Mapping[str, Takes]
    kinds: frozenset[str]
    on_null: Verdict
    across: bool
    pack: Pack | Literal[""]

    @property
    def needed(self) -> set[str]:
        """The options it cannot do without."""
        given = inspect.signature(self.make).parameters.values()
        return {part.name for part in given if part.default is inspect.Parameter.empty}

    @property
    def others(self) -> list[str]:
        """Its options that name another field, in the order in which the check takes their texts."""
        return [name for name in inspect.signature(self.make).parameters if self.options[name] is another_field]

    def takes(self, kind: str) -> bool:
        """Whether fields of this kind can have it."""
        return self.kinds is ANY or kind in self.kinds


def another_field(text: str) -> Steps:
    """An option that names another field, from the row down; `items[].from` is, for a rule at `items[].to`, of the same item."""
    return steps_of(text)


def inner_field(text: str) -> Steps:
    """An option that names a field of each item of the array the rule is written for."""
    steps = steps_of(text)
    if "[]" in steps or "{}" in steps:
        raise ValueError(text)
    return steps


def arrival(text: str) -> str:
    """An option that is the record's arrival, which is all that a moment can be held to without a clock of ours."""
    if text != "arrival":
        raise ValueError(text)
    return text


def grade(text: str) -> Grade:
    """An option that says what becomes of a value the rule cannot mend: `suspect` or `reject`."""
    if text == "suspect":
        return "suspect"
    if text == "reject":
        return "reject"
    raise ValueError(text)


def rule(*, title: Text, clause: str, reasons: Mapping[str, Reason], examples: tuple[Example, ...],
         options: Mapping[str, Takes] | None = None, kinds: frozenset[str] = TEXT, on_null: Verdict = KEEP,
         across: bool = False, pack: Pack | Literal[""] = "") -> Callable[[Callable[..., Check]], Rule]:
    """Declare a rule; the function below it takes the options by name and gives the check."""
    def declared(make: Callable[..., Check]) -> Rule:
        return Rule(make.__name__, title, clause, make, reasons, examples, options or {}, kinds, on_null, across, pack)

    return declared
