"""What a worker remembers per partition: marks of streams, who holds which record, the plan version (I-9, I-12).

`apply` notes a chunk's changes; an abort takes them back by `forget` and `restore`, from what was committed. Handlers only
read. Marks and plan version travel as offset metadata; who holds which record is restored from the clean lane itself;
which keys were met last is begun anew.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas.errors import HaltError
from schemas.text import Text
from streams.chunk import Holders, Mark, PartitionChange, PartitionId
from streams.metadata import pack, unpack
from streams.replay.recent import RecentKeys, RecentOfAll
from streams.stopline import Window

__all__ = ["DEFAULT_LIMIT", "Memory", "PartitionMemory", "dataset_of", "row_cost"]

DEFAULT_LIMIT: Final = 64 << 20

#: What a remembered record costs beyond its key's own bytes: the bytes object and its place in the dict.
_ROW_OVERHEAD: Final = 33 + 80


def row_cost(key: bytes) -> int:
    """Bytes of RAM one remembered record takes; the holders are shared between records."""
    return _ROW_OVERHEAD + len(key)


def dataset_of(key: bytes) -> str:
    """The dataset a record's key begins with."""
    return key.partition(b"/")[0].decode(errors="replace")


def _no_room(wanted: int, limit: int, dataset: str, size: int) -> HaltError:
    """The error for more rows than may be remembered: it names the largest dataset and its bytes."""
    return HaltError(
        Text(f"路由记忆需要 {wanted} 字节，上限 {limit}；最大的数据资源是 {dataset}，{size} 字节",
             f"the router's memory needs {wanted} bytes, the limit is {limit}; largest is {dataset} with {size}"),
        advice=Text("增加工作进程，或提高 SHUTONG_MEMORY_LIMIT", "add workers, or raise SHUTONG_MEMORY_LIMIT"))


@dataclass(slots=True)
class PartitionMemory:
    """The memory of one partition, with all that was applied, committed or not."""

    lane: str
    partition: int
    plan_version: int = 0
    marks: dict[int, Mark] = field(default_factory=dict)
    rows: dict[bytes, Holders] = field(default_factory=dict)
    held: int = 0
    window: Window | None = None
    recent: RecentKeys = field(default_factory=RecentKeys, compare=False)

    def metadata(self) -> str:
        """The offset metadata to commit; a HaltError naming the lane when it cannot fit."""
        return pack(self.lane, self.plan_version, self.marks, self.held)


class Memory:
    """All partitions of one worker. Not thread-safe; the transaction owns it."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.bytes = 0
        self._partitions: dict[PartitionId, PartitionMemory] = {}
        #: the partitions that are held, and under which plan version; few, so that whoever asks of a lane looks at few
        self._held: dict[PartitionId, int] = {}
        self._recent = RecentOfAll()

    def of(self, lane: str, partition: int) -> PartitionMemory:
        """The memory of an owned partition; a HaltError when it was never restored."""
        found = self._partitions.get((lane, partition))
        if found is None:
            raise HaltError(Text(f"{lane}/{partition} 的记忆没有恢复",
                                 f"the memory of {lane}/{partition} was not restored"),
                            advice=Text("重新启动工作进程", "start the worker again"))
        return found

    def __contains__(self, partition: PartitionId) -> bool:
        return partition in self._partitions

    def restore(self, lane: str, partition: int, metadata: str, rows: Mapping[bytes, Holders] | None = None,
                offset: int = 0) -> None:
        """Begin (again) with what was committed: offset and its metadata, and who held which record at that offset."""
        self.forget(lane, partition)
        plan_version, marks, held = unpack(lane, metadata)
        memory = PartitionMemory(lane, partition, plan_version, marks, dict(rows or {}), recent=RecentKeys(offset))
        self._partitions[lane, partition] = memory
        self._hold(memory, held)
        self.bytes += sum(map(row_cost, memory.rows))
        if self.bytes > self.limit:
            raise _no_room(self.bytes, self.limit, *self._largest())

    def forget(self, lane: str, partition: int) -> None:
        """The partition is no longer ours, or is about to be restored."""
        self._held.pop((lane, partition), None)
        gone = self._partitions.pop((lane, partition), None)
        if gone is not None:
            self.bytes -= sum(map(row_cost, gone.rows))

    def apply(self, changes: Mapping[PartitionId, PartitionChange]) -> None:
        """Note what handling a chunk changed."""
        for partition, change in changes.items():
            memory = self.of(*partition)
            memory.marks.update(change.marks)
            rows = memory.rows
            for key, holders in change.rows.items():
                if holders is None:
                    if rows.pop(key, None) is not None:
                        self.bytes -= row_cost(key)
                else:
                    if key not in rows:
                        self.bytes += row_cost(key)
                    rows[key] = holders
            memory.plan_version = max(memory.plan_version, change.plan_version)
            memory.window = change.window
            if change.held is not None:
                self._hold(memory, change.held)
            if change.met:
                self._recent.add(memory.recent, change.next_offset, change.met)

    def held(self, lane: str) -> int:
        """The plan version under which a partition of this lane was held last; 0 if none is. Any thread may ask."""
        return max((version for (of, _), version in tuple(self._held.items()) if of == lane), default=0) if self._held else 0

    def check_room(self, changes: Mapping[PartitionId, PartitionChange]) -> None:
        """A HaltError naming the largest dataset when applying these changes would pass the limit."""
        most = sum(sum(map(len, change.rows)) + _ROW_OVERHEAD * len(change.rows) for change in changes.values())
        if self.bytes + most <= self.limit:
            return
        growth = sum(self._growth(self.of(*partition), change.rows) for partition, change in changes.items())
        if growth > 0 and self.bytes + growth > self.limit:
            coming = Counter[str]()
            for partition, change in changes.items():
                known = self.of(*partition).rows
                _add_sizes(coming, (key for key, holders in change.rows.items() if holders is not None and key not in known))
            raise _no_room(self.bytes + growth, self.limit, *self._largest(coming))

    def check_coming(self, coming: Iterable[Mapping[str, int]]) -> None:
        """The same for rows on their way back, all together: their bytes by dataset. Any thread may ask."""
        sizes = Counter[str]()
        for one in coming:
            sizes.update(one)
        wanted = self.bytes + sizes.total()
        if wanted > self.limit:
            raise _no_room(wanted, self.limit, *self._largest(sizes))

    def _hold(self, memory: PartitionMemory, version: int) -> None:
        memory.held = version
        if version:
            self._held[memory.lane, memory.partition] = version
        else:
            self._held.pop((memory.lane, memory.partition), None)

    def _growth(self, memory: PartitionMemory, rows: Mapping[bytes, Holders | None]) -> int:
        known = memory.rows
        return sum(row_cost(key) * ((holders is not None) - (key in known)) for key, holders in rows.items())

    def _largest(self, coming: Mapping[str, int] | None = None) -> tuple[str, int]:
        sizes = Counter(coming or {})
        for memory in list(self._partitions.values()):
            _add_sizes(sizes, list(memory.rows))
        return sizes.most_common(1)[0]


def _add_sizes(sizes: Counter[str], keys: Iterable[bytes]) -> None:
    for key in keys:
        sizes[dataset_of(key)] += row_cost(key)
