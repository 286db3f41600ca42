"""Who may change which subject, and who is known at all."""

from dataclasses import replace

import pytest

from governance.registry.errors import RegistryError
from governance.registry.registered import EVERY_SUBJECT, Registered
from governance.registry.rights import check_change, known_roles
from schemas.control import Department
from tests.governance.registry.test_changes import CITY, EVENT, OUTPUT
from wire.rights import BUREAU

PLAN = replace(CITY, departments={
    "health": Department(id="health", title="卫健委", roles=("provider",)),
    "old-town": Department(id="old-town", title="老城", roles=("provider",)),
    "tax": Department(id="tax", title="税务局", roles=("provider", "subscriber")),
    "police": Department(id="police", title="公安局", roles=("subscriber",))})


def may(role: str, subject: str) -> bool:
    try:
        check_change(role, subject, Registered(PLAN))
    except RegistryError as error:
        return (error.status, error.number) != (403, 40301)
    return True


@pytest.mark.parametrize(("role", "subject"), [("provider.health", EVENT), ("provider.health", "health.Anything"),
                                               ("provider.old-town", "old_town.Thing"), ("control", OUTPUT),
                                               ("control", EVERY_SUBJECT), ("control", "whatever")])
def test_a_department_changes_its_own_and_the_bureau_all(role: str, subject: str) -> None:
    assert may(role, subject)


@pytest.mark.parametrize(("role", "subject"), [
    ("provider.health", "tax.Thing"), ("provider.health", "healthy.Thing"), ("provider.health", "health"),
    ("provider.health", EVERY_SUBJECT),
    ("provider.health", "raw.health-value"), ("provider.old-town", "old-town.Thing"), ("provider.tax", OUTPUT), ("provider.tax", EVENT),
    ("subscriber.tax", "tax.Thing"), *((role, "health.Thing") for role in BUREAU if role != "control")])
def test_nobody_else_changes_it(role: str, subject: str) -> None:
    assert not may(role, subject)


def test_known_are_the_bureau_and_who_has_something_to_do() -> None:
    assert known_roles(PLAN) == {*BUREAU, "provider.health", "provider.old-town", "provider.tax", "subscriber.tax"}
    revoked = {name: each.model_copy(update={"state": "revoked"}) for name, each in PLAN.subscriptions.items()}
    assert "subscriber.tax" not in known_roles(replace(PLAN, subscriptions=revoked))
