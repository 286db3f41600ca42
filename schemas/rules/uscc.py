"""uscc: the 18 characters of a unified social credit code. A finding names the part that fails."""

import re
from operator import mul
from typing import Final

from schemas.codes import divisions
from schemas.reasons import Reason
from schemas.rules.characters import bare
from schemas.rules.organisation_code import check_of
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["uscc"]

#: No I, O, S, V, Z: they look like 1, 0, 5, U, 2.
_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_MEANT = str.maketrans("IOSZ", "1052")
_FORM = re.compile(f"[{_ALPHABET}]{{2}}[0-9]{{6}}[{_ALPHABET}]{{10}}").fullmatch
_WORTH = {character: worth for worth, character in enumerate(_ALPHABET)}
_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
#: The check character by the weighted sum of the 17 before it, modulo 31.
_CHECK: Final = tuple(_ALPHABET[-rest % 31] for rest in range(31))
#: Which kinds of body (second character) each registering department (first character) gives codes to.
_KINDS: Final = {"1": "1239", "2": "19", "3": "123459", "4": "19", "5": "1239", "6": "129", "7": "129", "8": "19", "9": "123",
                 "A": "19", "N": "1239", "Y": "1"}
#: A series of Fujian, where codes were tried first, that fails the last check in real licences (shown by IDCheck and hutool).
_IRREGULAR = re.compile("9[123]35[0-9]{4}M000[01]").match
#: Codes were given out from October 2015 on; the tables are those of the ends of years.
_BEGAN: Final = 2014
_REMEMBERED: Final = 1 << 14
_GOES_ON: Final = "the record goes on as it is"


@rule(
    title=Text("统一社会信用代码", "a unified social credit code"),
    clause="GB 32100-2015 as in python-stdnum cn.uscc (alphabet, weights) and published lists of its first two characters; "
           "characters 9 to 17: GB 11714-1997, 2.1.2",
    reasons={"uscc_form": Reason(Text("不是 18 位统一社会信用代码，或写法不规范", "not a credit code of 18 characters as it is written"),
                                 Text("写作 18 位数字或大写字母，不含 I、O、S、V、Z", "write 18 digits or capitals without I, O, S, V, Z")),
             "uscc_lookalike": Reason(Text("把 I、O、S、Z 写在了 1、0、5、2 的位置", "I, O, S or Z stands where 1, 0, 5 or 2 is meant"),
                                      Text("两个校验码都相符，已改正", "both check characters agree, so it was changed")),
             "uscc_check": Reason(Text("校验码不符", "the check character is wrong"),
                                  Text("核对是否录错或换位", "see whether a character was mistyped or two were swapped")),
             "uscc_irregular": Reason(Text("校验码不符，与福建 2016 年前发放的一批代码相同",
                                           "the check character is wrong as in a series given out in Fujian before 2016"),
                                      Text("核对营业执照；记录照常流转", f"compare with the licence; {_GOES_ON}")),
             "uscc_department": Reason(Text("前两位不是已知的登记部门和类别", "characters 1 and 2 are no known department and kind"),
                                       Text("核对第 1、2 位；记录照常流转", f"look at characters 1 and 2; {_GOES_ON}")),
             "uscc_division": Reason(Text("第 3 至 8 位不属于 2015 年以来的地区", "characters 3 to 8 are of no place there was since 2015"),
                                     Text("核对第 3 至 8 位；记录照常流转", f"look at characters 3 to 8; {_GOES_ON}")),
             "uscc_organisation": Reason(Text("第 9 至 17 位的组织机构代码校验码不符",
                                              "the organisation code in characters 9 to 17 fails its own check"),
                                         Text("核对第 9 至 17 位；记录照常流转", f"look at characters 9 to 17; {_GOES_ON}"))},
    # All made up.
    examples=(Example("91341502MA0000015Y", KEEP), Example("91320594MA0000015J", KEEP), Example("1110000000000006XJ", KEEP),
              Example("N2341523MB00000275", KEEP), Example("A1110000MC0000039K", KEEP), Example("Y1110000MD00000406", KEEP),
              Example("91341502ma0000015y", fix("91341502MA0000015Y", "uscc_form")),
              Example("９１ 341502 MA0000015-Y", fix("91341502MA0000015Y", "uscc_form")),
              Example("91341502MAOOOOO15Y", fix("91341502MA0000015Y", "uscc_lookalike")),
              Example("913415O2MA00OO0I5Y", fix("91341502MA0000015Y", "uscc_lookalike")),
              Example("91341502MAOOOOO16Y", reject("uscc_form")), Example("91341502MA0000016Y", reject("uscc_check")),
              Example("91341502MA000001", reject("uscc_form")), Example("", reject("uscc_form")),
              Example("91350203M00010006Q", suspect("uscc_irregular")), Example("91350203M00010016Q", reject("uscc_check")),
              Example("36341502MB00000862", suspect("uscc_department")), Example("91390101MA0000090W", suspect("uscc_division")),
              Example("52412723500000058H", suspect("uscc_division")),
              Example("91341502MA00000162", suspect("uscc_organisation"))))
def uscc() -> Check:
    """Alphabet and check character must hold. What the parts say is a doubt at most: new departments come, registry offices
    have codes of their own below a city's (320594 for a zone of Suzhou), and one province's series is known to fail its check.

    A letter that is never used is read as the digit it looks like where both check characters, the last and that of the
    organisation code, then hold; a wrong reading has one chance in 341.
    """
    form, wrong = reject("uscc_form"), reject("uscc_check")
    irregular, organisation = suspect("uscc_irregular"), suspect("uscc_organisation")

    def check(text: str) -> Verdict:
        number = text
        if not _FORM(text):
            number = bare(text)
            if not _FORM(number):
                return _meant(number) or form
        worth, doubt = _HEAD[number[:8]]
        body = number[8:17]
        if _CHECK[(worth + _worth(body, 8)) % 31] != number[17]:
            if not (_IRREGULAR(number) and check_of(body[:8]) == body[8]):
                return wrong
            doubt = irregular
        if number != text:
            return fix(number, "uscc_form")
        if doubt is not KEEP:
            return doubt
        return KEEP if check_of(body[:8]) == body[8] else organisation

    return check


def _worth(characters: str, place: int) -> int:
    return sum(map(mul, _WEIGHTS[place:], map(_WORTH.__getitem__, characters)))


def _meant(code: str) -> Verdict | None:
    """The code with letters that are never used as the digits they look like; None unless all of it then agrees."""
    number = code.translate(_MEANT)
    if not _FORM(number) or check_of(number[8:16]) != number[16] or _CHECK[_worth(number[:17], 0) % 31] != number[17]:
        return None
    return fix(number, "uscc_lookalike")


class _Heads(dict[str, tuple[int, Verdict]]):
    """What the first eight characters weigh, and what is to be said of them. A city's bodies share them."""

    def __missing__(self, head: str) -> tuple[int, Verdict]:
        if len(self) >= _REMEMBERED:
            self.clear()
        doubt = (suspect("uscc_department") if head[1] not in _KINDS.get(head[0], "")
                 else KEEP if any(divisions.last_year(code) >= _BEGAN for code in (head[2:], f"{head[2:6]}00"))
                 else suspect("uscc_division"))
        told = self[head] = _worth(head, 0), doubt
        return told


_HEAD: Final = _Heads()
