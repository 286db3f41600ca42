"""passport: the number of a Chinese passport, or of any."""

import re
from typing import Final

from schemas.reasons import Reason
from schemas.rules.characters import bare
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["passport"]

_FORMS: Final = {
    "any": r"[A-Z0-9]{5,17}",
    # Ordinary (E, E with a letter, formerly G, before that 14 or 15), official (D, S, P and with E), Hong Kong, Macao.
    "CHN": r"E[0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|G[0-9]{8}|1[45][0-9]{7}|[DSP][0-9]{7,8}|[DSP]E[0-9]{7}|[KH][0-9]{8}|KJ[0-9]{7}|M[AB][0-9]{7}"}
_LIKE_DIGITS = str.maketrans("IO", "10")


def _issued(text: str) -> str:
    if text not in _FORMS:
        raise ValueError(text)
    return text


@rule(
    title=Text("护照号码", "a passport number"),
    clause="Chinese ordinary passports: the exit and entry police of Guangzhou, 2024; other forms: public validators",
    reasons={"passport": Reason(Text("不是护照号码，或写法不规范", "no passport number, or not written as one"),
                                Text("与护照资料页核对，字母大写", "compare with the data page; letters in upper case"))},
    # No passport has these digits.
    examples=(Example("E00000000", KEEP), Example("EA0000000", KEEP, "passport(issued=CHN)"),
              Example("ｅ0000 0000", fix("E00000000", "passport")), Example("G00000000", KEEP, "passport(issued=CHN)"),
              Example("EI0000000", Verdict("reject", "passport", "E10000000"), "passport(issued=CHN)"),
              Example("X0000000", KEEP), Example("X0000000", reject("passport"), "passport(issued=CHN)"),
              Example("无", reject("passport")), Example("", reject("passport"))),
    options={"issued": _issued})
def passport(issued: str = "any") -> Check:
    """5 to 17 letters and digits; `issued=CHN` asks for the forms of Chinese passports and of the two regions'. A letter I or
    O where a digit must be is read as 1 or 0 and proposed, for no check digit would tell."""
    wrong = reject("passport")
    matches = re.compile(_FORMS[issued]).fullmatch

    def check(text: str) -> Verdict:
        if matches(text):
            return KEEP
        number = bare(text)
        if matches(number):
            return fix(number, "passport")
        meant = number.translate(_LIKE_DIGITS)
        return Verdict("reject", "passport", meant) if issued == "CHN" and matches(meant) else wrong

    return check
