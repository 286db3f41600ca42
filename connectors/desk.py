"""The desk a source reads at: waiting, reporting, and what the bus has done with what the instance published."""

import threading
import time
from collections.abc import Callable, Iterator

from connectors.base import Finding, Progress
from connectors.board import Board
from connectors.tasks import SourceTask
from schemas.codec.peek import op_and_source
from schemas.envelope import marker_key
from wire.cluster import Cluster
from wire.reading import read_all
from wire.settings import KafkaSettings

__all__ = ["KafkaDesk"]

_ASK_EVERY = 1.0
_ASK_AT_LEAST = 4.0
_LONG = 0.05


class KafkaDesk:
    """`connectors.base.Desk` on Kafka, for one run of one instance."""

    def __init__(
        self,
        settings: KafkaSettings,
        task: SourceTask,
        board: Board,
        stop: threading.Event,
        published: Callable[[], dict[int, int]],
    ) -> None:
        self._settings = settings
        self._task = task
        self._board = board
        self._stop = stop
        self._published = published
        self._goal: dict[int, int] = {}
        self._next_ask, self._patience = 0.0, _ASK_EVERY
        self._cluster: Cluster | None = None
        self._progress = Progress()
        self._lock = threading.Lock()
        #: Waits until all that the source has yielded is committed.
        self.settle: Callable[[], None] = lambda: None
        self.standing: Callable[[], tuple[Finding, ...]] = tuple

    def wait(self, seconds: float) -> bool:
        """Sleep; False as soon as the source shall stop. What was yielded before a longer sleep is committed first."""
        if seconds >= _LONG:
            self.settle()
        return not (self._stop.wait(seconds) if seconds > 0 else self._stop.is_set())

    def report(self, progress: Progress) -> None:
        """Show this in the instance's status, beside what `check` found and what was refused."""
        with self._lock:
            self._progress = progress
            self._board.progress(progress, self.standing())

    def report_again(self) -> None:
        """Show the same progress beside what stands now; from any thread."""
        with self._lock:
            self._board.progress(self._progress, self.standing())

    def remember_published(self) -> None:
        """Take note of how far the instance has published."""
        self.settle()
        self._goal = dict(self._published())
        self._next_ask, self._patience = 0.0, _ASK_EVERY

    def everything_is_clean(self) -> bool:
        """Whether the workers have committed positions behind all that was published then. Asks more and more rarely."""
        if time.monotonic() < self._next_ask:
            return False
        self._next_ask = time.monotonic() + self._patience
        self._patience = min(self._patience * 2, _ASK_AT_LEAST)
        if self._cluster is None:
            self._cluster = Cluster(self._settings)
        done = self._cluster.committed("worker", [self._task.raw])
        return all(
            (at := done.get((self._task.raw, number))) is not None and at.offset >= goal
            for number, goal in self._goal.items()
        )

    def published_keys(self) -> Iterator[bytes]:
        """The Kafka key of every record of this dataset on the clean lane that came from this source system."""
        head, keys = marker_key(self._task.dataset.id), set[bytes]()
        for record in read_all(self._settings, [self._task.clean]):
            key = record.key
            if key is None or key == head or not key.startswith(head):
                continue
            if (
                record.value is None
                or (seen := op_and_source(record.value))[0] == "d"
                or seen[1] != self._task.source_system
            ):
                keys.discard(key)
            else:
                keys.add(key)
        return iter(keys)
