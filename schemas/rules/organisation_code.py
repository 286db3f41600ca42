"""organisation_code: the nine characters that named an organisation before the credit code, and live on inside it."""

import re
from operator import mul
from typing import Final

from schemas.reasons import Reason
from schemas.rules.characters import bare
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["check_of", "organisation_code"]

_FORM = re.compile(r"([0-9A-Z]{8})-?([0-9X])").fullmatch
_OWN = re.compile(r"PDY(?!00000)[0-9]{5}").match
_WORTH: Final = {character: worth for worth, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = tuple("0123456789X"[-rest % 11] for rest in range(11))


def check_of(body: str) -> str:
    """The check character of eight digits or capitals (GB 11714-1997, 2.1.2)."""
    rest: int = sum(map(mul, _WEIGHTS, map(_WORTH.__getitem__, body))) % 11
    return _CHECK[rest]


def _hyphen(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"


@rule(
    title=Text("组织机构代码", "an organisation code"),
    clause="GB 11714-1997: 2.1.2 check character, 2.2 no hyphen where machines read, 3 codes of one system's own",
    reasons={"organisation_form": Reason(Text("不是组织机构代码，或写法不规范", "not an organisation code as it is written"),
                                         Text("写作 8 位数字或大写字母加校验码", "write 8 digits or capitals and the check character")),
             "organisation_check": Reason(Text("组织机构代码校验码不符", "the check character of the organisation code is wrong"),
                                          Text("核对是否录错或换位", "see whether a character was mistyped or two were swapped")),
             "organisation_own": Reason(Text("PDY 开头的代码只在编制它的系统内有效", "a code with PDY in front is its own system's only"),
                                        Text("换成正式代码；记录照常流转", "give the real code; the record goes on as it is"))},
    # The digits are made up; PDY is the standard's own block.
    examples=(Example("MA0000015", KEEP), Example("PDY00001X", suspect("organisation_own")),
              Example("MA000001-5", fix("MA0000015", "organisation_form")),
              Example("ｍａ00 0001－5", fix("MA0000015", "organisation_form")),
              Example("MA0000015", fix("MA000001-5", "organisation_form"), "organisation_code(hyphen=yes)"),
              Example("MA000001-5", KEEP, "organisation_code(hyphen=yes)"),
              Example("MA0000016", reject("organisation_check")), Example("MA000001", reject("organisation_form")),
              Example("", reject("organisation_form"))),
    options={"hyphen": _hyphen})
def organisation_code(hyphen: bool = False) -> Check:
    """Eight characters and the check character they ask for, without the hyphen that is printed between them;
    `hyphen=yes` keeps it as it is printed."""
    form, wrong, own = reject("organisation_form"), reject("organisation_check"), suspect("organisation_own")

    def check(text: str) -> Verdict:
        match = _FORM(text) or _FORM(bare(text))
        if match is None:
            return form
        body, last = match.groups()
        if check_of(body) != last:
            return wrong
        code = f"{body}-{last}" if hyphen else body + last
        if code != text:
            return fix(code, "organisation_form")
        return own if _OWN(body) else KEEP

    return check
