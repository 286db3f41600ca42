"""All rules by name, their reason codes in words, and how a dataset's `name(option=value)` becomes a check."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from schemas.codec import Avro
from schemas.codec.avro import inlined
from schemas.codec.fields import Field
from schemas.control import Dataset
from schemas.errors import RejectError
from schemas.reasons import BUS_REASONS, Reason
from schemas.rules.address import address
from schemas.rules.after import after
from schemas.rules.agrees_with_id import agrees_with_id
from schemas.rules.bank_card import bank_card
from schemas.rules.blanks import blanks
from schemas.rules.code import code
from schemas.rules.control_characters import control_characters
from schemas.rules.date import date
from schemas.rules.date_time import date_time
from schemas.rules.division_code import division_code
from schemas.rules.encoding import encoding
from schemas.rules.full_width import full_width
from schemas.rules.length import length
from schemas.rules.markup import markup
from schemas.rules.money import money
from schemas.rules.name import name
from schemas.rules.one_of import one_of
from schemas.rules.organisation_code import organisation_code
from schemas.rules.passport import passport
from schemas.rules.path import Steps, bound, kind_of, leaf, steps_of, written_path
from schemas.rules.phone import phone
from schemas.rules.placeholder import placeholder
from schemas.rules.postal_code import postal_code
from schemas.rules.range import range
from schemas.rules.required import required
from schemas.rules.resident_id import resident_id
from schemas.rules.rule import TEXT, Check, Example, Pack, Rule, inner_field
from schemas.rules.travel_permit import travel_permit
from schemas.rules.unique import unique
from schemas.rules.uscc import uscc
from schemas.rules.verdict import KEEP, Verdict
from schemas.text import Text

__all__ = ["REASONS", "RULES", "Use", "UseError", "check_rules", "every_example", "pack_of", "unfit_rules", "use_of"]

RULES: dict[str, Rule] = {rule.name: rule for rule in (
    required, placeholder, encoding, control_characters, markup, full_width, blanks, name, address, length, range, one_of, code, date,
    date_time, money, phone, division_code, resident_id, uscc, organisation_code, bank_card, postal_code, passport, travel_permit,
    agrees_with_id, after, unique)}

#: The packs of rules whose files name none.
_PACKS: dict[str, Pack] = {"code": "codes", "date": "values"}


def pack_of(rule: Rule) -> Pack:
    """What a rule belongs to in lists and benchmarks; a number that names somebody or something, unless it says otherwise."""
    return rule.pack or _PACKS.get(rule.name, "identity")


#: Every reason code there is, the bus's own and the rules', in words.
REASONS: dict[str, Reason] = BUS_REASONS | {code: reason for rule in RULES.values() for code, reason in rule.reasons.items()}

_USE = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?")


class Use(NamedTuple):
    """One rule as a field of a dataset uses it. `others` are the fields it reads besides, `inner` those of each item."""

    rule: Rule
    check: Check
    others: tuple[Steps, ...] = ()
    inner: tuple[Steps, ...] = ()

    def on(self, text: str | None, arrived: int, *others: str | None) -> Verdict:
        """The word on a value of a record that arrived then, with the texts of the other fields. A rule across fields is
        silent where one of them is null."""
        if text is None:
            return self.rule.on_null
        return KEEP if None in others else self.check(text, *others).at(arrived)


class UseError(ValueError):
    """What is wrong with the way a rule is written."""

    def __init__(self, problem: Text) -> None:
        super().__init__(problem)
        self.problem = problem


@lru_cache(4096)
def use_of(written: str) -> Use:
    """The rule written so, with its options; UseError says what is wrong."""
    match = _USE.fullmatch(written.strip())
    found = RULES.get(match[1]) if match else None
    if match is None or found is None:
        raise UseError(Text(f"没有规则 {written}；可用: {', '.join(RULES)}", f"there is no rule {written}; there are: {', '.join(RULES)}"))
    given = dict(_option(found, part) for part in (match[2] or "").split(",") if part.strip())
    missing = found.needed - given.keys()
    if missing:
        names = ", ".join(sorted(missing))
        raise UseError(Text(f"规则 {written} 缺少 {names}", f"rule {written} needs {names}"))
    others = tuple(given[name] for name in found.others)
    inner = tuple(value for name, value in given.items() if found.options[name] is inner_field)
    return Use(found, found.make(**given), others, inner)


def _option(rule: Rule, part: str) -> tuple[str, Any]:
    name, _, text = (word.strip() for word in part.partition("="))
    if name not in rule.options:
        raise UseError(Text(f"规则 {rule.name} 没有选项 {name}", f"rule {rule.name} has no option {name}"))
    try:
        return name, rule.options[name](text)
    except ValueError:
        raise UseError(Text(f"规则 {rule.name} 的选项 {name} 取值不对: {text}",
                            f"rule {rule.name}: option {name} cannot be {text}")) from None


def check_rules(dataset: Dataset) -> list[Text]:
    """Everything that is wrong with a dataset's rules, all of it at once."""
    try:
        schema = Avro(dataset.row_schema).schema
        named = schema["__named_schemas"]
        fields = {part["name"]: Field(part["name"], inlined(part["type"], named)) for part in schema["fields"]}
    except RejectError as error:
        return [error.problem]
    return unfit_rules(dataset, fields)


def unfit_rules(dataset: Dataset, fields: Mapping[str, Field]) -> list[Text]:
    """The same for fields that are known already."""
    problems = []
    for path, uses in dataset.rules.items():
        steps = _steps(path)
        field = leaf(fields, steps) if steps else None
        if steps is None or field is None:
            problems.append(Text(f"规则写给了不存在的字段 {path}", f"rules are given for field {path}, which does not exist"))
            continue
        for written in uses:
            try:
                use = use_of(written)
            except UseError as error:
                problems.append(Text(f"字段 {path}: {error.problem.zh}", f"field {path}: {error.problem.en}"))
                continue
            problems += _misplaced(use.rule, path, kind_of(field))
            problems += (problem for other in use.others for problem in _unreadable(use.rule, path, steps, other, fields))
            problems += (Text(f"字段 {path} 的元素里没有 {'.'.join(inner)}", f"the items of field {path} have no {'.'.join(inner)}")
                         for inner in use.inner if leaf(fields, (*steps, "[]", *inner)) is None)
    return problems


def _steps(path: str) -> Steps | None:
    try:
        return steps_of(path)
    except ValueError:
        return None


def _misplaced(rule: Rule, path: str, kind: str) -> list[Text]:
    """What is wrong with a rule at a field of this kind."""
    if rule.takes(kind):
        return []
    if rule.kinds == TEXT:
        return [Text(f"字段 {path} 不是文本，不能用规则 {rule.name}", f"field {path} is no text, so rule {rule.name} does not fit it")]
    kinds = ", ".join(sorted(rule.kinds))
    return [Text(f"字段 {path} 的类型是 {kind}，规则 {rule.name} 只用于 {kinds}",
                 f"field {path} is of type {kind}; rule {rule.name} is for {kinds}")]


def _unreadable(rule: Rule, path: str, steps: Steps, other: Steps, fields: Mapping[str, Field]) -> list[Text]:
    """What is wrong with the other field that a rule reads."""
    name, field = written_path(other), leaf(fields, other)
    if field is None:
        return [Text(f"字段 {path}: 规则 {rule.name} 引用了不存在的字段 {name}",
                     f"field {path}: rule {rule.name} reads field {name}, which does not exist")]
    if not bound(other, steps):
        return [Text(f"字段 {path}: 规则 {rule.name} 引用的 {name} 不止一个值",
                     f"field {path}: rule {rule.name} reads {name}, which is not one value for each {path}")]
    return _misplaced(rule, name, kind_of(field))


def every_example() -> Iterator[tuple[Rule, Example]]:
    """Each rule with each of its examples: for the tests, the documentation and the pages."""
    for rule in RULES.values():
        for example in rule.examples:
            yield rule, example
