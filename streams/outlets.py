"""The outlets of one dataset: its live subscriptions, compiled, those for every row apart from those with a scope."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.codec.scanner import EventScanner, Pieces, Scanned
from schemas.contract import Delivery, compile_subscription, in_current_names
from schemas.control import Dataset, Plan, Subscription
from schemas.envelope import Op
from schemas.lanes import room_for
from schemas.names import Names
from streams.chunk import Holders
from streams.scopes import Scopes

__all__ = ["Outlet", "Outlets", "outlets"]

#: By how much an event may grow on its way from clean to an inbox: a position, a hop, and a mask on each field.
_GROWTH: Final = 512
_MASK_GROWTH: Final = 80


class Outlet(NamedTuple):
    """One subscription as route uses it. `value(event, op, row, stream prefix, seq)` is what its subscriber gets.

    A `plain` one shows the key: its value is `prefix`, then what all plain ones share, then `cut(row)`. `passed` turns
    cause and path into what a node gets; None at home.
    """

    id: str
    subscriber: str
    lane: str
    room: int
    stage: str
    plain: bool
    prefix: bytes
    cut: Callable[[Pieces], Sequence[bytes]]
    passed: Callable[[bytes], bytes] | None
    key: Callable[[bytes], bytes]
    value: Callable[[Scanned, Op, Pieces | None, bytes, int], bytes]


#: What route needs of a plain outlet for a record that goes out as it is: its number in `open`, lane, prefix, `passed`.
Way = tuple[int, str, bytes, Callable[[bytes], bytes] | None]


@dataclass(frozen=True, slots=True)
class Outlets:
    """`plain` and `masked`, together `open`, get every record; of `scoped`, by id, those whose scope holds: `holders(row)` names them.

    What is not larger than `safe` on clean, key and value, fits every inbox. `cuts` are the plain ones once more: those
    that are granted the same fields in clear share one cut.
    """

    plain: tuple[Outlet, ...]
    masked: tuple[Outlet, ...]
    scoped: Mapping[str, Outlet]
    open: tuple[Outlet, ...]
    by_id: Mapping[str, Outlet]
    holders: Callable[[Pieces], Holders]
    safe: int
    cuts: tuple[tuple[Callable[[Pieces], Sequence[bytes]], tuple[Way, ...]], ...]


def outlets(plan: Plan, dataset: Dataset, live: Iterable[Subscription], scanner: EventScanner,
            secret: bytes) -> Outlets:
    """Compile the live subscriptions of a dataset."""
    live = [in_current_names(item, dataset) for item in live]
    home = plan.home.code if plan.home else ""
    compiled = [(item, compile_subscription(item, dataset, scanner, home, secret))
                for item in sorted(live, key=lambda item: item.id)]
    made = {item.id: _outlet(item, delivery) for item, delivery in compiled}
    scopes = Scopes(scanner, [(item, delivery.holds) for item, delivery in compiled if item.scope])
    for_all = [made[item.id] for item, _ in compiled if not item.scope]
    plain = tuple(outlet for outlet in for_all if outlet.plain)
    masked = tuple(outlet for outlet in for_all if not outlet.plain)
    return Outlets(
        plain=plain,
        masked=masked,
        scoped={item.id: made[item.id] for item, _ in compiled if item.scope},
        open=plain + masked,
        by_id=made,
        holders=scopes.holders,
        safe=min((outlet.room for outlet in made.values()), default=0) - _GROWTH - _MASK_GROWTH * len(scanner.fields),
        cuts=_cuts(plain, {item.id: item for item, _ in compiled}))


def _cuts(plain: Sequence[Outlet], agreed: Mapping[str, Subscription]) -> tuple[
        tuple[Callable[[Pieces], Sequence[bytes]], tuple[Way, ...]], ...]:
    shared: dict[object, tuple[Callable[[Pieces], Sequence[bytes]], list[Way]]] = {}
    for number, outlet in enumerate(plain):
        item = agreed[outlet.id]
        _, ways = shared.setdefault(item.id if item.masks else item.fields, (outlet.cut, []))
        ways.append((number, outlet.lane, outlet.prefix, outlet.passed))
    return tuple((cut, tuple(ways)) for cut, ways in shared.values())


def _outlet(item: Subscription, delivery: Delivery) -> Outlet:
    lane = Names.deliver(item.subscriber)
    return Outlet(item.id, item.subscriber, lane, room_for(lane), "returned_up" if item.node else "delivered",
                  not delivery.masked_key, delivery.prefix, delivery.cut, delivery.passed if delivery.hop else None,
                  delivery.key, delivery.value)
