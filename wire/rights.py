"""Who may do what on Kafka, from the lane table: the least rights of each role. Pure; the provisioner grants them.

Write and Read bring Describe with them, and who may write to any lane may be an idempotent producer: neither is listed.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from schemas.errors import HaltError
from schemas.lanes import LANE_KINDS, LaneKind
from schemas.names import Names, is_name
from schemas.text import Text

__all__ = ["BUREAU", "BUS_LANES", "Right", "check_role", "rights"]

#: The roles of the bureau's own processes, and of whoever settles what lies in quarantine. The others are
#: `provider.<department>` and `subscriber.<department>`.
BUREAU = ("worker", "connect", "ledger", "serve", "control", "replay")

#: The lanes every bus has, whatever its departments: one partition each.
BUS_LANES: dict[str, int] = {kind: 1 for kind in LANE_KINDS if kind.startswith("bus.")}

#: Who compares positions with the workers': lag, books, the first commit of a new lane, reconciliation.
_WATCH_WORKERS = ("connect", "ledger", "serve", "control", "replay")

#: Who writes under one transactional id, one at a time.
_ALONE = {"control": "bus.control", "replay": "bus.replay"}


class Right(NamedTuple):
    """One allowed operation on a resource: the very name, or every name that begins so."""

    kind: Literal["TOPIC", "GROUP", "TRANSACTIONAL_ID", "BROKER"]
    name: str
    pattern: Literal["LITERAL", "PREFIXED"]
    operation: Literal["READ", "WRITE", "DESCRIBE", "CREATE", "ALTER", "ALTER_CONFIGS", "DESCRIBE_CONFIGS"]


def rights(role: str, names: Names) -> set[Right]:
    """Everything the user of a role may do, and no more."""
    check_role(role)
    return {*_lanes(role, names), *_groups(role, names), *_transactions(role, names), *_provisioning(role, names)}


def check_role(role: str) -> None:
    """A HaltError for a name that is no role."""
    kind, _, department = role.partition(".")
    if role in BUREAU or (kind in ("provider", "subscriber") and is_name(department) and "." not in department):
        return
    raise HaltError(
        Text(f"没有名为 {role} 的角色", f"there is no role {role}"),
        advice=Text(f"角色是 {'、'.join(BUREAU)}、provider.<部门>、subscriber.<部门>",
                    f"roles are {', '.join(BUREAU)}, provider.<department>, subscriber.<department>"),
    )  # fmt: skip


def _lanes(role: str, names: Names) -> Iterator[Right]:
    for kind in LANE_KINDS.values():
        if _named(role, kind.writers):
            yield from _on_lanes(role, kind, names, "WRITE")
        if _named(role, kind.readers):
            yield from _on_lanes(role, kind, names, "READ")
        elif role in ("serve", "control"):
            yield from _on_lanes(role, kind, names, "DESCRIBE")


def _named(role: str, row: tuple[str, ...]) -> bool:
    return role in row or f"{role.partition('.')[0]}.*" in row


def _on_lanes(role: str, kind: LaneKind, names: Names,
              operation: Literal["READ", "WRITE", "DESCRIBE", "CREATE", "ALTER_CONFIGS", "DESCRIBE_CONFIGS"],
              ) -> Iterator[Right]:  # fmt: skip
    if kind.kind in BUS_LANES:
        yield Right("TOPIC", names.topic(kind.kind), "LITERAL", operation)
        return
    department = role.partition(".")[2]
    lane = names.topic(f"{kind.kind}.{department}") if department else names.topic(kind.kind)
    if department:
        yield Right("TOPIC", lane, "LITERAL", operation)
    yield Right("TOPIC", f"{lane}.", "PREFIXED", operation)


def _groups(role: str, names: Names) -> Iterator[Right]:
    yield Right("GROUP", names.group(role), "LITERAL", "READ")
    yield Right("GROUP", f"{names.group(role)}.", "PREFIXED", "READ")
    if role in _WATCH_WORKERS:
        yield Right("GROUP", names.group("worker"), "LITERAL", "DESCRIBE")


def _transactions(role: str, names: Names) -> Iterator[Right]:
    if role in _ALONE:
        yield Right("TRANSACTIONAL_ID", names.transactional_id(_ALONE[role]), "LITERAL", "WRITE")
    elif role in ("worker", "connect") or role.startswith("provider."):
        yield Right("TRANSACTIONAL_ID", f"{names.transactional_id(role)}.", "PREFIXED", "WRITE")


def _provisioning(role: str, names: Names) -> Iterator[Right]:
    """The control role makes lanes, users and rights: with Alter on the cluster it is as mighty as an administrator."""
    if role != "control":
        return
    yield Right("BROKER", "kafka-cluster", "LITERAL", "ALTER")
    yield Right("BROKER", "kafka-cluster", "LITERAL", "DESCRIBE")
    for kind in LANE_KINDS.values():
        yield from _on_lanes(role, kind, names, "CREATE")
        yield from _on_lanes(role, kind, names, "ALTER_CONFIGS")
        yield from _on_lanes(role, kind, names, "DESCRIBE_CONFIGS")
