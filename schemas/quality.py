"""How quality is counted: which findings of a record lower which figure, and what an update cycle promises of time.

A figure is the share of records without a finding of its dimension. Fixes, rejects and what is noted lower it; a suspect
value may be right and is only shown. No figure rests on an estimate: each is 1 - records / records.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from schemas.letter import Severity
from schemas.rules import REASONS
from schemas.rules.path import general

__all__ = ["FUTURE_MS", "PROMISED_MS", "SEVERITIES", "Counted", "Mark", "Weight", "counted"]

#: What is counted of a finding. `noted`: certain, and yet it holds up no record and is told in none, only here.
Weight = Severity | Literal["noted"]
#: The gravest last.
SEVERITIES: Final[tuple[Weight, ...]] = ("suspect", "fix", "noted", "reject")

_MINUTE, _DAY = 60_000, 86_400_000

#: How long after `meta.at` a live record may arrive, in milliseconds, by its dataset's cycle. What happens just after a run
#: waits for the next: one whole cycle; and the run itself takes its time: six hours of the night for a daily one, a day or
#: two of weekends and month ends for the longer ones. Real-time has no run; ten minutes are what a connector may need to
#: come back. A dataset is called silent much later (it may have had nothing to say): this is of records that did come.
PROMISED_MS: Final[dict[str, int]] = {
    "real-time": 10 * _MINUTE, "day": _DAY + _DAY // 4, "week": 8 * _DAY, "month": 33 * _DAY, "quarter": 95 * _DAY, "year": 371 * _DAY}

#: How far ahead of the broker's clock a source's may be: what Kerberos allows two machines, too, by default.
FUTURE_MS: Final = 5 * _MINUTE

#: A field's name longer than this is no field's.
_LONGEST = 200

#: Field, reason and severity of one finding.
Mark = tuple[str, str, str]


class Counted(NamedTuple):
    """One of the rows a record is counted under; all but the dimension are empty in that of the figure itself."""

    dimension: str
    field: str = ""
    reason: str = ""
    severity: str = ""


@lru_cache(4096)
def counted(marks: tuple[Mark, ...]) -> tuple[Counted, ...]:
    """The rows a record with these findings is counted under: once for each field and reason, under the gravest severity,
    and once for each dimension whose figure it lowers. Items of lists and maps are not told apart: rows stay as few as the rules."""
    gravest: dict[tuple[str, str], str] = {}
    for field, reason, severity in marks:
        where = general(field)[:_LONGEST], reason
        before = gravest.get(where)
        if before is None or _grave(severity) > _grave(before):
            gravest[where] = severity
    rows = [Counted(_dimension(reason), field, reason, severity) for (field, reason), severity in gravest.items()]
    return (*rows, *map(Counted, _lowered(rows)))


def _lowered(rows: Iterable[Counted]) -> dict[str, None]:
    return dict.fromkeys(row.dimension for row in rows if row.severity != "suspect")


def _grave(severity: str) -> int:
    return SEVERITIES.index(severity)


def _dimension(reason: str) -> str:
    found = REASONS.get(reason)
    return found.dimension if found is not None else "validity"
