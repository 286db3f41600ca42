"""travel_permit: with what residents of Hong Kong, Macao and Taiwan travel to the mainland."""

import re
from typing import Final

from schemas.reasons import Reason
from schemas.rules.characters import bare
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["travel_permit"]

_FORMS: Final = {"hk_macao": r"[HM][0-9]{8}(?:[0-9]{2})?", "taiwan": r"[0-9]{8}|[0-9]{10}[A-Z]?"}


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(text.split("|"))
    if not kinds <= _FORMS.keys():
        raise ValueError(text)
    return kinds


@rule(
    title=Text("港澳台居民往来内地（大陆）通行证号码", "a permit number of a traveller from Hong Kong, Macao or Taiwan"),
    clause="Hong Kong and Macao: the Ministry of Public Security's notice on these numbers, 2010; Taiwan: as in public validators",
    reasons={"travel_permit": Reason(Text("不是通行证号码，或写法不规范", "no permit number, or not written as one"),
                                     Text("写作 H 或 M 加 8 位终身号（可带 2 位换证次数），台湾居民 8 位数字",
                                          "write H or M and the 8 digits kept for life (2 for renewals may follow), for Taiwan 8 digits"))},
    # No permit has these digits.
    examples=(Example("H00000000", KEEP), Example("M0000000001", KEEP), Example("00000000", KEEP), Example("0000000000A", KEEP),
              Example("h0000 0000", fix("H00000000", "travel_permit")), Example("H0000000", reject("travel_permit")),
              Example("00000000", reject("travel_permit"), "travel_permit(kinds=hk_macao)"),
              Example("H00000000", reject("travel_permit"), "travel_permit(kinds=taiwan)"), Example("", reject("travel_permit"))),
    options={"kinds": _kinds})
def travel_permit(kinds: frozenset[str] = frozenset(_FORMS)) -> Check:
    """H or M with 8 digits kept for life and perhaps the 2 that count renewals (`hk_macao`); 8 digits, or the 10 of permits
    for one journey with their letter (`taiwan`)."""
    wrong = reject("travel_permit")
    matches = re.compile("|".join(_FORMS[kind] for kind in sorted(kinds))).fullmatch

    def check(text: str) -> Verdict:
        if matches(text):
            return KEEP
        number = bare(text)
        return fix(number, "travel_permit") if matches(number) else wrong

    return check
