"""division_code: a code of an administrative division. One that was retired, or that no table has, is suspect."""

import re
from typing import Final

from schemas.codes import divisions
from schemas.reasons import Reason
from schemas.rules.characters import bare
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["division_code"]

#: Digits of the code of a county: what a longer code begins with, and what a shorter one is filled up to with 0.
_COUNTY: Final = 6


def _digits(text: str) -> int:
    count = int(text)
    if not 2 <= count <= 12:
        raise ValueError(text)
    return count


def _retired(text: str) -> str:
    if text not in ("suspect", "keep"):
        raise ValueError(text)
    return text


@rule(
    title=Text("行政区划代码", "a division code"),
    clause="GB/T 2260 by its open copies (schemas/codes/divisions.md); longer codes: the first six digits",
    reasons={"division": Reason(Text("区划代码位数不对，或不是数字", "a division code of wrong length, or not of digits"),
                                Text("按区划代码表改正后重新发送", "use the code of the division table and send again")),
             "division_unknown": Reason(Text("历年区划代码表中都没有这个代码", "no table of any year has this division code"),
                                        Text("核对前六位；记录照常流转", "look at the first six digits; the record goes on as it is")),
             "division_retired": Reason(Text("区划代码已撤销", "the division code was retired"),
                                        Text("确认是否应使用现行代码；记录照常流转",
                                             "see whether the present code is meant; the record goes on as it is"), "timeliness")},
    examples=(Example("341502", KEEP), Example("340000", KEEP), Example(" ３４１５０２", fix("341502", "division")),
              Example("3415", reject("division")), Example("34150A", reject("division")),
              Example("341502001", KEEP, "division_code(digits=9)"), Example("3415", KEEP, "division_code(digits=4)"),
              Example("341502", reject("division"), "division_code(digits=12)"),
              # Shangshui: under Zhoukou prefecture to 1999, under Zhoukou city since.
              Example("412723", suspect("division_retired")), Example("411623", KEEP),
              Example("412723", KEEP, "division_code(retired=keep)"),
              Example("412723001", suspect("division_retired"), "division_code(digits=9)"),
              Example("390101", suspect("division_unknown")), Example("130171", KEEP)),
    options={"digits": _digits, "retired": _retired})
def division_code(digits: int = 6, retired: str = "suspect") -> Check:
    """Exactly so many digits, of a division that exists. Codes retired long ago live on in records, and a new one may be
    younger than our table: neither is wrong. `retired=keep` is for records of the past."""
    wrong, unknown = reject("division"), suspect("division_unknown")
    old = suspect("division_retired") if retired == "suspect" else KEEP
    matches = re.compile(rf"[0-9]{{{digits}}}").fullmatch
    told: dict[str, Verdict] = {}

    def judged(county: str) -> Verdict:
        if len(told) >= 1 << 14:
            told.clear()
        last = divisions.last_year(county.ljust(_COUNTY, "0"))
        told[county] = KEEP if last == divisions.STILL else old if last else unknown
        return told[county]

    def check(text: str) -> Verdict:
        if matches(text):
            county = text[:_COUNTY]
            return told.get(county) or judged(county)
        code = bare(text)
        return fix(code, "division") if matches(code) else wrong

    return check
