"""date: a date of the calendar, in the spellings people use, kept as ISO 8601 has it."""

import re
from functools import lru_cache

from schemas.reasons import Reason
from schemas.rules.calendar import begins
from schemas.rules.characters import half
from schemas.rules.rule import Check, Example, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject
from schemas.text import Text

__all__ = ["date"]

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
_SPELT = re.compile(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})|[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)").fullmatch


#: The longest text that is remembered with its verdict; a date has fewer characters.
_LONGEST = 16


def _moment(text: str) -> str:
    if text != "arrival":
        raise ValueError(text)
    return text


def _read(text: str) -> tuple[str, str, str] | None:
    match = _ISO(text) or _SPELT(half(text).strip())
    if match is None:
        return None
    year, month, day = (part for part in match.groups() if part is not None)
    return year, month, day


@rule(
    title=Text("日期", "a date"),
    clause="ISO 8601-1:2019, 5.2.2.1 (calendar date, extended format)",
    reasons={"date_form": Reason(Text("日期写法不规范", "not written as a date is"),
                                 Text("写作 2026-01-02；可辨认的写法已改正", "write 2026-01-02; what could be read was changed")),
             "date": Reason(Text("日期不存在或晚于到达日", "no date of the calendar, or later than the day it arrived"),
                            Text("在源系统核对后重新发送", "correct it at the source and send again"))},
    examples=(Example("2026-01-02", KEEP), Example("20260102", fix("2026-01-02", "date_form")),
              Example("2026/1/2", fix("2026-01-02", "date_form")), Example("2026.01.2", fix("2026-01-02", "date_form")),
              Example("２０２６年1月2日 ", fix("2026-01-02", "date_form")), Example("2026-02-29", reject("date")),
              Example("2024-02-29", KEEP), Example("02/01/2026", reject("date_form")), Example("", reject("date_form")),
              Example("2026-01-02", KEEP, "date(not_after=arrival)", 1_767_283_200_000),
              Example("2026-01-02", reject("date"), "date(not_after=arrival)", 1_767_283_199_999),
              Example("20260103", fix("2026-01-03", "date_form")),
              Example("20260103", reject("date"), "date(not_after=arrival)")),
    options={"not_after": _moment})
def date(not_after: str = "") -> Check:
    """A date that exists. With `not_after=arrival` it is no later than the day, in China, on which the record arrived."""
    judged = _bounded if not_after else _judged
    plain = judged.__wrapped__
    return lambda text: judged(text) if len(text) <= _LONGEST else plain(text)


# There are few dates and many records, so the verdicts of all datasets are remembered together.
@lru_cache(1 << 16)
def _judged(text: str) -> Verdict:
    parts = _read(text)
    if parts is None:
        return reject("date_form")
    if begins(*parts) is None:
        return reject("date")
    year, month, day = parts
    iso = f"{year}-{month:0>2}-{day:0>2}"
    return KEEP if iso == text else fix(iso, "date_form")


@lru_cache(1 << 16)
def _bounded(text: str) -> Verdict:
    told = _judged.__wrapped__(text)
    parts = _read(text)
    start = begins(*parts) if parts else None
    return told if start is None else told._replace(since=start, late="date")
