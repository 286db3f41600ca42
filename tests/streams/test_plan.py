"""The compiled plan: what did not change is not compiled again, what did is."""

from typing import Any

import pytest

from schemas.control import Condition
from streams.plan import Source, working_plan
from tests.streams.world import SECRET, SUBSCRIPTIONS, city, compiled


def sources(plan: Any) -> dict[str, Source]:
    """The compiled datasets by id."""
    return {source.dataset: source for source in plan.sources.values()}


def test_what_is_as_before_is_kept_and_what_changed_is_compiled_again() -> None:
    first = compiled(city())
    revoked = working_plan(city(version=2, revoked=["tax.health.resident"]), SECRET, before=first)
    assert sources(revoked)["civil.village"] is sources(first)["civil.village"]
    assert sources(revoked)["health.resident"] is not sources(first)["health.resident"]
    assert "tax.health.resident" not in sources(revoked)["health.resident"].outlets.by_id
    assert revoked.version == 2
    again = working_plan(city(version=3, revoked=["tax.health.resident"]), SECRET, before=revoked)
    assert again.sources == revoked.sources
    assert all(again.sources[head] is source for head, source in revoked.sources.items())


@pytest.mark.parametrize("change", [{"scope": (Condition(field="division", op="eq", values=("341503",)),)},
                                    {"fields": ("name",)}, {"masks": {}}, {"node": "anhui"}])
def test_each_change_of_a_subscription_counts(change: dict[str, Any]) -> None:
    name = "medical.health.resident"
    first = compiled(city())
    later = working_plan(city(version=2, subscriptions=SUBSCRIPTIONS | {name: SUBSCRIPTIONS[name] | change}), SECRET,
                         before=first)
    assert sources(later)["health.resident"] is not sources(first)["health.resident"]
    assert sources(later)["civil.village"] is sources(first)["civil.village"]
