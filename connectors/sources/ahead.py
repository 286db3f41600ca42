"""Pages of a table, the next one fetched while the one at hand is worked on, as far as the pace allows.

Wide rows come in smaller pages: a page is held in memory as a whole.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from connectors.sources.pace import Pace
from connectors.sources.sql_query import Row

__all__ = ["pages"]

Place = TypeVar("Place")

#: So many bytes a page should have at most, judged by the one before it; the first ones are small and grow.
_BYTES = 16 << 20
_FIRST = 200
_GROWTH = 4
_SAMPLE = 256


def pages(
    fetch: Callable[[Place | None, int], list[Row]], behind: Callable[[Row], Place], after: Place | None, limit: int, pace: Pace
) -> Iterator[tuple[list[Row], bool]]:
    """Every page of at most `limit` rows behind `after`, and whether there is more; fewer when the pace says that the source
    shall stop."""
    with ThreadPoolExecutor(1, "reads ahead") as reader:
        size = min(limit, _FIRST)
        rows = fetch(after, size)
        while True:
            may_go_on = pace.take(len(rows))
            more = len(rows) == size
            size = _next_size(rows, size, limit)
            ahead = reader.submit(fetch, behind(rows[-1]), size) if more and may_go_on else None
            yield rows, more
            if not pace.rest() or not more:
                return
            rows = ahead.result() if ahead is not None else fetch(behind(rows[-1]), size)


def _next_size(rows: list[Row], size: int, limit: int) -> int:
    sample = rows[:: len(rows) // _SAMPLE + 1]
    wide = sum(len(value) for row in sample for value in row if isinstance(value, str | bytes))
    return max(1, min(limit, size * _GROWTH, _BYTES * len(sample) // max(1, wide)))
