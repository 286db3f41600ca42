"""resident_id: the number of a citizen, of a resident from Hong Kong, Macao or Taiwan, or on a foreigner's permanent
residence card. A finding names the part that fails."""

import re
from collections.abc import Callable
from functools import cache, partial
from operator import mul
from typing import Final, Generic, TypeVar

from schemas.codes import code_list, divisions
from schemas.reasons import Reason
from schemas.rules.calendar import begins
from schemas.rules.characters import bare
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["resident_id"]

Part = TypeVar("Part")

#: Parts remembered before they are forgotten and begun anew.
_PARTS: Final = 1 << 16
_CITIZEN, _HMT, _FOREIGNER = "citizen", "hmt", "foreigner"
_KINDS: Final = frozenset({_CITIZEN, _HMT, _FOREIGNER})
_FORM = re.compile(r"[0-9]{17}[0-9X]").fullmatch
_OLD = re.compile(r"[0-9]{15}").fullmatch
_OLD_CARD = re.compile(r"[A-Z]{3}[0-9]{12}").fullmatch
_WEIGHTS = tuple(2 ** place % 11 for place in range(17, 0, -1))
#: The check character by the weighted sum of the 17 ASCII codes before it, modulo 11.
_CHECK = tuple("0123456789X"[(1 - rest + ord("0") * sum(_WEIGHTS)) % 11] for rest in range(11))
#: Endings that make a city's code one for all its districts, or for its town or suburbs: in numbers as long as there is the
#: city, and in few tables.
_SUMS: Final = ("01", "02", "11", "20")
#: In numbers of 15 digits these serials marked people born before 1900.
_CENTENARIANS: Final = ("996", "997", "998", "999")
_EARLIEST: Final = "1800"
#: The last year of birth that fits a division there is.
_EVER: Final = str(divisions.STILL)
#: Years a police station may go on giving a retired code to the newly born.
_SLACK: Final = 1


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(text.split("|"))
    if not kinds <= _KINDS:
        raise ValueError(text)
    return kinds


def _old(text: str) -> bool:
    if text not in ("fix", "reject"):
        raise ValueError(text)
    return text == "fix"


@rule(
    title=Text("公民身份号码", "a resident's number"),
    clause="GB 11643-1999: check character by ISO 7064 MOD 11-2; 810000, 820000, 830000 and codes xxxx01, as in id-validator; "
           "foreigners: 9, province, country (ISO 3166-1), as the immigration administration announced the card of 2023; "
           "their 15 characters, and 996 to 999 of old numbers, as in public validators",
    reasons={"id_form": Reason(Text("不是 18 位公民身份号码，或写法不规范", "not a resident's number of 18 characters as it is written"),
                               Text("写作 17 位数字加校验码，X 大写", "write 17 digits and the check character, X in upper case")),
             "id_birth": Reason(Text("号码中的出生日期不存在或晚于到达日", "the birth date in the number does not exist or has not come"),
                                Text("核对第 7 至 14 位", "look at characters 7 to 14")),
             "id_division": Reason(Text("历年区划代码表中都没有号码的前六位", "no table of any year has the division of the number"),
                                   Text("核对前六位；记录照常流转", "look at characters 1 to 6; the record goes on as it is")),
             "id_era": Reason(Text("号码前六位的区划在出生之前已撤销", "the division of the number was retired before the birth"),
                              Text("核对前六位和出生日期；记录照常流转",
                                   "look at characters 1 to 6 and the birth date; the record goes on as it is"), "consistency"),
             "id_country": Reason(Text("外国人永久居留身份证号码中没有这个国家或地区", "no country has the code in the foreigner's number"),
                                  Text("核对第 4 至 6 位，旧证为前三位字母；记录照常流转",
                                       "look at characters 4 to 6, on old cards the letters; the record goes on as it is")),
             "id_check": Reason(Text("校验码不符", "the check character is wrong"),
                                Text("核对是否录错或换位", "see whether a digit was mistyped or two were swapped")),
             "id_old": Reason(Text("15 位旧号码", "an old number of 15 digits"),
                              Text("改用建议的 18 位号码；办证时可能重编过顺序码，请与证件核对",
                                   "send the 18 characters proposed; compare with the card, for some serials were given anew")),
             "id_kind": Reason(Text("号码属于此字段不收的人员类别", "the number is of a kind of person this field does not take"),
                               Text("核对前两位和字段的用途", "look at the first two characters, and what the field is for"))},
    # The standard's own worked examples, the announcement's samples, and made-up ones: nobody's.
    examples=(Example("11010519491231002X", KEEP), Example("440524188001010014", KEEP), Example("911124198108030024", KEEP),
              Example("911000198108030028", KEEP),
              Example("11010519491231002x", fix("11010519491231002X", "id_form")),
              Example("１１０１０５ 19491231 002Ｘ", fix("11010519491231002X", "id_form")),
              Example("110105-19491231-002X", fix("11010519491231002X", "id_form")),
              Example("\u202d11010519491231002X\u202c", fix("11010519491231002X", "id_form")),
              Example("390105194912310021", suspect("id_division")),
              Example("110105194912310021", reject("id_check")), Example("11010519491331002X", reject("id_birth")),
              Example("110105194912310", reject("id_birth")), Example("", reject("id_form")),
              Example("11010519491231002X", reject("id_birth"), "", -700_000_000_000),
              Example("110105491231002", Verdict("reject", "id_old", "11010519491231002X")),
              Example("110105491231002", fix("11010519491231002X", "id_old"), "resident_id(old=fix)"),
              Example("110105491231998", reject("id_old")),
              # Shangshui's code of before 2000: right for one born in 1999, odd for one born in 2005.
              Example("412723199906150016", KEEP), Example("412723200506150012", suspect("id_era")),
              Example("810000199001010019", KEEP), Example("830000199001010020", KEEP, "resident_id(kinds=hmt)"),
              Example("810000199001010019", reject("id_kind"), "resident_id(kinds=citizen|foreigner)"),
              Example("440401199001010018", KEEP),
              Example("911999198108030029", suspect("id_country")), Example("ZZZ110090123105", suspect("id_country")),
              Example("KAZ110090123105", KEEP), Example("kaz110090123105", fix("KAZ110090123105", "id_form")),
              Example("KAZ110090123106", reject("id_check"))),
    options={"kinds": _kinds, "old": _old})
def resident_id(kinds: frozenset[str] = _KINDS, old: bool = False) -> Check:
    """17 digits with a birth date that had come when the record arrived, and the check character they ask for.

    A division is the one of the time and place the number was given, so whatever any table had is right, unless it was
    retired before the birth; that, or a division of no table, is suspect. Serials are not judged. An old number of 15
    digits is rejected with the number of 18 that grew out of it as proposal; `old=fix` makes it that. `kinds` says whose
    numbers the field takes: `citizen`, `hmt` (residence permits of Hong Kong, Macao and Taiwan), `foreigner` (permanent
    residence cards, the 15 characters of before 2023 too).
    """
    form, birth, kind = reject("id_form"), reject("id_birth"), reject("id_kind")
    others = _KINDS - kinds

    def check(text: str) -> Verdict:
        number = text
        if not _FORM(text):
            number = bare(text)
            if not _FORM(number):
                return short(number, text)
        born, middle = _BORN[number[6:14]]
        if born is None:
            return birth
        weight, until = _AREA[number[:6]]
        if _CHECK[(weight + middle + _SERIAL[number[14:17]]) % 11] != number[17]:
            return born._replace(severity="reject", reason="id_check")
        if others and _kind(number) in others:
            return born._replace(severity="reject", reason="id_kind")
        if number != text:
            return born._replace(severity="fix", reason="id_form", value=number)
        if until is _EVER or number[6:10] <= until:
            return born
        return born._replace(severity="suspect", reason="id_era" if until else _doubt(number))

    def short(number: str, text: str) -> Verdict:
        """The word on 15 characters, or on what is no number at all."""
        if _OLD_CARD(number):
            return kind if _FOREIGNER in others else _old_card(number, text)
        if not _OLD(number):
            return form
        return kind if _CITIZEN in others else _grown(number, "fix" if old else "reject")

    return check


def _doubt(number: str) -> str:
    """What there never was: the country of a foreigner from a province there is, else the division."""
    return "id_country" if number[0] == "9" and divisions.known(number[1:3] + "0000") else "id_division"


@cache
def _countries() -> frozenset[str]:
    """Codes of three letters and of three digits; 000 is for people without a nationality."""
    return frozenset({"000", *(word for code in code_list("ISO 3166-1").codes for word in (code.code, *code.synonyms))})


def _kind(number: str) -> str:
    return _FOREIGNER if number[0] == "9" else _HMT if number[0] == "8" else _CITIZEN


def _grown(number: str, severity: str) -> Verdict:
    """An old number as the 18 characters that grew out of it: births of the 1900s, and a check character."""
    if number.endswith(_CENTENARIANS):
        return reject("id_old")
    body = f"{number[:6]}19{number[6:]}"
    born, middle = _BORN[body[6:14]]
    if born is None:
        return reject("id_birth")
    whole = body + _CHECK[(_weight(0, body[:6]) + middle + _SERIAL[body[14:]]) % 11]
    return born._replace(severity="fix" if severity == "fix" else "reject", reason="id_old", value=whole)


def _old_card(number: str, text: str) -> Verdict:
    """Three letters of the country, province and city, six digits of the birth, a serial, and the check digit of passports."""
    known = [born for born in (_BORN[century + number[7:13]][0] for century in ("19", "20")) if born is not None]
    if not known:
        return reject("id_birth")
    born = known[0]
    worth = sum(int(character, 36) * (7, 3, 1)[place % 3] for place, character in enumerate(number[:14]))
    if worth % 10 != int(number[14]):
        return born._replace(severity="reject", reason="id_check")
    if number != text:
        return born._replace(severity="fix", reason="id_form", value=number)
    if not divisions.known(number[3:7] + "00"):
        return born._replace(severity="suspect", reason="id_division")
    return born if number[:3] in _countries() else born._replace(severity="suspect", reason="id_country")


class _Remembered(dict[str, Part], Generic[Part]):
    """What the digits of one part of a number come to. A city's numbers share their divisions, birthdays and serials."""

    def __init__(self, work: Callable[[str], Part]) -> None:
        self._work = work

    def __missing__(self, digits: str) -> Part:
        if len(self) >= _PARTS:
            self.clear()
        told = self[digits] = self._work(digits)
        return told


def _weight(place: int, digits: str) -> int:
    return sum(map(mul, _WEIGHTS[place:], digits.encode()))


def _area(digits: str) -> tuple[int, str]:
    """What the digits weigh, and the last year of birth that fits the division; "" for one that never was."""
    return _weight(0, digits), _until(digits)


def _until(digits: str) -> str:
    if digits[0] == "9":
        return _EVER if divisions.known(digits[1:3] + "0000") and digits[3:] in _countries() else ""
    last = divisions.last_year(digits)
    if digits[4:] == "01" or (last == divisions.NEVER and digits[4:] in _SUMS):
        last = max(last, divisions.last_year(digits[:4] + "00"))
    return _EVER if last == divisions.STILL else str(last + _SLACK) if last else ""


def _birth(digits: str) -> tuple[Verdict | None, int]:
    """Nothing to say from the moment that day begins, None where it is no day of a living memory; and what the digits weigh."""
    start = begins(digits[:4], digits[4:6], digits[6:]) if digits >= _EARLIEST else None
    return None if start is None else Verdict(since=start, late="id_birth"), _weight(6, digits)


_AREA = _Remembered(_area)
_BORN = _Remembered(_birth)
_SERIAL = _Remembered(partial(_weight, 14))
