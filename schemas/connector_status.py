"""What a connector instance says of itself every two seconds, on `bus.cursors` under `status/<instance>`, for people."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.text import Text

__all__ = ["STATUS_PREFIX", "ConnectorStatus", "Remark"]

STATUS_PREFIX = "status/"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Remark(_Frozen):
    """One thing that stands in the way or that a person should know, and what to do. Never a record's value."""

    code: str
    problem: Text
    advice: Text
    blocks: bool = True


class ConnectorStatus(_Frozen):
    """One instance now. `rows` counts since its process started; `rejected` rows that fit into no event, ever."""

    instance: str
    kind: str
    direction: Literal["source", "sink"]
    #: retrying: the world is not ready, tried again at `next_try`. halted: a person is needed, tried again rarely.
    state: Literal["waiting", "running", "retrying", "halted", "paused", "stopped"]
    since: int
    updated: int
    phase: str = ""
    rows: int = 0
    rows_per_second: float = 0.0
    rejected: int = 0
    #: Of the snapshot: rows done of about how many, and seconds left; 0 when not in one.
    done: int = 0
    total: int = 0
    eta_seconds: int = 0
    #: How far behind, in seconds: a sink behind its lane.
    lag_seconds: float = 0.0
    next_try: int = 0
    #: Bytes of memory of the process that runs it.
    rss: int = 0
    remarks: tuple[Remark, ...] = ()

    def to_json(self) -> bytes:
        """The value on `bus.cursors`."""
        return self.model_dump_json().encode()
