"""Publishing beside reading: a thread of its own commits what a source gave while the source gets more.

Batches that come quickly share a transaction, for half a second at most; one that says "nothing new" ends it at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Self

from connectors.base import Batch

__all__ = ["Pump"]

_SECONDS = 0.5
_SLICE = 0.2
#: Batches that wait: enough that neither side waits for the other, few enough to hold little.
_ROOM = 2


class Pump:
    """`publish` gets batches in order, all that one call takes in one transaction; it need not take all it is offered.

    What it raises is raised to whoever hands over the next batch, settles, or ends the pump.
    """

    def __init__(self, publish: Callable[[Iterator[Batch]], None], name: str) -> None:
        self._publish = publish
        self._queue: Queue[Batch | threading.Event | None] = Queue(_ROOM)
        self._held: list[threading.Event | None] = []
        self._error: BaseException | None = None
        self._settled = True
        self._thread = threading.Thread(target=self._run, name=f"{name} publishes", daemon=True)

    def put(self, batch: Batch) -> None:
        """Hand over a batch; waits while too many lie before it."""
        self._settled = False
        self._put(batch)

    def settle(self) -> None:
        """Wait until all that was handed over is committed."""
        self._raise()
        if self._settled:
            return
        done = threading.Event()
        self._put(done)
        while not done.wait(_SLICE):
            self._raise()
        self._settled = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What was handed over is still published, also when the source has failed."""
        while self._thread.is_alive():
            try:
                self._queue.put(None, timeout=_SLICE)
                break
            except Full:
                continue
        self._thread.join()
        if kind is None:
            self._raise()

    def _put(self, item: Batch | threading.Event) -> None:
        while True:
            self._raise()
            try:
                return self._queue.put(item, timeout=_SLICE)
            except Full:
                continue

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while (item := self._held.pop() if self._held else self._queue.get()) is not None:
                if isinstance(item, threading.Event):
                    item.set()
                else:
                    self._publish(self._together(item))
        except BaseException as error:
            self._error = error

    def _together(self, batch: Batch) -> Iterator[Batch]:
        """This batch and those that follow soon."""
        until = time.monotonic() + _SECONDS
        yield batch
        while batch.changes and (left := until - time.monotonic()) > 0:
            try:
                item = self._queue.get(timeout=left)
            except Empty:
                return
            if not isinstance(item, Batch):
                self._held.append(item)
                return
            batch = item
            yield batch
