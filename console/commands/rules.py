"""`shutong rules`: the rules there are, what one says of a value or a dataset's rules of a row, and what they cost."""

import inspect
import json
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from console.context import Home, Output, plan_of
from console.output import Format, print_note, print_rows
from console.trying_rules import Cost, costs_of_datasets, costs_of_rules, judged_row, judged_value
from schemas.control import Dataset
from schemas.datasets import standard_dataset, standard_names
from schemas.errors import RejectError
from schemas.letter import Finding
from schemas.rules import REASONS, RULES, Rule, pack_of
from schemas.text import Text

__all__ = ["rules_app"]

PROBLEMS = 3

rules_app = typer.Typer(help="规则 / rules", no_args_is_help=True)

_PACKS = {"identity": Text("号码", "identity"), "text": Text("文字", "text"), "values": Text("取值", "values"),
          "cross-field": Text("多字段", "across fields"), "codes": Text("代码", "codes"), "": Text("", "")}
_LIST = {"rule": Text("规则", "rule"), "pack": Text("规则包", "pack"), "title": Text("名称", "title"), "options": Text("选项", "options"),
         "kinds": Text("字段类型", "field types"), "reasons": Text("原因代码", "reason codes")}
_ITEMS = {"key": Text("项目", "item"), "value": Text("内容", "content")}
_REASONS = {"reason": Text("原因代码", "reason code"), "severity": Text("轻重", "severity"), "dimension": Text("质量维度", "dimension"),
            "problem": Text("说明", "in words"), "advice": Text("怎么办", "what to do")}
_EXAMPLES = {"use": Text("写法", "written"), "given": Text("值", "value"), "others": Text("其他字段", "other fields"),
             "severity": Text("轻重", "severity"), "reason": Text("原因代码", "reason code"),
             "becomes": Text("改为或建议", "becomes, or proposed")}
_FINDINGS = {"field": Text("字段", "field"), "severity": Text("轻重", "severity"), "reason": Text("原因代码", "reason code"),
             "problem": Text("说明", "in words"), "before": Text("值", "value"), "after": Text("改为或建议", "becomes, or proposed"),
             "advice": Text("怎么办", "what to do")}
_COSTS = {"pack": Text("规则包", "pack"), "name": Text("规则或数据资源", "rule or dataset"), "good": Text("正确 µs", "right, µs"),
          "dirty": Text("有问题 µs", "with findings, µs"), "ratio": Text("与空规则之比", "times the empty rule")}


@rules_app.command("list")
def list_rules(output: Output = Format.table) -> None:
    """列出全部规则 / List all rules."""
    print_rows([{"rule": rule.name, "pack": str(_PACKS[pack_of(rule)]), "title": str(rule.title), "options": sorted(rule.options),
                 "kinds": sorted(rule.kinds), "reasons": list(rule.reasons)} for rule in _by_pack()], _LIST, output)


@rules_app.command("show")
def show_rule(name: Annotated[str, typer.Argument(metavar="RULE", help="规则名 / name of the rule")],
              output: Output = Format.table) -> None:
    """显示一条规则：依据、选项、原因与示例 / One rule: its source, options, reasons and examples."""
    rule = _rule(name)
    items = {"rule": rule.name, "title": rule.title, "pack": _PACKS[pack_of(rule)], "source": rule.clause,
             "kinds": ", ".join(sorted(rule.kinds)), "options": ", ".join(_options(rule)), "says": inspect.getdoc(rule.make) or ""}
    reasons = [{"reason": code, "severity": _severities(rule, code), "dimension": reason.dimension, "problem": str(reason.problem),
                "advice": str(reason.advice)} for code, reason in rule.reasons.items()]
    examples = [{"use": shown.use or rule.name, "given": _seen(shown.given), "others": [_seen(other) for other in shown.others],
                 "severity": shown.verdict.severity, "reason": shown.verdict.reason, "becomes": _becomes(shown.verdict.value)}
                for shown in rule.examples]
    if output is Format.json:
        told = {key: str(value) for key, value in items.items()} | {"reasons": reasons, "examples": examples}
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    elif output is Format.csv:
        print_rows(examples, _EXAMPLES, output)
    else:
        print_rows([{"key": key, "value": str(value)} for key, value in items.items() if str(value)], _ITEMS, output)
        print_rows(reasons, _REASONS, output)
        print_rows(examples, _EXAMPLES, output)


@rules_app.command("try")
def try_rules(
    what: Annotated[str, typer.Argument(metavar="WHAT", help=(
        "规则写法，或数据资源：标准名或 <provider>.<dataset> / "
        "a rule as written, or a dataset: a standard's name or <provider>.<dataset>"))],
    values: Annotated[list[str], typer.Argument(metavar="VALUE...", help=(
        "值及其他字段的值；数据资源则为一行 JSON，- 表示标准输入 / "
        "a value and those of other fields; for a dataset a row as JSON, - for stdin"))],
    arrived: Annotated[datetime | None, typer.Option(help="到达时间（UTC），默认现在 / when it arrived (UTC), now by default")] = None,
    home: Home = None, output: Output = Format.table,
) -> None:
    """用规则判断一个值，或用数据资源的规则判断一行 / Judge a value by a rule, or a row by the rules of a dataset."""
    moment = int((time.time() if arrived is None else arrived.replace(tzinfo=UTC).timestamp()) * 1000)
    given = [sys.stdin.read() if value == "-" else value for value in values]
    dataset = _dataset(what, home) if "(" not in what and ("." in what or what in standard_names()) else None
    findings: tuple[Finding, ...]
    if dataset is None:
        finding = judged_value(what, given, moment)
        findings, row = (finding,) if finding else (), None
    else:
        told, row = judged_row(dataset, _json(given), moment)
        findings = told.findings
    rows = [{**one._asdict(), "problem": str(REASONS[one.reason].problem), "advice": str(REASONS[one.reason].advice)} for one in findings]
    if output is Format.json:
        sys.stdout.write(json.dumps({"findings": rows, "row": row}, ensure_ascii=False, indent=2, default=str) + "\n")
    else:
        print_rows(rows, _FINDINGS, output)
    if not findings and output is Format.table:
        print_note(Text("没有问题", "nothing to say"))
    if any(one.severity == "reject" for one in findings):
        raise typer.Exit(PROBLEMS)


@rules_app.command()
def bench(rounds: Annotated[int, typer.Option(min=1, help="轮数，取中位数 / rounds, of which the median is told")] = 5,
          output: Output = Format.table) -> None:
    """测量每条规则与每个标准数据资源的耗时 / What every rule, pack and standard dataset costs."""
    costs = costs_of_rules(rounds)
    empty = costs[0]
    packs = [Cost(str(_PACKS[pack]), "*", *(sum(cost[part] for cost in each) / len(each) for part in (2, 3)))  # type: ignore[misc]
             for pack in _PACKS if (each := [cost for cost in costs[1:] if cost.pack == pack])]
    rules = [cost._replace(pack=str(_PACKS[cost.pack])) for cost in sorted(costs[1:], key=lambda cost: list(_PACKS).index(cost.pack))]
    shown = _two_places if output is Format.table else _rounded
    print_rows([cost._asdict() | {"good": shown(cost.good), "dirty": shown(cost.dirty), "ratio": round(cost.good / empty.good, 1)}
                for cost in (empty, *rules, *packs, *costs_of_datasets(rounds))], _COSTS, output)
    if output is Format.table:
        print_note(Text("CPU 微秒，中位数；“-”是空规则，“*”是一个规则包的平均；"
                        "数据资源按行计，值都是第一次遇到，有问题的一行每个文字字段都多一个空白",
                        "CPU microseconds, medians; - is the empty rule, * the mean of a pack; datasets are by row, of values never met "
                        "before, those with findings with a blank behind every text"))


def _two_places(cost: float) -> str:
    return f"{cost:.2f}"


def _rounded(cost: float) -> float:
    return round(cost, 2)


def _by_pack() -> list[Rule]:
    return sorted(RULES.values(), key=lambda rule: list(_PACKS).index(pack_of(rule)))


def _rule(name: str) -> Rule:
    if name not in RULES:
        raise RejectError("usage", Text(f"没有规则 {name}", f"there is no rule {name}"),
                          advice=Text(f"可用: {', '.join(RULES)}", f"there are: {', '.join(RULES)}"))
    return RULES[name]


def _dataset(name: str, home: Any) -> Dataset:
    if name in standard_names():
        return standard_dataset(name).declare(f"try.{name}", 1)
    datasets = plan_of(home).datasets
    if name not in datasets:
        raise RejectError("usage", Text(f"没有数据资源 {name}", f"there is no dataset {name}"),
                          advice=Text(f"标准数据资源: {', '.join(standard_names())}；已登记的见 shutong dataset list",
                                      f"standards: {', '.join(standard_names())}; see shutong dataset list for those registered"))
    return datasets[name]


def _json(given: list[str]) -> dict[str, Any]:
    try:
        (text,) = given
        row = json.loads(text)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise RejectError("usage", Text("一行须是一个 JSON 对象", "a row must be one object of JSON"),
                          advice=Text("例如 '{\"name\": \"示例\"}'", "such as '{\"name\": \"...\"}'"))
    return row


def _options(rule: Rule) -> list[str]:
    """The options, those that must be there first."""
    return [name if name in rule.needed else f"{name}?" for name in sorted(rule.options, key=lambda name: name not in rule.needed)]


def _severities(rule: Rule, code: str) -> str:
    """How hard the rule is for this reason, as its examples show it."""
    return ", ".join(dict.fromkeys(shown.verdict.severity for shown in rule.examples if shown.verdict.reason == code))


def _seen(text: str | None) -> str:
    """A text with everything in it to be seen."""
    return "null" if text is None else "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _becomes(value: str | None) -> str:
    return "null" if value is None else _seen(value)
