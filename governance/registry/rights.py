"""Who may change what in the registry. Reading is for every role that the bus knows; nobody else comes in.

A provider changes the subjects of its own namespace, as Avro writes its name (`health.`, `old-town` as `old_town.`); what the bus
delivers under a subscriber's name, every other subject and the level of all are the bureau's.
"""

from collections.abc import Iterator

from governance.registry.errors import not_allowed
from governance.registry.registered import Registered
from schemas.control import Plan
from schemas.names import avro_name
from wire.rights import BUREAU

__all__ = ["check_change", "known_roles"]

_BUREAU_WRITES = "control"


def known_roles(plan: Plan) -> set[str]:
    """The roles that may come in: the bureau's, and those of departments that have something to do at this version."""
    return {*BUREAU, *_departments(plan)}


def check_change(role: str, subject: str, known: Registered) -> None:
    """403 unless the role may change this subject; the one without a name stands for the settings of all."""
    if role == _BUREAU_WRITES:
        return
    kind, _, department = role.partition(".")
    use = known.uses.get(subject)
    if kind == "provider" and subject.startswith(f"{avro_name(department)}.") and (use is None or use.kind == "dataset"):
        return
    raise not_allowed(role, subject)


def _departments(plan: Plan) -> Iterator[str]:
    for name, department in plan.departments.items():
        if "provider" in department.roles:
            yield f"provider.{name}"
    for subscription in plan.subscriptions.values():
        if subscription.state != "revoked":
            yield f"subscriber.{subscription.subscriber}"
