"""Ends a worker that stands still: input waits and neither a chunk nor a commit gets done (§5).

So does one whose client does not come back from Kafka: the broker ends its transaction meanwhile, and the next start goes on.
"""

import threading
import time
from typing import Final

from streams.transport.engine import Engine
from streams.transport.exits import STUCK, end_process

__all__ = ["Watchdog"]

_EVERY: Final = 1.0


class Watchdog(threading.Thread):
    """A thread of its own: it also sees an event loop that is blocked."""

    def __init__(self, engine: Engine, patience: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._engine = engine
        self._patience = patience

    def run(self) -> None:
        seen, since = self._engine.progress(), time.monotonic()
        while True:
            time.sleep(_EVERY)
            if self._engine.overdue():
                end_process(STUCK, "Kafka")
            now = self._engine.progress()
            if now != seen or not self._engine.has_work():
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > self._patience:
                end_process(STUCK, f"{self._patience:.0f} s")
