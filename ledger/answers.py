"""What the ledger answers, typed: the JSON of its HTTP as `LedgerClient` gives it to console and trial.

Days are ISO dates of Asia/Shanghai, moments ISO 8601 with +08:00, latencies milliseconds. Unknown fields are ignored, so
that an older client reads a newer ledger.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Answer", "Balance", "Books", "DatasetBook", "DutyState", "Figure", "FindingRow", "Findings", "Integrity", "Latencies",
           "LatencyRow", "Minute", "Peak", "Peaks", "Quality", "QualityRow", "RawBook", "RecorderState", "SubscriptionBook", "Volume",
           "VolumeRow", "Window"]

Balance = Literal["balanced", "open", "partial", "imbalanced"]


class Answer(BaseModel):
    """Immutable, and tolerant of what it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Span(Answer):
    """What an answer about days says first: which they are, both included."""

    first: str = Field(alias="from")
    last: str = Field(alias="to")


class VolumeRow(Answer):
    """Sums of one combination of the dimensions asked for; those not asked for are empty."""

    stage: str = ""
    cause: str = ""
    provider: str = ""
    dataset: str = ""
    subscriber: str = ""
    day: str = ""
    hour: str = ""
    minute: str = ""
    records: int
    bytes: int = 0
    fixed: int = 0


class Volume(Span):
    """Sums over a span of days. `exchange` is delivered + returned_up + returned_down, of every cause; or live alone."""

    rows: tuple[VolumeRow, ...]
    exchange: int
    exchange_live: int


class Window(Answer):
    """A largest window: how much, when it began (a day: its date), and the dataset that gave most of it."""

    records: int
    at: str
    dataset: str


class Peak(Answer):
    """The peaks of one name: empty for all, else a dataset or a subscriber."""

    name: str
    second: Window
    minute: Window
    hour: Window
    day: Window


class Peaks(Span):
    """Peaks over a span of days, live records only; the largest day first."""

    stage: str
    scope: str
    rows: tuple[Peak, ...]

    @property
    def top(self) -> Peak | None:
        """The row with the largest day: of scope `all` the only one. None when nothing was counted."""
        return self.rows[0] if self.rows else None


class DatasetBook(Answer):
    """One dataset in one hour. difference = arrived - cleaned - duplicate - superseded - quarantined."""

    provider: str
    dataset: str
    hour: str
    arrived: int
    cleaned: int
    duplicate: int
    superseded: int
    quarantined: int
    fixed: int
    difference: int
    state: Balance


class RawBook(Answer):
    """One provider in one hour. difference = values counted on raw below clean's commits - arrived."""

    provider: str
    hour: str
    counted: int
    arrived: int
    in_flight: int
    difference: int
    state: Balance


class SubscriptionBook(Answer):
    """One subscription in one hour, live. difference = cleaned - all it was told - in flight."""

    subscription: str
    subscriber: str
    dataset: str
    hour: str
    cleaned: int
    delivered: int
    returned_up: int
    returned_down: int
    held_back: int
    quarantined: int
    in_flight: int
    difference: int
    partial: bool
    state: Balance


class Integrity(Answer):
    """Whether any tally, or any finding, is in its table twice: `doubled` is 0 if all is well."""

    tallies: int
    different: int
    findings: int = 0
    doubled: int


class Books(Span):
    """All books of a span of days. `balanced`: nothing is imbalanced and nothing doubled; `settled`: nothing moves either."""

    settled: bool
    balanced: bool
    states: dict[Balance, int]
    integrity: Integrity
    datasets: tuple[DatasetBook, ...]
    raw: tuple[RawBook, ...]
    subscriptions: tuple[SubscriptionBook, ...]


class LatencyRow(Answer):
    """Quantiles of handled - arrived, ms, of one combination of the dimensions asked for."""

    stage: str = ""
    cause: str = ""
    provider: str = ""
    dataset: str = ""
    subscriber: str = ""
    day: str = ""
    records: int
    min: float = 0
    mean: float = 0
    p50: float = 0
    p90: float = 0
    p99: float = 0
    max: float = 0


class Latencies(Span):
    """Latencies over a span of days."""

    rows: tuple[LatencyRow, ...]


class Figure(Answer):
    """One figure of quality: share = 1 - flawed / of, None where nothing was judged. `before`: the day before; `week`: the
    seven days before it as one; `history`: these seven, and the day itself."""

    share: float | None = None
    flawed: int = 0
    of: int = 0
    before: float | None = None
    week: float | None = None
    history: tuple[float | None, ...] = ()


class QualityRow(Answer):
    """The four figures of one dataset on one day. `records` arrived, repeats aside; timeliness is of live ones alone."""

    provider: str
    dataset: str
    day: str
    records: int
    completeness: Figure
    validity: Figure
    consistency: Figure
    timeliness: Figure


class Quality(Span):
    """Figures over a span of days, by dataset and day."""

    rows: tuple[QualityRow, ...]


class FindingRow(Answer):
    """Records by what was found in them; what was not asked for is empty. `noted`: of its time, told only here."""

    provider: str = ""
    dataset: str = ""
    day: str = ""
    cause: str = ""
    dimension: str = ""
    field: str = ""
    reason: str = ""
    severity: str = ""
    records: int


class Findings(Span):
    """What was found over a span of days, most records first."""

    rows: tuple[FindingRow, ...]


class Minute(Answer):
    """Live records of one minute."""

    at: str
    arrived: int
    cleaned: int
    quarantined: int
    exchange: int


class DutyState(Answer):
    """What recorder or auditor does; `problem` is what it waits for or has put off, in the language of the ledger process."""

    state: Literal["starting", "running", "waiting", "halted", "stopped"]
    problem: str = ""
    since: str = ""
    failures: int = 0


class RecorderState(Answer):
    """How far the books are. Offsets are the next ones: everything below is in; key: partition of bus.tallies."""

    recorder: DutyState
    auditor: DutyState
    #: In the tally table: volume of the last two days and books see it.
    recorded: dict[int, int]
    #: In the day tables too: every answer sees it.
    settled: dict[int, int]
    #: Offsets of bus.tallies, and of raw lanes, that are not read yet; -1 unknown.
    behind: int
    raw_behind: int
    #: Values on raw that clean had not committed when it was asked last.
    raw_in_flight: int
    #: Nothing was moving at the last look, neither tallies nor raw lanes.
    quiet: bool
    #: Everything written before that moment is in the tables; empty until that is known.
    up_to: str = ""
