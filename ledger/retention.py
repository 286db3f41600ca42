"""What is too old goes: months of tally, finding and raw_count that ended more than 60 days ago. Day tables stay.

A month that holds the largest place of a partition stays however old it is: it is where the recorder, or the auditor,
resumes. So there is no TTL clause; it could not know that. Of a month that only one of tally and raw_count has kept there
are no books.
"""

from datetime import date, timedelta

from ledger.shanghai import bounds, today
from ledger.store import Store

__all__ = ["KEPT_DAYS", "drop_old", "whole_since"]

KEPT_DAYS = 60

#: table -> the months its writer resumes from
_RESUMED = {
    "tally": "SELECT DISTINCT toYYYYMM(argMax(at, (lo, li)), 'Asia/Shanghai') AS month FROM tally GROUP BY lp",
    "finding": "SELECT DISTINCT toYYYYMM(argMax(at, (lo, li)), 'Asia/Shanghai') AS month FROM finding GROUP BY lp",
    "raw_count": "SELECT DISTINCT toYYYYMM(argMax(hour, upto), 'Asia/Shanghai') AS month FROM raw_count GROUP BY lane, lp",
}

_MONTHS = """
SELECT DISTINCT toUInt32(partition) AS month FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND active AND toUInt32(partition) < {month:UInt32}
"""

#: Among months that are too old: the last one that only one table has.
_TORN = """
SELECT max(month) AS month FROM
(
    SELECT toUInt32(partition) AS month FROM system.parts
    WHERE database = currentDatabase() AND table IN ('tally', 'raw_count') AND active AND toUInt32(partition) < {month:UInt32}
    GROUP BY month HAVING uniqExact(table) = 1
)
"""


def drop_old(store: Store) -> list[tuple[str, int]]:
    """Drop what is too old; which (table, month) that was."""
    dropped: list[tuple[str, int]] = []
    for table, resumed in _RESUMED.items():
        old = store.rows(_MONTHS, {"table": table, "month": _first_kept()})
        if not old:
            continue
        kept = {row["month"] for row in store.rows(resumed)}
        for month in sorted(row["month"] for row in old if row["month"] not in kept):
            store.run(f"ALTER TABLE {table} DROP PARTITION {month:d}")
            dropped.append((table, month))
    return dropped


def whole_since(store: Store) -> int:
    """The first second from which on tally and raw_count have what they had."""
    month = store.rows(_TORN, {"month": _first_kept()})[0]["month"]
    if not month:
        return 0
    last = date(month // 100 + month % 100 // 12, month % 100 % 12 + 1, 1) - timedelta(days=1)
    return bounds(last, last)[1]


def _first_kept() -> int:
    first = today() - timedelta(days=KEPT_DAYS)
    return first.year * 100 + first.month
