"""Pages of a table, the next one fetched while the one at hand is worked on, as far as the pace allows."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from connectors.sources.pace import Pace
from connectors.sources.sql_query import Row

__all__ = ["pages"]

Place = TypeVar("Place")


def pages(
    fetch: Callable[[Place | None], list[Row]], behind: Callable[[Row], Place], after: Place | None, limit: int, pace: Pace
) -> Iterator[tuple[list[Row], bool]]:
    """Every page behind `after`, and whether there is more; fewer when the pace says that the source shall stop."""
    with ThreadPoolExecutor(1, "reads ahead") as reader:
        rows = fetch(after)
        while True:
            may_go_on = pace.take(len(rows))
            more = len(rows) == limit
            ahead = reader.submit(fetch, behind(rows[-1])) if more and may_go_on else None
            yield rows, more
            if not pace.rest() or not more:
                return
            rows = ahead.result() if ahead is not None else fetch(behind(rows[-1]))
