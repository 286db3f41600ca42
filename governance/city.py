"""Read a city directory: every file, and every reference between files, with all problems at once."""

import os
import tomllib
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from governance.declared import (
    City,
    CityFile,
    ConnectorFile,
    DatasetFile,
    DeclaredDataset,
    DepartmentFile,
    SubscriptionFile,
)
from governance.problems import CityError, Problem
from schemas.control import ConnectorInstance
from schemas.datasets import StandardDataset, standard_dataset
from schemas.datasets.cases import Case
from schemas.elements.fit import with_element_rules
from schemas.errors import BusError
from schemas.names import is_name
from schemas.text import Text

__all__ = ["read_city", "survey_city"]

M = TypeVar("M", bound=BaseModel)
#: A reference that leads nowhere, behind the file it should lead to.
_Loose = tuple[str, Problem]


def read_city(folder: Path) -> City:
    """The city `folder` declares. A CityError lists everything that is wrong in it, and nothing is half-used."""
    city, problems = survey_city(folder)
    if problems:
        raise CityError(problems)
    return city


def survey_city(folder: Path) -> tuple[City, list[Problem]]:
    """What of the city `folder` declares could be read, and everything that is wrong in it: for a check, never to be applied."""
    reading = _Reading(folder)
    city_file = reading.one(folder / "city.toml", CityFile)
    departments = dict(reading.many("departments", DepartmentFile, segments=1))
    datasets = dict(reading.datasets())
    subscriptions = dict(reading.many("subscriptions", SubscriptionFile, segments=3))
    connectors = {name: file.instance(name) for name, file in reading.many("connectors", ConnectorFile)}
    city = City(folder=folder, nodes=city_file.nodes() if city_file else {}, departments=departments, datasets=datasets,
                subscriptions=subscriptions, connectors=connectors)
    # What could not be read is one problem; that others name it is none.
    unread = {problem.where for problem in reading.problems}
    loose = [problem for names, problem in (*_loose_ends(city), *_sources_twice(city)) if names not in unread]
    return city, [*reading.problems, *(_nodes_twice(city_file) if city_file else ()), *loose]


class _Reading:
    """One walk through the directory; what is wrong gathers in `problems`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def one(self, path: Path, model: type[M]) -> M | None:
        where = path.relative_to(self.folder).as_posix()
        raw = self._toml(path, where)
        if raw is None:
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            self.problems += [Problem(where, _plain(detail)) for detail in error.errors()]
            return None

    def many(self, kind: str, model: type[M], segments: int | None = None) -> Iterator[tuple[str, M]]:
        for path in sorted((self.folder / kind).glob("*.toml")):
            name = path.stem
            if not is_name(name) or (segments and name.count(".") + 1 != segments):
                self.problems.append(Problem(f"{kind}/{path.name}", Text(
                    f"文件名应由 {segments or '若干'} 段小写字母、数字或 - 组成，以 . 连接",
                    f"the file name is made of {segments or 'some'} segments of a-z, 0-9 or -, joined by .")))
                continue
            file = self.one(path, model)
            if file is not None:
                yield name, file

    def datasets(self) -> Iterator[tuple[str, DeclaredDataset]]:
        for name, file in self.many("datasets", DatasetFile, segments=2):
            base = self._base(name, file)
            if base is not None:
                yield name, _complete(name, file, base)

    def _base(self, name: str, file: DatasetFile) -> StandardDataset | None:
        where = f"datasets/{name}.toml"
        if file.standard:
            try:
                return standard_dataset(file.standard)
            except BusError as error:
                self.problems.append(Problem(where, error.problem))
                return None
        path = Path("datasets", file.schema_file)
        if normpath(path).startswith((os.pardir, os.sep)):
            self.problems.append(Problem(where, Text(f"模式文件 {file.schema_file} 须在城市目录之内",
                                                     f"the schema file {file.schema_file} is not inside the city directory")))
            return None
        schema = self._read(self.folder / path, where)
        return None if schema is None else StandardDataset(
            name=name.split(".")[1], title=file.title, title_en=file.title_en, key=file.key, kind=file.kind or "state",
            division_field=file.division_field, cycle=file.cycle or "real-time", rules=file.rules, row_schema=schema,
            rules_version=file.rules_version or "1")

    def _toml(self, path: Path, where: str) -> dict[str, Any] | None:
        text = self._read(path, where)
        if text is None:
            return None
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.problems.append(Problem(where, Text(f"不是合法的 TOML：{error}", f"not valid TOML: {error}")))
            return None

    def _read(self, path: Path, where: str) -> str | None:
        try:
            return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
        except FileNotFoundError:
            self.problems.append(Problem(where, Text(f"找不到文件 {path.name}", f"there is no file {path.name}")))
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(where, Text(f"读不了 {path.name}（{type(error).__name__}），请存为 UTF-8 并检查权限",
                                                     f"cannot read {path.name} ({type(error).__name__}): save it as "
                                                     "UTF-8 and check its rights")))
        return None


def _plain(detail: Any) -> Text:
    """One pydantic error as a sentence that names the key."""
    key = ".".join(str(part) for part in detail["loc"]) or "-"
    match detail["type"]:
        case "extra_forbidden":
            return Text(f"不认识的键 {key}，请删除或改正拼写", f"unknown key {key}: remove it, or correct its spelling")
        case "missing":
            return Text(f"缺少 {key}", f"{key} is missing")
        case _:
            return Text(f"{key} 不合要求：{detail['msg']}", f"{key}: {detail['msg']}")


def _complete(name: str, file: DatasetFile, base: StandardDataset) -> DeclaredDataset:
    return DeclaredDataset(
        id=name, provider=name.split(".")[0], title=file.title or base.title, title_en=file.title_en or base.title_en,
        catalogue_code=file.catalogue_code, cycle=file.cycle or base.cycle, key=file.key or base.key,
        division_field=file.division_field or base.division_field, kind=file.kind or base.kind,
        rules=with_element_rules(base.row_schema, {**base.rules, **file.rules}),
        rules_version=file.rules_version or base.rules_version, row_schema=base.row_schema,
        example=file.example or next(iter(base.examples), {}),
        cases=(*((Case(says="example"),) if file.example else ()), *file.cases))


def _nodes_twice(file: CityFile) -> Iterator[Problem]:
    """Only one of two nodes with the same id would be left, and this one may be it."""
    names = [node.id for node in (file.node, *file.upper)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("city.toml", Text(f"节点 {name} 出现了两次，请给每个节点自己的 id",
                                        f"node {name} stands twice: give each an id of its own"))


def _sources_twice(city: City) -> Iterator[_Loose]:
    """Reconciliation deletes what a source system no longer has: two instances that are one system undo each other."""
    first: dict[tuple[str, str], str] = {}
    for name, instance in city.connectors.items():
        dataset, system = instance.config.get("dataset"), instance.config.get("source_system") or name
        if instance.direction != "source" or not isinstance(dataset, str) or not isinstance(system, str):
            continue
        other = first.setdefault((dataset, system), name)
        if other != name:
            yield "", Problem(f"connectors/{name}.toml", Text(
                f"与 {other} 同为 {dataset} 的源系统 {system}，对账时会互相删除记录：请各用自己的 source_system",
                f"is the source system {system} of {dataset} just as {other} is, and reconciliation would delete each other's "
                "records: give each a source_system of its own"))


def _loose_ends(city: City) -> Iterator[_Loose]:
    """References from one file to another that lead nowhere."""
    for name, dataset in city.datasets.items():
        yield from _must_be(city, "provider", dataset.provider, f"datasets/{name}.toml")
    for name, subscription in city.subscriptions.items():
        where = f"subscriptions/{name}.toml"
        subscriber, dataset_id = name.split(".", 1)
        yield from _must_be(city, "subscriber", subscriber, where)
        if dataset_id not in city.datasets:
            yield f"datasets/{dataset_id}.toml", Problem(where, Text(f"没有数据资源 {dataset_id}", f"there is no dataset {dataset_id}"))
        node = city.nodes.get(subscription.node)
        if subscription.node and (node is None or node.kind != "upper"):
            yield "city.toml", Problem(where, Text(f"city.toml 里没有上级节点 {subscription.node}",
                                                   f"city.toml has no upper node {subscription.node}"))
    for name, connector in city.connectors.items():
        yield from _connector_ends(city, name, connector)


def _connector_ends(city: City, name: str, connector: ConnectorInstance) -> Iterator[_Loose]:
    where = f"connectors/{name}.toml"
    role = "provider" if connector.direction == "source" else "subscriber"
    yield from _must_be(city, role, connector.department, where)
    department = city.departments.get(connector.department)
    if connector.direction == "source" and department and name not in department.streams:
        yield "", Problem(where, Text(f"departments/{connector.department}.toml 的 streams 里没有 {name}",
                                      f"departments/{connector.department}.toml does not list {name} in its streams"))


def _must_be(city: City, role: str, department: str, where: str) -> Iterator[_Loose]:
    file = city.departments.get(department)
    if file is None or role not in file.roles:
        yield f"departments/{department}.toml", Problem(where, Text(f"部门 {department} 未登记为 {role}",
                                                                    f"no department {department} with the role {role}"))


