"""Row scopes, compiled for slices: which rows of a dataset a subscription is given, and the parts a router can index."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from schemas.codec import EventScanner
from schemas.control import Condition
from schemas.rules.path import kind_of
from schemas.text import Text

__all__ = ["ScopeTest", "check_condition", "compile_condition", "compile_scope", "text_part"]

Pieces = Sequence[bytes]


def text_part(piece: bytes, nullable: bool) -> bytes:
    """The UTF-8 bytes of a text's slice, without union branch and length; empty for null."""
    start = 1 if nullable else 0
    while start < len(piece) and piece[start] > 127:
        start += 1
    return piece[start + 1:]


class ScopeTest(NamedTuple):
    """One condition on slices. `in`: the field's slice is one of `values`; `prefix`: its text begins with one of them.

    An `eq` is an `in` of one value. Null fits no condition.
    """

    field: int
    op: Literal["in", "prefix"]
    values: frozenset[bytes]
    nullable: bool

    def holds(self, row: Pieces) -> bool:
        """Whether the row fits, tried by itself."""
        piece = row[self.field]
        if self.op == "in":
            return piece in self.values
        return text_part(piece, self.nullable).startswith(tuple(self.values))


def compile_condition(condition: Condition, scanner: EventScanner) -> ScopeTest:
    """The condition for rows of this scanner; ValueError or KeyError where `check_condition` has something to say.

    Slices and texts may both be compared, as each value has one spelling.
    """
    number = scanner.index[condition.field]
    field = scanner.field(number)
    if condition.op == "prefix":
        return ScopeTest(number, "prefix", frozenset(value.encode() for value in condition.values), field.nullable)
    return ScopeTest(number, "in", frozenset(field.from_text(value) for value in condition.values), field.nullable)


def compile_scope(tests: Sequence[ScopeTest]) -> Callable[[Pieces], bool]:
    """Whether all conditions hold for a row."""
    if not tests:
        return lambda row: True
    if len(tests) == 1:
        only = tests[0]
        if only.op == "in":
            number, values = only.field, only.values
            return lambda row: row[number] in values
        return only.holds
    return lambda row: all(test.holds(row) for test in tests)


def check_condition(condition: Condition, scanner: EventScanner) -> list[Text]:
    """What is wrong with a condition, for the person who wrote it."""
    if condition.field not in scanner.index:
        return [Text(f"范围条件的字段 {condition.field} 不存在", f"scope field {condition.field} does not exist")]
    field = scanner.field(scanner.index[condition.field])
    problems = []
    if not condition.values or "" in condition.values:
        problems.append(Text(f"范围条件 {condition.field} 缺少取值", f"scope on {condition.field} has an empty value"))
    if condition.op == "eq" and len(condition.values) > 1:
        problems.append(Text(f"范围条件 {condition.field}: 多个取值请用 in",
                             f"scope on {condition.field}: eq takes one value, use in"))
    if condition.op == "prefix":
        if field.kind != "text":
            problems.append(Text(f"范围条件 {condition.field}: 只有文本可按前缀",
                                 f"scope on {condition.field}: only text has a prefix"))
        return problems
    if not field.reads_text:
        kind = kind_of(field)
        problems.append(Text(f"范围条件 {condition.field}: 类型 {kind} 不能作范围条件",
                             f"scope on {condition.field}: a field of type {kind} cannot be in a scope"))
        return problems
    for value in condition.values:
        try:
            spelt = field.spelling(value)
        except ValueError:
            zone = field.kind in ("timestamp-millis", "timestamp-micros")
            problems.append(Text(f"范围条件 {condition.field}: 取值与类型 {field.kind} 不符{'（须带时区）' if zone else ''}",
                                 f"scope on {condition.field}: a value is no {field.kind}{' with its zone' if zone else ''}"))
            continue
        if spelt != value:
            problems.append(Text(f"范围条件 {condition.field}: 取值 {value} 请写作 {spelt}",
                                 f"scope on {condition.field}: write {value} as {spelt}"))
    return problems
