"""A value or a row under rules, for whoever writes them: what they say of it and make of it; and what each rule costs.

The words are on what the person at the terminal typed, so values are shown.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from schemas.codec import EventScanner
from schemas.codec.avro import Avro
from schemas.codec.typed import typed
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.datasets import standard_dataset, standard_names
from schemas.errors import RejectError
from schemas.letter import Finding
from schemas.rules import KEEP, RULES, Judge, Judgement, Verdict, compile_rules, use_of
from schemas.rules.book import UseError, pack_of
from schemas.rules.path import Steps
from schemas.text import Text

__all__ = ["Cost", "costs_of_datasets", "costs_of_rules", "judged_row", "judged_value", "row_of"]


class Cost(NamedTuple):
    """Microseconds of CPU: on values (or rows) that are right, and on ones a rule has something to say of."""

    pack: str
    name: str
    good: float
    dirty: float


def judged_value(written: str, texts: Sequence[str], arrived: int) -> Finding | None:
    """The word of one rule on a text, with the texts of the other fields it reads."""
    try:
        use = use_of(written)
    except UseError as error:
        raise RejectError("usage", error.problem, advice=Text("shutong rules list 列出规则，shutong rules show <规则> 显示选项",
                                                             "see shutong rules list, and shutong rules show <rule> for options")) from None
    if len(texts) != 1 + len(use.others):
        names = ", ".join(use.rule.others) or "-"
        raise RejectError("usage", Text(f"规则 {use.rule.name} 除本字段外还要 {len(use.others)} 个值：{names}",
                                        f"rule {use.rule.name} takes {len(use.others)} values besides its own: {names}"),
                          advice=Text("按顺序写在后面", "give them behind it, in order"))
    if use.rule.kinds == {"array"} and not _has_items(texts[0], use.inner):
        raise RejectError("usage", Text(f"规则 {use.rule.name} 判断的是数组", f"rule {use.rule.name} judges an array"),
                          advice=Text('写成 JSON，例如 ["a","b"] 或 [{"code":"1"}]', 'write it as JSON: ["a","b"], or [{"code":"1"}]'))
    verdict = use.on(texts[0], arrived, *texts[1:])
    return None if not verdict.severity else Finding("", verdict.reason, verdict.severity, texts[0], verdict.value or "")


def _has_items(text: str, inner: Sequence[Steps]) -> bool:
    """Whether it is an array in JSON whose items have these fields."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(items, list) and all(_has_field(item, steps) for item in items for steps in inner)


def _has_field(item: Any, steps: Steps) -> bool:
    for step in steps:
        if item is None:
            return True
        if not isinstance(item, dict) or step not in item:
            return False
        item = item[step]
    return True


def judged_row(dataset: Dataset, given: Mapping[str, Any], arrived: int) -> tuple[Judgement, dict[str, Any]]:
    """What the rules of a dataset say of a row of JSON, and the row they make of it."""
    scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), dataset.event_schema)
    row = row_of(dataset, given)
    told = compile_rules(dataset, scanner).judge(scanner.encode_row(row), arrived)
    return told, scanner.decode_row(told.row)


def row_of(dataset: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    """A row of JSON as Avro takes it: dates and moments in ISO 8601, decimals as text or number, what is missing as null."""
    schema = Avro(dataset.row_schema).schema
    strange = sorted(given.keys() - {field["name"] for field in schema["fields"]})
    if strange:
        raise _unfit(strange)
    row, wrong = {}, []
    for field in schema["fields"]:
        value = given.get(field["name"], field.get("default"))
        try:
            # A text that may not be null is missing as an empty one, which `required` has a word on.
            row[field["name"]] = "" if value is None and field["type"] == "string" else typed(
                field["type"], value, schema["__named_schemas"], field["name"])
        except RejectError:
            wrong.append(field["name"])
    if wrong:
        raise _unfit(wrong)
    return row


def _unfit(fields: list[str]) -> RejectError:
    names = ", ".join(fields)
    return RejectError("usage", Text(f"字段与数据资源的结构不符: {names}", f"fields do not fit the dataset: {names}"),
                       advice=Text("shutong dataset show 或标准数据资源的 row.avsc 列出字段与类型",
                                   "see fields and types with shutong dataset show, or in row.avsc of the standard"))


def costs_of_rules(rounds: int) -> list[Cost]:
    """Every rule on the values of its own examples; first the rule that says nothing, which the others' cost is held against.

    Medians of rounds of one run; values are asked for again and again, as most values of a lane are.
    """
    costs = [Cost("", "-", *[_median([((lambda text: KEEP), ("示例",))], rounds)] * 2)]
    for rule in RULES.values():
        asked: dict[bool, list[tuple[Callable[..., Verdict], tuple[str, ...]]]] = {True: [], False: []}
        for example in rule.examples:
            if example.given is not None and None not in example.others:
                texts = (example.given, *(other or "" for other in example.others))
                asked[not example.verdict.severity].append((use_of(example.use or rule.name).check, texts))
        costs.append(Cost(pack_of(rule), rule.name, _median(asked[True], rounds), _median(asked[False], rounds)))
    return costs


def costs_of_datasets(rounds: int) -> list[Cost]:
    """Whole rows of every standard dataset: its examples as they are, met for the first time, and with a blank behind every
    text that is not of the key."""
    costs = []
    for name in standard_names():
        dataset = standard_dataset(name).declare(f"bench.{name}", 1)
        scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), 1)
        rows = [{field: row.get(field) for field in scanner.fields} for row in standard_dataset(name).examples]
        texts = {field for field, number in scanner.index.items() if scanner.field(number).kind == "text" and field not in dataset.key}
        spoiled = [{field: f"{value}\u3000" if field in texts and value is not None else value
                    for field, value in row.items()} for row in rows]
        good, dirty = ([scanner.encode_row(row) for row in each] for each in (rows, spoiled))
        made = partial(compile_rules, dataset, scanner)
        costs.append(Cost("", name, _fresh(made, good, rounds), _fresh(made, dirty, rounds)))
    return costs


def _median(asked: Iterable[tuple[Callable[..., Verdict], tuple[str, ...]]], rounds: int) -> float:
    """Microseconds a call; the loop's own share is in all of them alike."""
    calls = [each for each in asked for _ in range(200)]
    if not calls:
        return 0.0
    took = []
    for _ in range(rounds):
        started = time.process_time()
        for check, texts in calls:
            check(*texts)
        took.append((time.process_time() - started) / len(calls) * 1e6)
    return statistics.median(took)


def _fresh(made: Callable[[], Judge], rows: Sequence[Any], rounds: int) -> float:
    """Microseconds a row under judges that have met nothing yet."""
    arrived, took = int(time.time() * 1000), []
    for _ in range(rounds):
        judges = [made().judge for _ in range(100)]
        started = time.process_time()
        for judge in judges:
            for row in rows:
                judge(row, arrived)
        took.append((time.process_time() - started) / (len(judges) * len(rows)) * 1e6)
    return statistics.median(took)
