"""Rules: every example holds, every reason has words and is shown, and a dataset's mistakes are told all at once."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas.rules
from schemas.contract import check_dataset
from schemas.control import Dataset
from schemas.datasets import standard_dataset
from schemas.rules import REASONS, RULES, Example, Rule, check_rules, every_example, use_of
from schemas.rules.book import UseError

EXAMPLES = list(every_example())
ARRIVED = 1_767_323_045_000
BASE = standard_dataset("resident").declare("health.resident", 1)

#: Every rule on one text, in every way it is written in the examples.
SINGLE = [use_of(written) for written in sorted({
    shown.use or rule.name for rule, shown in EXAMPLES if rule.takes("text") and not rule.across})]

#: Texts near the rules' own examples: whole ones, and ones with a character put in, taken out or changed.
GIVEN = sorted({example.given for _, example in EXAMPLES if example.given is not None})
NEAR = "0129 -xX０Ａ　年月日号时分十二〇+86/.:,元万角壹拾佰省市县<>&;b·•\u200b\u200d\ufeff\x00\n?￥ÃÂ¤涓鍏\ufffd"
TEXTS = st.text(max_size=30) | st.sampled_from(GIVEN) | st.text(NEAR, max_size=20) | st.builds(
    lambda text, spot, size, put: text[:spot] + put + text[spot + size:],
    st.sampled_from(GIVEN), st.integers(0, 18), st.integers(0, 2), st.text(NEAR, max_size=3))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=[f"{rule.name}-{number}" for number, (rule, _) in enumerate(EXAMPLES)])
def test_a_rule_gives_the_verdict_it_shows(rule: Rule, example: Example) -> None:
    assert use_of(example.use or rule.name).on(example.given, example.arrived, *example.others) == example.verdict


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_shows_every_reason_it_has_and_gives_no_other(rule: Rule) -> None:
    shown = {example.verdict.reason for example in rule.examples if example.verdict.severity}
    assert shown == set(rule.reasons)
    assert "" in {example.verdict.severity for example in rule.examples}


def test_every_file_of_a_rule_is_in_the_book() -> None:
    folder = Path(schemas.rules.__file__).parent
    declared = {node.name for path in folder.glob("*.py") for node in ast.parse(path.read_text(encoding="utf-8")).body
                if isinstance(node, ast.FunctionDef) and any(ast.unparse(mark).startswith("rule(") for mark in node.decorator_list)}
    assert declared == set(RULES)
    assert all((folder / f"{name}.py").exists() for name in RULES)


def test_every_reason_speaks_both_languages() -> None:
    for code, reason in REASONS.items():
        for text in (reason.problem, reason.advice):
            assert text.zh, code
            assert text.en.isascii(), code
            assert text.en != text.zh, code


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(0, 2_000_000_000_000))
def test_what_a_rule_has_fixed_or_proposed_it_leaves_alone(text: str, arrived: int) -> None:
    for use in SINGLE:
        verdict = use.on(text, arrived)
        assert verdict.reason in {"", *use.rule.reasons}
        assert verdict.value != text or not text
        if verdict.severity == "fix" or verdict.value:
            assert verdict.value is None or use.on(verdict.value, arrived).severity in ("", "suspect")


@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(0, 2_000_000_000_000))
def test_what_a_rule_says_does_not_hang_on_what_it_was_asked_before(texts: list[str], arrived: int) -> None:
    for rule in RULES.values():
        if rule.takes("text") and not rule.across and not rule.needed:
            first = [rule.make()(text).at(arrived) for text in texts]
            assert [use_of(rule.name).on(text, arrived) for text in reversed(texts)] == first[::-1]


@given(TEXTS, TEXTS, st.sampled_from([example.use or rule.name for rule, example in EXAMPLES if rule.across and rule.others]),
       st.integers(0, 2_000_000_000_000))
def test_a_rule_across_fields_never_fixes(text: str, other: str, written: str, arrived: int) -> None:
    use = use_of(written)
    verdict = use.on(text, arrived, *[other] * len(use.others))
    assert verdict.reason in {"", *use.rule.reasons}
    assert verdict.severity != "fix"


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.across], ids=lambda rule: rule.name)
def test_a_rule_across_fields_needs_every_field_it_names_and_never_shows_a_fix(rule: Rule) -> None:
    assert set(rule.others) <= rule.needed
    assert not rule.on_null.severity
    assert "fix" not in {example.verdict.severity for example in rule.examples}
    assert all(len(example.others) == len(rule.others) for example in rule.examples)


def test_all_mistakes_in_the_rules_of_a_dataset_are_told_at_once() -> None:
    rules = {"nobody": ("required",), "name": ("lenght(min=2)", "length(min=two)", "length(least=2)", "one_of", "length(min=1"),
             "sex": ("one_of(values=1||2)", "date(not_after=yesterday)", "division_code(digits=99)"),
             "updated_at": ("required", "date")}
    dataset = BASE.model_copy(update={"rules": rules})
    told = [text.en for text in check_rules(dataset)]
    assert len(told) == 10
    for part in ("nobody", "lenght(min=2)", "option min cannot be two", "no option least", "one_of needs values", "length(min=1",
                 "option values", "option not_after", "option digits", "updated_at is of type timestamp-millis; rule date"):
        assert sum(part in text for text in told) == 1, part
    assert told == [text.en for text in check_dataset(dataset)]


SHAPE = """{"type": "record", "name": "R", "fields": [
  {"name": "k", "type": "string"}, {"name": "day", "type": {"type": "int", "logicalType": "date"}}, {"name": "n", "type": "long"},
  {"name": "holder", "type": ["null", {"type": "record", "name": "H", "fields": [{"name": "name", "type": "string"}]}]},
  {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "I", "fields": [
    {"name": "code", "type": ["null", "string"]}, {"name": "of", "type": "H"}, {"name": "day", "type": "string"}]}}},
  {"name": "tags", "type": {"type": "map", "values": "string"}}, {"name": "either", "type": ["string", "long", "null"]}]}"""


def told(**rules: tuple[str, ...]) -> list[str]:
    written = {path.replace("__", "."): uses for path, uses in rules.items()}
    return [text.en for text in check_rules(Dataset(**{**BASE.model_dump(), "row_schema": SHAPE, "key": ("k",), "rules": written}))]


def test_rules_are_written_for_values_inside_records_arrays_and_maps() -> None:
    assert told(**{"holder.name": ("required",), "items[].of.name": ("blanks",), "items[].code": ("length(max=2)",), "tags{}": ("blanks",),
                   "items[].day": ("after(field=day)", "after(field=items[].day)"), "n": ("range(min=1)",),
                   "items": ("unique(by=of.name)",), "either": ("required",)}) == []


def test_a_path_that_leads_nowhere_is_told() -> None:
    for path in ("holder.nam", "holder[].name", "items.code", "items[]code", "tags[]", "either.x", "k.x", "items[", "", "items[].of{}"):
        assert told(**{path: ("required",)}) == [f"rules are given for field {path}, which does not exist"]


def test_what_a_rule_reads_besides_must_be_there_of_its_kind_and_one_value() -> None:
    (missing,), (kind,), (many,), (inner,) = (
        told(day=("after(field=date)",)), told(day=("after(field=n)",)), told(day=("after(field=items[].day)",)),
        told(items=("unique(by=cod)",)))
    assert missing == "field day: rule after reads field date, which does not exist"
    assert kind == ("field n is of type long; rule after is for date, local-timestamp-micros, local-timestamp-millis, text, "
                    "timestamp-micros, timestamp-millis")
    assert many == "field day: rule after reads items[].day, which is not one value for each day"
    assert inner == "the items of field items have no cod"
    assert [text.split(":")[1] for text in told(items=("unique(by=of[])", "after(field=a-b)", "unique(then=maybe)"))] == [
        " rule unique", " rule after", " rule unique"]
    assert told(holder=("unique",)) == ["field holder is of type record; rule unique is for array"]


def test_a_row_schema_that_is_none_is_said_by_the_rules_too() -> None:
    assert check_rules(Dataset(**{**BASE.model_dump(), "row_schema": "[1"}))


def test_options_may_be_spaced_as_people_write_them() -> None:
    assert use_of(" length( min = 2 , max = 3 ) ").on("示", ARRIVED).reason == "too_short"
    with pytest.raises(UseError):
        use_of("")
