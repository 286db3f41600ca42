"""agrees_with_id: a birth date, a sex or a division that is the one in the resident's number."""

import re
from collections.abc import Callable

from schemas.reasons import Reason
from schemas.rules.path import Steps
from schemas.rules.rule import TEXT, Check, Example, another_field, grade, rule
from schemas.rules.verdict import KEEP, Grade, Verdict, doubt
from schemas.text import Text

__all__ = ["agrees_with_id"]

_NUMBER = re.compile(r"[0-9]{17}[0-9X]").fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_MEN, _WOMEN = "13579", "02468"
#: GB/T 2261.1's codes and the words for them; 0 and 9, not known and not stated, contradict nothing.
_SEXES = {"1": _MEN, "男": _MEN, "男性": _MEN, "2": _WOMEN, "女": _WOMEN, "女性": _WOMEN}


def _birth(text: str, number: str) -> bool:
    return text.replace("-", "") == number[6:14] or not _DATE(text)


def _sex(text: str, number: str) -> bool:
    return text not in _SEXES or number[16:17] in _SEXES[text]


def _division(text: str, number: str) -> bool:
    """By province: divisions within one were merged and renamed too often for more. A foreigner's card has its province behind
    the 9; the permits of residents of Hong Kong, Macao and Taiwan have none."""
    there = text[:2]
    return there in (number[:2], number[1:3] if number[:1] == "9" else "") or number[:1] == "8" or not there.isdigit()


_PARTS: dict[str, tuple[Callable[[str, str], bool], str, Grade]] = {
    "birth": (_birth, "id_other_birth", "reject"), "sex": (_sex, "id_other_sex", "reject"),
    "division": (_division, "id_other_division", "suspect")}


def _part(text: str) -> str:
    if text not in _PARTS:
        raise ValueError(text)
    return text


_ADVICE = Text("核对证件；两者必有一个录错", "look at the document; one of the two was entered wrong")


@rule(
    title=Text("与公民身份号码一致", "agrees with the resident's number"),
    clause="GB 11643-1999: characters 1 to 6 division, 7 to 14 birth date, 17 sex (odd: male), as in python-stdnum cn.ric",
    reasons={"id_other_birth": Reason(Text("出生日期与公民身份号码不一致", "not the birth date in the number"), _ADVICE, "consistency"),
             "id_other_sex": Reason(Text("性别与公民身份号码不一致", "not the sex in the number"), _ADVICE, "consistency"),
             "id_other_division": Reason(Text("省份与公民身份号码不一致", "not the province in the number"),
                                         Text("核对是否迁移过户籍；记录照常流转",
                                              "see whether the person moved; the record goes on as it is"),
                                         "consistency")},
    examples=(Example("1949-12-31", KEEP, "agrees_with_id(id=resident_id)", others=("11010519491231002X",)),
              Example("1949-12-30", Verdict("reject", "id_other_birth"), "agrees_with_id(id=resident_id)", others=("11010519491231002X",)),
              Example("1949-12-30", Verdict("suspect", "id_other_birth"), "agrees_with_id(id=resident_id,then=suspect)",
                      others=("11010519491231002X",)),
              Example("2", KEEP, "agrees_with_id(id=resident_id,part=sex)", others=("11010519491231002X",)),
              Example("男", Verdict("reject", "id_other_sex"), "agrees_with_id(id=resident_id,part=sex)", others=("11010519491231002X",)),
              Example("9", KEEP, "agrees_with_id(id=resident_id,part=sex)", others=("11010519491231002X",)),
              Example("110105", KEEP, "agrees_with_id(id=resident_id,part=division)", others=("11010519491231002X",)),
              Example("341502", Verdict("suspect", "id_other_division"), "agrees_with_id(id=resident_id,part=division)",
                      others=("11010519491231002X",)),
              Example("340100", KEEP, "agrees_with_id(id=resident_id,part=division)", others=("934156198108030020",)),
              Example("340100", Verdict("suspect", "id_other_division"), "agrees_with_id(id=resident_id,part=division)",
                      others=("911156198108030020",)),
              Example("341502", KEEP, "agrees_with_id(id=resident_id,part=division)", others=("810000199001010019",)),
              Example("1949-12-30", KEEP, "agrees_with_id(id=resident_id)", others=("G12345678",)),
              Example("1949-12-30", KEEP, "agrees_with_id(id=resident_id)", others=(None,))),
    options={"id": another_field, "part": _part, "then": grade}, kinds=TEXT | {"date", "int", "enum"}, across=True, pack="cross-field")
def agrees_with_id(id: Steps, part: str = "birth", then: Grade | None = None) -> Check:
    """The `part` of the number in field `id`: birth, sex or division. Birth and sex are rejected where they differ, a
    division is suspect; `then` says otherwise. A passport's number, or one its own rule turned away, contradicts nothing."""
    agrees, reason, usual = _PARTS[part]
    other = doubt(then or usual, reason)
    # What agrees is most of what there is, and asked first: whatever else it is, it contradicts nothing.
    return lambda text, number: KEEP if agrees(text, number) or not _NUMBER(number) else other
