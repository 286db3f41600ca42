"""The report of a worker on `bus.workers` every two seconds, and the watchdog that ends a process that stands still."""

import logging
import time
from collections import defaultdict
from typing import Final, Literal

import psutil

from schemas.errors import BusError
from schemas.status import LaneLag, StageCount, WorkerStatus
from streams.slot import Slot
from streams.transport.engine import Engine
from wire.publisher import NotAcknowledged, Publisher
from wire.settings import KafkaSettings

__all__ = ["LANE", "Heartbeat"]

LANE: Final = "bus.workers"

State = Literal["starting", "running", "leaving"]

logger = logging.getLogger(__name__)


class Heartbeat:
    """Makes and sends the report. `tell` blocks a moment, so it is called from a thread."""

    def __init__(self, settings: KafkaSettings, slot: Slot, epoch: int, engine: Engine) -> None:
        self._slot = slot
        self._epoch = epoch
        self._engine = engine
        self._publisher = Publisher(settings, message_timeout_ms=5000)
        self._process = psutil.Process()
        self._last: tuple[float, dict[str, int]] = (time.monotonic(), {})
        self.state: State = "starting"

    def tell(self) -> None:
        """Send the report; that Kafka is away now is no reason to stop."""
        self._send(self.report().to_json())

    def bye(self) -> None:
        """We left as asked."""
        self._send(None)
        self._publisher.close()

    def report(self) -> WorkerStatus:
        """The worker as it is now."""
        work, now = self._engine.transaction, int(time.time() * 1000)
        return WorkerStatus(
            worker=self._slot.instance, host=self._slot.host, slot=self._slot.number, epoch=self._epoch,
            state=self.state, plan_version=work.plan_version, started=self._epoch * 1000, updated=now,
            stages=self._stages(), lanes=self._lanes(now), not_begun=self._engine.not_begun, commits=work.commits,
            aborts=work.aborts, transaction_ms=round(work.commit_seconds * 1000, 1),
            last_commit=int(work.committed_at * 1000), rss=self._process.memory_info().rss, held=work.held)

    def _stages(self) -> dict[str, StageCount]:
        at, before = self._last
        now, totals = time.monotonic(), dict(self._engine.transaction.counted)
        self._last = (now, totals)
        passed = max(now - at, 0.001)
        return {stage: StageCount(total=total, per_second=round((total - before.get(stage, 0)) / passed, 1))
                for stage, total in sorted(totals.items())}

    def _lanes(self, now: int) -> dict[str, LaneLag]:
        found: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for (lane, _), (records, arrived) in self._engine.lag().items():
            found[lane].append((records, max(now - arrived, 0) / 1000 if records and arrived else 0.0))
        return {lane: LaneLag(partitions=len(lags), records=sum(records for records, _ in lags),
                              seconds=round(max(seconds for _, seconds in lags), 1))
                for lane, lags in sorted(found.items())}

    def _send(self, value: bytes | None) -> None:
        try:
            self._publisher.send(LANE, self._slot.instance.encode(), value)
            self._publisher.flush(5)
        except NotAcknowledged as error:
            logger.warning("bus.workers: %s", error.why)
        except BusError as error:
            logger.warning("bus.workers: %s", error)
