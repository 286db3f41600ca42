"""A watermark column as a number: times in microseconds, dates in days, whole numbers as they are.

Gives the sql_table source one arithmetic for all of them, and the bound beyond which a mark is a clock error.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from connectors.fitting import SHANGHAI

__all__ = ["Watermark", "jumps", "watermark_of"]

_NAIVE = dt.datetime(1970, 1, 1)
_AWARE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY = dt.date(1970, 1, 1)
_FIRST, _LAST = dt.datetime(1000, 1, 1), dt.datetime(9998, 12, 31)
_MICROSECOND = dt.timedelta(microseconds=1)
#: A whole number further than this above the ones before it, and twice as high, was not counted up to.
_JUMP = 1_000_000


class Watermark:
    """Whole numbers (a version, a sequence); the look-back is in the same unit. Times and dates derive from it."""

    kind = "number"
    per_second: float = 1.0
    #: Microseconds by which a number is ahead of UTC; None where it tells no moment.
    ahead: int | None = None

    #: The least and the highest value that is a mark: beyond lie a database's own (infinity, a year 0 or 12000).
    range: tuple[Any, Any] | None = None

    def to_number(self, value: Any) -> int:
        return int(value)

    def to_value(self, number: int) -> Any:
        return number

    def span(self, look_back: float) -> int:
        """A look-back of the configuration as a difference of numbers."""
        return int(look_back * self.per_second)

    def clock(self) -> sa.ColumnElement[Any] | None:
        """What the database's own clock says in this unit; None where a clock says nothing about marks."""
        return None


class _Time(Watermark):
    kind = "time"
    per_second = 1e6
    range = (_FIRST, _LAST)
    ahead = SHANGHAI.utcoffset(None) // _MICROSECOND

    def to_number(self, value: Any) -> int:
        return int((value - _NAIVE) // _MICROSECOND)

    def to_value(self, number: int) -> Any:
        return _NAIVE + dt.timedelta(microseconds=number)

    def clock(self) -> sa.ColumnElement[Any] | None:
        return sa.func.localtimestamp(type_=sa.DateTime(timezone=False))


class _ZonedTime(_Time):
    kind = "zoned"
    range = (_FIRST.replace(tzinfo=dt.UTC), _LAST.replace(tzinfo=dt.UTC))
    ahead = 0

    def to_number(self, value: Any) -> int:
        return int((value - _AWARE) // _MICROSECOND)

    def to_value(self, number: int) -> Any:
        return _AWARE + dt.timedelta(microseconds=number)

    def clock(self) -> sa.ColumnElement[Any] | None:
        return sa.func.current_timestamp(type_=sa.DateTime(timezone=True))


class _Date(Watermark):
    kind = "date"
    range = (_FIRST.date(), _LAST.date())
    per_second = 1 / 86400

    def to_number(self, value: Any) -> int:
        return int((value - _DAY).days)

    def to_value(self, number: int) -> Any:
        return _DAY + dt.timedelta(days=number)

    def span(self, look_back: float) -> int:
        return max(1, int(-(-look_back // 86400)))

    def clock(self) -> sa.ColumnElement[Any] | None:
        return sa.func.current_date(type_=sa.Date())


def jumps(watermark: Watermark, low: int, high: int, look_back: float) -> bool:
    """Whether a whole number lies so far above the ones before it that it is rather a mistake (2147483647). Times have a clock
    to be judged by."""
    return watermark.kind == "number" and high - low > max(_JUMP, look_back) and high > 2 * low


def watermark_of(column_type: Any) -> Watermark | None:
    """How to count this column type; None where it cannot be a watermark."""
    if isinstance(column_type, sa.DateTime):
        return _ZonedTime() if column_type.timezone else _Time()
    if isinstance(column_type, sa.Date):
        return _Date()
    if isinstance(column_type, sa.Integer):
        return Watermark()
    return None
