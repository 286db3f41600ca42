"""What the files of a city directory may say: one frozen model a kind of file. An unknown key is refused by name."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from schemas.control import Condition, ConnectorInstance, Dataset, Mask, Node, Segment, StopLine
from schemas.datasets.cases import Case
from schemas.rules.path import by_path

__all__ = ["City", "CityFile", "ConnectorFile", "DatasetFile", "DeclaredDataset", "DepartmentFile", "SubscriptionFile"]


#: A connector instance, a publisher, or `<node>/<topic>/<partition>` of another Kafka.
Stream = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*([./][a-z0-9][a-z0-9-]*)*$")]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NodeFile(_File):
    """A node as `city.toml` names it."""

    id: Segment
    code: str = Field(pattern=r"^\d{6}$")
    title: str
    title_en: str = ""


class CityFile(_File):
    """`city.toml`: this node, and the upper nodes it reports to."""

    node: NodeFile
    upper: tuple[NodeFile, ...] = ()

    def nodes(self) -> dict[str, Node]:
        """This node and the upper ones, by id."""
        home = Node(**self.node.model_dump(), kind="self")
        return {home.id: home} | {node.id: Node(**node.model_dump(), kind="upper") for node in self.upper}


class DepartmentFile(_File):
    """`departments/<id>.toml`. `streams` are its writers; partitions are those of its lanes, fixed at registration."""

    title: str
    title_en: str = ""
    roles: tuple[Literal["provider", "subscriber"], ...] = Field(min_length=1)
    streams: tuple[Stream, ...] = ()
    partitions: int = Field(default=1, ge=1, le=64)
    inbox_partitions: int = Field(default=1, ge=1, le=64)
    stop_line: StopLine | None = None


class DatasetFile(_File):
    """`datasets/<provider>.<dataset>.toml`: a standard dataset taken over, or an own schema beside the file."""

    standard: str = ""
    schema_file: str = Field(default="", alias="schema")
    title: str = ""
    title_en: str = ""
    catalogue_code: str = ""
    cycle: Literal["real-time", "day", "week", "month", "quarter", "year"] | None = None
    key: tuple[str, ...] = ()
    division_field: str = ""
    #: `log`: each record is an event of its own; it is neither changed nor deleted. A standard dataset says it itself.
    kind: Literal["state", "log"] | None = None
    rules: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rules_version: str = ""
    #: A good row, and what cleaning makes of it when it is changed: the dataset's own tests.
    example: dict[str, Any] = Field(default_factory=dict)
    cases: tuple[Case, ...] = ()

    @field_validator("rules", mode="before")
    @classmethod
    def _by_path(cls, rules: Any) -> Any:
        return by_path(rules) if isinstance(rules, dict) else rules

    @model_validator(mode="after")
    def _one_shape(self) -> "DatasetFile":
        if bool(self.standard) == bool(self.schema_file):
            raise ValueError("give either `standard` or `schema`")
        return self


class SubscriptionFile(_File):
    """`subscriptions/<subscriber>.<provider>.<dataset>.toml`. A purpose is part of every grant."""

    fields: tuple[str, ...] = Field(min_length=1)
    scope: tuple[Condition, ...] = ()
    masks: dict[str, Mask] = Field(default_factory=dict)
    purpose: str = Field(min_length=1)
    node: str = ""


class ConnectorFile(_File):
    """`connectors/<id>.toml`. No secret: `config` names the environment variable or file that holds it."""

    kind: str
    direction: Literal["source", "sink"]
    department: Segment
    config: dict[str, Any] = Field(default_factory=dict)
    paused: bool = False

    def instance(self, name: str) -> ConnectorInstance:
        """As it will be read from the control topic: a date of TOML is a text in JSON, and no difference the next time."""
        return ConnectorInstance.model_validate_json(ConnectorInstance(id=name, **self.model_dump()).to_json())


class DeclaredDataset(_File):
    """A dataset file with everything it took over from a standard dataset."""

    id: str
    provider: str
    title: str
    title_en: str
    catalogue_code: str
    cycle: str
    key: tuple[str, ...]
    division_field: str
    kind: Literal["state", "log"]
    rules: dict[str, tuple[str, ...]]
    rules_version: str
    row_schema: str
    example: dict[str, Any] = Field(default_factory=dict)
    cases: tuple[Case, ...] = ()

    def dataset(self, event_schema: int) -> Dataset:
        """As the plan has it, under this schema id."""
        return Dataset(**self.model_dump(exclude={"example", "cases"}), event_schema=event_schema)


class City(_File):
    """One city as its directory declares it, every file read and each reference between them checked."""

    folder: Path
    nodes: dict[str, Node]
    departments: dict[str, DepartmentFile]
    datasets: dict[str, DeclaredDataset]
    subscriptions: dict[str, SubscriptionFile]
    connectors: dict[str, ConnectorInstance]
