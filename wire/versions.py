"""Put the plan together from records of the control topics: only whole versions, never half of one (I-18). Pure.

The topics of one control transaction become readable one after the other. Version n is complete when every topic was
read to the end its `PlanRecord` names, and no object beyond those ends has been seen: one such belongs to a later
version, and compaction may already have taken what it replaced.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from schemas.control import (
    ControlObject,
    Dataset,
    Department,
    Node,
    Plan,
    PlanRecord,
    SchemaText,
    Subject,
    Subscription,
)
from schemas.errors import HaltError
from schemas.text import Text
from wire.reading import Record

__all__ = ["OBJECTS", "PLAN", "Versions"]

T = TypeVar("T", bound=ControlObject)

PLAN = "bus.plan"

#: What lies on which control topic, but for the plan's own.
OBJECTS: dict[str, type[ControlObject]] = {
    "bus.departments": Department,
    "bus.nodes": Node,
    "bus.schemas": SchemaText,
    "bus.subjects": Subject,
    "bus.datasets": Dataset,
    "bus.subscriptions": Subscription,
}


class Versions:
    """Takes records in, gives whole versions out. `ends` are the offsets behind the last record known of each topic."""

    def __init__(self) -> None:
        self.plan = Plan()
        self.ends: dict[str, int] = dict.fromkeys(OBJECTS, 0)
        self._newest: PlanRecord | None = None
        self._waiting: dict[str, list[Record]] = {lane: [] for lane in OBJECTS}
        self._objects: dict[str, dict[str, ControlObject]] = {lane: {} for lane in OBJECTS}

    def take(self, records: Iterable[Record]) -> None:
        """Note what was read; nothing of it shows before its version is complete."""
        for record in records:
            if record.lane != PLAN:
                self._waiting[record.lane].append(record)
                self.ends[record.lane] = max(self.ends[record.lane], record.offset + 1)
            elif record.value is not None:
                self._newest = _parsed(PlanRecord, record.value, PLAN)

    def complete(self, positions: Mapping[str, int], *, settled: bool = False) -> Plan | None:
        """The plan at the newest version, when it is a new one and complete at these `positions`.

        `settled`: nobody else writes, so what lies beyond the newest version is no half of a later one. It keeps waiting.
        """
        newest = self._newest
        if newest is None or newest.version == self.plan.version or not self._whole(newest, positions, settled):
            return None
        if newest.version < self.plan.version:
            raise _went_back(self.plan.version, newest.version)
        for lane, records in self._waiting.items():
            end = newest.ends.get(lane, 0)
            for record in {record.key: record for record in records if record.offset < end}.values():
                self._put(lane, record)
            records[:] = [record for record in records if record.offset >= end]
        self.ends = {lane: max(end, newest.ends.get(lane, 0)) for lane, end in self.ends.items()}
        self.plan = self._assembled(newest)
        return self.plan

    @property
    def clean(self) -> bool:
        """Whether nothing is waiting: the newest version was given out, or there is none yet."""
        version = self._newest.version if self._newest is not None else 0
        return version == self.plan.version and not any(self._waiting.values())

    def _whole(self, plan: PlanRecord, positions: Mapping[str, int], settled: bool) -> bool:
        return all(
            positions.get(lane, 0) >= plan.ends.get(lane, 0) and (settled or self._last_waiting(lane) < plan.ends.get(lane, 0))
            for lane in OBJECTS
        )

    def _last_waiting(self, lane: str) -> int:
        waiting = self._waiting[lane]
        return waiting[-1].offset if waiting else -1

    def _put(self, lane: str, record: Record) -> None:
        key = (record.key or b"").decode()
        if record.value is None:
            self._objects[lane].pop(key, None)
        else:
            self._objects[lane][key] = _parsed(OBJECTS[lane], record.value, lane)

    def _assembled(self, newest: PlanRecord) -> Plan:
        objects: dict[str, dict[str, Any]] = {lane: dict(table) for lane, table in self._objects.items()}
        return Plan(
            version=newest.version,
            departments=objects["bus.departments"],
            nodes=objects["bus.nodes"],
            schemas={schema.number: schema for schema in objects["bus.schemas"].values()},
            datasets=objects["bus.datasets"],
            subscriptions=objects["bus.subscriptions"],
            lanes=dict(newest.lanes),
            subjects=objects["bus.subjects"],
        )


def _parsed(kind: type[T], value: bytes, lane: str) -> T:
    try:
        return kind.model_validate_json(value)
    except ValidationError as error:
        where = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)}))
        raise HaltError(
            Text(f"控制通道 {lane} 中有无法解析的对象（{where}）",
                 f"{lane} holds an object that cannot be read ({where})"),
            advice=Text("写入它的 shutong 版本可能更新：升级本进程",
                        "a newer shutong may have written it: upgrade this process"),
        ) from None  # fmt: skip


def _went_back(ours: int, theirs: int) -> HaltError:
    return HaltError(
        Text(f"方案版本从 {ours} 退到了 {theirs}", f"the plan went back from version {ours} to {theirs}"),
        advice=Text("控制通道被重建或改写：停止各进程，由管理员查明",
                    "the control topics were remade or rewritten: stop everything and find out"),
    )  # fmt: skip
