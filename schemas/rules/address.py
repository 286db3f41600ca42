"""address: an address in one spelling: half-width digits, no blanks among Chinese, no division named twice."""

import re

from schemas.reasons import Reason
from schemas.rules.characters import narrow, unspaced, visible
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, suspect
from schemas.text import Text

__all__ = ["address"]

_LEVELS = "省市区县州盟旗"
#: One or several divisions in a row that are at once named again: 安徽省安徽省, 安徽省六安市安徽省六安市.
_TWICE = re.compile(f"(?:(?<=[{_LEVELS}])|(?<![\u4e00-\u9fff]))([\u4e00-\u9fff]{{1,14}}?[{_LEVELS}])\\1+")
#: What a text must have for that, asked first: the same level twice, as far apart as a division's name is long.
_AGAIN = re.compile(f"([{_LEVELS}]).{{1,14}}\\1").search
_PLAIN = re.compile("[\u4e00-\u9fff][\u4e00-\u9fff0-9A-Za-z#\\-（）()、，,]*").fullmatch
_HANZI = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]").search


@rule(
    title=Text("地址", "an address"),
    clause="",
    reasons={"address_form": Reason(Text("地址写法不规范：全角、空白或重复的区划",
                                         "not in one spelling: full-width, blanks, or a division named twice"),
                                    Text("已改正，无需处理", "corrected, nothing to do")),
             "address_odd": Reason(Text("地址里没有汉字", "no Chinese character in the address"),
                                   Text("核对是否串列；记录照常流转", "see whether columns were swapped; the record goes on as it is"))},
    examples=(Example("安徽省六安市金安区示例路12号A座3-502室", KEEP), Example("吉林省吉林市示例路1号", KEEP),
              Example("安徽省安徽省六安市示例路１２号", fix("安徽省六安市示例路12号", "address_form")),
              Example("安徽省安徽省六安市安徽省六安市", fix("安徽省六安市", "address_form")),
              Example("安徽省六安市安徽省六安市金安区", fix("安徽省六安市金安区", "address_form")),
              Example("积石山保安族东乡族撒拉族自治县积石山保安族东乡族撒拉族自治县示例路1号",
                      fix("积石山保安族东乡族撒拉族自治县示例路1号", "address_form")),
              Example("六安市六安市金安区　示例路 12 号", fix("六安市金安区示例路12号", "address_form")),
              Example("示例路\u200b12号", fix("示例路12号", "address_form")), Example("13800000000", suspect("address_odd")),
              Example("Room 5　　East", suspect("address_odd", "Room 5 East")), Example("", KEEP)),
    pack="text")
def address() -> Check:
    """Full-width letters and digits become ASCII, blanks beside Chinese characters go, and divisions named twice in a row
    stand once."""
    def check(text: str) -> Verdict:
        if _PLAIN(text) and not (_AGAIN(text) and _TWICE.search(text)):
            return KEEP
        right, before = unspaced(narrow(visible(text))), ""
        while right != before:
            before, right = right, _TWICE.sub(r"\1", right)
        if right and not _HANZI(right):
            return suspect("address_odd", right if right != text else "")
        return KEEP if right == text else fix(right, "address_form")

    return check
