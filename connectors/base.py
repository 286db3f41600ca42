"""What a connector is: five minutes for whoever writes one. `connectors/certify.py` is the suite it has to pass.

A source turns a department's system into row changes, each batch with the cursor that resumes behind it; the runner
numbers them and publishes both in one Kafka transaction. A sink stores what a subscriber receives together with the
positions behind it. Neither ever sees Kafka.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from connectors.shape import Shape
from schemas.control import Name
from schemas.envelope import Cause, Op
from schemas.text import Text

__all__ = [
    "AWAY",
    "Batch",
    "ConnectorConfig",
    "Cursor",
    "Delivered",
    "Desk",
    "Finding",
    "Positions",
    "Progress",
    "RowChange",
    "Sink",
    "SinkShape",
    "Source",
    "SourceConfig",
]


#: The code of a finding that says: not reachable now. The run is tried again soon.
AWAY = "away"


class ConnectorConfig(BaseModel):
    """What an instance file may say of every connector. Frozen; an unknown key is refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    dataset: Name


class SourceConfig(ConnectorConfig):
    """What it may say of every source. `source_system` is the CloudEvents source; the instance's id where it is empty."""

    source_system: Name | Literal[""] = ""


Config = TypeVar("Config", bound=ConnectorConfig)


class Finding(NamedTuple):
    """One thing that stands in the way (`blocks`) or that a person should know, and what to do. Never a value."""

    code: str
    problem: Text
    advice: Text
    blocks: bool = True

    def __str__(self) -> str:
        return f"{self.problem} → {self.advice}"


class RowChange(NamedTuple):
    """One change of one row as the source sees it. A delete names the record by its Kafka key and has no row.

    `place` is where a person finds the row (`file:line`). With a `flaw`, `[field:]reason`, it is counted as refused.
    """

    op: Op
    row: Mapping[str, Any] | None
    at: int = 0
    cause: Cause = "live"
    key: bytes = b""
    place: str = ""
    flaw: str = ""


@dataclass(frozen=True)
class Cursor:
    """Where to resume. `position` is small and becomes JSON; each of `parts` is a blob ≤ 900 kB, rewritten when it changed.

    The runner commits what `read` yields and hands exactly that back after a restart. Treat both as immutable.
    """

    position: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, bytes] = field(default_factory=dict)


class Batch(NamedTuple):
    """Changes, oldest first, and the cursor that resumes behind them. An empty batch says: nothing new for now."""

    changes: Sequence[RowChange]
    cursor: Cursor


@dataclass(frozen=True)
class Progress:
    """What a person sees of a source: its phase, rows done of about how many, and what stands in its way."""

    phase: Literal["starting", "snapshot", "live"] = "starting"
    done: int = 0
    total: int = 0
    findings: tuple[Finding, ...] = ()


class Desk(Protocol):
    """What the runner offers a source while it reads."""

    def wait(self, seconds: float) -> bool:
        """Sleep; False as soon as the source shall stop."""

    def report(self, progress: Progress) -> None:
        """Show this in the instance's status."""

    def everything_is_clean(self) -> bool:
        """Whether the bus has cleaned all that this instance had published when `remember_published` was last called."""

    def remember_published(self) -> None:
        """Take note of how far the instance has published."""

    def published_keys(self) -> Iterator[bytes]:
        """The Kafka key of every record of this dataset on the clean lane that came from this source system."""


class Source(ABC, Generic[Config]):
    """One department system. Made anew for every run; `read` is called once and iterated in one thread."""

    kind: ClassVar[str]
    config_type: ClassVar[type[ConnectorConfig]]

    def __init__(self, config: Config, shape: Shape) -> None:
        self.config = config
        self.shape = shape

    @abstractmethod
    def check(self) -> Iterator[Finding]:
        """Everything that would stop or spoil a run, all of it at once, changing nothing."""

    @abstractmethod
    def read(self, after: Cursor, desk: Desk) -> Iterator[Batch]:
        """Changes behind `after`, for ever; waits through the desk and ends when that says so."""

    def close(self) -> None:
        """Let go of connections and files."""


class Delivered(NamedTuple):
    """One delivered event: the Kafka key as received, and the row, or None for a delete."""

    key: bytes
    row: Mapping[str, Any] | None


class SinkShape(NamedTuple):
    """What a sink receives: the instance's id and the Avro record of the rows, as its schema says (JSON)."""

    instance: str
    row_schema: Mapping[str, Any]


Positions = Mapping[tuple[str, int], int]


class Sink(ABC, Generic[Config]):
    """One receiving system. It remembers the next offset of each (lane, partition) in the same transaction as the rows."""

    kind: ClassVar[str]
    config_type: ClassVar[type[ConnectorConfig]]

    def __init__(self, config: Config, shape: SinkShape) -> None:
        self.config = config
        self.shape = shape

    @abstractmethod
    def check(self) -> Iterator[Finding]:
        """Everything that would stop a run, all of it at once, changing nothing."""

    @abstractmethod
    def open(self) -> Positions:
        """Make what is missing, and tell the next offset of each (lane, partition) that has one."""

    @abstractmethod
    def write(self, changes: Sequence[Delivered], positions: Positions) -> None:
        """Store the changes in order, and the positions behind them, in one transaction: both or neither.

        RetryError: not reachable now, nothing stored. HaltError: this content cannot be stored; a person is needed.
        """

    def close(self) -> None:
        """Let go of connections and files."""
