"""Dates of the calendar, and from which moment on a record may speak of them."""

import datetime as dt
from typing import Final

__all__ = ["SHANGHAI", "begins", "of_serial"]

_DAY: Final = 86_400_000
_FIRST: Final = dt.date(1970, 1, 1).toordinal()
#: China keeps one time, eight hours before UTC's midnight.
_AHEAD: Final = 8 * 3_600_000
SHANGHAI: Final = dt.timezone(dt.timedelta(hours=8))
#: The day a spreadsheet counts from; its serials run one ahead before March 1900, where none of ours lie.
_SPREADSHEET: Final = dt.date(1899, 12, 30).toordinal()


def begins(year: str, month: str, day: str) -> int | None:
    """The moment (ms since 1970 UTC) that day begins in China; None for a date that is in no calendar."""
    try:
        return (dt.date(int(year), int(month), int(day)).toordinal() - _FIRST) * _DAY - _AHEAD
    except ValueError:
        return None


def of_serial(number: int) -> str:
    """The date a spreadsheet keeps as this number of days."""
    return dt.date.fromordinal(_SPREADSHEET + number).isoformat()
