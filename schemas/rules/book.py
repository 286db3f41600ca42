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
from schemas.rules.bank_card import bank_card
from schemas.rules.blanks import blanks
from schemas.rules.code import code
from schemas.rules.date import date
from schemas.rules.division_code import division_code
from schemas.rules.full_width import full_width
from schemas.rules.length import length
from schemas.rules.one_of import one_of
from schemas.rules.organisation_code import organisation_code
from schemas.rules.passport import passport
from schemas.rules.phone import phone
from schemas.rules.postal_code import postal_code
from schemas.rules.required import required
from schemas.rules.resident_id import resident_id
from schemas.rules.rule import Check, Example, Rule
from schemas.rules.travel_permit import travel_permit
from schemas.rules.uscc import uscc
from schemas.rules.verdict import Verdict
from schemas.text import Text

__all__ = ["REASONS", "RULES", "Use", "UseError", "check_rules", "every_example", "unfit_rules", "use_of"]

RULES: dict[str, Rule] = {rule.name: rule for rule in (
    required, full_width, blanks, length, one_of, code, date, phone, division_code, resident_id,
    uscc, organisation_code, bank_card, postal_code, passport, travel_permit)}

#: Every reason code there is, the bus's own and the rules', in words.
REASONS: dict[str, Reason] = BUS_REASONS | {code: reason for rule in RULES.values() for code, reason in rule.reasons.items()}

_USE = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?")


class Use(NamedTuple):
    """One rule as a field of a dataset uses it."""

    rule: Rule
    check: Check

    def on(self, text: str | None, arrived: int) -> Verdict:
        """The word on a value of a record that arrived then."""
        return self.rule.on_null if text is None else self.check(text).at(arrived)


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
    return Use(found, found.make(**given))


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
    for name, uses in dataset.rules.items():
        if name not in fields:
            problems.append(Text(f"规则写给了不存在的字段 {name}", f"rules are given for field {name}, which does not exist"))
            continue
        for written in uses:
            try:
                rule = use_of(written).rule
            except UseError as error:
                problems.append(Text(f"字段 {name}: {error.problem.zh}", f"field {name}: {error.problem.en}"))
                continue
            if not rule.any_type and fields[name].kind != "text":
                problems.append(Text(f"字段 {name} 不是文本，不能用规则 {rule.name}",
                                     f"field {name} is no text, so rule {rule.name} does not fit it"))
    return problems


def every_example() -> Iterator[tuple[Rule, Example]]:
    """Each rule with each of its examples: for the tests, the documentation and the pages."""
    for rule in RULES.values():
        for example in rule.examples:
            yield rule, example
