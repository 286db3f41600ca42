"""Standard datasets: each is in order, refers to elements in every field, and its own cases come out as its file says."""

import dataclasses
import datetime as dt
import json
from decimal import Decimal

import pytest

from schemas.codec import EventCodec, EventScanner
from schemas.contract import check_dataset, event_schema
from schemas.control import Dataset
from schemas.datasets import StandardDataset, standard_dataset, standard_names
from schemas.datasets.cases import Case, check_cases
from schemas.datasets.values import row_values, whole_row
from schemas.elements import element, elements
from schemas.elements.fit import fields_at, short_type
from schemas.envelope import Event, Meta
from schemas.letter import Finding
from schemas.rules import compile_rules, use_of
from trial.oracle.plan import Dataset as OracleDataset
from trial.oracle.rules import RowRules

STANDARDS = [standard_dataset(name) for name in standard_names()]
CASES = [(standard, case) for standard in STANDARDS for case in standard.cases]
PERMIT, ENTERPRISE = standard_dataset("permit"), standard_dataset("enterprise")


def declared(standard: StandardDataset) -> Dataset:
    return standard.declare(f"city.{standard.name}", 1)


@pytest.mark.parametrize(("standard", "case"), CASES, ids=[f"{standard.name}-{number}" for number, (standard, _) in enumerate(CASES)])
def test_a_case_comes_out_as_the_dataset_says(standard: StandardDataset, case: Case) -> None:
    assert check_cases(declared(standard), standard.examples[0], [case]) == []


@pytest.mark.parametrize(("standard", "case"), CASES, ids=[f"{standard.name}-{number}" for number, (standard, _) in enumerate(CASES)])
def test_the_oracle_finds_the_same_in_a_case(standard: StandardDataset, case: Case) -> None:
    row, arrived = case.row(standard.examples[0], standard.row_schema), int(case.arrived.timestamp() * 1000)
    oracle = RowRules(OracleDataset("city.x", "city", standard.key, 1, standard.rules, standard.row_schema))
    found = oracle.judge(row, arrived)[1]
    assert [f"{one.field} {one.severity} {one.reason}" for one in found] == list(case.findings)
    scanner = EventScanner(event_schema("city.x", standard.row_schema), 1)
    judge = compile_rules(declared(standard), scanner)
    assert judge.judge(scanner.encode_row(row), arrived).findings == tuple(Finding(*one) for one in found)


@pytest.mark.parametrize("standard", STANDARDS, ids=standard_names())
def test_a_standard_dataset_is_in_order_and_its_examples_are_good(standard: StandardDataset) -> None:
    dataset = declared(standard)
    assert check_dataset(dataset) == []
    assert standard.examples
    for example in standard.examples:
        assert check_cases(dataset, example, [Case(says="as it is")]) == []
    assert standard.title
    assert standard.title_en.isascii()


@pytest.mark.parametrize("standard", STANDARDS, ids=standard_names())
def test_a_standard_dataset_shows_a_fix_and_a_rejection_and_says_each_in_both_languages(standard: StandardDataset) -> None:
    severities = {finding.split()[1] for case in standard.cases for finding in case.findings}
    assert severities >= {"reject"}
    assert "fix" in severities
    assert all(" / " in case.says for case in standard.cases)


@pytest.mark.parametrize("standard", STANDARDS, ids=standard_names())
def test_every_rule_of_a_standard_dataset_is_heard_in_its_cases(standard: StandardDataset) -> None:
    """What a rule would change of a key is only proposed, under a reason of its own."""
    heard = {finding.split()[2] for case in standard.cases for finding in case.findings}
    rules = {written: use_of(written).rule for uses in standard.rules.values() for written in uses}
    assert [written for written, rule in rules.items() if not heard & {*rule.reasons}] == []
    assert all(case.findings for case in standard.cases if case.becomes or case.cleared)


def test_values_inside_records_arrays_and_maps_have_the_rules_of_their_elements() -> None:
    rules = PERMIT.rules
    assert rules["holder.subject"] == element("service-subject").rules
    assert rules["items[].name"] == element("item-name").rules
    assert rules["attachments{}"] == element("attachments").rules
    assert rules["items[].amount"] == ("range(min=0)",)
    assert standard_dataset("permit-event").rules["changed_fields[]"] == element("item-name").rules
    estate = standard_dataset("real-estate").rules
    assert estate["holders[].share"] == ("range(min=0,max=100)",)
    assert estate["holders"] == ("unique(by=id_number)",)
    assert estate["registered_on"] == ("placeholder", "date(not_after=arrival)")


@pytest.mark.parametrize("standard", STANDARDS, ids=standard_names())
def test_every_field_of_a_standard_dataset_refers_to_an_element_and_has_a_title(standard: StandardDataset) -> None:
    fields = fields_at(standard.row_schema)
    assert [field.path for field in fields if field.element not in elements()] == []
    assert [field.path for field in fields if not field.part.get("title")] == []


def test_the_standards_have_every_shape_a_row_may_have() -> None:
    schemas = [json.loads(standard.row_schema) for standard in STANDARDS]
    kinds = {short_type(branch) for schema in schemas for part in schema["fields"]
             for branch in (part["type"] if isinstance(part["type"], list) else [part["type"]])}
    assert kinds >= {"string", "date", "timestamp-millis", "decimal(16,2)", "decimal(14,2)", "enum", "record", "array", "map", "null"}
    assert {standard.kind for standard in STANDARDS} == {"state", "log"}
    assert max(len(standard.key) for standard in STANDARDS) == 3


@pytest.mark.parametrize("standard", STANDARDS, ids=standard_names())
def test_an_example_survives_its_codec(standard: StandardDataset) -> None:
    codec = EventCodec(event_schema("city.x", standard.row_schema), 1)
    event = Event(Meta("id", "c", 0, "s", "s", 0, 1), standard.examples[0])
    assert codec.decode(codec.encode(event)).row == standard.examples[0]


def told(case: Case, standard: StandardDataset = ENTERPRISE) -> str:
    return " ".join(text.en for text in check_cases(declared(standard), standard.examples[0], [case]))


def test_a_case_that_does_not_come_out_is_told_by_what_differs_and_shows_no_value() -> None:
    assert "findings are sector fix code_form, and the file says -" in told(Case(says="x", given={"sector": "C15"}))
    wrong = told(Case(says="x", given={"sector": "C15"}, becomes={"sector": "16"}, findings=("sector fix code_form",)))
    assert "when clean, sector are not as the file says" in wrong
    assert "C15" not in wrong
    assert "the record is rejected" in told(Case(says="x", given={"sector": "98"}, becomes={"sector": "15"},
                                                 findings=("sector reject code_unknown",)))
    assert 'case "x"' in wrong


def test_a_case_says_which_fields_become_null_and_is_held_to_it() -> None:
    given = {"phone": "无"}
    found = ("phone fix placeholder",)
    assert told(Case(says="x", given=given, cleared=("phone",), findings=found)) == ""
    assert "when clean, phone are not" in told(Case(says="x", given=given, findings=found))
    assert "when clean, valid_until are not" in told(Case(says="x", cleared=("valid_until",)))
    assert "fields horse do not exist" in told(Case(says="x", cleared=("horse",)))
    assert "the record is rejected" in told(Case(says="x", given={"sector": "98"}, cleared=("phone",),
                                                 findings=("sector reject code_unknown",)))


def test_a_case_of_fields_that_do_not_exist_or_fit_is_told_by_their_names() -> None:
    assert "fields horse do not exist" in told(Case(says="x", given={"horse": 1}))
    assert "fields colour do not exist" in told(Case(says="x", becomes={"colour": 1}))
    assert "fields registered_capital, updated_at" in told(Case(says="x", given={"registered_capital": "much", "updated_at": "now"}))
    assert "fields name" in told(Case(says="x", without=("name",)))


def test_what_cleaning_changes_beside_the_fields_of_a_case_is_told_too() -> None:
    case = Case(says="x", given={"sector": "C15", "status": "在业"}, becomes={"sector": "15"},
                findings=("sector fix code_form", "status fix code_form"))
    assert "when clean, status" in told(case)


def test_a_case_is_judged_by_its_own_arrival() -> None:
    given = {"established_on": "2030-01-01", "approved_on": "2030-01-01"}
    case = Case(says="x", given=given, arrived=dt.datetime(2030, 1, 2, tzinfo=dt.UTC))
    assert told(case) == ""
    assert told(case.model_copy(update={"arrived": dt.datetime(2029, 1, 2, tzinfo=dt.UTC)})) != ""


def test_texts_of_toml_become_decimals_at_every_depth_and_what_is_left_out_its_default() -> None:
    row = whole_row({"fee": "1.50", "items": [{"name": "a", "amount": "2.25"}], "holder": {"name": "b"}}, PERMIT.row_schema)
    assert row["fee"] == Decimal("1.50")
    assert row["items"] == [{"name": "a", "quantity": None, "amount": Decimal("2.25")}]
    assert row["valid_to"] is None
    assert row["holder"] == {"name": "b"}
    assert row_values({"fee": "much", "horse": 1}, PERMIT.row_schema) == {"fee": "much", "horse": 1}


def test_rules_of_a_city_replace_those_of_the_standard_field_by_field() -> None:
    looser = dataclasses.replace(ENTERPRISE, rules={**ENTERPRISE.rules, "sector": ()})
    assert told(Case(says="x", given={"sector": "98"}), looser) == ""
