"""postal_code: the six digits of an address in China."""

import re

from schemas.reasons import Reason
from schemas.rules.characters import bare
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["postal_code"]

_FORM = re.compile(r"(?!000000)[0-9]{6}").fullmatch
#: Five digits are what spreadsheets leave of a code of Inner Mongolia, whose codes alone begin with 0.
_CUT = re.compile(r"[1-9][0-9]{4}").fullmatch


@rule(
    title=Text("邮政编码", "a postal code"),
    clause="six digits, by published descriptions of the code; which post office has it is not asked",
    reasons={"postal_code": Reason(Text("不是 6 位邮政编码，或写法不规范", "no postal code of 6 digits, or not written as one"),
                                   Text("写作 6 位数字，保留开头的 0", "write 6 digits and keep a 0 in front"))},
    examples=(Example("237000", KEEP), Example("010010", KEEP), Example("２３７ 000", fix("237000", "postal_code")),
              Example("10010", Verdict("reject", "postal_code", "010010")), Example("000000", reject("postal_code")),
              Example("2370000", reject("postal_code")), Example("", reject("postal_code"))))
def postal_code() -> Check:
    """Six digits, not all 0. Of five the one in front may have been cut off: it is proposed, not put there."""
    wrong = reject("postal_code")

    def check(text: str) -> Verdict:
        if _FORM(text):
            return KEEP
        code = bare(text)
        if _FORM(code):
            return fix(code, "postal_code")
        return Verdict("reject", "postal_code", f"0{code}") if _CUT(code) else wrong

    return check
