"""The calendar of the books: days and months of Asia/Shanghai over UTC seconds. Stored is UTC, reported is Shanghai."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["SHANGHAI", "bounds", "day_of", "iso", "month_of", "today"]

SHANGHAI = ZoneInfo("Asia/Shanghai")


@lru_cache(maxsize=4096)
def _date_of_hour(hour: int) -> date:
    return datetime.fromtimestamp(hour * 3600, SHANGHAI).date()


def day_of(at: int) -> date:
    """The day a second belongs to."""
    return _date_of_hour(at // 3600)


def month_of(at: int) -> int:
    """The month a second belongs to, as ClickHouse's toYYYYMM gives it."""
    day = _date_of_hour(at // 3600)
    return day.year * 100 + day.month


def bounds(first: date, last: date) -> tuple[int, int]:
    """The first second of `first` and the one behind the end of `last`."""
    start = datetime.combine(first, time(), SHANGHAI)
    end = datetime.combine(last + timedelta(days=1), time(), SHANGHAI)
    return int(start.timestamp()), int(end.timestamp())


def iso(at: float) -> str:
    """A moment for people and JSON: ISO 8601 with +08:00."""
    moment = datetime.fromtimestamp(at, SHANGHAI)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def today() -> date:
    """The day it is."""
    return datetime.now(SHANGHAI).date()
