"""The rules on numbers of people, bodies, divisions, phones and cards, written a second time from their descriptions.

Arithmetic goes character by character and nothing is remembered but the tables, which both sides read from the same files.
"""

import csv
import datetime as dt
import io
import lzma
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from trial.oracle.said import Said

__all__ = ["IDENTITY"]

_SCHEMAS = Path(__file__).parents[2] / "schemas"
_SHANGHAI = dt.timezone(dt.timedelta(hours=8))
_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_DASHES = "-‐‑‒–—―"
#: What is copied along with a number and seen by nobody.
_UNSEEN = {0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)}


_Options = Mapping[str, str]


@cache
def _divisions() -> dict[str, int]:
    """The last year in which any table has a division's code; one that holds has no end."""
    last: dict[str, int] = {}
    text = lzma.decompress((_SCHEMAS / "codes" / "divisions.csv.xz").read_bytes()).decode()
    for row in csv.DictReader(io.StringIO(text)):
        last[row["code"]] = max(last.get(row["code"], 0), int(row["last"] or 9999))
    return last


@cache
def _area_codes() -> dict[str, list[str]]:
    """The lengths of the numbers behind each area code."""
    lines = (_SCHEMAS / "rules" / "area_codes.csv").read_text(encoding="utf-8").splitlines()[1:]
    return {line.split(",")[0]: line.split(",")[1].split("|") for line in lines}


@cache
def _countries() -> set[str]:
    """By letters and by numbers; 000 for people without a nationality."""
    with (_SCHEMAS / "codes" / "countries.csv").open(encoding="utf-8", newline="") as rows:
        return {"000"} | {word for row in csv.DictReader(rows) for word in [row["code"], *row["synonyms"].split("|")]}


def _narrow(text: str) -> str:
    return "".join(chr(ord(sign) - 0xFEE0) if 0xFF01 <= ord(sign) <= 0xFF5E else sign for sign in text)


def _between(sign: str) -> bool:
    """Whether it says nothing inside a number."""
    return sign in _DASHES or ord(sign) in _UNSEEN or re.match(r"\s", sign) is not None


def _plain(text: str) -> str:
    """Half-width capitals without blanks and dashes; nothing where other writing is among them."""
    code = "".join(sign for sign in _narrow(text) if not _between(sign))
    return code.upper() if all(ord(sign) < 128 for sign in code) else ""


def _day(year: str, month: str, day: str) -> dt.date | None:
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None


def _has_come(date: dt.date, arrived: int) -> bool:
    """Whether that day had begun in China when the record arrived."""
    return date <= (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=arrived)).astimezone(_SHANGHAI).date()


def _last_of_number(body: str) -> str:
    """ISO 7064 MOD 11-2, worked digit by digit."""
    product = 0
    for digit in body:
        product = (product + int(digit)) * 2 % 11
    return "0123456789X"[(12 - product) % 11]


def _resident_id(value: str, options: _Options, arrived: int) -> Said:
    """Citizens by GB 11643; residents of the two regions and Taiwan by 81, 82, 83; foreigners' cards by their 9 or letters."""
    number = _plain(value) if not re.fullmatch(r"[0-9]{17}[0-9X]", value) else value
    wanted = options.get("kinds", "citizen|hmt|foreigner").split("|")
    if re.fullmatch(r"[A-Z]{3}[0-9]{12}", number):
        return _old_card(value, number, arrived) if "foreigner" in wanted else Said(value, "id_kind", "reject")
    if re.fullmatch(r"[0-9]{15}", number):
        return _old_number(value, number, options, arrived) if "citizen" in wanted else Said(value, "id_kind", "reject")
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return Said(value, "id_form", "reject")
    born = _day(number[6:10], number[10:12], number[12:14])
    if born is None or born.year < 1800 or not _has_come(born, arrived):
        return Said(value, "id_birth", "reject")
    if _last_of_number(number[:17]) != number[17]:
        return Said(value, "id_check", "reject")
    if _kind(number) not in wanted:
        return Said(value, "id_kind", "reject")
    if number != value:
        return Said(number, "id_form", "fix")
    return _where(value, number, born)


def _kind(number: str) -> str:
    return {"9": "foreigner", "8": "hmt"}.get(number[0], "citizen")


def _where(value: str, number: str, born: dt.date) -> Said:
    if number[0] == "9":
        if number[1:3] + "0000" not in _divisions():
            return Said(value, "id_division", "suspect")
        return Said(value) if number[3:6] in _countries() else Said(value, "id_country", "suspect")
    last, city = (_divisions().get(code, 0) for code in (number[:6], number[:4] + "00"))
    if number[4:6] == "01" or (number[4:6] in ("02", "11", "20") and not last):
        last = max(last, city)
    if not last:
        return Said(value, "id_division", "suspect")
    return Said(value, "id_era", "suspect") if born.year > last + 1 else Said(value)


def _old_number(value: str, number: str, options: _Options, arrived: int) -> Said:
    if 996 <= int(number[12:]) <= 999:
        return Said(value, "id_old", "reject")
    born = _day("19" + number[6:8], number[8:10], number[10:12])
    if born is None or not _has_come(born, arrived):
        return Said(value, "id_birth", "reject")
    body = number[:6] + "19" + number[6:]
    whole = body + _last_of_number(body)
    return Said(whole, "id_old", "fix") if options.get("old") == "fix" else Said(value, "id_old", "reject", whole)


def _old_card(value: str, number: str, arrived: int) -> Said:
    """Country, province and city, birth of this century or the last, serial, and the check digit of machine-readable passports."""
    days = [_day(century + number[7:9], number[9:11], number[11:13]) for century in ("19", "20")]
    born = next((day for day in days if day is not None), None)
    if born is None or not _has_come(born, arrived):
        return Said(value, "id_birth", "reject")
    total = 0
    for place, sign in enumerate(number[:14]):
        worth = int(sign) if sign.isdigit() else ord(sign) - ord("A") + 10
        total += worth * [7, 3, 1][place % 3]
    if str(total % 10) != number[14]:
        return Said(value, "id_check", "reject")
    if number != value:
        return Said(number, "id_form", "fix")
    if number[3:7] + "00" not in _divisions():
        return Said(value, "id_division", "suspect")
    return Said(value) if number[:3] in _countries() else Said(value, "id_country", "suspect")


def _last_of_organisation(body: str) -> str:
    """GB 11714-1997, 2.1.2: 11 less the weighted sum modulo 11; 10 is X, 11 is 0."""
    total = sum(weight * int(sign, 36) for weight, sign in zip((3, 7, 9, 10, 5, 8, 4, 2), body, strict=True))
    check = 11 - total % 11
    return "X" if check == 10 else "0" if check == 11 else str(check)


def _last_of_credit(body: str) -> str:
    total, weight = 0, 1
    for sign in body:
        total += _CREDIT.index(sign) * weight
        weight = weight * 3 % 31
    return _CREDIT[(31 - total % 31) % 31]


def _is_credit(code: str) -> bool:
    return len(code) == 18 and set(code) <= set(_CREDIT) and all(sign in "0123456789" for sign in code[2:8])


#: The first two characters there are: who registers, and what.
_PAIRS = re.compile("1[1239]|[248A][19]|3[1-59]|5[1239]|[67][129]|9[123]|N[1239]|Y1")


def _uscc(value: str, options: _Options, arrived: int) -> Said:
    code = value if _is_credit(value) else _plain(value)
    if not _is_credit(code):
        read = code.replace("I", "1").replace("O", "0").replace("S", "5").replace("Z", "2")
        sound = _is_credit(read) and _last_of_organisation(read[8:16]) == read[16] and _last_of_credit(read[:17]) == read[17]
        return Said(read, "uscc_lookalike", "fix") if sound else Said(value, "uscc_form", "reject")
    own = _last_of_organisation(code[8:16]) == code[16]
    right = _last_of_credit(code[:17]) == code[17]
    fujian = code[:2] in ("91", "92", "93") and code[2:4] == "35" and code[8:13] in ("M0000", "M0001") and own
    if not right and not fujian:
        return Said(value, "uscc_check", "reject")
    if code != value:
        return Said(code, "uscc_form", "fix")
    if not right:
        return Said(value, "uscc_irregular", "suspect")
    if not _PAIRS.fullmatch(code[:2]):
        return Said(value, "uscc_department", "suspect")
    if max(_divisions().get(place, 0) for place in (code[2:8], code[2:6] + "00")) < 2014:
        return Said(value, "uscc_division", "suspect")
    return Said(value) if own else Said(value, "uscc_organisation", "suspect")


def _organisation_code(value: str, options: _Options, arrived: int) -> Said:
    code = _plain(value)
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", code):
        return Said(value, "organisation_form", "reject")
    if _last_of_organisation(code[:8]) != code[8]:
        return Said(value, "organisation_check", "reject")
    printed = f"{code[:8]}-{code[8]}" if options.get("hyphen") == "yes" else code
    if printed != value:
        return Said(printed, "organisation_form", "fix")
    own = code[:3] == "PDY" and code[3:8].isdigit() and code[3:8] != "00000"
    return Said(value, "organisation_own", "suspect") if own else Said(value)


def _division_code(value: str, options: _Options, arrived: int) -> Said:
    digits = _plain(value)
    if not re.fullmatch(rf"[0-9]{{{options.get('digits', 6)}}}", digits):
        return Said(value, "division", "reject")
    if digits != value:
        return Said(digits, "division", "fix")
    last = _divisions().get((digits + "0000")[:6], 0)
    if not last:
        return Said(value, "division_unknown", "suspect")
    gone = last != 9999 and options.get("retired") != "keep"
    return Said(value, "division_retired", "suspect") if gone else Said(value)


def _phone(value: str, options: _Options, arrived: int) -> Said:
    wanted = options.get("kinds", "mobile|landline").split("|")
    if _is_phone(value, wanted):
        return _served(value)
    text = _narrow(value)
    parts = re.fullmatch(r"(.*[0-9)])\s*(?:-|转|分机|x|#|\*|,|;|ext\.|ext)[\s:]*([0-9]{1,6})\s*", text, re.IGNORECASE)
    dialled = _dialled(text)
    if parts:
        head = _dialled(parts[1])
        if ("landline" in wanted and _is_landline(head)) or ("hotline" in wanted and _is_hotline(head)):
            dialled = f"{head}-{parts[2]}"
    return Said(dialled, "phone", "fix") if _is_phone(dialled, wanted) else Said(value, "phone", "reject")


def _is_mobile(text: str) -> bool:
    return re.fullmatch(r"1[3-9][0-9]{9}", text) is not None


def _is_landline(text: str) -> bool:
    return re.fullmatch(r"(010|02[0-9])[0-9]{8}|0[3-9][0-9][0-9][0-9]{7}[0-9]?", text) is not None


def _is_hotline(text: str) -> bool:
    return re.fullmatch(r"(400|800)[0-9]{7}", text) is not None


def _is_phone(text: str, wanted: list[str]) -> bool:
    bare, dash, extension = text.partition("-")
    inner = not dash or re.fullmatch("[0-9]{1,6}", extension) is not None
    return (("mobile" in wanted and _is_mobile(text)) or ("landline" in wanted and _is_landline(bare) and inner)
            or ("hotline" in wanted and _is_hotline(bare) and inner)
            or ("service" in wanted and re.fullmatch(r"1[0-9]{2}|1[0-9]{4}|1010[0-9]{4}|95[0-9]{3,6}|96[0-9]{3,4}", text) is not None))


def _dialled(text: str) -> str:
    """As it is dialled at home: no spacing, no country, no trunk 0 before a mobile number."""
    digits = "".join(sign for sign in text if sign not in "()." and not _between(sign))
    for country in ("+86", "0086"):
        if digits.startswith(country):
            digits = digits[len(country):]
            if re.match("[1-9]", digits) and not _is_mobile(digits) and _is_landline("0" + digits):
                digits = "0" + digits
            break
    else:
        if digits.startswith("86") and _is_mobile(digits[2:]):
            digits = digits[2:]
    return digits[1:] if digits.startswith("0") and _is_mobile(digits[1:]) else digits


def _served(number: str) -> Said:
    if _is_mobile(number):
        used = re.match(r"13|18|14[57]|15[^4]|19[^4]|16[2567]|17[^4-9]|17[5-8]|1610|1740[0-5]", number)
        return Said(number) if used else Said(number, "phone_segment", "suspect")
    if number[0] == "0":
        area = number[:3] if number[1] in "12" else number[:4]
        if area not in _area_codes():
            return Said(number, "phone_area", "suspect")
        rest = number.split("-")[0].removeprefix(area)
        return Said(number) if str(len(rest)) in _area_codes()[area] else Said(number, "phone_length", "suspect")
    return Said(number)


def _bank_card(value: str, options: _Options, arrived: int) -> Said:
    digits = _plain(value)
    if not re.fullmatch(r"[1-9][0-9]{12,18}", digits):
        return Said(value, "card_form", "reject")
    total = 0
    for place, digit in enumerate(reversed(digits)):
        worth = int(digit) * (2 if place % 2 else 1)
        total += worth // 10 + worth % 10
    if total % 10:
        return Said(value, "card_check", "reject")
    return Said(digits, "card_form", "fix") if digits != value else Said(value)


def _postal_code(value: str, options: _Options, arrived: int) -> Said:
    digits = _plain(value)
    if re.fullmatch(r"[0-9]{6}", digits) and int(digits):
        return Said(digits, "postal_code", "fix") if digits != value else Said(value)
    cut = re.fullmatch(r"[1-9][0-9]{4}", digits)
    return Said(value, "postal_code", "reject", "0" + digits if cut else "")


def _passport(value: str, options: _Options, arrived: int) -> Said:
    chinese = options.get("issued") == "CHN"
    fits = _is_chinese if chinese else _is_passport
    if fits(value):
        return Said(value)
    number = _plain(value)
    if fits(number):
        return Said(number, "passport", "fix")
    read = number.replace("I", "1").replace("O", "0")
    return Said(value, "passport", "reject", read if chinese and _is_chinese(read) else "")


def _is_passport(number: str) -> bool:
    return 5 <= len(number) <= 17 and set(number) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def _is_chinese(number: str) -> bool:
    """Letters, and how many digits follow them."""
    match = re.fullmatch(r"([A-Z]*)([0-9]+)", number)
    if match is None:
        return False
    letters, digits = match[1], len(match[2])
    if letters == "":
        return digits == 9 and number[:2] in ("14", "15")
    if len(letters) == 1:
        return (letters in "EGKH" and digits == 8) or (letters in "DSP" and digits in (7, 8))
    return digits == 7 and (letters in ("DE", "SE", "PE", "KJ", "MA", "MB")
                            or (letters[0] == "E" and len(letters) == 2 and letters[1] not in "IO"))


def _travel_permit(value: str, options: _Options, arrived: int) -> Said:
    wanted = options.get("kinds", "hk_macao|taiwan").split("|")

    def fits(number: str) -> bool:
        hk_macao = number[:1] in ("H", "M") and len(number) in (9, 11) and re.fullmatch("[0-9]+", number[1:]) is not None
        taiwan = re.fullmatch("[0-9]{8}|[0-9]{10}|[0-9]{10}[A-Z]", number) is not None
        return (hk_macao and "hk_macao" in wanted) or (taiwan and "taiwan" in wanted)

    number = value if fits(value) else _plain(value)
    if not fits(number):
        return Said(value, "travel_permit", "reject")
    return Said(number, "travel_permit", "fix") if number != value else Said(value)


#: The rules by name: a text, the options as written, and when the record arrived (ms).
IDENTITY: dict[str, Callable[[str, _Options, int], Said]] = {
    "resident_id": _resident_id, "uscc": _uscc, "organisation_code": _organisation_code, "division_code": _division_code,
    "phone": _phone, "bank_card": _bank_card, "postal_code": _postal_code, "passport": _passport, "travel_permit": _travel_permit}
