"""Questions of quality: each dataset's four figures by day, with the counts they come from and their trend; and what was found.

A figure is 1 - records with a finding that lowers it / records that arrived, repeats left aside. Timeliness is judged of
live records alone. Bytes that do not tell their dataset stand under their provider with an empty one, and are only invalid.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from ledger import shanghai
from ledger.queries import FRESH_DAYS, Filter, Json, Period, grouped
from ledger.shanghai import bounds
from ledger.store import Store, statement
from schemas.reasons import DIMENSIONS

__all__ = ["FINDING_DIMENSIONS", "findings", "quality"]

#: What findings can be told apart by.
FINDING_DIMENSIONS = ("provider", "dataset", "day", "cause", "dimension", "field", "reason", "severity")

#: Days before that a figure is held against: a week, so that weekends do not show as a trend.
_WEEK = 7

_Place = tuple[str, str]
#: dimension -> day -> (records with a flaw, records judged)
_Counts = dict[str, dict[date, tuple[int, int]]]


def findings(store: Store, period: Period, by: Sequence[str], chosen: Filter) -> Json:
    """Records by what was found in them. Not to be added up over reasons: a record may have several."""
    rows = _found(store, period, by, chosen, "reason != ''")
    shown = [row | ({"day": row["day"].isoformat()} if "day" in row else {}) for row in rows]
    shown.sort(key=lambda row: -row["records"])
    return {"from": period.first.isoformat(), "to": period.last.isoformat(), "by": list(by), "rows": shown}


def quality(store: Store, period: Period, chosen: Filter) -> Json:
    """The figures of every dataset and day of a period on which something came."""
    whole = replace(period, first=period.first - timedelta(days=_WEEK))
    # In this order: what was found is in its table a moment before the records are. What still runs ahead is cut off.
    flawed = _found(store, whole, ("provider", "dataset", "day", "dimension"), chosen,
                    "reason = '' AND (dimension != 'timeliness' OR cause = 'live')")
    records = grouped(store, whole, ("provider", "dataset", "day", "stage", "cause"), replace(chosen, stages=("arrived", "duplicate")),
                      "sum(r.records) AS records", FRESH_DAYS)
    rows: list[Json] = []
    for (provider, dataset), counts in sorted(_counts(records, flawed).items()):
        for day in sorted(day for day in counts["validity"] if day >= period.first):
            row: Json = {"provider": provider, "dataset": dataset, "day": day.isoformat(), "records": counts["validity"][day][1]}
            rows.append(row | {dimension: _figure(counts[dimension], day) for dimension in DIMENSIONS})
    return {"from": period.first.isoformat(), "to": period.last.isoformat(), "rows": rows}


def _counts(records: Sequence[Json], flawed: Sequence[Json]) -> dict[_Place, _Counts]:
    """For each provider and dataset: how many of how many."""
    judged: dict[_Place, dict[str, dict[date, int]]] = defaultdict(lambda: {name: defaultdict(int) for name in DIMENSIONS})
    for row in records:
        of = judged[row["provider"], row["dataset"]]
        for dimension in DIMENSIONS if row["dataset"] else ("validity",):
            if dimension != "timeliness" or row["cause"] == "live":
                of[dimension][row["day"]] += row["records"] if row["stage"] == "arrived" else -row["records"]
    bad = {(row["provider"], row["dataset"], row["dimension"], row["day"]): row["records"] for row in flawed}
    return {place: {dimension: {day: (min(bad.get((*place, dimension, day), 0), number), number) for day, number in days.items() if number}
                    for dimension, days in of.items()} for place, of in judged.items()}


def _figure(days: Mapping[date, tuple[int, int]], day: date) -> Json:
    """One figure with its counts, the one of the day before, and that of the week before as a whole."""
    earlier = [day - timedelta(days=back) for back in range(_WEEK, 0, -1)]
    flawed, of = days.get(day, (0, 0))
    week = [days[one] for one in earlier if one in days]
    return {"share": _share((flawed, of)), "flawed": flawed, "of": of, "before": _share(days.get(earlier[-1])),
            "week": _share((sum(one[0] for one in week), sum(one[1] for one in week))),
            "history": [_share(days.get(one)) for one in (*earlier, day)]}  # fmt: skip


def _share(counts: tuple[int, int] | None) -> float | None:
    return 1 - counts[0] / counts[1] if counts is not None and counts[1] else None


def _found(store: Store, period: Period, by: Sequence[str], chosen: Filter, condition: str) -> list[dict[str, Any]]:
    start, end = bounds(period.first, period.last)
    behind = period.last + timedelta(days=1)
    cut = max(min(shanghai.today() - timedelta(days=FRESH_DAYS - 1), behind), period.first)
    columns = {"provider": "dept", "dataset": "dataset"}
    parts = [condition, *(f"{column} = {{{word}:String}}" for word, column in columns.items() if getattr(chosen, word)),
             *(f"cause = '{cause}'" for cause in chosen.causes)]
    sql = statement("findings").substitute(dims=", ".join(by), condition=" AND ".join(parts))
    return store.rows(sql, {"start": max(start, bounds(cut, cut)[0]), "end": end, "first": period.first, "cut": cut} | chosen.bound())
