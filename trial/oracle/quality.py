"""The oracle's own count of quality: what was found in each record, and the four figures a dataset comes to on a day.

A record counts once under each reason on a field, whichever items of a list or map it was in, by the gravest that was said there;
and once under each dimension that one of them lowers.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["AHEAD", "ALLOWED", "DIMENSIONS", "DIMENSION_OF", "Figure", "Figures", "Flaw", "Found", "Quality", "flaws", "shares", "timing"]

#: Dimension, field, reason, severity.
Flaw = tuple[str, str, str, str]

#: What is not simply invalid.
DIMENSION_OF = {
    "required": "completeness", "placeholder": "completeness",
    "id_era": "consistency", "id_other_birth": "consistency", "id_other_division": "consistency", "id_other_sex": "consistency",
    "order": "consistency", "repeated": "consistency",
    "late": "timeliness", "phone_length": "timeliness", "division_retired": "timeliness", "replay_raced": "timeliness"}
DIMENSIONS = ("completeness", "validity", "consistency", "timeliness")
_WEIGHT = {"suspect": 0, "fix": 1, "noted": 2, "reject": 3}
_HOUR = 3_600_000
#: Milliseconds after it happened in which a record may arrive, by cycle; and how far ahead a clock may be.
ALLOWED = {"real-time": _HOUR // 6, "day": 30 * _HOUR, "week": 8 * 24 * _HOUR, "month": 33 * 24 * _HOUR, "quarter": 95 * 24 * _HOUR,
           "year": 371 * 24 * _HOUR}
AHEAD = _HOUR // 12


class Found(NamedTuple):
    """Records that the bus tells of, by what was found in them; `at` is a second or a Shanghai day."""

    at: str
    cause: str
    provider: str
    dataset: str
    dimension: str
    field: str
    reason: str
    severity: str
    records: int


class Figure(NamedTuple):
    """So many of so many records have a flaw."""

    flawed: int
    of: int

    @property
    def share(self) -> float | None:
        """Of those without; none where there were none to judge."""
        return 1 - self.flawed / self.of if self.of else None


#: (day, provider, dataset) -> dimension -> figure
Figures = dict[tuple[str, str, str], dict[str, Figure]]


def timing(cycle: str, at: int, arrived: int) -> str:
    """What is to be noted of the time of a live record."""
    if arrived - at > ALLOWED[cycle]:
        return "late"
    return "at_in_future" if at - arrived > AHEAD else ""


def flaws(findings: Iterable[Any], noted: str) -> frozenset[Flaw]:
    """All that a record with these findings is counted under. With nothing but a dimension: it lowers that figure."""
    said = [(re.sub(r"\[.*?\]", "[]", re.sub(r"\{.*?\}", "{}", one.field))[:200], one.reason, one.severity) for one in findings]
    if noted:
        said.append(("", noted, "noted"))
    found: set[Flaw] = set()
    for field, reason in {one[:2] for one in said}:
        worst = max((severity for where, why, severity in said if (where, why) == (field, reason)), key=_WEIGHT.__getitem__)
        dimension = DIMENSION_OF.get(reason, "validity")
        found.add((dimension, field, reason, worst))
        if worst != "suspect":
            found.add((dimension, "", "", ""))
    return frozenset(found)


def shares(figures: Figures) -> dict[str, dict[str, float | None]]:
    """The share by dataset and dimension, all days and providers as one."""
    sums: dict[str, dict[str, Figure]] = {}
    for (_, _, dataset), of_day in sorted(figures.items()):
        known = sums.setdefault(dataset, dict.fromkeys(DIMENSIONS, Figure(0, 0)))
        for dimension, figure in of_day.items():
            known[dimension] = Figure(known[dimension].flawed + figure.flawed, known[dimension].of + figure.of)
    return {dataset: {dimension: figure.share for dimension, figure in known.items()} for dataset, known in sums.items() if dataset}


class Quality:
    """Records by second and flaw, and how many there were."""

    def __init__(self) -> None:
        #: second, cause, provider, dataset, and the flaw
        self.found: Counter[tuple[Any, ...]] = Counter()
        self._judged: Counter[tuple[int, str, str, str]] = Counter()

    def add(self, second: int, cause: str, provider: str, dataset: str, kind: str, found: frozenset[Flaw]) -> None:
        """One record; a repeat was judged when it came first."""
        if kind != "duplicate":
            self._judged[second, cause, provider, dataset] += 1
            for flaw in found:
                self.found[(second, cause, provider, dataset, *flaw)] += 1

    def merge(self, other: "Quality") -> None:
        """Add what another counted."""
        self.found.update(other.found)
        self._judged.update(other._judged)

    def figures(self, day_of: Callable[[int], str]) -> Figures:
        """By day, provider and dataset. Time is judged of live records alone; bytes that tell no dataset are only invalid."""
        flawed = self._flawed(day_of)
        found: Figures = {}
        for (second, cause, provider, dataset), records in self._judged.items():
            figures = found.setdefault((day_of(second), provider, dataset), dict.fromkeys(DIMENSIONS, Figure(0, 0)))
            for dimension in DIMENSIONS if dataset else ("validity",):
                if dimension != "timeliness" or cause == "live":
                    figures[dimension] = Figure(0, figures[dimension].of + records)
        return {key: {dimension: figure._replace(flawed=flawed[(*key, dimension)]) for dimension, figure in figures.items()}
                for key, figures in found.items()}

    def _flawed(self, day_of: Callable[[int], str]) -> Mapping[tuple[str, ...], int]:
        sums: Counter[tuple[str, ...]] = Counter()
        for (second, cause, provider, dataset, dimension, *flaw), records in self.found.items():
            if not any(flaw) and (dimension != "timeliness" or cause == "live"):
                sums[day_of(second), provider, dataset, dimension] += records
        return sums
