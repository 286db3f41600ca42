"""The newest snapshot as bytes, given to whoever follows it. Published from a thread, followed in the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator

__all__ = ["Feed"]

#: Pages that may follow at once.
MOST = 200


class Feed:
    """A slow follower misses snapshots, never the newest one."""

    def __init__(self) -> None:
        # A signal closes the feed in the very thread that may hold this.
        self._lock = threading.RLock()
        self._latest: bytes | None = None
        self._queues: dict[asyncio.Queue[bytes | None], asyncio.AbstractEventLoop] = {}
        self._closed = False

    @property
    def latest(self) -> bytes | None:
        """The newest one; None before the first."""
        return self._latest

    @property
    def followers(self) -> int:
        """How many follow now."""
        return len(self._queues)

    @property
    def full(self) -> bool:
        """Whether one more would be too many."""
        return len(self._queues) >= MOST

    def publish(self, data: bytes) -> None:
        """This is the newest."""
        self._give(data)

    def close(self) -> None:
        """End every follower, and those to come."""
        self._closed = True
        self._give(None)

    async def follow(self) -> AsyncIterator[bytes]:
        """The newest one at once, then each new one, until closed."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        with self._lock:
            self._queues[queue] = asyncio.get_running_loop()
            if self._closed:
                queue.put_nowait(None)
            elif self._latest is not None:
                queue.put_nowait(self._latest)
        try:
            while (data := await queue.get()) is not None:
                yield data
        finally:
            with self._lock:
                self._queues.pop(queue, None)

    def _give(self, data: bytes | None) -> None:
        with self._lock:
            if data is not None:
                self._latest = data
            for queue, loop in self._queues.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_replace, queue, data)


def _replace(queue: "asyncio.Queue[bytes | None]", data: bytes | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(data)
