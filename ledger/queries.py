"""Questions to the books: volume, peaks, latency. Days in and out are those of Asia/Shanghai; `Period` is first to last day.

The last two days are added up from tallies, to the second; older ones come from the day tables. `exchange` is delivered +
returned_up + returned_down; different stages are never added otherwise. Quarantined is what clean turned away; what was too
large for a subscriber stands under that subscriber, and is seen where subscribers are asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ledger import shanghai
from ledger.latency import quantiles
from ledger.shanghai import bounds, iso
from ledger.store import Store, statement

__all__ = ["DIMENSIONS", "EXCHANGE", "FRESH_DAYS", "OF_NO_SUBSCRIBER", "SCOPES", "Filter", "Json", "Period", "grouped", "latency",
           "peaks", "per_minute", "stages_of", "volume"]

EXCHANGE = ("delivered", "returned_up", "returned_down")
DIMENSIONS = ("stage", "cause", "provider", "dataset", "subscriber", "day", "hour", "minute")
SCOPES = ("all", "dataset", "subscriber")
#: Where subscribers are not told apart: without what was quarantined for one of them, for it was cleaned, too.
OF_NO_SUBSCRIBER = "(stage != 'quarantined' OR subscriber = '')"
WIDTHS = ("second", "minute", "hour", "day")

#: Days that are added up from tallies, today included.
FRESH_DAYS = 2

_RECORDS = "sum(r.records) AS records"
_LATENCIES = ("sumMap(r.lat_b, r.lat_c).1 AS lat_b, sumMap(r.lat_b, r.lat_c).2 AS lat_c, "
              "minIf(r.lat_min, notEmpty(r.lat_b)) AS lat_min, max(r.lat_max) AS lat_max, sum(r.lat_sum) AS lat_sum")

Json = dict[str, Any]


@dataclass(frozen=True)
class Period:
    """Whole Shanghai days, both ends included."""

    first: date
    last: date


@dataclass(frozen=True)
class Filter:
    """Which part of the books; empty means all."""

    stages: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    provider: str = ""
    dataset: str = ""
    subscriber: str = ""

    def condition(self, by: Sequence[str]) -> str:
        """As SQL, for these dimensions; names of stages and causes were checked, the other words are bound."""
        parts = ["1" if self.subscriber or "subscriber" in by else OF_NO_SUBSCRIBER]
        for column, words in (("stage", self.stages), ("cause", self.causes)):
            if words:
                parts.append(f"{column} IN ({', '.join(repr(word) for word in words)})")
        columns = {"provider": "dept", "dataset": "dataset", "subscriber": "subscriber"}
        parts += [f"{column} = {{{word}:String}}" for word, column in columns.items() if getattr(self, word)]
        return " AND ".join(parts)

    def bound(self) -> Json:
        return {"provider": self.provider, "dataset": self.dataset, "subscriber": self.subscriber}


def stages_of(word: str) -> tuple[str, ...]:
    """The stages a person means: one of them, or those of the headline."""
    return EXCHANGE if word == "exchange" else (word,)


def grouped(store: Store, period: Period, by: Sequence[str], chosen: Filter, sums: str, fresh_days: int) -> list[Json]:
    """Sums by some dimensions: the `fresh_days` last days over tallies, those before over day tables."""
    start, end = bounds(period.first, period.last)
    behind = period.last + timedelta(days=1)
    cut = max(min(shanghai.today() - timedelta(days=fresh_days - 1), behind), period.first) if fresh_days else behind
    if "minute" in by:
        cut = period.first
    sql = statement("routes").substitute(
        dims=", ".join(by) or "1", group=f"GROUP BY {', '.join(by)} ORDER BY {', '.join(by)}" if by else "",
        sums=sums, condition=chosen.condition(by), hourly="1" if "hour" in by else "0",
    )  # fmt: skip
    fresh = bounds(cut, cut)[0]
    return store.rows(sql, {"start": max(start, fresh), "end": end, "first": period.first, "cut": cut} | chosen.bound())


def volume(store: Store, period: Period, by: Sequence[str], chosen: Filter) -> Json:
    """Records, bytes and repaired records by the dimensions asked for; and the headline. Hours and minutes have records only."""
    sums = _RECORDS + ("" if {"hour", "minute"} & set(by) else ", sum(r.bytes) AS bytes, sum(r.fixed) AS fixed")
    rows = [_shown(row) for row in grouped(store, period, by, chosen, sums, FRESH_DAYS) if row["records"]]
    totals = grouped(store, period, ("stage", "cause"), chosen, _RECORDS, FRESH_DAYS)
    headline = [row for row in totals if row["stage"] in EXCHANGE]
    return {
        "from": period.first.isoformat(), "to": period.last.isoformat(), "by": list(by), "rows": rows,
        "exchange": sum(row["records"] for row in headline),
        "exchange_live": sum(row["records"] for row in headline if row["cause"] == "live"),
    }  # fmt: skip


def latency(store: Store, period: Period, by: Sequence[str], chosen: Filter) -> Json:
    """Quantiles of handled - arrived in ms, by the dimensions asked for; from the day tables, so some seconds late."""
    rows = grouped(store, period, by, chosen, _LATENCIES, 0)
    shown = [_shown({name: row[name] for name in by}) | quantiles(row) for row in rows if sum(row["lat_c"])]
    return {"from": period.first.isoformat(), "to": period.last.isoformat(), "by": list(by), "rows": shown}


def peaks(store: Store, period: Period, stage: str, scope: str, name: str = "") -> Json:
    """The largest second, minute, hour and day of a stage, live only, with when each began and which dataset gave most."""
    parameters = {"first": period.first, "last": period.last, "stage": stage, "scope": scope, "name": name}
    windows = {row["name"]: row for row in store.rows(statement("peaks").template, parameters)}
    stages = ", ".join(repr(word) for word in stages_of(stage))
    column = "''" if scope == "all" else scope
    sql = statement("peak_days").substitute(name=column, stages=stages,
                                               condition="1" if scope == "subscriber" else OF_NO_SUBSCRIBER)  # fmt: skip
    days = {row["name"]: row for row in store.rows(sql, parameters)}
    rows = [_peak(windows[name], days.get(name)) for name in sorted(windows)]
    rows.sort(key=lambda row: -row["day"]["records"])
    return {"from": period.first.isoformat(), "to": period.last.isoformat(), "stage": stage, "scope": scope, "rows": rows}


def per_minute(store: Store, minutes: int, now: float) -> list[Json]:
    """Records of arrived, cleaned, quarantined and exchange, live only, of each of the last minutes, oldest first."""
    end = int(now) // 60 * 60 + 60
    rows = store.rows(statement("minutes").template, {"start": end - minutes * 60, "end": end})
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        word = "exchange" if row["stage"] in EXCHANGE else row["stage"]
        sums = found.setdefault(row["began"], {})
        sums[word] = sums.get(word, 0) + row["records"]
    return [{"at": iso(began), **{word: found.get(began, {}).get(word, 0) for word in
                                  ("arrived", "cleaned", "quarantined", "exchange")}}
            for began in range(end - minutes * 60, end, 60)]  # fmt: skip


def _peak(row: Mapping[str, Any], day: Mapping[str, Any] | None) -> Json:
    shown: Json = {"name": row["name"]}
    for width in ("second", "minute", "hour"):
        shown[width] = {"records": row[f"{width}_records"], "at": iso(row[f"{width}_at"]), "dataset": row[f"{width}_dataset"]}
    shown["day"] = {"records": day["records"] if day else 0, "at": day["day"].isoformat() if day else "",
                    "dataset": day["dataset"] if day else ""}  # fmt: skip
    return shown


def _shown(row: Mapping[str, Any]) -> Json:
    shown = dict(row)
    if "day" in shown:
        shown["day"] = shown["day"].isoformat()
    for width in ("hour", "minute"):
        if width in shown:
            shown[width] = iso(shown[width])
    return shown
