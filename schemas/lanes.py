"""The lane table as data: for each kind of topic its cleanup, retention, largest message, who may write and read it.

The provisioner makes topics and ACLs from these rows; the writers check sizes against them. Nobody else states a limit.
"""

from dataclasses import dataclass

from schemas.control import Dataset
from schemas.errors import HaltError
from schemas.names import Names
from schemas.text import Text

__all__ = ["CONTROL_KINDS", "LANE_KINDS", "LARGEST_MESSAGE", "MOST_STREAMS", "LaneKind", "clean_lane",
           "lane_kind", "room_for"]

_DAY = 86_400_000
_MIB = 1 << 20

#: What a record costs on the wire beyond key and value, reserved before the lane's limit is checked.
_OVERHEAD = 1024


@dataclass(frozen=True, slots=True)
class LaneKind:
    """One row of the lane table. Roles are those of `Names.user`; `*` stands for the lane's own department."""

    kind: str
    title: Text
    cleanup: str
    retention_ms: int
    max_message: int
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    log_append_time: bool = False
    extra: tuple[tuple[str, str], ...] = ()

    def topic_config(self) -> dict[str, str]:
        """The Kafka topic configuration of this kind."""
        config = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message),
            "message.timestamp.type": "LogAppendTime" if self.log_append_time else "CreateTime",
            "segment.bytes": str(64 * _MIB),
        }
        if "delete" in self.cleanup:
            config["retention.ms"] = str(self.retention_ms)
        return config | dict(self.extra)


_CONTROL_WRITERS = ("control",)
_BUREAU = ("worker", "connect", "ledger", "serve", "control", "replay")

LANE_KINDS: dict[str, LaneKind] = {
    row.kind: row
    for row in (
        LaneKind("raw", Text("原始通道", "raw lane"), "delete", 14 * _DAY, _MIB, ("provider.*", "connect", "replay"),
                 ("worker", "ledger", "replay"), log_append_time=True),
        LaneKind("clean", Text("标准通道", "clean lane"), "compact", -1, 5 * _MIB // 2, ("worker",),
                 ("worker", "connect", "ledger", "replay"),
                 extra=(("min.compaction.lag.ms", str(7 * _DAY)), ("delete.retention.ms", str(30 * _DAY)))),
        LaneKind("clean-log", Text("标准事件通道", "clean event lane"), "delete", 90 * _DAY, 5 * _MIB // 2, ("worker",),
                 ("worker", "connect", "ledger", "replay")),
        LaneKind("deliver", Text("交付通道", "delivery lane"), "delete", 14 * _DAY, 5 * _MIB // 4, ("worker",),
                 ("subscriber.*", "connect")),
        LaneKind("dead", Text("隔离区", "quarantine"), "compact,delete", 30 * _DAY, 2 * _MIB, ("worker", "replay"),
                 ("provider.*", "serve", "replay")),
        LaneKind("bus.tallies", Text("计数条", "tallies"), "delete", 60 * _DAY, _MIB, ("worker", "connect"),
                 ("ledger", "serve")),
        *(LaneKind(f"bus.{name}", title, "compact", -1, _MIB, _CONTROL_WRITERS, _BUREAU)
          for name, title in (("plan", Text("方案", "plan")), ("datasets", Text("数据资源", "datasets")),
                              ("subscriptions", Text("订阅", "subscriptions")),
                              ("departments", Text("部门", "departments")), ("nodes", Text("节点", "nodes")),
                              ("schemas", Text("模式", "schemas")), ("subjects", Text("模式主题", "subjects")))),
        LaneKind("bus.connectors", Text("连接器", "connectors"), "compact", -1, _MIB, ("control", "connect"),
                 ("worker", "connect", "ledger", "serve", "control")),
        LaneKind("bus.cursors", Text("连接器位置", "connector cursors"), "compact", -1, _MIB, ("connect",),
                 ("connect", "control", "serve")),
        LaneKind("bus.workers", Text("工作进程", "workers"), "compact", -1, _MIB, ("worker",),
                 ("serve", "control", "worker", "replay")),
    )
}

#: How many streams may write into one raw lane: a partition's marks travel as offset metadata, Kafka takes 4,096 bytes, and
#: the largest epoch and position there are take seventeen with the stream's number.
MOST_STREAMS = 175

#: Topics of the control plane, in the order they are read: `bus.plan` last, it says how far the others reach.
CONTROL_KINDS = ("bus.departments", "bus.nodes", "bus.schemas", "bus.subjects", "bus.datasets", "bus.subscriptions", "bus.plan")

#: The client's `message.max.bytes`: that of the largest lane.
LARGEST_MESSAGE = max(row.max_message for row in LANE_KINDS.values())


def lane_kind(lane: str) -> LaneKind:
    """The row of the table for a lane name; a HaltError for a name no row describes."""
    row = LANE_KINDS.get(lane) or LANE_KINDS.get(lane.split(".", 1)[0])
    if row is None:
        raise HaltError(Text(f"没有名为 {lane} 的通道类型", f"no kind of lane is called {lane}"),
                        advice=Text("通道名见 schemas/lanes.py", "the kinds stand in schemas/lanes.py"))
    return row


def clean_lane(dataset: Dataset) -> str:
    """Where the records of a dataset go on when they are clean: a log's are kept for a time, a state's until they are gone."""
    return Names.clean_log(dataset.provider) if dataset.kind == "log" else Names.clean(dataset.provider)


def room_for(lane: str) -> int:
    """How many bytes of key and value together fit in one record of this lane."""
    return lane_kind(lane).max_message - _OVERHEAD
