"""How much memory a rehearsal takes: the proportional share (PSS) of this process and everything it started, at its highest."""

import threading

import psutil

__all__ = ["Footprint"]

_EVERY = 2.0


class Footprint:
    """Looks every two seconds, in a thread. `highest` is in bytes."""

    def __init__(self) -> None:
        self.highest = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="footprint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            self.highest = max(self.highest, _now())


def _now() -> int:
    """Where the system tells no shares, what is resident counts."""
    total, ours = 0, psutil.Process()
    for process in [ours, *ours.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
        except psutil.Error:
            continue
    return total
