"""The rules and the oracle's, written apart from the same standards, say the same of every row."""

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.datasets import standard_dataset
from schemas.rules import Judge, compile_rules, every_example, use_of
from tests.schemas.drawn_numbers import (
    CODES,
    card_numbers,
    check_character,
    credit_codes,
    organisation_codes,
    phones,
    resident_ids,
    spelt,
)
from trial.city.dirt import DirtyPopulation
from trial.oracle.identity import IDENTITY
from trial.oracle.rules import RowRules

ARRIVED = 1_767_323_045_000
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SPELLINGS = sorted({shown.given for _, shown in every_example() if shown.given})
WRITTEN = sorted({shown.use or rule.name for rule, shown in every_example() if rule.takes("text") and not rule.across})

#: Any text; a text of the rules' examples; and one with some characters put in, taken out or doubled.
CHARACTERS = "0123456789xX ０１Ｘ　-/.年月日+()\t\u00a0٣²ⅷ\u2028a甲ßſıIOSZ转—\u200b\u202d"
TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(SPELLINGS), st.text(CHARACTERS, max_size=20),
    st.builds(lambda text, spot, size, put: text[:spot] + put + text[spot + size:], st.sampled_from(SPELLINGS),
              st.integers(0, 20), st.integers(0, 3), st.text(CHARACTERS, max_size=3)))
ARRIVALS = st.integers(-2_000_000_000_000, 4_000_000_000_000)
#: Midnights in China around dates the texts speak of: where a judgement turns.
EDGES = st.sampled_from([1_767_283_200_000, 1_767_283_199_999, 1_767_369_600_000, 1_767_369_599_999, 0])


def options_of(use: str) -> dict[str, str]:
    """The options in a rule as it is written."""
    return dict(part.split("=") for part in use.partition("(")[2].rstrip(")").split(",") if part)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """A citizen's number with the right check character, of any day and any division."""
    body = f"{draw(st.integers(0, 999999)):06}{draw(st.integers(1890, 2040)):04}" \
           f"{draw(st.integers(0, 13)):02}{draw(st.integers(0, 32)):02}{draw(st.integers(0, 999)):03}"
    last = check_character(body)
    return body + draw(st.sampled_from([last, last, last.lower(), "0"]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Dataset, list[tuple[dict[str, Any], int]]]:
    """A dataset of texts under drawn rules, and rows of it with their arrivals."""
    names = [f"f{number}" for number in range(draw(st.integers(1, 3)))]
    key = draw(st.sampled_from(names))
    nullable = {name: name != key and draw(st.booleans()) for name in names}
    fields = [{"name": name, "type": ["null", "string"] if nullable[name] else "string"} for name in names]
    rules = {name: tuple(draw(st.lists(st.sampled_from(WRITTEN), max_size=4))) for name in names}
    dataset = Dataset(id="a.thing", title="t", provider="a", key=(key,), event_schema=1, rules=rules,
                      row_schema=json.dumps({"type": "record", "name": "Thing", "fields": fields}))
    values = {name: st.none() | TEXTS if nullable[name] else TEXTS | numbers() for name in names}
    return dataset, draw(st.lists(st.tuples(st.fixed_dictionaries(values), ARRIVALS | EDGES), min_size=1, max_size=4))


#: A row with records, arrays and maps, some of them missing, one type used twice, and values of many kinds.
HOLDER = {"type": "record", "name": "Holder", "fields": [
    {"name": "name", "type": "string"}, {"name": "note", "type": ["string", "null"]},
    {"name": "born", "type": {"type": "int", "logicalType": "date"}}]}
ITEM = {"type": "record", "name": "Item", "fields": [
    {"name": "code", "type": ["null", "string"]}, {"name": "amount", "type": "double"},
    {"name": "cost", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "begun", "type": ["null", {"type": "int", "logicalType": "date"}]},
    {"name": "ended", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]}, {"name": "of", "type": ["null", "Holder"]}]}
NESTED = {"k": "string", "day": "string", "count": ["null", "long"], "owner": ["null", HOLDER], "items": {"type": "array", "items": ITEM},
          "words": ["null", {"type": "array", "items": "string"}], "tags": {"type": "map", "values": ["null", "string"]},
          "deep": {"type": "map", "values": {"type": "array", "items": ["null", "Holder"]}}}
TEXT_PLACES = ("k", "day", "owner.name", "owner.note", "items[].code", "items[].of.name", "words[]", "tags{}", "deep{}[].note")
NUMBER_PLACES = ("count", "items[].amount", "items[].cost")
OTHER_PLACES = ("owner", "owner.born", "items", "items[].begun", "items[].ended", "words", "tags", "deep{}", "deep{}[].born")
BOUNDS = ("range(min=0)", "range(min=-1.5,max=2e2,then=suspect)", "required")
ACROSS = {"day": ("after(field=owner.born)", "after(field=k,same=allowed)"), "owner.born": ("after(field=day,then=suspect)",),
          "items[].ended": ("after(field=items[].begun)", "after(field=day)", "after(field=items[].of.born,same=allowed)"),
          "items[].begun": ("after(field=items[].ended,same=allowed)",), "items": ("unique", "unique(by=code)", "unique(by=of.name)"),
          "words": ("unique(then=suspect)",), "deep{}": ("unique(by=name)",), "deep{}[].born": ("after(field=owner.born)",)}
#: Few days, so that they meet.
DAYS = st.dates(dt.date(2026, 1, 1), dt.date(2026, 1, 4)) | st.dates()
TIMES = st.sampled_from([MOMENT + dt.timedelta(hours=step) for step in range(-40, 60, 4)])
WORDS = st.sampled_from(["", "1", " 1", "２", "2026-01-02", "20260103"]) | TEXTS
HOLDERS = st.fixed_dictionaries({"name": WORDS, "note": st.none() | WORDS, "born": DAYS})
ITEMS = st.fixed_dictionaries({
    "code": st.none() | WORDS, "amount": st.floats(allow_nan=False) | st.sampled_from([0.0, -1.5, 200.0]),
    "cost": st.decimals(-300, 300, places=2), "begun": st.none() | DAYS, "ended": st.none() | TIMES, "of": st.none() | HOLDERS})
ROWS = st.fixed_dictionaries({
    "k": WORDS, "day": WORDS, "count": st.none() | st.integers(-3, 300), "owner": st.none() | HOLDERS, "items": st.lists(ITEMS, max_size=3),
    "words": st.none() | st.lists(WORDS, max_size=3), "tags": st.dictionaries(st.text(max_size=2), st.none() | WORDS, max_size=3),
    "deep": st.dictionaries(st.text(max_size=2), st.lists(st.none() | HOLDERS, max_size=2), max_size=2)})


@st.composite
def nested_cases(draw: st.DrawFn) -> tuple[Dataset, list[tuple[dict[str, Any], int]]]:
    """The nested row under drawn rules at drawn places, in any order; and rows of it with their arrivals."""
    rules = {}
    for place in draw(st.lists(st.sampled_from(TEXT_PLACES + NUMBER_PLACES + OTHER_PLACES), unique=True, max_size=7)):
        fitting = WRITTEN if place in TEXT_PLACES else BOUNDS if place in NUMBER_PLACES else ("required",)
        rules[place] = tuple(draw(st.lists(st.sampled_from((*fitting, *ACROSS.get(place, ()), *ACROSS.get(place, ()))), max_size=4)))
    fields = [{"name": name, "type": kind} for name, kind in NESTED.items()]
    dataset = Dataset(id="a.thing", title="t", provider="a", key=("k",), event_schema=1, rules=rules,
                      row_schema=json.dumps({"type": "record", "name": "Thing", "fields": fields}))
    return dataset, draw(st.lists(st.tuples(ROWS, ARRIVALS | EDGES), min_size=1, max_size=4))


class Both(NamedTuple):
    """A dataset's rules in both forms."""

    scanner: EventScanner
    judge: Judge
    oracle: RowRules


def both(dataset: Dataset) -> Both:
    scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), dataset.event_schema)
    return Both(scanner, compile_rules(dataset, scanner), RowRules(dataset))  # type: ignore[arg-type]


def single(written: str) -> Both:
    """One rule on one field that is not the key."""
    shape = {"type": "record", "name": "Thing", "fields": [{"name": name, "type": "string"} for name in "kf"]}
    return both(Dataset(id="a.thing", title="t", provider="a", key=("k",), event_schema=1, row_schema=json.dumps(shape),
                        rules={"f": (written,)}))


SINGLE = [single(written) for written in WRITTEN]


def agree(rules: Both, rows: list[tuple[dict[str, Any], int]]) -> None:
    """One judge over all rows, remembering what it will, against the oracle row by row."""
    scanner, judge, oracle = rules
    for row, arrived in rows:
        told = judge.judge(scanner.encode_row(row), arrived)
        expected, findings = oracle.judge(row, arrived)
        assert [tuple(one) for one in told.findings] == [tuple(one) for one in findings]
        assert told.rejected == any(one.severity == "reject" for one in findings)
        assert scanner.decode_row(told.row) == (row if told.rejected else expected)
        assert told.fixed == (not told.rejected and expected != row)


@settings(max_examples=400, deadline=None)
@given(cases())
def test_rules_and_oracle_agree_on_any_row_under_any_rules(case: tuple[Dataset, list[tuple[dict[str, Any], int]]]) -> None:
    dataset, rows = case
    agree(both(dataset), rows)


@settings(max_examples=400, deadline=None)
@given(nested_cases())
def test_rules_and_oracle_agree_on_values_inside_records_arrays_and_maps_and_across_them(
        case: tuple[Dataset, list[tuple[dict[str, Any], int]]]) -> None:
    dataset, rows = case
    agree(both(dataset), rows)


@settings(max_examples=1000, deadline=None)
@given(numbers() | TEXTS, ARRIVALS | EDGES)
@example("202601021", 1_767_283_199_999)
def test_rules_and_oracle_agree_on_any_value_under_every_single_rule(text: str, arrived: int) -> None:
    for rules in SINGLE:
        agree(rules, [({"k": "", "f": text}, arrived)])


@pytest.mark.parametrize(("name", "numbers_of"), [
    ("resident_id", resident_ids), ("uscc", credit_codes), ("organisation_code", organisation_codes), ("bank_card", card_numbers),
    ("phone", phones)])
def test_rules_and_oracle_agree_on_thousands_of_numbers_of_each_kind_as_people_write_them(
        name: str, numbers_of: Callable[[int, int], Iterator[str]]) -> None:
    """Straight through the two, without rows: the judge is the same for all."""
    chance = random.Random(7)
    uses = [use for use in WRITTEN if use.partition("(")[0] == name]
    for number in numbers_of(11, 4000):
        text = number if chance.random() < 0.7 else spelt(chance, number)
        for use in uses:
            arrived = chance.choice((ARRIVED, 0))
            verdict, said = use_of(use).on(text, arrived), IDENTITY[name](text, options_of(use), arrived)
            proposed = said.value if said.severity == "fix" else said.proposed
            assert (verdict.severity, verdict.reason, verdict.value) == (said.severity, said.reason, proposed), (use, text, arrived)


def test_rules_and_oracle_agree_on_every_division_of_every_table_and_on_births_of_every_time() -> None:
    chance = random.Random(3)
    for code in (*CODES, *(f"{chance.randrange(10**6):06}" for _ in range(5000))):
        for use in ("division_code", "division_code(retired=keep)"):
            said = IDENTITY["division_code"](code, options_of(use), ARRIVED)
            assert use_of(use).on(code, ARRIVED)[:2] == (said.severity, said.reason), code
        for year in (1935, 1984, 1999, 2001, 2021):
            number = f"{code}{year}0615{chance.randrange(1000):03}"
            number += check_character(number)
            said = IDENTITY["resident_id"](number, {}, ARRIVED)
            assert use_of("resident_id").on(number, ARRIVED)[:2] == (said.severity, said.reason), number


def test_rules_and_oracle_agree_on_a_city_of_dirty_residents() -> None:
    people = DirtyPopulation(7)
    rows = [{**people.draw()[0]._asdict(), "updated_at": MOMENT} for _ in range(2000)]
    agree(both(standard_dataset("resident").declare("health.resident", 1)), [(row, 1_767_323_045_000) for row in rows])
    assert len(people.counts) >= 10
    assert people.counts["unknown_division"]
