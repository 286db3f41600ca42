"""length: how many characters a text may have."""

from schemas.reasons import Reason
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, reject
from schemas.text import Text

__all__ = ["length"]


@rule(
    title=Text("长度", "length"),
    clause="",
    reasons={"too_short": Reason(Text("长度不足", "too short"), Text("核对是否录入完整", "see whether it was entered in full")),
             "too_long": Reason(Text("超过长度上限", "too long"), Text("核对是否重复录入或串列", "see whether it was entered twice"))},
    examples=(Example("示例", KEEP, "length(min=2,max=3)"), Example("示例示", KEEP, "length(min=2,max=3)"),
              Example("示", reject("too_short"), "length(min=2,max=3)"),
              Example("示例示例", reject("too_long"), "length(min=2,max=3)")),
    options={"min": int, "max": int}, pack="values")
def length(min: int = 0, max: int = 1 << 31) -> Check:
    """At least `min` and at most `max` characters (code points)."""
    short, long = reject("too_short"), reject("too_long")

    def check(text: str) -> Verdict:
        size = len(text)
        return KEEP if min <= size <= max else short if size < min else long

    return check
