"""What Kafka says of the bus: plan, workers, connectors, and how far each lane is behind."""

import time
from dataclasses import dataclass

from console.serve.lag import Behind, EndHistory, told_by_workers, uncovered
from console.serve.watching import Watcher
from console.watch import parsed
from schemas.connector_status import STATUS_PREFIX, ConnectorStatus
from schemas.control import ConnectorInstance, Plan
from schemas.status import SILENT_AFTER, WorkerStatus
from wire.cluster import Cluster
from wire.compacted import CompactedReader
from wire.control import ControlReader
from wire.probe import answers
from wire.settings import KafkaSettings

__all__ = ["KafkaView", "KafkaWatch"]

PLAN, WORKERS, CONNECTORS, CURSORS = "bus.plan", "bus.workers", "bus.connectors", "bus.cursors"

_LOOK = 1.0


@dataclass(frozen=True)
class KafkaView:
    """The bus at one moment. Workers and connectors as they last spoke: how long ago is the reader's to judge."""

    plan: Plan
    workers: tuple[WorkerStatus, ...] = ()
    instances: tuple[ConnectorInstance, ...] = ()
    connectors: tuple[ConnectorStatus, ...] = ()
    lanes: tuple[Behind, ...] = ()


class KafkaWatch(Watcher[KafkaView]):
    """Follows control topics and status live; asks for offsets now and then."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__("kafka")
        #: Seconds between two questions for offsets.
        self.offsets_every = 4.0
        self._settings = settings
        self._history = EndHistory()
        self._committed: dict[tuple[str, int], int] = {}
        self._orphaned: set[str] = set()
        self._asked = 0.0

    def watch(self) -> None:
        """Until told to stop. RetryError, HaltError: Kafka is away, or does not let us in."""
        answers(self._settings)
        with (
            ControlReader(self._settings) as control,
            CompactedReader(self._settings, [WORKERS, CONNECTORS, CURSORS]) as tables,
        ):
            cluster = Cluster(self._settings, timeout=8)
            plan = control.load()
            tables.load()
            self._asked = 0.0
            while not self.stopping.is_set():
                plan = control.poll() or plan
                while tables.poll():
                    pass
                self.show(self._view(cluster, plan, tables.tables))
                self.stopping.wait(_LOOK)

    def _view(self, cluster: Cluster, plan: Plan, tables: dict[str, dict[bytes, bytes]]) -> KafkaView:
        workers = parsed(WorkerStatus, tables[WORKERS].values())
        status = (value for key, value in tables[CURSORS].items() if key.startswith(STATUS_PREFIX.encode()))
        return KafkaView(plan, workers, parsed(ConnectorInstance, tables[CONNECTORS].values()),
                         parsed(ConnectorStatus, status), self._lanes(cluster, plan, workers))

    def _lanes(self, cluster: Cluster, plan: Plan, workers: tuple[WorkerStatus, ...]) -> tuple[Behind, ...]:
        now = time.time()
        lanes = {lane: state.partitions for lane, state in plan.lanes.items()
                 if lane.startswith(("raw.", "clean.", "clean-log."))}  # fmt: skip
        told = told_by_workers(worker for worker in workers if now - worker.updated / 1000 <= SILENT_AFTER)
        orphaned = uncovered(lanes, told)
        # Of a lane that a worker has only now left no commit is known, or one of an earlier time: it is asked for at once.
        if now - self._asked >= self.offsets_every or set(orphaned) - self._orphaned:
            # Asking after the plan's lane too: this is how we notice that Kafka is away; a reader only hears nothing.
            places = [(PLAN, 0), *((lane, number) for lane, count in lanes.items() for number in range(count))]
            self._history.note(cluster.ends(places, committed=True), now)
            if orphaned:
                self._committed = {place: commit.offset for place, commit in cluster.committed("worker", orphaned).items()}
            self._asked = now
        self._orphaned = set(orphaned)
        known = self._history.behind(orphaned, self._committed, now)
        return tuple(known.get(lane) or told[lane] for lane in sorted(lanes))
