"""money: a sum in yuan as a plain decimal number, whatever signs, separators, units and numerals it came in."""

import re
from decimal import Decimal

from schemas.reasons import Reason
from schemas.rules.characters import half
from schemas.rules.numerals import amount
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["money"]

_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?").fullmatch
_WRITTEN = re.compile(r"(-?)(?:人民币|RMB|CNY|￥|¥)?(-?)([0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(\.[0-9]{1,6})?"
                      r"([百千万亿]|百万|千万)?(?:元|圆|RMB|CNY)?[整正]?").fullmatch
_CAPITALS = re.compile("(?:人民币)?(?:大写)?:?(.+)").fullmatch
_UNITS = {"百": 10 ** 2, "千": 10 ** 3, "万": 10 ** 4, "百万": 10 ** 6, "千万": 10 ** 7, "亿": 10 ** 8}
#: A sum has fewer characters.
_LONGEST = 60


@rule(
    title=Text("金额", "a sum of money"),
    clause="capitals as on cheques: 中文大写金额数字",
    reasons={"money_form": Reason(Text("金额写法不规范", "not written as a sum is"),
                                  Text("写作以元为单位的数字，如 1234.50；可辨认的写法已改正",
                                       "write it in yuan, such as 1234.50; what could be read was changed")),
             "money": Reason(Text("不是金额，或币种不是人民币", "no sum of money, or of another currency"),
                             Text("核对后重新发送；外币请用单独的字段",
                                  "correct and send again; other currencies have fields of their own"))},
    examples=(Example("1234.50", KEEP), Example("0", KEEP), Example("-12.00", KEEP), Example("￥1,234.50", fix("1234.50", "money_form")),
              Example("1234.5元", fix("1234.5", "money_form")), Example("12.5万元", fix("125000", "money_form")),
              Example("１，２３４．５０", fix("1234.50", "money_form")), Example("人民币 100 元整", fix("100", "money_form")),
              Example("1.23456789亿元", reject("money")), Example("0012.50", fix("12.50", "money_form")),
              Example("3千万", fix("30000000", "money_form")),
              Example("壹佰元整", fix("100", "money_form")), Example("壹万贰仟零叁拾元伍角陆分", fix("12030.56", "money_form")),
              Example("1,23", reject("money")), Example("$100", reject("money")), Example("面议", reject("money")),
              Example("", reject("money"))),
    pack="values")
def money() -> Check:
    """A sum in yuan: digits, a point, and a minus for what is owed. Signs of the yuan, separators of thousands, 万 and 亿, and
    sums in capitals are read; a sum keeps the places it has."""
    none = reject("money")

    def check(text: str) -> Verdict:
        if _PLAIN(text):
            return KEEP
        read = _read(half("".join(text.split()))) if len(text) <= _LONGEST else None
        return none if read is None else fix(read, "money_form")

    return check


def _read(text: str) -> str | None:
    """The sum in digits; None where it is none."""
    match = _WRITTEN(text)
    if match is not None and not (match[1] and match[2]):
        minus, inner, digits, places, unit = match.groups()
        number = Decimal(digits.replace(",", "") + (places or ""))
        return f"{minus or inner}{_plain(number * _UNITS[unit]) if unit else format(number, 'f')}"
    capitals = _CAPITALS(text)
    total = amount(capitals[1]) if capitals else None
    return None if total is None else _plain(total)


def _plain(number: Decimal) -> str:
    """In digits, without zeros that say nothing."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
