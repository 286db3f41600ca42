"""Ends a worker that stands still: something waits to get done, and nothing is committed or remembered (§5).

So does one whose client does not come back from Kafka: the broker ends its transaction meanwhile, and the next start goes on.
"""

import threading
import time
from typing import Final

from streams.transport.engine import Engine
from streams.transport.exits import STUCK, end_process

__all__ = ["Watchdog"]

_EVERY: Final = 1.0
#: Looks that may find the same call to Kafka under way; none should take longer than five seconds, yet
#: `send_offsets_to_transaction` may take for ever when a broker starts anew.
_A_CALL: Final = 8


class Watchdog(threading.Thread):
    """A thread of its own: it also sees an event loop that is blocked.

    It counts its looks and knows no clock: while the process is stopped nobody looks.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._engine = engine
        self._patience = patience
        self._seen = engine.progress()
        self._still = 0
        self._call = 0
        self._same_call = 0

    def run(self) -> None:
        while True:
            time.sleep(_EVERY)
            why = self.look()
            if why:
                end_process(STUCK, why)

    def look(self) -> str:
        """Why the worker must end; "" if it need not."""
        call, now = self._engine.call, self._engine.progress()
        self._same_call = self._same_call + 1 if call and call == self._call else 0
        self._call = call
        if self._same_call >= _A_CALL:
            return "Kafka"
        if now != self._seen or not self._engine.has_work():
            self._seen, self._still = now, 0
            return ""
        self._still += 1
        return f"{self._patience:.0f} s" if self._still * _EVERY > self._patience else ""
