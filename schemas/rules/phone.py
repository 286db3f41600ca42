"""phone: mobile and land-line numbers as digits alone."""

import re

from schemas.reasons import Reason
from schemas.rules.characters import half
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["phone"]

#: 0086 opens a number dialled from abroad, so it is no area code.
_PLAIN = re.compile(r"1[3-9][0-9]{9}|0(?!086)[0-9]{9,11}").fullmatch
_NUMBER = re.compile(r"1[3-9][0-9]{9}|0[0-9]{9,11}").fullmatch
_SPACING = re.compile(r"[\s()\-]")
_COUNTRY = re.compile(r"\+86|0086|86(?=1[0-9]{10}\Z)")


@rule(
    title=Text("电话号码", "a phone number"),
    clause="the Chinese numbering plan: mobiles are 11 digits from 13 to 19; land lines begin with the area code and its 0",
    reasons={"phone": Reason(Text("电话号码写法不规范或不成立", "not written as a phone number, or none"),
                             Text("写作 11 位手机号，或区号加号码", "write 11 digits, or area code and number"))},
    examples=(Example("13800000000", KEEP), Example("+86 138-0000-0000", fix("13800000000", "phone")),
              Example("008613800000000", fix("13800000000", "phone")), Example("8613800000000", fix("13800000000", "phone")),
              Example("(0564) 333 0000", fix("05643330000", "phone")), Example("１３８００００００００", fix("13800000000", "phone")),
              Example("05643330000", KEEP), Example("12345", reject("phone")), Example("008613812345", reject("phone")),
              Example("8605643330000", reject("phone")),
              Example("", reject("phone"))))
def phone() -> Check:
    """Eleven digits of a mobile, or area code and number; spacing, dashes and the country's 86 go."""
    wrong = reject("phone")

    def check(text: str) -> Verdict:
        if _PLAIN(text):
            return KEEP
        digits = _SPACING.sub("", half(text))
        country = _COUNTRY.match(digits)
        if country:
            digits = digits[country.end():]
        if not _NUMBER(digits):
            return wrong
        return fix(digits, "phone") if digits != text else KEEP

    return check
