"""one_of: a value of a short code list."""

from schemas.reasons import Reason
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, reject
from schemas.text import Text

__all__ = ["one_of"]


def _listed(text: str) -> frozenset[str]:
    values = text.split("|")
    if "" in values:
        raise ValueError(text)
    return frozenset(values)


@rule(
    title=Text("取值在代码表内", "listed"),
    clause="the code list that the dataset names, such as GB/T 2261.1",
    reasons={"not_listed": Reason(Text("取值不在代码表内", "the value is not in the code list"),
                                  Text("按代码表改正后重新发送", "use a value of the code list and send again"))},
    examples=(Example("2", KEEP, "one_of(values=0|1|2|9)"), Example("3", reject("not_listed"), "one_of(values=0|1|2|9)"),
              Example("", reject("not_listed"), "one_of(values=0|1|2|9)")),
    options={"values": _listed}, pack="codes")
def one_of(values: frozenset[str]) -> Check:
    """One of `values`, to the letter."""
    other = reject("not_listed")
    return lambda text: KEEP if text in values else other
