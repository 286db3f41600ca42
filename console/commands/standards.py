"""`shutong element`, `shutong code`, `shutong dataset standards`: what datasets may be made of. They need no bus."""

from typing import Annotated, Any

import typer

from console.context import Output
from console.output import Format, print_note, print_rows
from schemas.codes import KEPT_BY_RULES, CodeList, code_list, code_lists, divisions
from schemas.datasets import StandardDataset, standard_dataset, standard_names
from schemas.elements import Element, element, elements
from schemas.elements.fit import fields_at
from schemas.text import Text, language

__all__ = ["code_app", "dataset_fields", "element_app", "list_standards"]

code_app = typer.Typer(help="代码表 / code lists", no_args_is_help=True)
element_app = typer.Typer(help="标准数据元 / standard elements", no_args_is_help=True)

_KEY_VALUE = {"key": Text("项目", "item"), "value": Text("内容", "content")}
_CODE = {"code": Text("代码", "code"), "title": Text("名称", "title"), "title_en": Text("英文名称", "title in English"),
         "synonyms": Text("别名", "synonyms"), "since": Text("始自版本", "since"), "until": Text("止于版本", "until")}
_FIELDS = {"field": Text("字段", "field"), "title": Text("名称", "title"), "type": Text("类型", "type"), "key": Text("主键", "key"),
           "element": Text("数据元", "element"), "code_list": Text("代码表", "code list"), "level": Text("级别", "level"),
           "rules": Text("规则", "rules")}


@code_app.command("list")
def list_codes(output: Output = Format.table) -> None:
    """列出代码表及其来源 / List the code lists with their sources."""
    rows = [{"id": item.id, "title": _title(item), "edition": item.edition, "codes": len(item.current), "retired": len(item.retired),
             "complete": item.complete, "source": item.source} for item in code_lists().values()]
    print_rows(rows, {"id": Text("代码表", "code list"), "title": Text("名称", "title"), "edition": Text("版本", "edition"),
                      "codes": Text("代码数", "codes"), "retired": Text("停用", "retired"), "complete": Text("齐全", "complete"),
                      "source": Text("来源", "source")}, output)


@code_app.command("show")
def show_codes(name: Annotated[str, typer.Argument(help="GB/T 2261.1")],
               find: Annotated[str, typer.Option("--find", help="代码、名称或别名中的文字 / words in a code, title or synonym")] = "",
               output: Output = Format.table) -> None:
    """显示一个代码表，或其中含有某些文字的代码 / Show a code list, or the codes with some words in them."""
    if name in KEPT_BY_RULES:
        _show_divisions(name, find, output)
        return
    item = code_list(name)
    rows = [{"code": code.code, "title": code.title, "title_en": code.title_en, "synonyms": list(code.synonyms),
             "since": code.since, "until": code.until} for code in (item.find(find) if find else item.codes)]
    print_rows(rows, _CODE, output, title=Text(f"{item.id} {item.title}", f"{item.id} {item.title_en}"))
    print_note(Text(f"来源：{item.source}{'' if item.complete else '；不齐全'}",
                    f"source: {item.source}{'' if item.complete else '; not complete'}"))


def _show_divisions(name: str, find: str, output: Format) -> None:
    """The one list with a history of its own: who had a code, and in the tables of which years."""
    rows = [{"code": code, "title": era.name, "title_en": "", "synonyms": [], "since": str(era.first or ""),
             "until": "" if era.last == divisions.STILL else str(era.last)} for code, era in divisions.find(find)]
    print_rows(rows, _CODE, output, title=Text(f"{name} 行政区划代码", f"{name} divisions"))
    rule = KEPT_BY_RULES[name]
    print_note(Text(f"来源：{divisions.SOURCE.zh}；字段用规则 {rule}", f"source: {divisions.SOURCE.en}; the rule for fields is {rule}"))


@element_app.command("list")
def list_elements(output: Output = Format.table) -> None:
    """列出标准数据元 / List the standard elements."""
    rows = [{"name": item.name, "title": _title(item), "types": list(item.types), "max_length": item.max_length or None,
             "code_list": item.code_list, "level": item.level, "masks": list(item.masks)} for item in elements().values()]
    print_rows(rows, {"name": Text("数据元", "element"), "title": Text("名称", "title"), "types": Text("类型", "types"),
                      "max_length": Text("最长", "longest"), "code_list": Text("代码表", "code list"), "level": Text("级别", "level"),
                      "masks": Text("适用脱敏", "fitting masks")}, output)


@element_app.command("show")
def show_element(name: Annotated[str, typer.Argument(help="resident-id")], output: Output = Format.table) -> None:
    """显示一个标准数据元 / Show one standard element."""
    item = element(name)
    used = [f"{standard}.{field.path}" for standard in standard_names()
            for field in fields_at(standard_dataset(standard).row_schema) if field.element == item.name]
    values = {"name": item.name, "title": item.title, "title_en": item.title_en, "types": list(item.types),
              "max_length": item.max_length or "", "code_list": item.code_list, "level": item.level, "rules": list(item.rules),
              "masks": [f"{mask}≤{item.shown}" if mask == "keep_last" else mask for mask in item.masks],
              "source": item.source, "used_by": list(used)}
    print_rows([{"key": key, "value": value} for key, value in values.items()], _KEY_VALUE, output)


def list_standards(name: Annotated[str, typer.Argument(help="标准数据资源，不写则列出全部 / a standard dataset; none: all of them")] = "",
                   output: Output = Format.table) -> None:
    """列出标准数据资源，或显示其中一个的字段 / List the standard datasets, or show the fields of one."""
    if name:
        item = standard_dataset(name)
        dataset_fields(item.row_schema, item.key, item.rules, output, Text(f"{name} {item.title}", f"{name} {item.title_en}"))
        return
    rows = [{"name": item.name, "title": _title(item), "kind": item.kind, "key": list(item.key), "cycle": item.cycle,
             "fields": len(fields_at(item.row_schema)), "cases": len(item.cases)} for item in map(standard_dataset, standard_names())]
    print_rows(rows, {"name": Text("标准数据资源", "standard dataset"), "title": Text("名称", "title"), "kind": Text("类别", "kind"),
                      "key": Text("主键", "key"), "cycle": Text("更新周期", "cycle"), "fields": Text("字段数", "fields"),
                      "cases": Text("用例数", "cases")}, output)


def dataset_fields(row_schema: str, key: tuple[str, ...], rules: dict[str, tuple[str, ...]], output: Format, title: Text) -> None:
    """Print the fields of a row, nested ones too, with the elements they refer to."""
    rows: list[dict[str, Any]] = []
    for field in fields_at(row_schema):
        known = elements().get(field.element)
        rows.append({"field": field.path, "title": field.part.get("title", field.part.get("doc", "")), "type": _type(field.part["type"]),
                     "key": field.path in key, "element": field.element,
                     "code_list": field.part.get("code_list", known.code_list if known else ""),
                     "level": field.part.get("level", known.level if known else ""), "rules": list(rules.get(field.path, ()))})
        # Rules of the values in an array or map stand below it.
        if field.turns and field.values in rules:
            rows.append(dict.fromkeys(_FIELDS, "") | {"field": field.values, "key": False, "rules": list(rules[field.values])})
    print_rows(rows, _FIELDS, output, title=title)


def _type(kind: object) -> str:
    match kind:
        case list():
            return " | ".join(_type(branch) for branch in kind)
        case dict():
            return str(kind.get("logicalType") or kind.get("name") or kind["type"])
        case _:
            return str(kind)


def _title(item: CodeList | Element | StandardDataset) -> str:
    return item.title_en if language() == "en" else item.title
