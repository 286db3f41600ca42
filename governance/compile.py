"""The pure step: (what is in force, what the city declares) -> the change to publish, or refusals by name.

A change is refused where carrying it out now would lose or invent records: subscribers that join late and contracts
that change need a position of their own behind the live one, which this bus does not keep yet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from governance.declared import City, DeclaredDataset, DepartmentFile, SubscriptionFile
from governance.evolving import breaking, check_next, check_registered, next_version, written_otherwise
from governance.problems import Refusal, RefusedError
from governance.registry.changes import with_registered
from governance.registry.registered import Registered
from schemas.contract import (
    check_dataset,
    check_subscription,
    event_schema,
    event_subject,
    output_schema,
    output_subject,
)
from schemas.control import (
    ConnectorInstance,
    ControlObject,
    Dataset,
    Department,
    LaneState,
    Plan,
    SchemaText,
    Subject,
    Subscription,
)
from schemas.datasets.cases import check_cases
from schemas.errors import RejectError
from schemas.lanes import MOST_STREAMS, clean_lane
from schemas.names import TALLIES, Names
from schemas.replay import REPLAY
from schemas.text import Text
from wire.rights import BUREAU

__all__ = ["READ_BY_WORKERS", "Change", "compile_change"]

#: How the lanes begin on which workers keep a position.
READ_BY_WORKERS = ("raw.", "clean.", "clean-log.")


@dataclass(frozen=True)
class Change:
    """What `apply` will do: objects to write by control topic, ids to remove, every lane with its state after it.

    `roles` are the Kafka users that are needed; `idle` those of the departments that must not be there (any more).
    """

    version: int
    objects: Mapping[str, tuple[ControlObject, ...]]
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lanes: Mapping[str, LaneState] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(self.objects.values()) or any(self.removed.values())


def compile_change(current: Plan, connectors: Mapping[str, ConnectorInstance], city: City, *,
                   lanes_with_data: frozenset[str]) -> Change:
    """The change from `current` to `city`. Raises RefusedError with every refusal. Applying it twice changes nothing."""
    step = _Step(current, city, lanes_with_data)
    departments = step.departments()
    datasets = step.datasets()
    subscriptions = step.subscriptions({**current.datasets, **{item.id: item for item in datasets}})
    step.refuse_removals()
    if step.refusals:
        raise RefusedError(step.refusals)
    objects: dict[str, tuple[ControlObject, ...]] = {
        "bus.nodes": step.changed(city.nodes, current.nodes),
        "bus.departments": departments,
        "bus.schemas": tuple(step.new_schemas),
        "bus.subjects": step.subjects(),
        "bus.datasets": datasets,
        "bus.subscriptions": subscriptions,
        "bus.connectors": step.changed(city.connectors, connectors),
    }
    removed = {"bus.connectors": tuple(name for name in connectors if name not in city.connectors)}
    roles = _roles(city)
    return Change(step.version, objects, removed, _lanes(current, city), (*BUREAU, *roles), _idle(city, roles))


class _Step:
    """One compilation: numbers given out, and refusals gathered."""

    def __init__(self, current: Plan, city: City, lanes_with_data: frozenset[str]) -> None:
        self.current = current
        self.city = city
        self.lanes_with_data = lanes_with_data
        self.version = current.version + 1
        self.refusals: list[Refusal] = []
        self.new_schemas: list[SchemaText] = []
        self._numbers = {schema.text: number for number, schema in current.schemas.items() if not schema.references}
        self._registered: list[tuple[str, int]] = []
        self._registry = Registered(current)
        self._last_number = max(current.schemas, default=0)

    def refuse(self, name: str, zh: str, en: str) -> None:
        self.refusals.append(Refusal(name, Text(zh, en)))

    def schema_number(self, subject: str, text: str) -> int:
        """Same text, same id, however it was written when it was registered; else the highest id ever given + 1."""
        number = self._numbers.get(text) or written_otherwise(self._registry, subject, text)
        if number is None:
            self._last_number += 1
            number = self._numbers[text] = self._last_number
            self.new_schemas.append(SchemaText(id=str(number), number=number, subject=subject, text=text,
                                               created=self.version, changed=self.version))
        elif number in self.current.schemas and (old := self.current.schemas[number]).subject != subject:
            # Registered from outside before, under a name of its own: from now on it stands for this one.
            self.new_schemas.append(old.model_copy(update={"subject": subject, "changed": self.version}))
        self._registered.append((subject, number))
        return number

    def subjects(self) -> tuple[Subject, ...]:
        """The registry's subjects that get a version by this change."""
        return tuple(self._stamp_subject(item) for item in with_registered(self.current, self._registered))

    def _stamp_subject(self, item: Subject) -> Subject:
        old = self.current.subjects.get(item.id)
        return item.model_copy(update={"created": old.created if old else self.version, "changed": self.version})

    def changed(self, declared: Mapping[str, ControlObject], old: Mapping[str, ControlObject]) -> tuple[ControlObject, ...]:
        """The declared objects that say something new, stamped with this version."""
        return tuple(self._stamp(item, old.get(name)) for name, item in declared.items()
                     if not _same(item, old.get(name)))

    def _stamp(self, item: ControlObject, old: ControlObject | None) -> ControlObject:
        return item.model_copy(update={"created": old.created if old else self.version, "changed": self.version})

    def departments(self) -> tuple[ControlObject, ...]:
        last = max((n for item in self.current.departments.values() for n in item.streams.values()), default=0)
        declared: dict[str, Department] = {}
        for name, file in self.city.departments.items():
            old = self.current.departments.get(name)
            streams = dict(old.streams) if old else {}
            if REPLAY in file.streams:
                self.refuse(f"departments/{name}", f"写入流 {REPLAY} 由隔离区重放专用，不必写明，请改用别的名称",
                            f"stream {REPLAY} is the replayer's, every provider has it: choose another name for this writer")
            for stream in (*file.streams, *((REPLAY,) if "provider" in file.roles else ())):
                if stream not in streams:
                    last += 1
                    streams[stream] = last
            kept = len(streams.keys() - {REPLAY})  # no mark is kept of what is replayed
            if kept > MOST_STREAMS:
                self.refuse(f"departments/{name}", f"有 {kept} 个写入流，一个提供方最多 {MOST_STREAMS} 个，请分到多个提供方",
                            f"has {kept} streams, a provider may have {MOST_STREAMS}: spread them over several")
            declared[name] = Department(id=name, title=file.title, title_en=file.title_en, roles=file.roles, streams=streams,
                                        stop_line=file.stop_line)
            self._check_partitions(name, file)
        return self.changed(declared, self.current.departments)

    def _check_partitions(self, name: str, file: DepartmentFile) -> None:
        for lane, partitions in _department_lanes(name, file, self.city.datasets):
            known = self.current.lanes.get(lane)
            if known is not None and known.partitions != partitions:
                self.refuse(f"departments/{name}", f"通道 {lane} 登记为 {known.partitions} 个分区，分区数不能再变",
                            f"lane {lane} was registered with {known.partitions} partitions; a lane's count never changes")

    def datasets(self) -> tuple[Dataset, ...]:
        declared = {name: self._dataset(item) for name, item in self.city.datasets.items()}
        taken = {event_subject(name): name for name in self.current.datasets}
        for name, item in declared.items():
            other = taken.setdefault(event_subject(name), name)
            if other != name:
                self.refuse(f"datasets/{name}", f"与 {other} 的模式同名（{event_subject(name)}），请换一个名称",
                            f"its schema would be called as that of {other} is ({event_subject(name)}): choose another name")
            old = self.current.datasets.get(name)
            if old is not None and (old.row_schema, old.key) != (item.row_schema, item.key):
                self.refusals += [Refusal(f"datasets/{name}", text) for text in check_next(old, item, self.current.schemas)]
            if old is not None and old.kind != item.kind:
                self.refuse(f"datasets/{name}", f"由 {old.kind} 改成了 {item.kind}；登记过的数据资源不能换类，请另立名称登记",
                            f"it was {old.kind} and is now {item.kind}; a registered dataset keeps its kind, register another name")
        changed = self.changed(declared, self.current.datasets)
        return tuple(item for item in changed if isinstance(item, Dataset))

    def _dataset(self, item: DeclaredDataset) -> Dataset:
        draft = item.dataset(0)
        wrong = check_dataset(draft) or check_cases(draft, item.example, item.cases)
        self.refusals += [Refusal(f"datasets/{item.id}", text) for text in wrong]
        if wrong:
            return draft
        subject, text, old = event_subject(item.id), event_schema(item.id, item.row_schema), self.current.datasets.get(item.id)
        self.refusals += [Refusal(f"datasets/{item.id}", told) for told in check_registered(self._registry, subject, text, old)]
        number = self.schema_number(subject, text)
        version, earlier = next_version(old, number)
        return item.dataset(number).model_copy(update={"version": version, "versions": earlier})

    def subscriptions(self, datasets: Mapping[str, Dataset]) -> tuple[ControlObject, ...]:
        declared: dict[str, Subscription] = {}
        for name, file in self.city.subscriptions.items():
            old = self.current.subscriptions.get(name)
            declared[name] = item = self._subscription(name, file, datasets[name.split(".", 1)[1]])
            if old is None or old.state == "revoked":
                self._check_joining(item)
            elif _contract(old) != _contract(item):
                self.refuse(f"subscriptions/{name}", "范围、字段、脱敏或接收节点改变了；在用订阅的这些内容还不能改",
                            "its scope, fields, masks or node changed; those of a live subscription cannot change yet")
        for name, old in self.current.subscriptions.items():
            if name not in declared:
                declared[name] = old.model_copy(update={"state": "revoked"})
        return self.changed(declared, self.current.subscriptions)

    def _subscription(self, name: str, file: SubscriptionFile, dataset: Dataset) -> Subscription:
        subscriber, dataset_id = name.split(".", 1)
        draft = Subscription(id=name, subscriber=subscriber, dataset=dataset_id, output_schema=0, **file.model_dump())
        try:
            wrong = check_subscription(dataset, draft) or self._breaking(dataset, draft)
        except RejectError:
            return draft  # the dataset's own schema is none, which was said of the dataset
        self.refusals += [Refusal(f"subscriptions/{name}", self._because(dataset, name, text)) for text in wrong]
        if wrong:
            return draft
        text = output_schema(dataset, draft)
        return draft.model_copy(update={"output_schema": self.schema_number(output_subject(draft), text)})

    def _breaking(self, dataset: Dataset, item: Subscription) -> list[Text]:
        """What a new version of the dataset would break for a subscription that is being served."""
        before, live = self.current.datasets.get(dataset.id), self.current.subscriptions.get(item.id)
        if before is None or before.row_schema == dataset.row_schema or live is None or live.state != "live":
            return []
        return list(breaking(before, dataset, item, self.current.schemas)) if _contract(live) == _contract(item) else []

    def _because(self, dataset: Dataset, name: str, text: Text) -> Text:
        """What is wrong with a subscription as it always was, because of what its dataset becomes."""
        before, live = self.current.datasets.get(dataset.id), self.current.subscriptions.get(name)
        if before is None or before.row_schema == dataset.row_schema or live is None or live.state != "live":
            return text
        return Text(f"{dataset.id} 的新模式会中断这个在用订阅：{text.zh}",
                    f"the new schema of {dataset.id} breaks this live subscription: {text.en}")

    def _check_joining(self, item: Subscription) -> None:
        """A subscription may begin only where nothing has been missed: its dataset is new, or its lanes are empty."""
        if item.dataset not in self.current.datasets:
            return
        dataset = self.current.datasets[item.dataset]
        used = [lane for lane in (Names.raw(dataset.provider), clean_lane(dataset)) if lane in self.lanes_with_data]
        if used:
            self.refuse(f"subscriptions/{item.id}", f"通道 {'、'.join(used)} 已有数据，还不能中途加入",
                        f"{' and '.join(used)} already hold data; joining in mid-stream is not possible yet")

    def refuse_removals(self) -> None:
        for kind, old, new in (("departments", self.current.departments, self.city.departments),
                               ("datasets", self.current.datasets, self.city.datasets),
                               ("city.toml node", self.current.nodes, self.city.nodes)):
            for name in sorted(set(old) - set(new)):
                self.refuse(f"{kind}/{name}", "从目录里删去了；登记过的不能删除，请恢复它（停止订阅请删订阅文件）",
                            "was taken out of the directory; what is registered stays, put it back "
                            "(to end a subscription remove its own file)")


def _same(item: ControlObject, old: ControlObject | None) -> bool:
    return old is not None and item.model_copy(update={"created": old.created, "changed": old.changed}) == old


def _contract(item: Subscription) -> tuple[object, ...]:
    return item.fields, item.scope, item.masks, item.node


def _department_lanes(name: str, file: DepartmentFile, datasets: Mapping[str, DeclaredDataset]) -> Iterator[tuple[str, int]]:
    if "provider" in file.roles:
        yield Names.raw(name), file.partitions
        yield Names.clean(name), file.partitions
        if any(item.provider == name and item.kind == "log" for item in datasets.values()):
            yield Names.clean_log(name), file.partitions
        yield Names.dead(name), file.partitions
    if "subscriber" in file.roles:
        yield Names.deliver(name), file.inbox_partitions


def _lanes(current: Plan, city: City) -> dict[str, LaneState]:
    """Every lane after the change: known ones as they are, new ones that workers read marked new."""
    declared = {lane: LaneState(partitions=partitions, new=lane.startswith(READ_BY_WORKERS))
                for name, file in city.departments.items()
                for lane, partitions in _department_lanes(name, file, city.datasets)}
    return {TALLIES: LaneState(partitions=1, new=False), **declared, **current.lanes}


def _roles(city: City) -> tuple[str, ...]:
    """The Kafka users of departments that have something to do: providers, and subscribers with a subscription."""
    subscribed = {name.split(".", 1)[0] for name in city.subscriptions}
    return tuple(f"{role}.{name}" for name, file in city.departments.items() for role in file.roles
                 if role == "provider" or name in subscribed)


def _idle(city: City, roles: tuple[str, ...]) -> tuple[str, ...]:
    """Every other role a department could have: derived from what is declared alone, so no apply can miss one."""
    return tuple(role for name in city.departments for role in (f"provider.{name}", f"subscriber.{name}")
                 if role not in roles)
