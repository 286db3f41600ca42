"""resident_id: the 18 characters of a citizen's number. A finding names the part that fails."""

import re
from collections.abc import Callable
from functools import partial
from operator import mul
from typing import Final, Generic, TypeVar

from schemas.reasons import Reason
from schemas.rules.calendar import begins
from schemas.rules.characters import half
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["resident_id"]

Part = TypeVar("Part")

#: Parts remembered before they are forgotten and begun anew.
_PARTS: Final = 1 << 16
#: GB/T 2260's provinces by their first digit, 83 of the permits for Taiwan residents, and foreigners' cards, all of 9.
_PROVINCES: Final = {"1": "12345", "2": "123", "3": "1234567", "4": "123456", "5": "01234", "6": "12345", "7": "1", "8": "123",
                     "9": "0123456789"}
_FORM = re.compile(r"[0-9]{17}[0-9X]").fullmatch
_WEIGHTS = tuple(2 ** place % 11 for place in range(17, 0, -1))
#: The check character by the weighted sum of the 17 ASCII codes before it, modulo 11.
_CHECK = tuple("0123456789X"[(1 - rest + ord("0") * sum(_WEIGHTS)) % 11] for rest in range(11))


@rule(
    title=Text("公民身份号码", "a citizen's number"),
    clause="GB 11643-1999: check character by ISO 7064 MOD 11-2",
    reasons={"id_form": Reason(Text("不是 18 位公民身份号码，或写法不规范", "not a citizen's number of 18 characters as it is written"),
                               Text("写作 17 位数字加校验码，X 大写", "write 17 digits and the check character, X in upper case")),
             "id_birth": Reason(Text("号码中的出生日期不存在或晚于到达日", "the birth date in the number does not exist or has not come"),
                                Text("核对第 7 至 14 位", "look at characters 7 to 14")),
             "id_division": Reason(Text("前两位不是任何省级区划的代码", "the first two characters are the code of no province"),
                                   Text("核对前六位；记录照常流转", "look at characters 1 to 6; the record goes on as it is")),
             "id_check": Reason(Text("校验码不符", "the check character is wrong"),
                                Text("核对是否录错或换位", "see whether a digit was mistyped or two were swapped"))},
    # The number is the standard's own worked example, so nobody's.
    examples=(Example("11010519491231002X", KEEP), Example("440524188001010014", KEEP),
              Example("11010519491231002x", fix("11010519491231002X", "id_form")),
              Example("１１０１０５ 19491231 002Ｘ", fix("11010519491231002X", "id_form")),
              Example("390105194912310021", suspect("id_division")),
              Example("110105194912310021", reject("id_check")), Example("11010519491331002X", reject("id_birth")),
              Example("110105491231002", reject("id_form")), Example("", reject("id_form")),
              Example("11010519491231002X", reject("id_birth"), "", -700_000_000_000)))
def resident_id() -> Check:
    """17 digits with a birth date that had come when the record arrived, and the check character they ask for.

    A division of no province is suspect. Beyond that it is taken as it is: a number keeps the code of the time and place
    it was given.
    """
    form, birth = reject("id_form"), reject("id_birth")

    def check(text: str) -> Verdict:
        number = text
        if not _FORM(text):
            number = half("".join(text.split())).upper()
            if not _FORM(number):
                return form
        born, middle = _BORN[number[6:14]]
        if born is None:
            return birth
        weight, listed = _AREA[number[:6]]
        if _CHECK[(weight + middle + _SERIAL[number[14:17]]) % 11] != number[17]:
            return born._replace(severity="reject", reason="id_check")
        if number != text:
            return born._replace(severity="fix", reason="id_form", value=number)
        return born if listed else born._replace(severity="suspect", reason="id_division")

    return check


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


def _area(digits: str) -> tuple[int, bool]:
    """What the digits weigh, and whether there ever was such a province."""
    return _weight(0, digits), digits[1] in _PROVINCES.get(digits[0], "")


def _birth(digits: str) -> tuple[Verdict | None, int]:
    """Nothing to say from the moment that day begins, None where it is no day; and what the digits weigh."""
    start = begins(digits[:4], digits[4:6], digits[6:])
    return None if start is None else Verdict(since=start, late="id_birth"), _weight(6, digits)


_AREA = _Remembered(_area)
_BORN = _Remembered(_birth)
_SERIAL = _Remembered(partial(_weight, 14))
