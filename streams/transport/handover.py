"""The bounded queue from the consumer thread to the event loop, and what travels in it: openings and deliveries."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.chunk import Chunk, Holders, PartitionId

__all__ = ["Delivery", "Handover", "Opening"]


@dataclass(frozen=True, slots=True)
class Opening:
    """A partition begins: its committed offset and memory. It comes before the partition's first records."""

    generation: int
    partition: PartitionId
    offset: int
    fresh: bool
    metadata: str
    rows: Mapping[bytes, Holders]
    group: Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """One chunk, where each of its partitions stood before it was read, and the group metadata to commit it with."""

    chunk: Chunk
    starts: Mapping[PartitionId, int]
    records: int
    group: Any


class Handover:
    """The thread offers, the loop takes. Openings always fit; deliveries wait for room."""

    def __init__(self, room: int = 4) -> None:
        self._room = room
        self._items: deque[Opening | Delivery] = deque()
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop that takes."""
        self._loop = loop

    def put(self, item: Opening | Delivery) -> None:
        """Thread: hand over now."""
        with self._changed:
            self._items.append(item)
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._filled.set)

    def offer(self, item: Delivery, timeout: float) -> bool:
        """Thread: hand over as soon as there is room; False if there is none in time."""
        until = time.monotonic() + timeout
        with self._changed:
            while len(self._items) >= self._room:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        self.put(item)
        return True

    async def take(self, timeout: float) -> Opening | Delivery | None:
        """Loop: the next item, None if none comes in time."""
        if not self._items:
            self._filled.clear()
            if not self._items:
                try:
                    async with asyncio.timeout(timeout):
                        await self._filled.wait()
                except TimeoutError:
                    return None
        return self._pop()

    def clear(self) -> None:
        """Loop: forget all that waits."""
        with self._changed:
            self._items.clear()
            self._changed.notify()

    def _pop(self) -> Opening | Delivery | None:
        with self._changed:
            item = self._items.popleft() if self._items else None
            self._changed.notify()
            return item
