"""The books: does every figure have its counterpart? Per dataset and hour, against the auditor's count, per subscription.

arrived = cleaned + duplicate + superseded + quarantined; arrived = values the auditor counted on raw; and for each
subscription, live: cleaned = delivered (or returned) + held back + quarantined for it + in flight. A difference is an
alarm once nothing moves any more that could still explain it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ledger.queries import EXCHANGE, Json, Period
from ledger.retention import whole_since
from ledger.shanghai import bounds, iso
from ledger.store import Store, statement
from ledger.subscriptions import Span, spans
from schemas.names import Names

__all__ = ["Horizon", "State", "books"]

#: balanced; open: still moving, or in flight; partial: the subscription changed in that hour; imbalanced: an alarm.
State = Literal["balanced", "open", "partial", "imbalanced"]

#: Seconds after its last movement in which a difference of an hour may still be one of reading, not of counting.
QUIET = 30.0
#: The same once recorder and auditor have looked and found nothing more: a little longer than from one look to the next.
SETTLED_QUIET = 5.0

#: Seconds after which every worker goes by a plan, or is gone.
_TAKEN_UP = 60

#: What a subscriber is told of a cleaned record, by stage; and what one with no tally at all was told.
_TOLD = (*EXCHANGE, "held_back", "quarantined")
_NOTHING: Json = dict.fromkeys(_TOLD, 0)

InFlight = Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class Horizon:
    """How far recorder and auditor are: whether a difference can still go away by itself."""

    settled: bool
    #: Everything written before that moment is in the tables of both.
    up_to: float
    moved: tuple[Mapping[int, float], ...] = ()
    raw_in_flight: InFlight = field(default_factory=dict)
    #: Values on clean that route has not committed, by (dataset, hour); asked only when a book is in doubt.
    clean_in_flight: Callable[[], InFlight] = dict

    def final(self, hour: int) -> bool:
        """Whether the figures of an hour can be held against each other: both are past its end, and past what moved it last."""
        moved = max((moved.get(hour, 0.0) for moved in self.moved), default=0.0)
        if self.settled:
            return moved + SETTLED_QUIET < self.up_to
        return max(moved, hour + 3600) + QUIET < self.up_to


@dataclass(frozen=True)
class _View:
    """What is known of movement while the tables were read, before it and after it."""

    before: Horizon
    after: Horizon

    def final(self, hour: int) -> bool:
        return self.before.final(hour) and self.after.final(hour)


def books(store: Store, period: Period, look: Callable[[], Horizon], *, whole: bool = True) -> Json:
    """All three books of some days, and whether a tally is in the table twice. `look` is asked before and after reading.

    Without `whole`, rows that balance are counted and left out: a large city has hundreds of thousands of them a day.
    """
    start, end = bounds(period.first, period.last)
    start = min(max(start, whole_since(store)), end)
    span, before = {"start": start, "end": end}, look()
    arrived, counted, told = (store.rows(statement(f"book_{name}").template, span) for name in ("datasets", "raw", "subscriptions"))
    history = spans(store)
    integrity, found = (store.rows(statement("integrity").substitute(table=table), span)[0] for table in ("tally", "finding"))
    horizon = _View(before, look())
    datasets = [_dataset(row, horizon) for row in arrived]
    raw = _raw(counted, datasets, horizon, (start, end))
    subscriptions, left_out = _subscriptions(told, datasets, history, horizon, whole)
    doubled = sum(rows["tallies"] - rows["different"] for rows in (integrity, found))
    counts = _states(datasets, raw, subscriptions)
    counts["balanced"] += left_out
    if not whole:
        datasets, raw = ([row for row in rows if row["state"] != "balanced"] for rows in (datasets, raw))
    return {
        "from": period.first.isoformat(), "to": period.last.isoformat(), "settled": before.settled and horizon.after.settled,
        "balanced": not counts["imbalanced"] and not doubled, "states": counts,
        "integrity": {"tallies": integrity["tallies"], "different": integrity["different"], "findings": found["tallies"],
                      "doubled": doubled},
        "datasets": [_shown(row) for row in datasets], "raw": [_shown(row) for row in raw],
        "subscriptions": [_shown(row) for row in subscriptions],
    }  # fmt: skip


def _dataset(row: Json, horizon: _View) -> Json:
    difference = row["arrived"] - row["cleaned"] - row["duplicate"] - row["superseded"] - row["quarantined"]
    return row | {"difference": difference, "state": _state(difference, row["hour"], horizon)}


def _raw(rows: Sequence[Json], datasets: Sequence[Json], horizon: _View, span: tuple[int, int]) -> list[Json]:
    """The auditor's count holds what clean has committed, so in flight stands beside it, not in it."""
    counted: dict[tuple[str, int], int] = defaultdict(int)
    arrived: dict[tuple[str, int], int] = defaultdict(int)
    for row in rows:
        counted[Names.provider_of(row["lane"]), row["hour"]] += row["records"]
    for row in datasets:
        arrived[row["provider"], row["hour"]] += row["arrived"]
    flying = {key: records for key, records in horizon.after.raw_in_flight.items() if span[0] <= key[1] < span[1]}
    found: list[Json] = []
    for provider, hour in sorted({*counted, *arrived, *flying}):
        key = (provider, hour)
        difference = counted[key] - arrived[key]
        found.append({"provider": provider, "hour": hour, "counted": counted[key], "arrived": arrived[key],
                      "in_flight": flying.get(key, 0), "difference": difference,
                      "state": _state(difference, hour, horizon)})  # fmt: skip
    return found


def _subscriptions(told: Sequence[Json], datasets: Sequence[Json], history: Sequence[Span], horizon: _View,
                   whole: bool) -> tuple[list[Json], int]:
    """Each subscription hour by hour; and how many balanced hours were left out."""
    cleaned: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in datasets:
        if row["cleaned_live"]:
            cleaned[row["dataset"]][row["hour"]] += row["cleaned_live"]
    given = {(row["subscriber"], row["dataset"], row["hour"]): row for row in told}
    lives: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in history:
        lives[span.subscriber, span.dataset].append(span)
    expected = {(subscriber, dataset, hour) for (subscriber, dataset), changes in lives.items()
                for hour in cleaned[dataset] if _live(changes, hour)}  # fmt: skip
    wanted = expected | given.keys()
    kept = wanted if whole else [key for key in wanted if _missing(cleaned[key[1]][key[2]], given.get(key, _NOTHING))]
    found = [_subscription(subscriber, dataset, hour, cleaned[dataset][hour], given.get((subscriber, dataset, hour), _NOTHING),
                           _partial(lives[subscriber, dataset], hour), horizon)
             for subscriber, dataset, hour in sorted(kept)]  # fmt: skip
    return found, len(wanted) - len(kept)


def _missing(cleaned: int, row: Json) -> int:
    """What was cleaned and not told of: neither given, nor held back, nor refused."""
    return cleaned - int(sum(row[name] for name in _TOLD))


def _subscription(subscriber: str, dataset: str, hour: int, cleaned: int, row: Json, partial: bool, horizon: _View) -> Json:
    parts = {name: row[name] for name in _TOLD}
    missing = _missing(cleaned, row)
    state = _state(missing, hour, horizon, partial)
    flying = 0
    if state == "imbalanced" and missing > 0:
        flying = horizon.after.clean_in_flight().get((dataset, hour), 0)
        state = "open" if flying else state
    elif state == "open":
        flying = max(missing, 0)
    return {"subscription": f"{subscriber}.{dataset}", "subscriber": subscriber, "dataset": dataset, "hour": hour,
            "cleaned": cleaned, **parts, "in_flight": flying, "difference": missing - min(flying, max(missing, 0)),
            "partial": partial, "state": state}  # fmt: skip


def _live(changes: Sequence[Span], hour: int) -> bool:
    return any(one.live and one.change[0] < hour + 3600 and (one.ends is None or hour < one.ends) for one in changes)


def _partial(changes: Sequence[Span], hour: int) -> bool:
    """Whether the subscription began, changed or ended in that hour, or was not known to the ledger."""
    if not changes or hour < changes[0].change[0] - changes[0].change[0] % 3600:
        return True
    return any(one.change[0] < hour + 3600 and hour <= one.change[1] + _TAKEN_UP for one in changes)


def _state(difference: int, hour: int, horizon: _View, partial: bool = False) -> State:
    if not difference:
        return "balanced"
    if partial:
        return "partial"
    return "imbalanced" if horizon.final(hour) else "open"


def _states(*tables: Sequence[Json]) -> dict[str, int]:
    counts = dict.fromkeys(("balanced", "open", "partial", "imbalanced"), 0)
    for row in (row for table in tables for row in table):
        counts[row["state"]] += 1
    return counts


def _shown(row: Mapping[str, Any]) -> Json:
    return {name: iso(value) if name == "hour" else value for name, value in row.items()}
