"""How the fields of a row agree with the elements they refer to: type, length, code list, level, rules and masks.

For `check_dataset` and `check_subscription`, which tell a person what does not agree, and for declarations, which take an
element's rules where the dataset gives none. A row schema that Avro refuses has no fields here: others say so.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codec import Avro
from schemas.codes import is_code_list
from schemas.control import Mask
from schemas.elements import LEVELS, Element, elements
from schemas.errors import RejectError
from schemas.rules import use_of
from schemas.text import Text

__all__ = ["ELEMENT", "FieldAt", "check_element_masks", "check_elements", "fields_at", "short_type", "with_element_rules"]

#: What stands for the rules of a field's element among the rules a dataset gives.
ELEMENT = "element"
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)").fullmatch
#: How rules of a dataset say the two things that an element says too.
_LENGTH = re.compile(r"\s*length\((?:.*,)?\s*max\s*=\s*(\d+)\s*(?:,.*)?\)\s*").fullmatch
_CODE = re.compile(r"\s*code\(\s*list\s*=\s*([^,()]*?)\s*\)\s*").fullmatch


@dataclass(frozen=True)
class FieldAt:
    """One field of a row, nested ones too: `holder.name`, `items[].amount`. `kind` is its type in short, null aside.

    `turns` are the arrays (`[]`) and maps (`{}`) between the field and its values.
    """

    path: str
    kind: str
    part: Mapping[str, Any]
    turns: str = ""

    @property
    def element(self) -> str:
        """The element it refers to; empty if none."""
        return str(self.part.get("element", ""))

    @property
    def values(self) -> str:
        """Where its values lie, as a dataset writes rules for them: `attachments{}`."""
        return self.path + self.turns


def fields_at(row_schema: str) -> list[FieldAt]:
    """Every field of a row schema in its order, each record's fields behind it."""
    try:
        Avro(row_schema)
    except RejectError:
        return []
    schema = json.loads(row_schema)
    return list(_fields(schema, "", {}, frozenset((schema["name"],)))) if isinstance(schema, dict) and "fields" in schema else []


def _fields(record: Mapping[str, Any], path: str, named: dict[str, Any], above: frozenset[str]) -> Iterator[FieldAt]:
    named[record["name"]] = record
    for part in record["fields"]:
        inner, turns = _bare(part["type"], named)
        field = FieldAt(f"{path}{part['name']}", short_type(inner), part, turns)
        yield field
        if isinstance(inner, dict) and "fields" in inner and inner["name"] not in above:
            yield from _fields(inner, f"{field.values}.", named, above | {inner["name"]})


def _bare(node: Any, named: dict[str, Any]) -> tuple[Any, str]:
    """A type without null, and without the arrays and maps around it, which are told in turn."""
    turns = ""
    while True:
        if isinstance(node, str):
            if node not in named:
                return node, turns
            node = named[node]
        if isinstance(node, list):
            branches = [branch for branch in node if branch != "null"]
            if len(branches) != 1:
                return node, turns
            node = branches[0]
        elif isinstance(node, dict) and node.get("type") == "array":
            node, turns = node["items"], f"{turns}[]"
        elif isinstance(node, dict) and node.get("type") == "map":
            node, turns = node["values"], f"{turns}{{}}"
        elif isinstance(node, dict) and isinstance(node.get("type"), dict | list):
            node = node["type"]
        else:
            if isinstance(node, dict) and "name" in node:
                named[node["name"]] = node
            return node, turns


def short_type(node: Any) -> str:
    """An Avro type as elements write it: `string`, `date`, `decimal(16,2)`, `enum`, `record`."""
    if isinstance(node, list):
        return " | ".join(map(short_type, node))
    if not isinstance(node, dict):
        return str(node)
    if node.get("logicalType") == "decimal":
        return f"decimal({node.get('precision')},{node.get('scale', 0)})"
    return str(node.get("logicalType") or node["type"])


def with_element_rules(row_schema: str, rules: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The rules of a dataset with those of their elements, in the order of the fields.

    A field that the dataset gives none, nested ones too, has those of its element that take values of its type; `element` among
    the rules it gives stands for them.
    """
    whole: dict[str, tuple[str, ...]] = {}
    for field in fields_at(row_schema):
        known = elements().get(field.element)
        its_own = tuple(use for use in known.rules if _takes(use, field.kind)) if known is not None else ()
        for path in dict.fromkeys((field.path, field.values)):
            if path in rules:
                whole[path] = tuple(use for each in rules[path] for use in (its_own if each == ELEMENT and its_own else (each,)))
        if its_own and field.values not in whole:
            whole[field.values] = its_own
    return {**whole, **{name: uses for name, uses in rules.items() if name not in whole}}


def _takes(written: str, kind: str) -> bool:
    """Whether a rule of an element is for values of a type in short."""
    return use_of(written).rule.takes({"string": "text"}.get(kind, kind.partition("(")[0]))


def check_elements(row_schema: str, rules: Mapping[str, tuple[str, ...]]) -> list[Text]:
    """Every disagreement of a dataset's fields and rules with its elements."""
    problems = []
    for field in fields_at(row_schema):
        listed = str(field.part.get("code_list", ""))
        if listed and not is_code_list(listed):
            problems.append(Text(f"字段 {field.path} 的代码表 {listed} 不存在，用 shutong code list 查看",
                                 f"field {field.path} names code list {listed}, which does not exist: see shutong code list"))
        if field.element:
            known = elements().get(field.element)
            problems += _unknown(field) if known is None else _disagreements(field, known, rules.get(field.values, ()))
    return problems


def _unknown(field: FieldAt) -> list[Text]:
    return [Text(f"字段 {field.path} 引用的数据元 {field.element} 不存在，用 shutong element list 查看",
                 f"field {field.path} refers to element {field.element}, which does not exist: see shutong element list")]


def _disagreements(field: FieldAt, known: Element, uses: tuple[str, ...]) -> Iterator[Text]:
    where, en = f"字段 {field.path} 与数据元 {known.name} 不一致：", f"field {field.path} does not agree with element {known.name}: "
    if not any(_fits(field.kind, kind) for kind in known.types):
        yield Text(f"{where}类型 {field.kind}，应为 {' 或 '.join(known.types)}",
                   f"{en}its type is {field.kind}, and should be {' or '.join(known.types)}")
    for use in uses:
        length, listed = _LENGTH(use), _CODE(use)
        if length and known.max_length and int(length[1]) > known.max_length:
            yield Text(f"{where}规则允许 {length[1]} 个字符，最多 {known.max_length} 个",
                       f"{en}its rules allow {length[1]} characters, and at most {known.max_length} may be")
        if listed and listed[1] != known.code_list:
            yield Text(f"{where}规则用代码表 {listed[1]}，应为 {known.code_list or '无'}",
                       f"{en}its rules use code list {listed[1]}, and should use {known.code_list or 'none'}")
    named = str(field.part.get("code_list", known.code_list))
    if named != known.code_list:
        yield Text(f"{where}代码表 {named}，应为 {known.code_list or '无'}",
                   f"{en}its code list is {named}, and should be {known.code_list or 'none'}")
    level = str(field.part.get("level", known.level))
    if level not in LEVELS:
        yield Text(f"字段 {field.path} 的级别 {level} 不存在，应为 {'、'.join(LEVELS)} 之一",
                   f"field {field.path} has level {level}, which is none of {', '.join(LEVELS)}")
    elif LEVELS.index(level) < LEVELS.index(known.level):
        yield Text(f"{where}级别 {level} 低于 {known.level}", f"{en}its level {level} is below {known.level}")


def _fits(kind: str, wanted: str) -> bool:
    """Whether a type is the wanted one; a decimal may have fewer digits, but the same behind the point."""
    given, most = _DECIMAL(kind), _DECIMAL(wanted)
    if given and most:
        return int(given[1]) <= int(most[1]) and given[2] == most[2]
    return kind == wanted


def check_element_masks(row_schema: str, masks: Mapping[str, Mask]) -> list[Text]:
    """The masks of a subscription that make no sense for what the masked fields are."""
    problems = []
    for field in fields_at(row_schema):
        mask, known = masks.get(field.path), elements().get(field.element)
        if mask is None or known is None:
            continue
        if mask.kind not in known.masks:
            fitting = ", ".join(known.masks)
            problems.append(Text(f"字段 {field.path}（{known.title}）不宜用 {mask.kind} 脱敏，可用 {fitting}",
                                 f"mask {mask.kind} makes no sense for field {field.path} ({known.title_en}): use {fitting}"))
        elif mask.kind == "keep_last" and mask.n > known.shown:
            problems.append(Text(f"字段 {field.path}（{known.title}）最多显示末 {known.shown} 位，不是 {mask.n} 位",
                                 f"field {field.path} ({known.title_en}) may show its last {known.shown} characters, not {mask.n}"))
    return problems
