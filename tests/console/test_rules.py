"""`shutong rules`: every rule is told with its source and examples, values and rows are judged as the bus judges them."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.datasets import standard_dataset
from schemas.rules import RULES, pack_of

Shutong = Callable[..., Any]
ROW = json.dumps({**standard_dataset("resident").examples[0], "updated_at": "2026-01-02T03:04:05+00:00"})


def test_every_rule_is_listed_under_its_pack(shutong: Shutong) -> None:
    listed = json.loads(shutong("rules", "list", "-o", "json").out)
    assert {row["rule"] for row in listed} == set(RULES)
    assert [row["reasons"] for row in listed if row["rule"] == "date"] == [list(RULES["date"].reasons)]
    assert {pack_of(RULES[name]) for name in ("encoding", "range", "after", "one_of", "resident_id")} == {
        "text", "values", "cross-field", "codes", "identity"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_shown_with_all_its_examples_as_they_are_written(shutong: Shutong, name: str) -> None:
    shown = json.loads(shutong("rules", "show", name, "-o", "json").out)
    assert len(shown["examples"]) == len(RULES[name].examples)
    assert {one["reason"] for one in shown["reasons"]} == set(RULES[name].reasons)
    assert all(one["severity"] for one in shown["reasons"])
    table = shutong("rules", "show", name).out
    # Brackets are shown, not taken for a style.
    assert all(f"{example.given}" in table for example in RULES[name].examples
               if example.given and example.given.isprintable() and len(example.given) < 30)


def test_a_value_is_judged_and_a_reject_exits_with_3(shutong: Shutong) -> None:
    fixed = shutong("rules", "try", "date", "2026年1月2日", "-o", "json")
    assert fixed.code == 0
    assert [(one["reason"], one["after"]) for one in json.loads(fixed.out)["findings"]] == [("date_form", "2026-01-02")]
    assert shutong("rules", "try", "date", "2026-01-02").code == 0
    assert shutong("rules", "try", "date", "2026-02-30").code == 3
    late = ("rules", "try", "date(not_after=arrival)", "2026-01-02", "--arrived")
    assert (shutong(*late, "2026-01-01T15:59:59").code, shutong(*late, "2026-01-01T16:00:00").code) == (3, 0)


def test_a_rule_across_fields_takes_the_other_fields_behind_its_own(shutong: Shutong) -> None:
    assert shutong("rules", "try", "after(field=x)", "2026-01-01", "2026-02-01").code == 3
    assert shutong("rules", "try", "after(field=x)", "2026-02-02", "2026-02-01").code == 0
    alone = shutong("--lang", "en", "rules", "try", "after(field=x)", "2026-01-01")
    assert alone.code == 2
    assert "takes 1 values besides its own: field" in alone.err


def test_a_row_is_judged_by_the_rules_of_its_dataset_and_shown_as_it_becomes(shutong: Shutong) -> None:
    assert shutong("rules", "try", "resident", ROW).code == 0
    dirty = json.dumps({**json.loads(ROW), "name": "示例　", "birth_date": "1949年12月31日"})
    told = json.loads(shutong("rules", "try", "resident", dirty, "-o", "json").out)
    assert (told["row"]["name"], told["row"]["birth_date"]) == ("示例", "1949-12-31")
    assert {one["field"] for one in told["findings"]} == {"name", "birth_date"}
    assert shutong("rules", "try", "resident", json.dumps({**json.loads(ROW), "sex": "7"})).code == 3


@pytest.mark.parametrize(("words", "told"), [
    (("try", "lenght(min=2)", "x"), "there is no rule lenght"), (("show", "lenght"), "there is no rule lenght"),
    (("try", "resident", "[1"), "one object of JSON"), (("try", "resident", '{"nam": "x"}'), "do not fit the dataset: nam"),
    (("try", "resident", '{"updated_at": "yesterday"}'), "do not fit the dataset: updated_at"),
    (("try", "unique", "x"), "rule unique judges an array"), (("try", "unique", "7"), "rule unique judges an array"),
    (("try", "unique(by=code)", '[{"code":"1"},{"cod":"1"}]'), "rule unique judges an array")])
def test_what_is_put_wrongly_is_told_with_advice(shutong: Shutong, words: tuple[str, ...], told: str) -> None:
    ran = shutong("--lang", "en", "rules", *words)
    assert ran.code == 2
    assert told in ran.err


def test_the_bench_names_every_rule_pack_and_dataset_and_what_each_costs(shutong: Shutong) -> None:
    rows = list(csv.DictReader(io.StringIO(shutong("--lang", "en", "rules", "bench", "--rounds", "1", "-o", "csv").out)))
    named = {row["name"] for row in rows}
    assert set(RULES) | {"-", "*", "resident"} <= named
    assert all(float(row["good"]) >= 0 for row in rows)
    assert {row["pack"] for row in rows if row["name"] == "*"} == {"identity", "text", "values", "across fields", "codes"}
