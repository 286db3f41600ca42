"""The rate limit that protects a department's database: rows per second, kept between pages."""

import time

from connectors.base import Desk

__all__ = ["Pace"]


class Pace:
    """Sleeps after each page as long as the limit wants. Zero is no limit."""

    def __init__(self, rows_per_second: int, desk: Desk) -> None:
        self._rate = rows_per_second
        self._desk = desk
        self._free = time.monotonic()

    def __call__(self, rows: int) -> bool:
        """Account for a page; False as soon as the source shall stop."""
        self.take(rows)
        return self.rest()

    def take(self, rows: int) -> bool:
        """Account for a page; whether the next one may be read at once."""
        if not self._rate:
            return True
        self._free = max(self._free, time.monotonic() - 1.0) + rows / self._rate
        return self._free <= time.monotonic()

    def rest(self) -> bool:
        """Sleep until the next page may be read; False as soon as the source shall stop."""
        return self._desk.wait(max(0.0, self._free - time.monotonic()) if self._rate else 0)
