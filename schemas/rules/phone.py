"""phone: mobile and land-line numbers, hotlines and service numbers as digits alone. One nobody was given yet is suspect."""

import csv
import re
from functools import cache
from importlib.resources import files
from typing import Final

from schemas.reasons import Reason
from schemas.rules.characters import half
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["phone"]

_MOBILE, _LANDLINE = "mobile", "landline"
#: Numbers by their kind, without extension. Area codes have three digits (010, 02x) before eight, or four before seven or eight.
_FORMS: Final = {
    _MOBILE: r"1[3-9][0-9]{9}",
    _LANDLINE: r"0(?:10|2[0-9])[0-9]{8}|0[3-9][0-9]{2}[0-9]{7,8}",
    "hotline": r"[48]00[0-9]{7}",
    "service": r"1[0-9]{2}|1[0-9]{4}|1010[0-9]{4}|95[0-9]{3,6}|96[0-9]{3,4}"}
#: Mobile numbers of segments that are in use, as libphonenumber has them.
_IN_USE: Final = r"1(?:(?:[38][0-9]|4[57]|[59][0-35-9]|6[25-7]|7[0-35-8])[0-9]{8}|(?:610[0-9]|740[0-5])[0-9]{6})"
_NEVER: Final = r"(?!)"
_EXTENSION = r"(?:-[0-9]{1,6})?"
_SPACING = re.compile(r"[\s()\-.\u2010-\u2015\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
#: What people write before an extension.
_INNER = re.compile(r"(.*[0-9)])\s*(?:-|转|分机|[x#*,;]|ext\.?)[\s:]*([0-9]{1,6})\s*", re.IGNORECASE).fullmatch
#: The country's code is beyond doubt with + or 00 before it; bare, only before a mobile number.
_COUNTRY = re.compile(r"(\+86|0086)|86(?=1[3-9][0-9]{9}\Z)")
#: A mobile number dialled like a long-distance call.
_TRUNK = re.compile(r"01[3-9][0-9]{9}").fullmatch


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(text.split("|"))
    if not kinds <= _FORMS.keys():
        raise ValueError(text)
    return kinds


@rule(
    title=Text("电话号码", "a phone number"),
    clause="the Chinese numbering plan as in libphonenumber (segments in use, area_codes.csv): mobiles are 11 digits from 13 to 19; "
           "land lines begin with the area code and its 0",
    reasons={"phone": Reason(Text("电话号码写法不规范或不成立", "not written as a phone number, or none"),
                             Text("写作 11 位手机号，或区号加号码", "write 11 digits, or area code and number")),
             "phone_segment": Reason(Text("手机号段尚未启用", "no mobile number begins so yet"),
                                     Text("核对前三位；记录照常流转", "look at the first three digits; the record goes on as it is")),
             "phone_length": Reason(Text("该区号的号码不是这么多位", "numbers under this area code have more digits, or fewer"),
                                    Text("核对是否为升位前的旧号；记录照常流转",
                                         "see whether it is from before the digits were added; the record goes on as it is"), "timeliness"),
             "phone_area": Reason(Text("没有这个区号", "there is no such area code"),
                                  Text("核对区号；记录照常流转", "look at the area code; the record goes on as it is"))},
    examples=(Example("13800000000", KEEP), Example("+86 138-0000-0000", fix("13800000000", "phone")),
              Example("008613800000000", fix("13800000000", "phone")), Example("8613800000000", fix("13800000000", "phone")),
              Example("013800000000", fix("13800000000", "phone")),
              Example("(0564) 333 0000", fix("05643330000", "phone")), Example("１３８００００００００", fix("13800000000", "phone")),
              Example("05643330000", KEEP), Example("+86 564 333 0000", fix("05643330000", "phone")),
              Example("+86(0)10 8888 0000", fix("01088880000", "phone")),
              Example("0564-3330000转801", fix("05643330000-801", "phone")), Example("05643330000-801", KEEP),
              Example("010-8888-0000-8001", fix("01088880000-8001", "phone")),
              Example("15400000000", suspect("phone_segment")), Example("03003330000", suspect("phone_area")),
              Example("05323330000", suspect("phone_length")), Example("053283330000", KEEP),
              Example("12345", reject("phone")), Example("008613812345", reject("phone")), Example("0103330000", reject("phone")),
              Example("8605643330000", reject("phone")), Example("13800000000-1", reject("phone")),
              Example("400-000-0000", reject("phone")),
              Example("400-000-0000", fix("4000000000", "phone"), "phone(kinds=landline|hotline)"),
              Example("4000000000-1", KEEP, "phone(kinds=hotline)"),
              Example("12345", KEEP, "phone(kinds=mobile|service)"), Example("95588", KEEP, "phone(kinds=service)"),
              Example("13800000000", reject("phone"), "phone(kinds=landline)"),
              Example("", reject("phone"))),
    options={"kinds": _kinds})
def phone(kinds: frozenset[str] = frozenset({_MOBILE, _LANDLINE})) -> Check:
    """Eleven digits of a mobile, or area code and number with `-` and an extension, if there is one; spacing, dashes and
    the country's 86 go. `kinds`, joined by `|`: `mobile`, `landline`, `hotline` (400, 800), `service` (110, 12345, 95588)."""
    wrong, segment, area = reject("phone"), suspect("phone_segment"), suspect("phone_area")
    length = suspect("phone_length")
    switched = [form for kind, form in _FORMS.items() if kind in kinds and kind in (_LANDLINE, "hotline")]
    alone = [form for kind, form in _FORMS.items() if kind in kinds and kind not in (_LANDLINE, "hotline")]
    joined = [f"(?:{'|'.join(switched)}){_EXTENSION}"] if switched else []
    matches = re.compile("|".join([*alone, *joined])).fullmatch
    with_extension = re.compile("|".join(switched) or _NEVER).fullmatch
    mobile = re.compile(_FORMS[_MOBILE] if _MOBILE in kinds else _NEVER).fullmatch
    in_use = re.compile(_IN_USE if _MOBILE in kinds else _NEVER).fullmatch

    def check(text: str) -> Verdict:
        # Most are mobile numbers, and most of these as they should be.
        if in_use(text):
            return KEEP
        if not matches(text):
            number = spelt(half(text))
            return fix(number, "phone") if matches(number) else wrong
        if text[0] != "0":
            return segment if mobile(text) else KEEP
        code = text[:4 if text[1] > "2" else 3]
        digits = _area_codes().get(code)
        if digits is None:
            return area
        return KEEP if len(text.partition("-")[0]) - len(code) in digits else length

    def spelt(text: str) -> str:
        split = _INNER(text)
        if split:
            number = _bare(split[1])
            if with_extension(number):
                return f"{number}-{split[2]}"
        return _bare(text)

    return check


@cache
def _area_codes() -> dict[str, frozenset[int]]:
    """How many digits follow each area code. From phonenumbers 9.0.43 (Apache-2.0, a port of libphonenumber); the numbering
    plan itself was not read."""
    lines = (files("schemas.rules") / "area_codes.csv").read_text(encoding="utf-8").splitlines()
    return {row["code"]: frozenset(map(int, row["digits"].split("|"))) for row in csv.DictReader(lines)}


def _bare(text: str) -> str:
    """Digits as they are dialled at home."""
    digits = _SPACING.sub("", text)
    country = _COUNTRY.match(digits)
    if country:
        digits = digits[country.end():]
        if country[1] and digits[:1] in set("123456789") and not re.fullmatch(_FORMS[_MOBILE], digits):
            home = f"0{digits}"
            digits = home if re.fullmatch(_FORMS[_LANDLINE], home) else digits
    return digits[1:] if _TRUNK(digits) else digits
