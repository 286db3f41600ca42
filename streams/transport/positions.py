"""Which partitions are ours and how far each has come: the state machine of the transport, without any I/O.

The event loop owns `Positions` (handled, committed), the consumer thread owns `Reading` (read). They meet in parts: a
part says where its partition stood before it was read, and is handled only if that is just where handling stands.
"""

from collections.abc import Iterable, Mapping

from schemas.errors import HaltError
from schemas.text import Text
from streams.chunk import PartitionId

__all__ = ["Positions", "Reading"]


class Positions:
    """What the open transaction may move. Raising the generation closes every partition (I-4, I-6, I-7)."""

    def __init__(self) -> None:
        self.generation = 1
        self._handled: dict[PartitionId, int] = {}
        self._committed: dict[PartitionId, int] = {}

    def __contains__(self, partition: PartitionId) -> bool:
        return partition in self._handled

    def partitions(self) -> list[PartitionId]:
        """All that are open."""
        return list(self._handled)

    def raise_generation(self) -> int:
        """Whatever was read so far is void; every partition starts again at its committed offset."""
        self.generation += 1
        self._handled.clear()
        self._committed.clear()
        return self.generation

    def open(self, generation: int, partition: PartitionId, offset: int, *, fresh: bool) -> bool:
        """Begin at the committed offset; a fresh partition has none yet and owes a commit. False: an old generation."""
        if generation != self.generation:
            return False
        self._handled[partition] = offset
        self._committed[partition] = -1 if fresh else offset
        return True

    def accepts(self, generation: int, partition: PartitionId, start: int) -> bool:
        """Whether records read from `start` on are the next ones of this partition."""
        return generation == self.generation and self._handled.get(partition) == start

    def handled(self, moves: Mapping[PartitionId, int]) -> None:
        """The open transaction now holds everything before these offsets."""
        for partition, offset in moves.items():
            if offset < self._handled.get(partition, offset + 1):
                raise HaltError(
                    Text(f"{partition[0]}/{partition[1]} 的位置会倒退", f"{partition[0]}/{partition[1]} would go back"),
                    advice=Text("这是程序错误，请报告", "this is a defect, please report it"))
            self._handled[partition] = offset

    def handled_offsets(self) -> dict[PartitionId, int]:
        """How far handling has come in every open partition."""
        return dict(self._handled)

    def due(self) -> dict[PartitionId, int]:
        """The offsets a commit must carry: all that moved, and those that were never committed."""
        committed = self._committed
        return {partition: offset for partition, offset in self._handled.items() if committed[partition] != offset}

    def committed(self, offsets: Mapping[PartitionId, int]) -> None:
        """The transaction holds: these offsets last."""
        self._committed.update(offsets)


class Reading:
    """What the consumer thread reads in the current generation. A partition is starting, running or held."""

    def __init__(self) -> None:
        self.generation = 0
        self.owned: frozenset[PartitionId] = frozenset()
        self.starting: set[PartitionId] = set()
        self.running: dict[PartitionId, int] = {}
        self._held: dict[PartitionId, tuple[int, object]] = {}

    def restart(self, generation: int, owned: Iterable[PartitionId] | None = None) -> None:
        """Everything owned starts again; `owned` replaces what we own."""
        if owned is not None:
            self.owned = frozenset(owned)
        self.generation = generation
        self.starting = set(self.owned)
        self.running.clear()
        self._held.clear()

    def run(self, partition: PartitionId, offset: int) -> None:
        """The committed offset is known: read from there."""
        self.starting.discard(partition)
        self.running[partition] = offset

    def take(self, partition: PartitionId, last: int) -> int | None:
        """Records up to `last` were read: where the partition stood before, None if it does not run."""
        start = self.running.get(partition)
        if start is None or last < start:
            return None
        self.running[partition] = last + 1
        return start

    def hold(self, generation: int, partition: PartitionId, offset: int, view: object) -> bool:
        """Stop a partition before `offset` for as long as the plan's view is this one. False: it does not run."""
        if generation != self.generation or partition not in self.running:
            return False
        del self.running[partition]
        self._held[partition] = (offset, view)
        return True

    @property
    def held(self) -> tuple[PartitionId, ...]:
        """The partitions that are stopped."""
        return tuple(self._held)

    def release(self, view: object) -> bool:
        """Let partitions run again that were held under another view; whether there were any."""
        free = [(partition, offset) for partition, (offset, held_under) in self._held.items() if held_under is not view]
        for partition, offset in free:
            del self._held[partition]
            self.running[partition] = offset
        return bool(free)
