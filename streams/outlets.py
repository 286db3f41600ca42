"""The outlets of one dataset: its live subscriptions, compiled, those for every row apart from those with a scope."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas.codec.scanner import EventScanner, Pieces, Scanned
from schemas.contract import Delivery, compile_subscription
from schemas.control import Dataset, Plan, Subscription
from schemas.envelope import Op
from schemas.lanes import room_for
from schemas.names import Names
from streams.chunk import Holders
from streams.scopes import Scopes

__all__ = ["Outlet", "Outlets", "outlets"]


class Outlet(NamedTuple):
    """One subscription as route uses it. `value(event, op, row, stream prefix, seq)` is what its subscriber gets."""

    id: str
    subscriber: str
    lane: str
    room: int
    stage: str
    key: Callable[[bytes], bytes]
    value: Callable[[Scanned, Op, Pieces | None, bytes, int], bytes]


@dataclass(frozen=True, slots=True)
class Outlets:
    """`open` get every record; of `scoped`, by id, those whose scope holds: `holders(row)` names them."""

    open: tuple[Outlet, ...]
    scoped: Mapping[str, Outlet]
    holders: Callable[[Pieces], Holders]


def outlets(plan: Plan, dataset: Dataset, live: Iterable[Subscription], scanner: EventScanner,
            secret: bytes) -> Outlets:
    """Compile the live subscriptions of a dataset."""
    home = plan.home.code if plan.home else ""
    compiled = [(item, compile_subscription(item, dataset, scanner, home, secret))
                for item in sorted(live, key=lambda item: item.id)]
    made = {item.id: _outlet(item, delivery) for item, delivery in compiled}
    scopes = Scopes(scanner, [(item, delivery.holds) for item, delivery in compiled if item.scope])
    return Outlets(
        open=tuple(made[item.id] for item, _ in compiled if not item.scope),
        scoped={item.id: made[item.id] for item, _ in compiled if item.scope},
        holders=scopes.holders)


def _outlet(item: Subscription, delivery: Delivery) -> Outlet:
    lane = Names.deliver(item.subscriber)
    return Outlet(item.id, item.subscriber, lane, room_for(lane), "returned_up" if item.node else "delivered",
                  delivery.key, delivery.value)
