"""`shutong dataset` and `shutong subscription`: what is registered, as the plan in force says it."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import typer

from console.commands.standards import dataset_fields, list_standards
from console.commands.versions import check_directory, diff_versions, version_rows
from console.context import Home, Output, plan_of
from console.output import Format, print_rows
from schemas.control import Condition, Subscription
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["dataset_app", "subscription_app"]

T = TypeVar("T")

dataset_app = typer.Typer(help="数据资源 / datasets", no_args_is_help=True)
subscription_app = typer.Typer(help="订阅 / subscriptions", no_args_is_help=True)

_VERSION = {"version": Text("版本", "version"), "schema": Text("模式号", "schema id"), "plan": Text("自方案", "since plan"),
            "changes": Text("变化", "changes")}
_KEY_VALUE = {"key": Text("项目", "item"), "value": Text("内容", "content")}


@dataset_app.command("list")
def list_datasets(home: Home = None, output: Output = Format.table) -> None:
    """列出数据资源 / List the datasets."""
    plan = plan_of(home)
    rows = [{"id": item.id, "title": str(Text(item.title, item.title_en or item.title)), "provider": item.provider,
             "catalogue_code": item.catalogue_code, "cycle": item.cycle, "key": list(item.key), "version": item.version,
             "schema": item.event_schema,
             "subscriptions": sum(1 for each in plan.subscriptions.values() if each.dataset == item.id and each.state == "live")}
            for item in sorted(plan.datasets.values(), key=lambda item: item.id)]
    print_rows(rows, {"id": Text("数据资源", "dataset"), "title": Text("名称", "title"), "provider": Text("提供方", "provider"),
                      "catalogue_code": Text("目录编码", "catalogue code"), "cycle": Text("更新周期", "cycle"),
                      "key": Text("主键", "key"), "version": Text("版本", "version"), "schema": Text("模式号", "schema id"),
                      "subscriptions": Text("订阅数", "subscriptions")}, output)


dataset_app.command("standards")(list_standards)


@dataset_app.command("show")
def show_dataset(name: Annotated[str, typer.Argument(help="<provider>.<dataset>")], home: Home = None,
                 output: Output = Format.table,
                 versions: Annotated[bool, typer.Option("--versions", help="只列出版本 / its versions only")] = False) -> None:
    """显示一个数据资源的字段、规则与版本 / Show the fields, rules and versions of one dataset."""
    plan = plan_of(home)
    item = _find(plan.datasets, name, Text("数据资源", "dataset"))
    if versions:
        print_rows(version_rows(plan, item), _VERSION, output)
        return
    dataset_fields(item.row_schema, item.key, item.rules, output,
                   Text(f"{item.id} {item.title}", f"{item.id} {item.title_en or item.title}"))
    if output is Format.table:
        print_rows(version_rows(plan, item), _VERSION, output)


dataset_app.command("check")(check_directory)
dataset_app.command("diff")(diff_versions)


@subscription_app.command("list")
def list_subscriptions(home: Home = None, output: Output = Format.table) -> None:
    """列出订阅 / List the subscriptions."""
    plan = plan_of(home)
    rows = [{"id": item.id, "subscriber": item.subscriber, "dataset": item.dataset, "fields": len(item.fields),
             "scope": [_condition(each) for each in item.scope], "masks": sorted(item.masks), "node": item.node,
             "state": item.state} for item in sorted(plan.subscriptions.values(), key=lambda item: item.id)]
    print_rows(rows, {"id": Text("订阅", "subscription"), "subscriber": Text("使用方", "subscriber"),
                      "dataset": Text("数据资源", "dataset"), "fields": Text("字段数", "fields"), "scope": Text("范围", "scope"),
                      "masks": Text("脱敏字段", "masked fields"), "node": Text("上级节点", "upper node"),
                      "state": Text("状态", "state")}, output)


@subscription_app.command("show")
def show_subscription(name: Annotated[str, typer.Argument(help="<subscriber>.<provider>.<dataset>")], home: Home = None,
                      output: Output = Format.table) -> None:
    """显示一个订阅 / Show one subscription."""
    item: Subscription = _find(plan_of(home).subscriptions, name, Text("订阅", "subscription"))
    values = {"id": item.id, "subscriber": item.subscriber, "dataset": item.dataset, "purpose": item.purpose,
              "state": item.state, "node": item.node, "schema": item.output_schema, "fields": list(item.fields),
              "scope": [_condition(each) for each in item.scope],
              "masks": [f"{field}={mask.kind}{mask.n or ''}" for field, mask in item.masks.items()],
              "created": item.created, "changed": item.changed}
    print_rows([{"key": key, "value": value} for key, value in values.items()], _KEY_VALUE, output)


def _condition(condition: Condition) -> str:
    sign = {"eq": "=", "prefix": "^=", "in": "∈"}[condition.op]
    return f"{condition.field} {sign} {','.join(condition.values)}"


def _find(table: Mapping[str, T], name: str, what: Text) -> T:
    found = table.get(name)
    if found is None:
        known = ", ".join(sorted(table)) or "-"
        raise RejectError("unknown", Text(f"没有{what.zh} {name}", f"there is no {what.en} {name}"),
                          advice=Text(f"已登记的有：{known}", f"registered: {known}"))
    return found
