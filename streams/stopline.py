"""A department's stop-line: how many of its records may go to quarantine before its lane is held for a person to look.

Counted by arrival second, so a backlog is judged as it came, and the same records always stop at the same one.
"""

from collections import deque
from collections.abc import Iterable

from schemas.control import StopLine

__all__ = ["Window"]


class Window:
    """What arrived lately on one partition, and how much of it was rejected. It begins empty whenever the partition does."""

    def __init__(self, line: StopLine, seconds: Iterable[tuple[int, int, int]] = ()) -> None:
        self.line = line
        self._seconds = deque(seconds)
        self.records = sum(records for _, records, _ in self._seconds)
        self.rejected = sum(rejected for _, _, rejected in self._seconds)

    def copy(self) -> "Window":
        """One that may be moved on without harm to this one."""
        return Window(self.line, self._seconds)

    def crossed(self, arrived_ms: int, rejected: bool) -> bool:
        """Count one more record; whether it is the one that reaches the line."""
        second = arrived_ms // 1000
        last = self._seconds.pop() if self._seconds and self._seconds[-1][0] >= second else (second, 0, 0)
        self._seconds.append((last[0], last[1] + 1, last[2] + rejected))
        self.records += 1
        self.rejected += rejected
        while self._seconds[0][0] <= last[0] - self.line.window_seconds:
            _, records, gone = self._seconds.popleft()
            self.records -= records
            self.rejected -= gone
        return rejected and self._reached()

    def _reached(self) -> bool:
        line = self.line
        if line.letters and self.rejected >= line.letters:
            return True
        return bool(line.ratio) and self.records >= line.at_least and self.rejected >= line.ratio * self.records
