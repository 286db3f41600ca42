"""range: a number within bounds."""

import re
from decimal import Decimal

from schemas.reasons import Reason
from schemas.rules.rule import NUMBERS, TEXT, Check, Example, grade, rule
from schemas.rules.verdict import KEEP, Grade, Verdict, doubt, reject
from schemas.text import Text

__all__ = ["range"]

_NUMBER = re.compile(r"[+-]?[0-9]{1,60}(?:\.[0-9]{1,60})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch


def _bound(text: str) -> Decimal:
    if not _NUMBER(text):
        raise ValueError(text)
    return Decimal(text)


@rule(
    title=Text("数值范围", "a number within bounds"),
    clause="",
    reasons={"no_number": Reason(Text("不是数字", "not a number"),
                                 Text("只写数字，单位写在字段说明里", "write the number alone, without its unit")),
             "too_small": Reason(Text("小于下限", "below the lower bound"),
                                 Text("核对单位和小数点", "check the unit and the decimal point")),
             "too_large_number": Reason(Text("大于上限", "above the upper bound"),
                                        Text("核对单位和小数点", "check the unit and the decimal point"))},
    examples=(Example("150", KEEP, "range(min=0,max=150)"), Example("0", KEEP, "range(min=0,max=150)"),
              Example("-1", Verdict("reject", "too_small"), "range(min=0)"),
              Example("150.01", Verdict("reject", "too_large_number"), "range(max=150)"),
              Example("151", Verdict("suspect", "too_large_number"), "range(max=150,then=suspect)"),
              Example("1.5e2", KEEP, "range(max=150)"), Example("12 岁", reject("no_number"), "range(min=0)"),
              Example("nan", reject("no_number"), "range(min=0)"), Example("", reject("no_number"))),
    options={"min": _bound, "max": _bound, "then": grade}, kinds=NUMBERS | TEXT, pack="values")
def range(min: Decimal | None = None, max: Decimal | None = None, then: Grade = "reject") -> Check:
    """At least `min` and at most `max`, both included; a text that is no number is rejected."""
    none, small, large = reject("no_number"), doubt(then, "too_small"), doubt(then, "too_large_number")

    def check(text: str) -> Verdict:
        if not _NUMBER(text):
            return none
        number = Decimal(text)
        if min is not None and number < min:
            return small
        return large if max is not None and number > max else KEEP

    return check
