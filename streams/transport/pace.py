"""How large a chunk is and how often to commit, from what was measured. Pure.

Handling a chunk holds the loop < 50 ms; committing takes at most a fifth of the time, 100 ms … 1 s apart (I-16).
"""

from typing import Final

__all__ = ["ChunkSize", "CommitInterval"]

_TARGET: Final = 0.04
_SMALLEST: Final = 50
_LARGEST: Final = 5000
_START: Final = 250
#: Committing takes d, then we wait at least 4 d.
_WAIT_PER_COMMIT: Final = 4.0
#: Commits whose mean is taken, about.
_LAST: Final = 5


class ChunkSize:
    """How many records of one kind a chunk holds."""

    def __init__(self) -> None:
        self.records = _START

    def measured(self, records: int, seconds: float) -> None:
        """Handling so many records took so long: shrink at once, grow at most twofold, learn nothing from a few."""
        if records * 4 < self.records and seconds < _TARGET:
            return
        fitting = int(records * _TARGET / max(seconds, 1e-6))
        self.records = max(_SMALLEST, min(fitting, self.records * 2, _LARGEST))


class CommitInterval:
    """Seconds from the first work of a transaction to its commit."""

    def __init__(self, shortest: float = 0.1, longest: float = 1.0) -> None:
        self.shortest = shortest
        self.longest = longest
        self.seconds = shortest
        self._mean = 0.0

    def measured(self, seconds: float) -> None:
        """A commit took so long. The mean of the last ones counts: one slow commit is no reason to make everybody wait."""
        self._mean += (min(seconds, self.longest) - self._mean) / _LAST
        self.seconds = min(max(self._mean * _WAIT_PER_COMMIT, self.shortest), self.longest)
