"""name: a person's name as it is written in registers: no blanks, one kind of middle dot, nothing invisible."""

import re
from unicodedata import category

from schemas.reasons import Reason
from schemas.rules.characters import narrow, unspaced, visible
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, suspect
from schemas.text import Text

__all__ = ["name"]

_PLAIN = re.compile("[\u4e00-\u9fff]+(?:\u00b7[\u4e00-\u9fff]+)*").fullmatch
#: What keyboards and systems have put for the dot in the names of minorities and foreigners.
_DOTS = re.compile(r"\s*[\u00b7\u2022\u2024\u2027\u2219\u22c5\u25cf\u2e31\u30fb\uff0e\uff65]+\s*")
_POINT = re.compile("(?<=[\u3400-\u9fff])\\s*[.。]\\s*(?=[\u3400-\u9fff])")
_ENDS = "\u00b7 "
_BETWEEN = frozenset("\u00b7 .'-’")


@rule(
    title=Text("姓名", "a person's name"),
    clause="",
    reasons={"name_form": Reason(Text("姓名里有空白、不可见字符或不规范的间隔号",
                                      "has blanks, invisible characters or another dot in the name"),
                                 Text("已改正；间隔号写作 ·（U+00B7）", "corrected; write the dot as U+00B7")),
             "name_odd": Reason(Text("姓名里有数字或符号", "has digits or signs in the name"),
                                Text("核对姓名；记录照常流转", "look at the name; the record goes on as it is"))},
    examples=(Example("欧阳示例", KEEP), Example("买买提·吐尔逊", KEEP), Example("张㛃", KEEP), Example("Anna Maria O'Neil", KEEP),
              Example(" 张　三\u200b", fix("张三", "name_form")), Example("买买提 • 吐尔逊", fix("买买提·吐尔逊", "name_form")),
              Example("买买提.吐尔逊", fix("买买提·吐尔逊", "name_form")), Example("Ａnna  Maria", fix("Anna Maria", "name_form")),
              Example("张三2", suspect("name_odd")), Example("张 ?", suspect("name_odd", "张?")), Example("", KEEP)),
    pack="text")
def name() -> Check:
    """Blanks between Chinese characters go, others become one; every middle dot becomes U+00B7. A name with digits or signs is
    suspect and stays as it came, with the rest put right as a proposal."""
    def check(text: str) -> Verdict:
        if _PLAIN(text):
            return KEEP
        right = unspaced(_POINT.sub("\u00b7", _DOTS.sub("\u00b7", narrow(visible(text))))).strip(_ENDS)
        if not all(map(_is_part, right)):
            return suspect("name_odd", right if right != text else "")
        return KEEP if right == text else fix(right, "name_form")

    return check


def _is_part(character: str) -> bool:
    """Letters of any script with their marks, what parts them, and the rare Hanzi that have only a private code."""
    return (character.isalpha() or character in _BETWEEN or "\ue000" <= character <= "\uf8ff" or character == "〇"
            or category(character)[0] == "M" or not character.isprintable())
