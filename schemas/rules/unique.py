"""unique: no value twice among the items of an array, such as two shares of one partner."""

import json
from collections.abc import Iterable
from typing import Any

from schemas.reasons import Reason
from schemas.rules.path import Steps
from schemas.rules.rule import Check, Example, grade, inner_field, rule
from schemas.rules.verdict import KEEP, Grade, Verdict, doubt
from schemas.text import Text

__all__ = ["unique"]


@rule(
    title=Text("元素不重复", "no item twice"),
    clause="",
    reasons={"repeated": Reason(Text("数组里有重复的元素", "an item of the array is there twice"),
                                Text("去掉重复的元素，或核对其编号", "take the repeated item out, or correct its code"), "consistency")},
    examples=(Example('["a","b"]', KEEP), Example('["a","b","a"]', Verdict("reject", "repeated")), Example('[1,"1",true,1.5]', KEEP),
              Example('[{"code":"1","n":2},{"code":"1","n":3}]', KEEP),
              Example('[{"code":"1","n":2},{"code":"1","n":3}]', Verdict("reject", "repeated"), "unique(by=code)"),
              Example('[{"code":null},{"code":null}]', KEEP, "unique(by=code)"), Example("[]", KEEP),
              Example('[{"of":{"id":"1"}},null,{"of":null},{"of":{"id":"1"}}]', Verdict("suspect", "repeated"),
                      "unique(by=of.id,then=suspect)")),
    options={"by": inner_field, "then": grade}, kinds=frozenset({"array"}), across=True, pack="cross-field")
def unique(by: Steps = (), then: Grade = "reject") -> Check:
    """No two items alike; with `by=code` no two whose field `code` is. Null is like nothing."""
    twice = doubt(then, "repeated")

    def check(text: str) -> Verdict:
        seen = [item for item in _inner(json.loads(text), by) if item is not None]
        return KEEP if len({json.dumps(item, sort_keys=True) for item in seen}) == len(seen) else twice

    return check


def _inner(items: Iterable[Any], by: Steps) -> Iterable[Any]:
    for step in by:
        items = [None if item is None else item[step] for item in items]
    return items
