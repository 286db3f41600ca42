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
_LINES = ("81234567", "8123456", "2345678")


def derived() -> dict[str, str]:
    """Every area code with its 0 under which some number is a land line, and where it is; "" where that is not said."""
    named: dict[str, str] = {}
    for module in pkgutil.iter_modules(phonenumbers.geodata.__path__):
        table = getattr(importlib.import_module(f"phonenumbers.geodata.{module.name}"), "data", {})
        named |= {number[2:]: words["zh"] for number, words in table.items() if number.startswith("86") and "zh" in words}
    land = phonenumbers.PhoneNumberType.FIXED_LINE
    return {f"0{code}": named.get(code) or named.get(code[:2], "") for code in map(str, (10, *range(20, 30), *range(300, 1000)))
            if any(phonenumbers.number_type(phonenumbers.parse(f"+86{code}{line}")) == land for line in _LINES)}


if __name__ == "__main__":
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("code", "name"), *derived().items()])
