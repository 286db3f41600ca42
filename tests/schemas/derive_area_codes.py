"""How schemas/rules/area_codes.csv was made from phonenumbers, so that a later release can be taken in the same way.

Its metadata says which numbers are land lines, its geography what the places are called: python tests/schemas/derive_area_codes.py
"""

import csv
import importlib
import pkgutil
from pathlib import Path

import phonenumbers
import phonenumbers.geodata

TARGET = Path(__file__).parents[2] / "schemas/rules/area_codes.csv"
#: Numbers of each length: more than one, for no number is in use in all areas.
_LINES = {"7": ("8123456", "2345678"), "8": ("81234567", "23456789")}


def derived() -> list[tuple[str, str, str]]:
    """Every area code with its 0 under which some number is a land line; how many digits these have; and where it is, ""
    where that is not said."""
    named: dict[str, str] = {}
    for module in pkgutil.iter_modules(phonenumbers.geodata.__path__):
        table = getattr(importlib.import_module(f"phonenumbers.geodata.{module.name}"), "data", {})
        named |= {number[2:]: words["zh"] for number, words in table.items() if number.startswith("86") and "zh" in words}
    found = ((code, _digits(code)) for code in map(str, (10, *range(20, 30), *range(300, 1000))))
    return [(f"0{code}", digits, named.get(code) or named.get(code[:2], "")) for code, digits in found if digits]


def _digits(code: str) -> str:
    land = phonenumbers.PhoneNumberType.FIXED_LINE
    return "|".join(digits for digits, lines in _LINES.items()
                    if any(phonenumbers.number_type(phonenumbers.parse(f"+86{code}{line}")) == land for line in lines))


if __name__ == "__main__":
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("code", "digits", "name"), *derived()])
