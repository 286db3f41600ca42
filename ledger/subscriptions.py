"""When subscriptions began, changed and ended, as far as the ledger saw the plan: such hours are partial in the books, and so
are those of which records were still on their way then.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from ledger.store import Store
from schemas.control import Plan, Subscription

__all__ = ["Span", "SubscriptionHistory", "spans"]

_KNOWN = """
SELECT subscription, argMax(c.changed, (c.until, c.changed)) AS changed, argMax(c.live, (c.until, c.changed)) AS live,
    argMax(c.dataset, (c.until, c.changed)) AS dataset, argMax(c.subscriber, (c.until, c.changed)) AS subscriber
FROM subscription_change AS c GROUP BY subscription
"""

#: The auditor counted something at that time, so it was looking; and where nothing is on raw, no hour can be wrong.
_LOOKED = """
SELECT max(at) AS at FROM
(
    SELECT toUInt32(max(until)) AS at FROM subscription_change
    UNION ALL
    SELECT toUInt32(max(hour)) AS at FROM raw_count
)
"""

_ALL = "SELECT * FROM subscription_change ORDER BY until, changed"


Oldest = Callable[[Plan, Collection[str]], float]


def _nothing_older(plan: Plan, providers: Collection[str]) -> float:
    return time.time()


class SubscriptionHistory:
    """Notes each change between the last look at the plan and this one; the ledger may have been away in between."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, oldest: Oldest = _nothing_older) -> None:
        """`oldest`: the arrival second of the oldest record of these providers that workers have before them."""
        self._store = store
        self._clock = clock
        self._oldest = oldest
        self._known = {row["subscription"]: row for row in store.rows(_KNOWN)}
        self._looked = int(store.rows(_LOOKED)[0]["at"]) or int(clock())

    def seen(self, plan: Plan | None) -> None:
        """The plan now; None: as it was."""
        now = int(self._clock())
        if plan is not None:
            rows = [_change(one, self._looked, now) for one in plan.subscriptions.values() if self._is_news(one)]
            rows += [row | {"since": self._looked, "until": now, "live": 0} for name, row in self._known.items()
                     if row["live"] and name not in plan.subscriptions]  # fmt: skip
            if rows:
                self._note(self._back(rows, plan))
        self._looked = now

    def _is_news(self, one: Subscription) -> bool:
        known = self._known.get(one.id)
        return known is None or known["changed"] != one.changed or bool(known["live"]) != (one.state == "live")

    def _back(self, rows: list[dict[str, Any]], plan: Plan) -> list[dict[str, Any]]:
        """The changes with what they reach back to. What was not known before is partial for all time before, anyhow."""
        known = {row["subscription"] for row in rows} & self._known.keys()
        providers = {row["dataset"].partition(".")[0] for row in rows if row["subscription"] in known}
        if not providers:
            return rows
        oldest = int(self._oldest(plan, providers))
        return [row | {"since": min(row["since"], oldest)} if row["subscription"] in known else row for row in rows]

    def _note(self, rows: list[dict[str, Any]]) -> None:
        names = ("subscription", "dataset", "subscriber", "since", "until", "changed", "live")
        self._store.insert("subscription_change", {name: [row[name] for row in rows] for name in names})
        self._known |= {row["subscription"]: row for row in rows}


def _change(one: Subscription, since: int, until: int) -> dict[str, Any]:
    return {"subscription": one.id, "dataset": one.dataset, "subscriber": one.subscriber, "since": since,
            "until": until, "changed": one.changed, "live": int(one.state == "live")}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """A subscription from one change to the next (or to ever). The hours of the change itself are partial."""

    subscription: str
    dataset: str
    subscriber: str
    change: tuple[int, int]
    ends: int | None
    live: bool


def spans(store: Store) -> list[Span]:
    """Every subscription's history, oldest first."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in store.rows(_ALL):
        rows.setdefault(row["subscription"], []).append(row)
    found: list[Span] = []
    for changes in rows.values():
        for row, following in zip(changes, [*changes[1:], None], strict=True):
            change = (int(row["since"].timestamp()), int(row["until"].timestamp()))
            ends = int(following["until"].timestamp()) if following else None
            found.append(Span(row["subscription"], row["dataset"], row["subscriber"], change, ends, bool(row["live"])))
    return found
