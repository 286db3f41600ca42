"""`shutong dataset check` and `dataset diff`: what is wrong with a city directory, and what differs between two versions."""

from pathlib import Path
from typing import Annotated

import typer

from console.connection import connect, home_directory
from console.context import Home, Output, plan_of
from console.output import Format, print_note, print_rows
from governance.apply import Standing, standing
from governance.checking import check_city
from schemas.contract import row_of
from schemas.control import Dataset, Plan
from schemas.errors import BusError, RejectError
from schemas.evolution import Change, check_evolving, row_changes
from schemas.shape import check_shape
from schemas.text import Text

__all__ = ["check_directory", "diff_versions", "version_rows"]

#: As every check that found problems ends.
FOUND = 3

_KINDS = {
    "added": Text("新增", "added"), "removed": Text("删除", "removed"), "renamed": Text("改名", "renamed"),
    "promoted": Text("类型放宽", "type widened"), "retyped": Text("类型改变", "type changed"),
    "symbols": Text("枚举值改变", "symbols changed"), "default": Text("默认值改变", "default changed"),
    "described": Text("说明改变", "description changed"), "reordered": Text("次序改变", "reordered"),
}  # fmt: skip


def check_directory(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="城市目录 / the city directory", exists=True, file_okay=False)],
    home: Home = None,
    output: Output = Format.table,
) -> None:
    """检查城市目录，一次列出全部问题；有问题时退出码为 3 / Say all that is wrong with a city directory; exit 3 if anything is."""
    now: Standing | None = None
    try:
        now = standing(connect(home_directory(home)))
    except BusError as error:
        problem = error.problem
        print_note(Text(f"未能检查：与现行方案的兼容性、会中断的订阅、通道分区和撤除（{problem.zh}）",
                        f"not checked: compatibility with what is in force, subscriptions that would break, lanes and removals "
                        f"({problem.en})"))
    problems = check_city(folder, now)
    if problems or output is not Format.table:
        print_rows([{"where": problem.where, "problem": str(problem.text)} for problem in problems],
                   {"where": Text("文件", "file"), "problem": Text("问题", "problem")}, output)
    if problems:
        raise typer.Exit(FOUND)
    print_note(Text("没有发现问题", "no problem found"))


def diff_versions(
    first: Annotated[str, typer.Argument(metavar="DATASET|OLD.avsc", help="数据资源，或旧的行模式 / a dataset, or the older row schema")],
    second: Annotated[str, typer.Argument(metavar="[V1|NEW.avsc]", help="旧版本，或新的行模式 / older version, or newer row schema")] = "",
    third: Annotated[str, typer.Argument(metavar="[V2]", help="新版本，默认现行版本 / newer version, default the present one")] = "",
    home: Home = None,
    output: Output = Format.table,
) -> None:
    """比较两个版本，按字段列出差异及是否兼容；不兼容时退出码为 3 / Compare two versions by field; exit 3 if incompatible."""
    if second.endswith(".avsc") or first.endswith(".avsc"):
        old, new, title = _text_of(first), _text_of(second), Text(f"{first} → {second}", f"{first} → {second}")
    else:
        old, new, title = _registered(plan_of(home), first, second, third)
    changes = row_changes(new, old)
    print_rows([_row(change) for change in changes],
               {"path": Text("字段", "field"), "change": Text("变化", "change"), "old": Text("原", "old"), "new": Text("现", "new"),
                "compatible": Text("兼容", "compatible"), "why": Text("原因", "why")}, output, title=title)
    if any(change.why for change in changes):
        print_note(Text("不兼容：新版本读不了旧数据", "incompatible: the newer version cannot read older data"))
        raise typer.Exit(FOUND)
    print_note(Text("兼容", "compatible") if changes else Text("没有差异", "no difference"))


def version_rows(plan: Plan, dataset: Dataset) -> list[dict[str, object]]:
    """Every version of a dataset, oldest first: its number, schema id, and what it changed."""
    known = [*((each.version, each.event_schema) for each in dataset.versions), (dataset.version, dataset.event_schema)]
    rows, before = list[dict[str, object]](), ""
    for version, number in known:
        schema = plan.schemas[number]
        row = row_of(schema.text)
        told = [f"{change.path or '-'} {_KINDS[change.kind]}" for change in row_changes(row, before)] if before else []
        rows.append({"version": version, "schema": number, "plan": schema.created, "changes": told})
        before = row
    return rows


def _row(change: Change) -> dict[str, object]:
    return {"path": change.path, "change": str(_KINDS[change.kind]), "old": str(change.old), "new": str(change.new),
            "compatible": change.why is None, "why": str(change.why or "")}


def _text_of(name: str) -> str:
    """A row schema in a file; RejectError with all that is wrong with it."""
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
        raise RejectError("usage", Text(f"读不了 {name or '第二个文件'}（{kind}）", f"cannot read {name or 'the second file'} ({kind})"),
                          advice=Text("写作 dataset diff 旧.avsc 新.avsc", "write dataset diff OLD.avsc NEW.avsc")) from None
    problems = [*check_shape(text), *check_evolving(text)]
    if problems:
        zh, en = "；".join(each.zh for each in problems), "; ".join(each.en for each in problems)
        raise RejectError("schema_invalid", Text(f"{name}：{zh}", f"{name}: {en}"), advice=Text("改正该文件", "correct the file"))
    return text


def _registered(plan: Plan, name: str, older: str, newer: str) -> tuple[str, str, Text]:
    """The rows of two versions of a dataset; by default the present one and the one before."""
    dataset = plan.datasets.get(name)
    if dataset is None:
        known = ", ".join(sorted(plan.datasets)) or "-"
        raise RejectError("unknown", Text(f"没有数据资源 {name}", f"there is no dataset {name}"),
                          advice=Text(f"已登记的有：{known}；比较文件时写 .avsc 文件名", f"registered: {known}; files end in .avsc"))
    rows = {each.version: row_of(plan.schemas[each.event_schema].text) for each in dataset.versions}
    rows[dataset.version] = dataset.row_schema
    wanted = older or str(max((version for version in rows if version < dataset.version), default=0)), newer or str(dataset.version)
    found = [rows.get(int(version)) if version.isdecimal() else None for version in wanted]
    if found[0] is None or found[1] is None:
        known = ", ".join(map(str, sorted(rows)))
        raise RejectError("unknown", Text(f"{name} 没有要比较的版本", f"{name} has no such two versions to compare"),
                          advice=Text(f"它的版本有：{known}", f"it has the versions {known}"))
    title = f"{name} {wanted[0]} → {wanted[1]}"
    return found[0], found[1], Text(title, title)
