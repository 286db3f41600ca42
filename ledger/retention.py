"""What is too old goes: months of tally and raw_count that ended more than 60 days ago. Day tables stay.

A month that holds the largest place of a partition stays however old it is: it is where the recorder, or the auditor,
resumes. So there is no TTL clause; it could not know that.
"""

from datetime import timedelta

from ledger.shanghai import today
from ledger.store import Store

__all__ = ["KEPT_DAYS", "drop_old"]

KEPT_DAYS = 60

#: table -> the months its writer resumes from
_RESUMED = {
    "tally": "SELECT DISTINCT toYYYYMM(argMax(at, (lo, li)), 'Asia/Shanghai') AS month FROM tally GROUP BY lp",
    "raw_count": "SELECT DISTINCT toYYYYMM(argMax(hour, upto), 'Asia/Shanghai') AS month FROM raw_count GROUP BY lane, lp",
}

_MONTHS = """
SELECT DISTINCT toUInt32(partition) AS month FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND active AND toUInt32(partition) < {month:UInt32}
"""


def drop_old(store: Store) -> list[tuple[str, int]]:
    """Drop what is too old; which (table, month) that was."""
    last = today() - timedelta(days=KEPT_DAYS)
    dropped: list[tuple[str, int]] = []
    for table, resumed in _RESUMED.items():
        old = store.rows(_MONTHS, {"table": table, "month": last.year * 100 + last.month})
        if not old:
            continue
        kept = {row["month"] for row in store.rows(resumed)}
        for month in sorted(row["month"] for row in old if row["month"] not in kept):
            store.run(f"ALTER TABLE {table} DROP PARTITION {month:d}")
            dropped.append((table, month))
    return dropped
