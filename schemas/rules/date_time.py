"""date_time: a moment, in the spellings people and systems use, kept as ISO 8601 has it, with its zone."""

import datetime as dt
import re
from functools import lru_cache

from schemas.reasons import Reason
from schemas.rules.calendar import SHANGHAI
from schemas.rules.characters import half
from schemas.rules.rule import TEXT, Check, Example, arrival, rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect
from schemas.text import Text

__all__ = ["date_time"]

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
                  r"(Z|[+-][0-9]{2}:[0-9]{2})").fullmatch
_SPELT = re.compile(
    r"([0-9]{4})(?:\s*[-/.]\s*([0-9]{1,2})\s*[-/.]\s*([0-9]{1,2})|\s*年\s*([0-9]{1,2})\s*月\s*([0-9]{1,2})\s*[日号])(?:T|\s*)"
    r"([0-9]{1,2})\s*[:时点]\s*([0-9]{1,2})(?:\s*[:分]\s*([0-9]{1,2}))?(?:\.([0-9]{1,6})[0-9]*)?\s*[秒分]?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?").fullmatch
_PACKED = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T?([0-9]{2})([0-9]{2})([0-9]{2})").fullmatch
#: Seconds and milliseconds since 1970, of the years 2001 to 2286.
_SINCE = re.compile(r"[1-9][0-9]{9}(?:[0-9]{3})?").fullmatch
_LONGEST = 40
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@rule(
    title=Text("日期时间", "a moment"),
    clause="ISO 8601-1:2019, 5.4.2.1 (date and time of day, extended format) with a zone; RFC 3339",
    reasons={"time_form": Reason(Text("时间写法不规范", "not written as a moment is"),
                                 Text("写作 2026-01-02T03:04:05+08:00；可辨认的写法已改正，没有时区的按北京时间",
                                      "write 2026-01-02T03:04:05+08:00; what could be read was changed, without a zone as China's")),
             "time": Reason(Text("时间不存在或晚于到达时间", "no moment of the calendar, or later than the record's arrival"),
                            Text("核对源系统的时钟和时区", "check clock and zone of the source")),
             "time_since": Reason(Text("像是自 1970 年起的秒数或毫秒数", "looks like seconds or milliseconds since 1970"),
                                  Text("导出时转为日期时间；建议值见修改后", "export it as a moment; see the proposal"))},
    examples=(Example("2026-01-02T03:04:05+08:00", KEEP), Example("2026-01-02T03:04:05.123Z", KEEP),
              Example("2026-01-02 03:04:05", fix("2026-01-02T03:04:05+08:00", "time_form")),
              Example("2026/1/2 3:04", fix("2026-01-02T03:04:00+08:00", "time_form")),
              Example("2026年1月2日3时4分5秒", fix("2026-01-02T03:04:05+08:00", "time_form")),
              Example("20260102030405", fix("2026-01-02T03:04:05+08:00", "time_form")),
              Example("2026-01-02 03:04:05.1234567", fix("2026-01-02T03:04:05.123456+08:00", "time_form")),
              Example("2026-01-02T03:04:05+0000", fix("2026-01-02T03:04:05+00:00", "time_form")),
              Example("1767323045000", suspect("time_since", "2026-01-02T11:04:05+08:00")),
              Example("2026-01-02", reject("time_form")), Example("2026-02-30 00:00:00", reject("time")),
              Example("2026-01-02T24:00:00Z", reject("time")), Example("", reject("time_form")),
              Example("2026-01-02T03:04:05+00:00", KEEP, "date_time(not_after=arrival)"),
              Example("2026-01-02T03:04:06Z", reject("time"), "date_time(not_after=arrival)"),
              Example("1767323046", reject("time"), "date_time(not_after=arrival)")),
    options={"not_after": arrival}, kinds=TEXT | {"timestamp-millis"}, pack="values")
def date_time(not_after: str = "") -> Check:
    """A moment that exists, to the second or finer, with its zone. With `not_after=arrival` it is no later than the record's
    own arrival."""
    judged = _bounded if not_after else _judged
    plain = judged.__wrapped__
    return lambda text: judged(text) if len(text) <= _LONGEST else plain(text)


@lru_cache(1 << 12)
def _judged(text: str) -> Verdict:
    parts = _read(text)
    if parts is None:
        since = _SINCE(half(text).strip())
        return suspect("time_since", _of_count(since[0])) if since else reject("time_form")
    if _instant(*parts) is None:
        return reject("time")
    year, month, day, hour, minute, second, fraction, zone = parts
    iso = f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute:0>2}:{second:0>2}{'.' if fraction else ''}{fraction}{zone}"
    return KEEP if iso == text else fix(iso, "time_form")


@lru_cache(1 << 12)
def _bounded(text: str) -> Verdict:
    told = _judged.__wrapped__(text)
    parts = _read(told.value or text)
    instant = _instant(*parts) if parts else None
    return told if instant is None else told._replace(since=-((_EPOCH - instant) // dt.timedelta(milliseconds=1)), late="time")


def _read(text: str) -> tuple[str, ...] | None:
    """Year, month, day, hour, minute, second, fraction and zone as they are spelt, existing or not."""
    match = _ISO(text)
    if match is None:
        plain = half(text).strip()
        packed = _PACKED(plain)
        if packed:
            return (*packed.groups(), "", "+08:00")
        match = _SPELT(plain)
    if match is None:
        return None
    *parts, fraction, zone = match.groups()
    given = [part for part in parts if part is not None]
    given += ["00"] * (6 - len(given))
    return (*given, fraction or "", zone if zone == "Z" else f"{zone[:3]}:{zone[-2:]}" if zone else "+08:00")


def _instant(year: str, month: str, day: str, hour: str, minute: str, second: str, fraction: str, zone: str) -> dt.datetime | None:
    """The instant; None where there is none."""
    ahead = dt.timedelta(0) if zone == "Z" else dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    if zone != "Z" and int(zone[4:]) > 59:
        return None
    try:
        place = dt.timezone(-ahead if zone[0] == "-" else ahead)
        return dt.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), int(f"{fraction:0<6}"), place)
    except ValueError:
        return None


def _of_count(digits: str) -> str:
    """The moment so many seconds, or milliseconds, after 1970 began, as China's clocks show it."""
    millis = int(digits) * (1 if len(digits) > 10 else 1000)
    moment = (_EPOCH + dt.timedelta(milliseconds=millis)).astimezone(SHANGHAI)
    return moment.isoformat(timespec="milliseconds" if millis % 1000 else "seconds")
