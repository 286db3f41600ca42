"""bank_card: the digits on a payment card."""

import re
from typing import Final

from schemas.reasons import Reason
from schemas.rules.characters import bare
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["bank_card"]

_FORM = re.compile(r"[1-9][0-9]{12,18}").fullmatch
#: The ASCII code of a digit as that of its double's digits added up.
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")


@rule(
    title=Text("银行卡号", "a bank card number"),
    clause="13 to 19 digits, the last a Luhn check digit: as in python-stdnum luhn and published descriptions of ISO/IEC 7812 numbers",
    reasons={"card_form": Reason(Text("不是 13 至 19 位银行卡号，或写法不规范", "no card number of 13 to 19 digits, or not written as one"),
                                 Text("只写数字；存折账号不要用此字段", "write digits alone; an account is not a card")),
             "card_check": Reason(Text("银行卡号校验位不符", "the check digit of the card number is wrong"),
                                  Text("核对是否录错或换位", "see whether a digit was mistyped or two were swapped"))},
    # Made up: nobody issues cards that begin with 62 and so many zeros.
    examples=(Example("6200000000000000000", KEEP), Example("6200000000000005", KEEP),
              Example("6200 0000 0000 0005", fix("6200000000000005", "card_form")),
              Example("６２００-0000-0000-0005", fix("6200000000000005", "card_form")),
              Example("6200000000000006", reject("card_check")), Example("6200", reject("card_form")),
              Example("0000000000000000", reject("card_form")), Example("", reject("card_form"))))
def bank_card() -> Check:
    """13 to 19 digits and their Luhn check. Which bank issued it is not asked."""
    form, wrong = reject("card_form"), reject("card_check")

    def check(text: str) -> Verdict:
        number = text
        if not _FORM(text):
            number = bare(text)
            if not _FORM(number):
                return form
        digits = number.encode()
        if (sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - 48 * len(digits)) % 10:
            return wrong
        return KEEP if number == text else fix(number, "card_form")

    return check
