"""after: a date or moment that comes later than that of another field: an end behind its start."""

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple

from schemas.reasons import Reason
from schemas.rules.path import Steps
from schemas.rules.rule import MOMENTS, TEXT, Check, Example, another_field, grade, rule
from schemas.rules.verdict import KEEP, Grade, Verdict, doubt
from schemas.text import Text

__all__ = ["after"]

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.(?:[0-9]{3}|[0-9]{6}))?)?"
                   r"(?:Z|[+-][0-9]{2}:[0-9]{2})?)?").fullmatch
#: China keeps one time.
_SHANGHAI = dt.timezone(dt.timedelta(hours=8))
_LONGEST = 40


def _same(text: str) -> bool:
    if text not in ("allowed", "refused"):
        raise ValueError(text)
    return text == "allowed"


class _Moment(NamedTuple):
    """A day in China, and the instant where the text gives one."""

    day: dt.date
    instant: dt.datetime | None


@rule(
    title=Text("晚于另一日期", "later than another date"),
    clause="",
    reasons={"order": Reason(Text("不晚于应先于它的日期", "not later than the date it must follow"),
                             Text("核对起止日期是否填反", "see whether start and end were swapped"), "consistency")},
    examples=(Example("2026-03-01", KEEP, "after(field=valid_from)", others=("2026-02-28",)),
              Example("2026-02-28", Verdict("reject", "order"), "after(field=valid_from)", others=("2026-02-28",)),
              Example("2026-02-28", KEEP, "after(field=valid_from,same=allowed)", others=("2026-02-28",)),
              Example("2026-02-27", Verdict("reject", "order"), "after(field=valid_from,same=allowed)", others=("2026-02-28",)),
              Example("2025-12-31", Verdict("suspect", "order"), "after(field=valid_from,then=suspect)", others=("2026-01-01",)),
              Example("2026-01-02T03:04:05+00:00", KEEP, "after(field=begun)", others=("2026-01-02T11:04:04+08:00",)),
              Example("2026-01-02 11:04", Verdict("reject", "order"), "after(field=begun)", others=("2026-01-02T03:04:05Z",)),
              Example("2026-01-02", KEEP, "after(field=begun)", others=("2026-01-01T15:59:59Z",)),
              Example("长期", KEEP, "after(field=valid_from)", others=("2026-01-01",)),
              Example("2026-01-02", KEEP, "after(field=valid_from)", others=(None,))),
    options={"field": another_field, "same": _same, "then": grade}, kinds=TEXT | MOMENTS, across=True, pack="cross-field")
def after(field: Steps, same: bool = False, then: Grade = "reject") -> Check:
    """Later than `field`; with `same=allowed` not earlier. Days are compared where either is a day, in China, and instants
    otherwise; what is no date or moment in ISO 8601 is left to the rules of its own field."""
    wrong = doubt(then, "order")

    def check(text: str, other: str) -> Verdict:
        here, there = _moment(text), _moment(other)
        if here is None or there is None:
            return KEEP
        if here.instant is None or there.instant is None:
            return KEEP if here.day > there.day or (same and here.day == there.day) else wrong
        return KEEP if here.instant > there.instant or (same and here.instant == there.instant) else wrong

    return check


def _moment(text: str) -> _Moment | None:
    return _read(text) if len(text) <= _LONGEST else None


# There are few days and many records.
@lru_cache(1 << 14)
def _read(text: str) -> _Moment | None:
    if not _FORM(text):
        return None
    try:
        if len(text) == 10:
            return _Moment(dt.date.fromisoformat(text), None)
        moment = dt.datetime.fromisoformat(text)
        instant = moment.replace(tzinfo=_SHANGHAI) if moment.tzinfo is None else moment
        return _Moment(instant.astimezone(_SHANGHAI).date(), instant)
    except (ValueError, OverflowError):
        return None
