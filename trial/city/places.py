"""The real places of Lu'an: counties, towns, villages, as rows of the village register and as addresses for residents."""

import csv
import io
import lzma
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["CITY", "RETIRED", "Village", "areas", "villages"]

CITY = "六安市"

#: Codes of Lu'an's counties before 2000, which most of its residents still carry in their numbers.
RETIRED = ("342401", "342423", "342425", "342426", "342427")


class Village(NamedTuple):
    """One village or residents' committee with the town and county above it."""

    code: str
    name: str
    street_code: str
    street: str
    area_code: str
    area: str

    @property
    def address(self) -> str:
        """Where it is, from the city down. Some towns bear the name of their county, which is then said once."""
        return f"{CITY}{self.area}{self.street.removeprefix(self.area)}{self.name}"


@cache
def areas() -> dict[str, str]:
    """County and district names by code."""
    return _names("areas.csv")


@cache
def villages() -> tuple[Village, ...]:
    """Every village of the city, by code."""
    streets = _names("streets.csv")
    return tuple(Village(code, name, code[:9], streets[code[:9]], code[:6], areas()[code[:6]])
                 for code, name in sorted(_names("villages.csv.xz").items()))


def _names(file: str) -> dict[str, str]:
    data = (files("trial.city") / "data" / file).read_bytes()
    text = (lzma.decompress(data) if file.endswith(".xz") else data).decode()
    return {row["code"]: row["name"] for row in csv.DictReader(io.StringIO(text))}
