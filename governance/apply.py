"""`shutong apply`: the control writer. Reads what is in force, shows the difference, provisions, then writes all at once.

Lanes, users and rights exist before the plan names them; what is taken away goes after the plan no longer names it.
One apply of a home waits for another; making the writer fences one that runs elsewhere. So two of them cannot interleave.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from governance.city import read_city
from governance.compile import READ_BY_WORKERS, Change, compile_change
from governance.declared import City
from governance.diff import Line, diff
from governance.settling import control_turn
from schemas.control import ConnectorInstance, Plan
from schemas.errors import HaltError
from schemas.lanes import CONTROL_KINDS
from schemas.text import Text
from wire.admin import BUS_LANES, Done, Provisioner
from wire.cluster import Cluster
from wire.compacted import read_compacted
from wire.control import ControlReader, ControlWriter
from wire.secret import read_secret, write_secret
from wire.settings import KafkaSettings

__all__ = ["Applied", "Standing", "Told", "apply", "password_file", "preview", "standing"]

Told = Callable[[Done], None]
#: Who writes, with nobody else of this home writing meanwhile.
Turn = Callable[[], AbstractContextManager[ControlWriter]]


@dataclass(frozen=True)
class Applied:
    """What one apply did: the version now in force, its lines, and whether anything was written.

    `elsewhere` are roles whose user Kafka has, but whose password is not in the folder: it was drawn in another home.
    """

    version: int
    lines: list[Line]
    written: bool
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """What a change begins with: the plan and the connectors in force, and the lanes that hold, or ever held, a record."""

    plan: Plan = field(default_factory=Plan)
    connectors: Mapping[str, ConnectorInstance] = field(default_factory=dict)
    used: frozenset[str] = frozenset()


def preview(settings: KafkaSettings, folder: Path) -> list[Line]:
    """What `apply` would change, without changing it. Raises CityError or RefusedError like `apply`."""
    city = read_city(folder)
    now = standing(settings)
    return diff(now.plan, now.connectors, compile_change(now.plan, now.connectors, city, lanes_with_data=now.used))


def standing(settings: KafkaSettings) -> Standing:
    """What is in force on a Kafka; nothing on one that has never been a bus."""
    current, connectors = _in_force(settings)
    return Standing(current, connectors, _used(settings, current))


def apply(settings: KafkaSettings, folder: Path, secrets_folder: Path, told: Told = lambda done: None, *,
          turn: Turn | None = None) -> Applied:
    """Bring the bus to what `folder` declares. Passwords of new users go to `secrets_folder`, one file each, mode 600.

    An apply that was killed anywhere is finished by the next: whatever it did not reach is found wanting again. `turn` lends
    the writer of a process that keeps one, on a bus that was applied before; else one is made for this apply.
    """
    city = read_city(folder)
    provisioner = Provisioner(settings)
    if turn is not None:
        with turn() as writer:
            _tell(told, provisioner.ensure_lanes(BUS_LANES))
            return _apply(settings, provisioner, writer, city, secrets_folder, told)
    with control_turn(secrets_folder):
        _tell(told, provisioner.ensure_lanes(BUS_LANES))
        with ControlWriter(settings) as writer:
            return _apply(settings, provisioner, writer, city, secrets_folder, told)


def _apply(settings: KafkaSettings, provisioner: Provisioner, writer: ControlWriter, city: City, secrets_folder: Path,
           told: Told) -> Applied:
    plan, connectors = writer.plan, _connectors(settings)
    change = compile_change(plan, connectors, city, lanes_with_data=_used(settings, plan))
    lines = diff(plan, connectors, change)
    elsewhere = _provision(provisioner, change, secrets_folder, told)
    if lines:
        # Provisioning takes its time: a lane that was empty before may hold data now, and who joins would miss them.
        change = compile_change(plan, connectors, city, lanes_with_data=_used(settings, plan))
        gone = [connectors[name] for name in change.removed.get("bus.connectors", ())]
        plan = writer.write((item for items in change.objects.values() for item in items), gone, change.lanes)
    for role in change.idle:
        _tell(told, provisioner.revoke(role))
    return Applied(plan.version, lines, bool(lines), elsewhere)


def password_file(folder: Path, role: str) -> Path:
    """Where the password of a role lies."""
    return folder / f"{role}.password"


def _provision(provisioner: Provisioner, change: Change, folder: Path, told: Told) -> tuple[str, ...]:
    """Lanes, users and rights; the roles that can log in with a password this folder does not have."""
    _tell(told, provisioner.ensure_lanes({lane: state.partitions for lane, state in change.lanes.items()}))
    there = provisioner.users(change.roles)
    missing = [role for role in change.roles if role not in there]
    _tell(told, provisioner.ensure_users({role: _password(password_file(folder, role)) for role in missing}))
    elsewhere = tuple(role for role in change.roles if role in there and not password_file(folder, role).exists())
    if elsewhere:
        told(Done(folder.name, _kept(elsewhere)))
    _tell(told, provisioner.grant(change.roles))
    return elsewhere


def _password(path: Path) -> SecretStr:
    """The password this home has for a user, drawn if there is none."""
    if not path.exists():
        write_secret(path, SecretStr(secrets.token_urlsafe(24)))
    return read_secret(path)


def _kept(roles: tuple[str, ...]) -> Text:
    """A new password would lock out the process that uses the present one."""
    return Text(f"这里没有 {'、'.join(roles)} 的口令文件，而这些用户已存在：口令保持不变。请从最初执行 apply 的目录复制；"
                "确已遗失时先在 Kafka 上删除该用户的口令，再执行 apply",
                f"no password file of {', '.join(roles)} is here, and these users exist: their passwords stay. Copy the "
                "files from the home of the first apply; if one is lost, delete that user's password on Kafka, apply again")


def _in_force(settings: KafkaSettings) -> tuple[Plan, dict[str, ConnectorInstance]]:
    """The plan and the connectors; empty on a Kafka that has never been a bus."""
    there = Cluster(settings).existing(BUS_LANES)
    if not {"bus.plan", "bus.connectors"} <= there.keys():
        return Plan(), {}
    with ControlReader(settings, [lane for lane in CONTROL_KINDS if lane in there]) as reader:
        return reader.load(), _connectors(settings)


def _connectors(settings: KafkaSettings) -> dict[str, ConnectorInstance]:
    table = read_compacted(settings, "bus.connectors")
    return {key.decode(): ConnectorInstance.model_validate_json(value) for key, value in table.items()}


def _used(settings: KafkaSettings, plan: Plan) -> frozenset[str]:
    """The lanes of the plan that hold, or ever held, a record. What was deleted and can be made again is not there."""
    cluster = Cluster(settings)
    there = cluster.existing(plan.lanes)
    if lost := [lane for lane in plan.lanes if lane not in there and lane.startswith(READ_BY_WORKERS)]:
        raise _lost(lost)
    ends = cluster.ends((lane, number) for lane, partitions in there.items() for number in range(partitions))
    return frozenset(lane for (lane, _), end in ends.items() if end > 0)


def _lost(lanes: list[str]) -> HaltError:
    """Made again, they would begin at 0 where the plan and the workers' positions say otherwise."""
    return HaltError(Text(f"方案中的通道 {'、'.join(lanes)} 已不在 Kafka 上",
                          f"the plan's lanes {', '.join(lanes)} are no longer on Kafka"),
                     advice=Text("通道连同其中的数据和位置被删除了：请从备份恢复 Kafka 的数据；不能恢复时，以另一个部门名登记",
                                 "they were deleted with their data and positions: restore Kafka's data from a backup; "
                                 "if that cannot be done, register the department under another name"))


def _tell(told: Told, done: Iterable[Done]) -> None:
    for each in done:
        told(each)


