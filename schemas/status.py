"""What a worker says of itself every two seconds on `bus.workers`, keyed `<host>-<slot>`. For the page, metrics, apply.

A tombstone means it left as asked; one that is silent beyond `SILENT_AFTER` seconds is gone. A revocation is done when
every worker that is there has reported its version (I-18).
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["SILENT_AFTER", "LaneLag", "StageCount", "WorkerStatus"]

#: Seconds: the session timeout of the group and one report.
SILENT_AFTER: Final = 10.0


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StageCount(_Frozen):
    """Committed records of one stage of the ledger since the worker started, and per second since its last report."""

    total: int
    per_second: float


class LaneLag(_Frozen):
    """How far this worker is behind on the partitions of a lane that it has; `seconds` is the worst of them."""

    partitions: int
    records: int
    seconds: float


class WorkerStatus(_Frozen):
    """One worker now. Times are milliseconds since 1970 UTC."""

    worker: str
    host: str
    slot: int
    epoch: int
    state: Literal["starting", "running", "leaving"]
    plan_version: int
    started: int
    updated: int
    stages: dict[str, StageCount]
    lanes: dict[str, LaneLag]
    #: Partitions that are ours but have not begun: their position, memory or plan is not known yet.
    not_begun: int
    commits: int
    aborts: int
    transaction_ms: float
    last_commit: int
    rss: int
    #: Lanes that this worker holds at their provider's stop-line, until they are released.
    held: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """The value on `bus.workers`."""
        return self.model_dump_json().encode()
