"""What an instance has to do, put together from the plan: which dataset, which schemas, which lanes.

A RetryError says that the plan does not name it (yet): the process waits for the next version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from connectors.base import ConnectorConfig, Sink, Source
from connectors.kinds import SINKS, SOURCES
from schemas.contract import as_of, row_of
from schemas.control import ConnectorInstance, Dataset, Plan
from schemas.errors import HaltError, RetryError
from schemas.lanes import clean_lane
from schemas.names import Names
from schemas.text import Text

__all__ = ["SinkTask", "SourceTask", "sink_task", "source_task"]


@dataclass(frozen=True)
class SourceTask:
    """A source instance with its dataset, and the dataset's earlier versions, newest first, each with its event schema.

    Two equal tasks need no restart.
    """

    instance: str
    kind: type[Source[Any]]
    config: ConnectorConfig
    dataset: Dataset
    event_schema: str
    source_system: str
    older: tuple[tuple[Dataset, str], ...] = ()

    @property
    def raw(self) -> str:
        return Names.raw(self.dataset.provider)

    @property
    def clean(self) -> str:
        return clean_lane(self.dataset)


@dataclass(frozen=True)
class SinkTask:
    """A sink instance with the schemas, by id, under which its dataset may lie on the lane; `row_schema` is that of `newest`."""

    instance: str
    kind: type[Sink[Any]]
    config: ConnectorConfig
    lane: str
    schemas: Mapping[int, str]
    others: frozenset[int]
    newest: int
    row_schema: str


def source_task(plan: Plan, instance: ConnectorInstance) -> SourceTask:
    """The task of a source instance. The provider's own department only (I-17)."""
    kind = _kind(SOURCES, instance)
    config = _config(kind.config_type, instance)
    dataset = plan.datasets.get(config.dataset)
    if dataset is None or dataset.event_schema not in plan.schemas:
        raise _not_planned(config.dataset)
    if dataset.provider != instance.department:
        raise HaltError(
            Text(
                f"数据资源 {dataset.id} 属于 {dataset.provider}，不属于 {instance.department}",
                f"dataset {dataset.id} belongs to {dataset.provider}, not to {instance.department}",
            ),
            advice=Text("改正连接器的 department 或 dataset", "correct the connector's department or dataset"),
        )
    system = getattr(config, "source_system", "") or instance.id
    known = [(each, plan.schemas[each.event_schema].text) for each in reversed(dataset.versions) if each.event_schema in plan.schemas]
    older = tuple((as_of(dataset, version, text), text) for version, text in known)
    return SourceTask(instance.id, kind, config, dataset, plan.schemas[dataset.event_schema].text, system, older)


def sink_task(plan: Plan, instance: ConnectorInstance) -> SinkTask:
    """The task of a sink instance: the subscription of its department on the dataset."""
    kind = _kind(SINKS, instance)
    config = _config(kind.config_type, instance)
    subscription = plan.subscriptions.get(f"{instance.department}.{config.dataset}")
    if subscription is None or subscription.output_schema not in plan.schemas:
        raise _not_planned(f"{instance.department}.{config.dataset}")
    newest = plan.schemas[subscription.output_schema]
    mine = {number: schema.text for number, schema in plan.schemas.items() if schema.subject == newest.subject}
    return SinkTask(
        instance.id,
        kind,
        config,
        Names.deliver(instance.department),
        mine,
        frozenset(plan.schemas.keys() - mine.keys()),
        newest.number,
        row_of(newest.text),
    )


def _kind(kinds: Mapping[str, Any], instance: ConnectorInstance) -> Any:
    if instance.kind not in kinds:
        raise HaltError(
            Text(f"没有名为 {instance.kind} 的连接器类型", f"there is no kind of connector called {instance.kind}"),
            advice=Text(f"可用：{', '.join(kinds)}", f"there are {', '.join(kinds)}"),
        )
    if instance.id == "status":
        raise HaltError(
            Text("连接器不能叫 status", "a connector cannot be called status"),
            advice=Text("换一个名称", "choose another id"),
        )
    return kinds[instance.kind]


def _config(kind: type[ConnectorConfig], instance: ConnectorInstance) -> ConnectorConfig:
    try:
        return kind.model_validate(instance.config)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'config'}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        )
        raise HaltError(
            Text(
                f"连接器 {instance.id} 的配置有误（{wrong}）",
                f"the configuration of connector {instance.id} is wrong ({wrong})",
            ),
            advice=Text(
                "改正 connectors 目录下的文件，再执行 shutong apply",
                "correct its file under connectors/ and run `shutong apply`",
            ),
        ) from None


def _not_planned(name: str) -> RetryError:
    return RetryError(
        Text(f"方案中还没有 {name}", f"the plan does not have {name} yet"),
        after=2,
        advice=Text("执行 shutong apply；生效后自动开始", "run `shutong apply`; it begins by itself then"),
    )
