"""What the page, the JSON and the metrics show of one moment: plain figures and texts, never a record's value.

Times are milliseconds since 1970 UTC, 0 where there is none. Texts are pairs [zh, en].
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.text import Text

__all__ = ["Attention", "BooksState", "Connector", "Count", "DatasetQuality", "Duty", "Lane", "Minute", "Origin", "Peak",
           "Recorder", "Share", "Silent", "Snapshot", "Volume", "Worker"]

#: Rows of a table that the page is sent; the metrics have all.
_ROWS = 60


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Origin(_Frozen):
    """Where figures come from and how old they are. stale: answered before, not now; away: never answered yet."""

    name: Literal["kafka", "ledger", "quarantine"]
    state: Literal["fresh", "starting", "stale", "away"]
    as_of: int
    problem: Text | None = None
    advice: Text | None = None


class Attention(_Frozen):
    """One thing an operator should look at, and what to do."""

    level: Literal["bad", "warn"]
    code: str
    problem: Text
    advice: Text


class Volume(_Frozen):
    """Records of today by stage, and the headline: exchange, of it live."""

    day: str
    exchange: int
    exchange_live: int
    stages: dict[str, int]
    fixed: int


class Peak(_Frozen):
    """The largest second, minute or hour of today."""

    width: Literal["second", "minute", "hour"]
    records: int
    at: int
    dataset: str
    title: Text


class Minute(_Frozen):
    """Live records of one minute."""

    at: int
    arrived: int
    exchange: int
    quarantined: int


class Lane(_Frozen):
    """How far one lane is behind."""

    lane: str
    title: Text
    partitions: int
    records: int
    seconds: float
    basis: Literal["workers", "offsets"]
    at_least: bool
    #: by whom it is held, if it is: `line` the provider's stop-line, `hand` a person
    held: Literal["", "line", "hand"] = ""


class Count(_Frozen):
    """A number with what it counts: a dataset, and perhaps a reason with its words."""

    dataset: str
    title: Text
    records: int
    reason: str = ""
    problem: Text | None = None


class Share(_Frozen):
    """One figure of quality: in percent as shown, and the records it comes from. `day` and `week`: percentage points above
    the day and the week before; `fell`: far below the week."""

    shown: str
    share: float | None
    flawed: int
    of: int
    day: float | None
    week: float | None
    fell: bool


class DatasetQuality(_Frozen):
    """The quality of what came of one dataset today; `history` is a line of eight days of its weakest figure."""

    provider: str
    dataset: str
    title: Text
    records: int
    figures: dict[str, Share]
    weakest: str
    history: str
    worst: tuple[Count, ...]


class BooksState(_Frozen):
    """The books of today in one word, and the rows that do not balance."""

    state: Literal["balanced", "open", "imbalanced"]
    counts: dict[str, int]
    in_flight: int
    doubled: int
    wrong: tuple[tuple[str, str, int], ...] = ()


class Silent(_Frozen):
    """A dataset from which nothing came for longer than its cycle; `last` 0: never."""

    dataset: str
    title: Text
    cycle: str
    last: int


class Worker(_Frozen):
    """One worker: as it spoke last, and whether it still speaks."""

    worker: str
    state: Literal["starting", "running", "leaving", "silent"]
    started: int
    updated: int
    plan_version: int
    per_second: dict[str, float]
    totals: dict[str, int]
    lag_records: int
    lag_seconds: float
    not_begun: int
    commits: int
    aborts: int
    transaction_ms: float
    last_commit: int
    rss: int


class Connector(_Frozen):
    """One connector instance; `missing`: it is registered, and no process runs it."""

    instance: str
    kind: str
    direction: Literal["source", "sink"]
    department: str
    state: Literal["waiting", "running", "retrying", "halted", "paused", "stopped", "silent", "missing"]
    phase: str = ""
    updated: int = 0
    rows: int = 0
    rows_per_second: float = 0.0
    rejected: int = 0
    done: int = 0
    total: int = 0
    eta_seconds: int = 0
    lag_seconds: float = 0.0
    rss: int = 0
    remarks: tuple[tuple[Text, Text], ...] = ()


class Recorder(_Frozen):
    """How far the books are behind what was counted. `behind` counts offsets, -1 unknown."""

    state: str
    auditor: str
    behind: int
    raw_behind: int
    recorded: int


class Duty(_Frozen):
    """What serve does by itself. `replay`: events go out again because their schema is known now; `stop_line`: a lane that a worker
    holds is held for all. So many since serve started, so many that it could not; `on`: it is not switched off."""

    name: Literal["replay", "stop_line"]
    on: bool = True
    done: int = 0
    left: int = 0
    problem: Text | None = None
    advice: Text | None = None


class Snapshot(_Frozen):
    """Everything at one moment."""

    at: int
    refresh_ms: int
    node: Text
    node_code: str
    plan_version: int
    origins: tuple[Origin, ...]
    attention: tuple[Attention, ...]
    volume: Volume | None
    throughput: dict[str, float]
    latency: dict[str, tuple[float, float]]
    peaks: tuple[Peak, ...]
    minutes: tuple[Minute, ...]
    lanes: tuple[Lane, ...]
    lanes_total: int
    quarantine_today: tuple[Count, ...]
    letters: int
    letters_complete: bool
    reasons: tuple[Count, ...]
    quality: tuple[DatasetQuality, ...]
    books: BooksState | None
    recorder: Recorder | None
    silent: tuple[Silent, ...]
    workers: tuple[Worker, ...]
    connectors: tuple[Connector, ...]
    duties: tuple[Duty, ...] = ()

    def origin(self, name: str) -> Origin:
        """The origin of this name."""
        return next(origin for origin in self.origins if origin.name == name)

    def duty(self, name: Literal["replay", "stop_line"]) -> Duty:
        """The duty of this name; one that has done nothing where serve has told of none."""
        return next((duty for duty in self.duties if duty.name == name), Duty(name=name))

    def for_page(self) -> bytes:
        """As JSON, tables cut to what a person reads: the worst rows first."""
        cut = {name: getattr(self, name)[:_ROWS] for name in
               ("attention", "lanes", "quarantine_today", "reasons", "quality", "silent", "workers", "connectors")}
        return self.model_copy(update=cut).model_dump_json().encode()
