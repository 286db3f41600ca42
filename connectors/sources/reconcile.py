"""Reconciliation: the keys of the table against the keys on the clean lane. It finds what a watermark cannot tell.

Run only when the bus has cleaned all that the instance published, and in this order: first the lane's keys, then the
table's. So a key on the lane that the table has not was deleted, whoever works on the table meanwhile.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from connectors.fitting import Misfit
from connectors.shape import Shape
from connectors.sources.sql_query import Row, SourceTable

__all__ = ["Difference", "compare", "is_alarming"]

#: So many deletes at once are rather a wrong table, a lost right or a truncation than the work of a department.
_MANY = 100
_SHARE = 0.5


class Difference(NamedTuple):
    """Keys of the lane that the table has no more, of how many; and table keys that the lane has not."""

    gone: set[bytes]
    published: int
    missing: list[Row]


def compare(
    table: SourceTable, shape: Shape, published: Iterator[bytes], page: int, pause: Callable[[int], bool]
) -> Difference | None:
    """Both sides compared by their canonical keys. `pause(rows)` keeps the pace; None when it says stop."""
    on_lane = set(published)
    gone = set(on_lane)
    missing: list[Row] = []
    last: Row | None = None
    while True:
        keys = table.keys(last, page)
        for key in keys:
            try:
                name = shape.record_key(key)
            except Misfit:
                continue  # no key the lane could hold; the run counts such rows
            gone.discard(name)
            if name not in on_lane:
                missing.append(key)
        if not pause(len(keys)):
            return None
        if len(keys) < page:
            return Difference(gone, len(on_lane), missing)
        last = keys[-1]


def is_alarming(difference: Difference) -> bool:
    """Whether so much would be deleted that a person has to say so first."""
    return len(difference.gone) > max(_MANY, int(difference.published * _SHARE))
