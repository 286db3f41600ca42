"""Control objects: what governance decided and machines must obey, as JSON values of the compacted control topics.

Each is keyed by its id on its own topic. `created` and `changed` are plan versions. A transaction of the control writer
ends with one `PlanRecord` on `bus.plan`; who has read every control topic to `PlanRecord.ends` has reached it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = ["Condition", "ConnectorInstance", "ControlObject", "Dataset", "DatasetVersion", "Department", "LaneState", "Level",
           "Mask", "Node", "Plan", "PlanRecord", "SchemaReference", "SchemaText", "StopLine", "Subject", "SubjectVersion",
           "Subscription"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$")]
Segment = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ControlObject(_Frozen):
    """What every control object has: an id, and the plan versions that created and last changed it."""

    id: str
    created: int = 0
    changed: int = 0

    def to_json(self) -> bytes:
        """The value on the control topic."""
        return self.model_dump_json().encode()


class StopLine(_Frozen):
    """When a provider's raw lane is held: so many `letters`, or this `ratio` of at least so many records, within the window."""

    window_seconds: int = Field(default=60, ge=1, le=3600)
    letters: int = Field(default=0, ge=0)
    ratio: float = Field(default=0, ge=0, le=1)
    at_least: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _says_something(self) -> "StopLine":
        if not self.letters and not self.ratio:
            raise ValueError("give `letters`, `ratio` or both")
        return self


class Department(ControlObject):
    """A party on the bus. `streams` numbers each of its writers; a number is never used again (I-9)."""

    id: Segment
    title: str
    title_en: str = ""
    roles: tuple[Literal["provider", "subscriber"], ...]
    streams: dict[str, int] = Field(default_factory=dict)
    stop_line: StopLine | None = None


class Node(ControlObject):
    """A whole bus: this one (`kind` self), an upper one or a lower one."""

    id: Segment
    code: Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
    title: str
    title_en: str = ""
    kind: Literal["self", "upper", "lower"]


class SchemaReference(_Frozen):
    """A type that a schema uses and does not define: that version of that subject defines it."""

    name: str
    subject: str
    version: int


class SchemaText(ControlObject):
    """One Avro schema under its registry id. Same text and references, same id; an id is never given twice.

    `subject` is the one it stands for in the plan, else that under which it was registered first.
    """

    number: int
    subject: str
    text: str
    references: tuple[SchemaReference, ...] = ()


#: What a new version of a subject must be able to read, or be read by; the transitive ones: of every version, not the last.
Level = Literal["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"]


class SubjectVersion(_Frozen):
    """One version of a subject, and the registry id of its schema. A `deleted` one is still there for who asks for it."""

    version: int
    number: int
    deleted: bool = False


class Subject(ControlObject):
    """What the registry knows under one name. The subject without a name holds the `level` of those that have none.

    One whose versions are all gone for good stays, empty: it is then not taken for one that was never written down.
    """

    versions: tuple[SubjectVersion, ...] = ()
    level: Level | None = None


class DatasetVersion(_Frozen):
    """An earlier shape of a dataset's rows: events of its `event_schema` (a registry id) may still come, and lie on lanes."""

    version: int
    event_schema: int


class Dataset(ControlObject):
    """One kind of record of one provider. `id` is `<provider>.<dataset>`; `event_schema` is its registry id.

    `version` counts the shapes its rows have had; `versions` are the earlier ones, oldest first, which the present one reads.
    """

    id: Name
    title: str
    title_en: str = ""
    provider: Segment
    catalogue_code: str = ""
    cycle: Literal["real-time", "day", "week", "month", "quarter", "year"] = "real-time"
    kind: Literal["state", "log"] = "state"
    key: tuple[str, ...]
    division_field: str = ""
    version: int = 1
    versions: tuple[DatasetVersion, ...] = ()
    row_schema: str
    event_schema: int
    #: field, or path such as `items[].amount` -> rules in order, each `name` or `name(option=value)`; see schemas/rules.
    rules: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rules_version: str = "1"


class Condition(_Frozen):
    """One condition of a row scope: the field equals, begins with, or is one of `values`."""

    field: str
    op: Literal["eq", "prefix", "in"]
    values: tuple[str, ...]


class Mask(_Frozen):
    """How a field is shown: the last `n` characters, an HMAC-SHA-256 in hex, the year of a date, or null."""

    kind: Literal["keep_last", "hmac", "year", "null"]
    n: int = 0


class Subscription(ControlObject):
    """What one subscriber gets of one dataset. `id`: `<subscriber>.<dataset id>`; `scope` holds if all in it do."""

    id: Name
    subscriber: Segment
    dataset: Name
    fields: tuple[str, ...]
    scope: tuple[Condition, ...] = ()
    masks: dict[str, Mask] = Field(default_factory=dict)
    purpose: str
    #: The receiver is this upper node: its deliveries are counted as returned_up and `path` grows by our node's code.
    node: str = ""
    output_schema: int
    state: Literal["live", "revoked"] = "live"


class LaneState(_Frozen):
    """One lane as the plan knows it. `new`: no worker has committed a position there yet, so reading starts at 0.

    `held` and `released` are the versions that last said so: what is held waits, whoever reads it, until it is released.
    """

    partitions: int = 1
    new: bool = True
    held: int = 0
    released: int = 0

    def is_held(self, by_worker: int = 0) -> bool:
        """Whether the lane waits: by the plan's word, or by that of a worker that held it under version `by_worker`."""
        return self.held > self.released or (by_worker > 0 and by_worker >= self.released)


class PlanRecord(ControlObject):
    """The last record of a control transaction: the version, and the end offset of every control topic but its own."""

    id: Literal["plan"] = "plan"
    version: int
    ends: dict[str, int]
    lanes: dict[str, LaneState]


class ConnectorInstance(ControlObject):
    """One configured connector of one department. `config` holds no secret: it names the variable or file."""

    id: Name
    kind: str
    direction: Literal["source", "sink"]
    department: Segment
    config: dict[str, Any] = Field(default_factory=dict)
    paused: bool = False


@dataclass(frozen=True)
class Plan:
    """All control objects at one version, by id. Schemas are keyed by registry number."""

    version: int = 0
    departments: Mapping[str, Department] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    schemas: Mapping[int, SchemaText] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    lanes: Mapping[str, LaneState] = field(default_factory=dict)
    subjects: Mapping[str, Subject] = field(default_factory=dict)

    @property
    def home(self) -> Node | None:
        """The node this bus is."""
        return next((node for node in self.nodes.values() if node.kind == "self"), None)
