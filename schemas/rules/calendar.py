"""Dates of the calendar, and from which moment on a record may speak of them."""

import datetime as dt
from typing import Final

__all__ = ["begins"]

_DAY: Final = 86_400_000
_FIRST: Final = dt.date(1970, 1, 1).toordinal()
#: China keeps one time, eight hours before UTC's midnight.
_SHANGHAI: Final = 8 * 3_600_000


def begins(year: str, month: str, day: str) -> int | None:
    """The moment (ms since 1970 UTC) that day begins in China; None for a date that is in no calendar."""
    try:
        return (dt.date(int(year), int(month), int(day)).toordinal() - _FIRST) * _DAY - _SHANGHAI
    except ValueError:
        return None
