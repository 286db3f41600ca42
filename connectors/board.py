"""Where an instance writes what a person should see of it, and the process reads it. Thread-safe."""

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import psutil

from connectors.base import Finding, Progress
from schemas.connector_status import ConnectorStatus, Remark
from schemas.control import ConnectorInstance
from schemas.errors import BusError

__all__ = ["Board", "remark_of"]

_RATE_SECONDS = 30.0
_PROCESS = psutil.Process()


def remark_of(error: BusError | Finding) -> Remark:
    """An error or a finding as the status shows it."""
    if isinstance(error, Finding):
        return Remark(code=error.code, problem=error.problem, advice=error.advice, blocks=error.blocks)
    return Remark(code=type(error).__name__, problem=error.problem, advice=error.advice)


class Board:
    """The status of one instance while its process runs."""

    def __init__(self, instance: ConnectorInstance) -> None:
        now = int(time.time() * 1000)
        self._lock = threading.Lock()
        self._status = ConnectorStatus(
            instance=instance.id,
            kind=instance.kind,
            direction=instance.direction,
            state="waiting",
            since=now,
            updated=now,
        )
        self._recent: deque[tuple[float, int]] = deque()

    def set(self, **changes: Any) -> None:
        """Change some fields; `since` moves with the state."""
        with self._lock:
            if changes.get("state", self._status.state) != self._status.state:
                changes["since"] = int(time.time() * 1000)
            self._status = self._status.model_copy(update=changes)

    def count(self, rows: int) -> None:
        """So many rows more were published or stored."""
        with self._lock:
            self._status = self._status.model_copy(update={"rows": self._status.rows + rows})
            self._recent.append((time.monotonic(), rows))

    def progress(self, progress: Progress, more: Iterable[Finding] = ()) -> None:
        """What a source reports."""
        rate = self._rate()
        left = max(progress.total - progress.done, 0)
        eta = int(left / rate) + 1 if progress.phase == "snapshot" and rate and left else 0
        remarks = tuple(remark_of(finding) for finding in (*progress.findings, *more))
        self.set(phase=progress.phase, done=progress.done, total=progress.total, eta_seconds=eta, remarks=remarks)

    def read(self) -> ConnectorStatus:
        """The status now."""
        rate = self._rate()
        with self._lock:
            return self._status.model_copy(
                update={"updated": int(time.time() * 1000), "rows_per_second": round(rate, 1), "rss": _PROCESS.memory_info().rss}
            )

    def _rate(self) -> float:
        now = time.monotonic()
        with self._lock:
            while self._recent and self._recent[0][0] < now - _RATE_SECONDS:
                self._recent.popleft()
            if not self._recent:
                return 0.0
            return sum(rows for _, rows in self._recent) / max(now - self._recent[0][0], 1.0)
