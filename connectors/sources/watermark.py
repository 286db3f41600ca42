"""A watermark column as a number: times in microseconds, dates in days, whole numbers as they are.

Gives the sql_table source one arithmetic for all of them, and the bound beyond which a mark is a clock error.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa

__all__ = ["Watermark", "watermark_of"]

_NAIVE = dt.datetime(1970, 1, 1)
_AWARE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY = dt.date(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)


class Watermark:
    """Whole numbers (a version, a sequence); the look-back is in the same unit. Times and dates derive from it."""

    per_second: float = 1.0

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
    per_second = 1e6

    def to_number(self, value: Any) -> int:
        return int((value - _NAIVE) // _MICROSECOND)

    def to_value(self, number: int) -> Any:
        return _NAIVE + dt.timedelta(microseconds=number)

    def clock(self) -> sa.ColumnElement[Any] | None:
        return sa.func.localtimestamp(type_=sa.DateTime(timezone=False))


class _ZonedTime(_Time):
    def to_number(self, value: Any) -> int:
        return int((value - _AWARE) // _MICROSECOND)

    def to_value(self, number: int) -> Any:
        return _AWARE + dt.timedelta(microseconds=number)

    def clock(self) -> sa.ColumnElement[Any] | None:
        return sa.func.current_timestamp(type_=sa.DateTime(timezone=True))


class _Date(Watermark):
    per_second = 1 / 86400

    def to_number(self, value: Any) -> int:
        return int((value - _DAY).days)

    def to_value(self, number: int) -> Any:
        return _DAY + dt.timedelta(days=number)

    def span(self, look_back: float) -> int:
        return max(1, int(-(-look_back // 86400)))

    def clock(self) -> sa.ColumnElement[Any] | None:
        return sa.func.current_date(type_=sa.Date())


def watermark_of(column_type: Any) -> Watermark | None:
    """How to count this column type; None where it cannot be a watermark."""
    if isinstance(column_type, sa.DateTime):
        return _ZonedTime() if column_type.timezone else _Time()
    if isinstance(column_type, sa.Date):
        return _Date()
    if isinstance(column_type, sa.Integer):
        return Watermark()
    return None
