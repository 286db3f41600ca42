"""date: a date of the calendar, in the spellings people use, kept as ISO 8601 has it."""

import datetime as dt
import re
from functools import lru_cache

from schemas.reasons import Reason
from schemas.rules.calendar import SHANGHAI, begins, of_serial
from schemas.rules.characters import half
from schemas.rules.numerals import small_number, year_digits
from schemas.rules.rule import TEXT, Check, Example, arrival, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["date"]

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
#: A date, and perhaps a time of day behind it, which a date has no room for.
_SPELT = re.compile(
    r"([0-9]{4})(?:([0-9]{2})([0-9]{2})|\s*[-/.]\s*([0-9]{1,2})\s*[-/.]\s*([0-9]{1,2})|\s*年\s*([0-9]{1,2})\s*月\s*([0-9]{1,2})\s*[日号]?)"
    r"(?:(?:\s*T|\s)\s*(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?").fullmatch
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.(?:[0-9]{3}|[0-9]{6}))?)?"
                     r"(?:Z|[+-][0-9]{2}:[0-9]{2})").fullmatch
_NUMERALS = re.compile("([〇零○一二三四五六七八九]{4})年([一二三四五六七八九十]{1,3})月([一二三四五六七八九十]{1,3})[日号]?").fullmatch
#: The days of 1954 to 2064 as spreadsheets count them: fewer would be years or quantities, more are no dates of our records.
_SERIAL = re.compile(r"([2-5][0-9]{4}|60000)(?:\.0+)?").fullmatch
#: The longest text that is remembered with its verdict; a date has fewer characters.
_LONGEST = 40


def _day(text: str) -> str:
    match = _ISO(text)
    if match is None or begins(*match.groups()) is None:
        raise ValueError(text)
    return text


def _read(text: str) -> tuple[str, str, str] | None:
    match = _ISO(text) or _SPELT(half(text).strip())
    if match is not None:
        year, month, day = (part for part in match.groups() if part is not None)
        return year, month, day
    plain = half(text).strip()
    if _MOMENT(plain):
        return _day_of(plain)
    match = _NUMERALS(plain)
    parts = (year_digits(match[1]), small_number(match[2]), small_number(match[3])) if match else (None,)
    return None if None in parts else parts  # type: ignore[return-value]


def _day_of(moment: str) -> tuple[str, str, str] | None:
    """The day in China on which a moment with a zone falls."""
    try:
        day = dt.datetime.fromisoformat(moment).astimezone(SHANGHAI).date().isoformat()
    except (ValueError, OverflowError):
        return None
    return day[:4], day[5:7], day[8:]


@rule(
    title=Text("日期", "a date"),
    clause="ISO 8601-1:2019, 5.2.2.1 (calendar date, extended format)",
    reasons={"date_form": Reason(Text("日期写法不规范", "not written as a date is"),
                                 Text("写作 2026-01-02；可辨认的写法已改正", "write 2026-01-02; what could be read was changed")),
             "date": Reason(Text("日期不存在、过早或晚于到达日", "no date of the calendar, too early, or later than the day it arrived"),
                            Text("在源系统核对后重新发送", "correct it at the source and send again")),
             "date_serial": Reason(Text("像是电子表格的日期序号", "looks like a spreadsheet's serial of a date"),
                                   Text("导出时把该列设为日期或文本格式；建议值见修改后",
                                        "format the column as a date or text; see the proposal"))},
    examples=(Example("2026-01-02", KEEP), Example("20260102", fix("2026-01-02", "date_form")),
              Example("2026/1/2", fix("2026-01-02", "date_form")), Example("2026.01.2", fix("2026-01-02", "date_form")),
              Example("２０２６年1月2日 ", fix("2026-01-02", "date_form")), Example("2026-02-29", reject("date")),
              Example("2026 年 1 月 2 号", fix("2026-01-02", "date_form")),
              Example("二〇二六年十二月三十一日", fix("2026-12-31", "date_form")),
              Example("一九四九年十月一日", fix("1949-10-01", "date_form")), Example("二〇二六年二月三十日", reject("date")),
              Example("2026-01-02 00:00:00", fix("2026-01-02", "date_form")), Example("2026/1/2 8:30", fix("2026-01-02", "date_form")),
              Example("2026-01-01T16:00:00Z", fix("2026-01-02", "date_form")), Example("46024", suspect("date_serial", "2026-01-02")),
              Example("46024.0", suspect("date_serial", "2026-01-02")), Example("19999", reject("date_form")),
              Example("60001", reject("date_form")),
              Example("2024-02-29", KEEP), Example("02/01/2026", reject("date_form")), Example("26-01-02", reject("date_form")),
              Example("2026年1月", reject("date_form")), Example("", reject("date_form")),
              Example("2026-01-02", KEEP, "date(not_after=arrival)", 1_767_283_200_000),
              Example("2026-01-02", reject("date"), "date(not_after=arrival)", 1_767_283_199_999),
              Example("1899-12-31", reject("date"), "date(not_before=1900-01-01)"),
              Example("1900-01-01", KEEP, "date(not_before=1900-01-01)"),
              Example("46025", reject("date"), "date(not_after=arrival)"),
              Example("20260103", fix("2026-01-03", "date_form")),
              Example("20260103", reject("date"), "date(not_after=arrival)")),
    options={"not_after": arrival, "not_before": _day}, kinds=TEXT | {"date"}, pack="values")
def date(not_after: str = "", not_before: str = "") -> Check:
    """A date that exists. With `not_after=arrival` it is no later than the day, in China, on which the record arrived, with
    `not_before=1900-01-01` no earlier than that one. A time of day behind it goes; two digits are no year."""
    judged = _bounded if not_after else _judged
    plain = judged.__wrapped__

    def early(text: str) -> Verdict:
        verdict = judged(text) if len(text) <= _LONGEST else plain(text)
        return reject("date") if verdict.severity != "reject" and (verdict.value or text) < not_before else verdict

    return early if not_before else lambda text: judged(text) if len(text) <= _LONGEST else plain(text)


# There are few dates and many records, so the verdicts of all datasets are remembered together.
@lru_cache(1 << 16)
def _judged(text: str) -> Verdict:
    parts = _read(text)
    if parts is None:
        serial = _SERIAL(half(text).strip())
        return suspect("date_serial", of_serial(int(serial[1]))) if serial else reject("date_form")
    if begins(*parts) is None:
        return reject("date")
    year, month, day = parts
    iso = f"{year}-{month:0>2}-{day:0>2}"
    return KEEP if iso == text else fix(iso, "date_form")


@lru_cache(1 << 16)
def _bounded(text: str) -> Verdict:
    told = _judged.__wrapped__(text)
    if told.severity == "reject":
        return told
    year, month, day = (told.value or text).split("-")
    start = begins(year, month, day)
    return told if start is None else told._replace(since=start, late="date")
