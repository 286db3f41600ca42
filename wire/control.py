"""The control plane on Kafka: `ControlReader` gives the plan to machines, `ControlWriter` is how `apply` changes it.

A version is one transaction: the objects that change, tombstones of those that go, and a `PlanRecord`. Its `ends` name,
for each other control topic, the offset behind the last object there. Markers of transactions take offsets too, so the
promise is one of positions: a read_committed reader whose position on each topic is at or beyond `ends` has version n.
"""

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from schemas.control import ConnectorInstance, ControlObject, LaneState, Plan, PlanRecord
from schemas.errors import HaltError, RetryError
from schemas.lanes import CONTROL_KINDS
from schemas.text import Text
from wire.publisher import TransactionalPublisher
from wire.reading import LaneReader
from wire.settings import KafkaSettings
from wire.versions import OBJECTS, PLAN, Versions

__all__ = ["ControlReader", "ControlWriter"]

CONTROL = "bus.control"


class ControlReader:
    """Follows the control topics. Every plan it gives is one whole version, and versions only rise."""

    def __init__(self, settings: KafkaSettings, lanes: Iterable[str] = CONTROL_KINDS) -> None:
        """`lanes`: those there are, for one look at a bus that an earlier version of shutong made."""
        self._reader = LaneReader(settings, lanes)
        self._versions = Versions()

    @property
    def plan(self) -> Plan:
        """The version given last; version 0, empty, before there was one."""
        return self._versions.plan

    @property
    def ends(self) -> dict[str, int]:
        """Per control topic the offset behind the last object known there."""
        return dict(self._versions.ends)

    def load(self, patience: float = 30) -> Plan:
        """The newest version, everything read to the end as it was at the call (I-4)."""
        self.catch_up(patience)
        deadline = time.monotonic() + patience
        while not self._versions.clean:
            # Objects are readable whose plan record is not yet: the rest of that transaction is on its way.
            if time.monotonic() > deadline:
                raise _half()
            self.poll(0.2)
        return self.plan

    def catch_up(self, patience: float = 30, *, settled: bool = False) -> Plan:
        """The newest version that is complete at the end as it was at the call; if `settled`, whatever lies beyond it."""
        for batch in self._reader.to_end(patience):
            self._versions.take(batch)
        self._versions.complete(self._positions(), settled=settled)
        return self.plan

    def poll(self, timeout: float = 0) -> Plan | None:
        """The newest version when it is complete and was not given before."""
        self._versions.take(self._reader.batch(timeout))
        return self._versions.complete(self._positions())

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _positions(self) -> dict[str, int]:
        return {lane: offset for (lane, _), offset in self._reader.positions.items()}


class ControlWriter:
    """The one writer of the plan. Making one fences its predecessor, ends what that left open, reads the plan."""

    def __init__(self, settings: KafkaSettings) -> None:
        identity = settings.names.transactional_id(CONTROL)
        self._publisher = TransactionalPublisher(settings, identity, told=True)
        self._reader = ControlReader(settings)
        # With every earlier writer fenced and its transaction ended, what lies beyond the newest version is no half of
        # another one but a stranger's: the next version covers it.
        self._reader.catch_up(settled=True)

    @property
    def plan(self) -> Plan:
        """The version in force."""
        return self._reader.plan

    def write(self, objects: Iterable[ControlObject] = (), removed: Iterable[ControlObject] = (),
              lanes: Mapping[str, LaneState] | None = None) -> Plan:  # fmt: skip
        """Write the next version in one transaction and give it as a reader sees it.

        `created` and `changed` of the objects are set here: an id that the plan knows keeps its `created`. Without
        `lanes` those of the version in force stay.
        """
        version = self.plan.version + 1
        with self._publisher.transaction():
            for each in objects:
                stamped = self._stamped(each, version)
                self._publisher.send(_lane_of(each), each.id.encode(), stamped.to_json())
            for each in removed:
                self._publisher.send(_lane_of(each), each.id.encode(), None)
            self._publisher.flush()
            record = PlanRecord(version=version, created=version, changed=version, ends=self._ends(),
                                lanes=dict(self.plan.lanes if lanes is None else lanes))  # fmt: skip
            self._publisher.send(PLAN, record.id.encode(), record.to_json())
        return self._reader.load()

    def close(self) -> None:
        self._reader.close()
        self._publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ends(self) -> dict[str, int]:
        """Where each topic's last object lies: as read, or as just acknowledged inside the open transaction."""
        return {lane: max(end, self._publisher.delivered.get((lane, 0), 0)) for lane, end in self._reader.ends.items()}

    def _stamped(self, new: ControlObject, version: int) -> ControlObject:
        known = _known(self.plan, new)
        created = known.created if known is not None else new.created or version
        return new.model_copy(update={"created": created, "changed": version})


def _lane_of(each: ControlObject) -> str:
    if isinstance(each, ConnectorInstance):
        return "bus.connectors"
    for lane, kind in OBJECTS.items():
        if isinstance(each, kind):
            return lane
    raise HaltError(
        Text(f"{type(each).__name__} 不是控制对象", f"{type(each).__name__} is no control object"),
        advice=Text("bus.plan 由控制写入者自己写", "`bus.plan` is written by the control writer itself"),
    )


def _known(plan: Plan, each: ControlObject) -> ControlObject | None:
    tables: tuple[Mapping[str, ControlObject], ...] = (
        plan.departments, plan.nodes, {schema.id: schema for schema in plan.schemas.values()},
        plan.datasets, plan.subscriptions, plan.subjects,
    )  # fmt: skip
    return next((table[each.id] for table in tables if type(table.get(each.id)) is type(each)), None)


def _half() -> RetryError:
    return RetryError(
        Text("控制通道中有尚不完整的版本", "the control topics hold a version that is not complete"),
        advice=Text("稍后重试；若持续出现，检查是否有控制写入者以外的程序写过 bus.*",
                    "try again; if it lasts, see whether anything but the control writer wrote to bus.*"),
        after=2,
    )  # fmt: skip
