"""Numbers as Chinese writes them: digit by digit in years, with tens in months and days, in capitals in sums of money."""

import re
from decimal import Decimal

__all__ = ["amount", "small_number", "year_digits"]

_DIGITS = {character: str(number) for number, group in enumerate(("〇零○", "一", "二", "三", "四", "五", "六", "七", "八", "九"))
           for character in group}
_SMALL = re.compile("([一二三]?)十([一二三四五六七八九]?)|([一二三四五六七八九])").fullmatch
_CAPITAL = dict(zip("零壹贰叁肆伍陆柒捌玖", range(10), strict=True)) | {"貳": 2, "參": 3, "陸": 6, "〇": 0}
_DIGIT = "[壹贰貳叁參肆伍陆陸柒捌玖]"
_SECTION = f"(?:{_DIGIT}[仟千])?(?:零?{_DIGIT}[佰百])?(?:零?{_DIGIT}?[拾十])?(?:零?{_DIGIT})?"
_AMOUNT = re.compile(f"(?:({_SECTION})[亿億])?(?:零?({_SECTION})[万萬])?(?:零?({_SECTION}))[元圆圓]"
                     f"(?:零?({_DIGIT})角)?(?:零?({_DIGIT})分)?[整正]?").fullmatch
_UNITS = {"仟": 1000, "千": 1000, "佰": 100, "百": 100, "拾": 10, "十": 10}
_TURNS = re.compile(f"({_DIGIT}?)([仟千佰百拾十])|({_DIGIT})").findall


def year_digits(text: str) -> str | None:
    """二〇二六 as 2026; None where it is no four digits."""
    digits = "".join(_DIGITS.get(character, "x") for character in text)
    return digits if len(digits) == 4 and digits.isdigit() else None


def small_number(text: str) -> str | None:
    """A number up to 39 with its tens: 十二 as 12, 二十 as 20, 三十一 as 31."""
    match = _SMALL(text)
    if match is None:
        return None
    tens, ones, alone = match.groups()
    return _DIGITS[alone] if alone else str(10 * int(_DIGITS[tens or "一"]) + int(_DIGITS[ones or "〇"]))


def amount(text: str) -> Decimal | None:
    """A sum in capitals, in yuan: 壹万贰仟元整 as 12000, 拾元伍角 as 10.5; None where it is none."""
    match = _AMOUNT(text)
    if match is None or not any(match.groups()[:3]):
        return None
    hundred_millions, ten_thousands, yuan, jiao, fen = match.groups()
    if hundred_millions == "" or ten_thousands == "":
        return None
    whole = _section(hundred_millions) * 10 ** 8 + _section(ten_thousands) * 10 ** 4 + _section(yuan)
    return whole + Decimal(_CAPITAL[jiao] if jiao else 0) / 10 + Decimal(_CAPITAL[fen] if fen else 0) / 100


def _section(text: str | None) -> int:
    """Up to four digits with their units."""
    return sum(_CAPITAL[alone] if alone else _CAPITAL[digit or "壹"] * _UNITS[unit] for digit, unit, alone in _TURNS(text or ""))
