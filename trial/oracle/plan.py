"""The plan as the oracle reads it: the JSON values of the control topics, and nothing that the bus made of them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["ROOM", "Dataset", "Plan", "Subscription"]

#: How many bytes key and value may have together on a lane of each kind: its largest message less one KiB.
ROOM = {"clean": 5 * (1 << 19) - 1024, "deliver": 5 * (1 << 18) - 1024, "dead": (1 << 21) - 1024}


class Dataset(NamedTuple):
    """One dataset: who provides it, its key, its rules as written, the field that says where a record belongs."""

    id: str
    provider: str
    key: tuple[str, ...]
    schema: int
    rules: Mapping[str, tuple[str, ...]]
    row_schema: str
    rules_version: str = "1"
    division_field: str = ""
    cycle: str = "real-time"
    log: bool = False
    #: the version of the plan that changed it last
    changed: int = 0
    #: alias -> the field's name now
    aliases: Mapping[str, str] = {}

    def now(self, name: str) -> str:
        """What a field is called now that once had this name."""
        return self.aliases.get(name, name)

    @property
    def lane(self) -> str:
        """Where its records go on when they are clean."""
        return f"{'clean-log' if self.log else 'clean'}.{self.provider}"

    def division(self, row: Mapping[str, Any] | None) -> str:
        """Where a row is counted: six digits, or nothing."""
        code = str((row or {}).get(self.division_field) or "")[:6]
        return code if len(code) == 6 and code.isascii() and code.isdigit() else ""


class Subscription(NamedTuple):
    """What one subscriber gets of one dataset."""

    id: str
    subscriber: str
    dataset: str
    fields: tuple[str, ...]
    scope: tuple[Mapping[str, Any], ...]
    masks: Mapping[str, Mapping[str, Any]]
    node: str
    schema: int


class Plan:
    """The control objects, by what the oracle asks of them."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.version: int = given["version"]
        self.home = next(node["code"] for node in given["nodes"] if node["kind"] == "self")
        self.schemas: dict[int, str] = {item["number"]: item["text"] for item in given["schemas"]}
        self.streams = {item["id"]: frozenset(item["streams"]) for item in given["departments"]}
        self.datasets = {item["id"]: _dataset(item) for item in given["datasets"]}
        #: by the schema id of every version of a dataset, and by those alone under which events go on
        self.present = {item.schema: item for item in self.datasets.values()}
        self.by_schema = {old["event_schema"]: self.datasets[item["id"]]
                          for item in given["datasets"] for old in item["versions"]} | self.present
        self.subscriptions = [_subscription(item) for item in given["subscriptions"] if item["state"] == "live"]
        self.lanes: dict[str, int] = {name: state["partitions"] for name, state in given["lanes"].items()}

    def of_dataset(self, dataset: str) -> list[Subscription]:
        """The live subscriptions of a dataset."""
        return [item for item in self.subscriptions if item.dataset == dataset]

    def of_provider(self, provider: str) -> list[Subscription]:
        """The live subscriptions of a provider's datasets."""
        return [item for item in self.subscriptions if self.datasets[item.dataset].provider == provider]


def _dataset(item: Mapping[str, Any]) -> Dataset:
    rules = {field: tuple(names) for field, names in item["rules"].items()}
    return Dataset(item["id"], item["provider"], tuple(item["key"]), item["event_schema"], rules,
                   item["row_schema"], item["rules_version"], item["division_field"], item["cycle"], item["kind"] == "log",
                   item["changed"], _aliases(item["row_schema"]))


def _aliases(row_schema: str) -> dict[str, str]:
    fields = json.loads(row_schema)["fields"]
    names = {field["name"] for field in fields}
    return {alias: field["name"] for field in fields for alias in field.get("aliases", ()) if alias not in names}


def _subscription(item: Mapping[str, Any]) -> Subscription:
    return Subscription(item["id"], item["subscriber"], item["dataset"], tuple(item["fields"]), tuple(item["scope"]),
                        item["masks"], item["node"], item["output_schema"])
