"""division_code: a code of an administrative division, by its form."""

import re

from schemas.reasons import Reason
from schemas.rules.characters import half
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["division_code"]


def _digits(text: str) -> int:
    count = int(text)
    if not 2 <= count <= 12:
        raise ValueError(text)
    return count


@rule(
    title=Text("行政区划代码", "a division code"),
    clause="GB/T 2260 (6 digits), GB/T 10114 (9 digits)",
    reasons={"division": Reason(Text("区划代码位数不对，或不是数字", "a division code of wrong length, or not of digits"),
                                Text("按区划代码表改正后重新发送", "use the code of the division table and send again"))},
    examples=(Example("341502", KEEP), Example(" ３４１５０２", fix("341502", "division")), Example("3415", reject("division")),
              Example("34150A", reject("division")), Example("341502001", KEEP, "division_code(digits=9)"),
              Example("341502", reject("division"), "division_code(digits=12)")),
    options={"digits": _digits})
def division_code(digits: int = 6) -> Check:
    """Exactly so many digits. Whether the division exists is not asked: codes retired long ago live on in records."""
    wrong = reject("division")
    matches = re.compile(rf"[0-9]{{{digits}}}").fullmatch

    def check(text: str) -> Verdict:
        if matches(text):
            return KEEP
        code = half(text).strip()
        return fix(code, "division") if matches(code) else wrong

    return check
