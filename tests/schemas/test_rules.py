"""Rules: every example holds, every reason has words and is shown, and a dataset's mistakes are told all at once."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas.rules
from schemas.contract import check_dataset
from schemas.control import Dataset
from schemas.datasets import standard_dataset, standard_names
from schemas.rules import REASONS, RULES, Example, Rule, check_rules, every_example, use_of
from schemas.rules.book import UseError

EXAMPLES = list(every_example())
ARRIVED = 1_767_323_045_000
BASE = standard_dataset("resident").declare("health.resident", 1)

#: Texts near the rules' own examples: whole ones, and ones with a character put in, taken out or changed.
GIVEN = sorted({example.given for _, example in EXAMPLES if example.given is not None})
TEXTS = st.text(max_size=30) | st.sampled_from(GIVEN) | st.builds(
    lambda text, spot, size, put: text[:spot] + put + text[spot + size:],
    st.sampled_from(GIVEN), st.integers(0, 18), st.integers(0, 2), st.text("0129 -xX０Ａ　年月日+86/", max_size=3))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=[f"{rule.name}-{number}" for number, (rule, _) in enumerate(EXAMPLES)])
def test_a_rule_gives_the_verdict_it_shows(rule: Rule, example: Example) -> None:
    assert use_of(example.use or rule.name).on(example.given, example.arrived) == example.verdict


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


@given(TEXTS, st.sampled_from([example.use or rule.name for rule, example in EXAMPLES]), st.integers(0, 2_000_000_000_000))
def test_what_a_rule_has_fixed_or_proposed_it_leaves_alone(text: str, written: str, arrived: int) -> None:
    use = use_of(written)
    verdict = use.on(text, arrived)
    assert verdict.reason in {"", *use.rule.reasons}
    assert verdict.value != text or not text
    if verdict.severity == "fix" or verdict.value:
        assert use.on(verdict.value, arrived).severity in ("", "suspect")


@pytest.mark.parametrize("name", standard_names())
def test_the_rules_of_a_standard_dataset_hold_for_its_examples(name: str) -> None:
    standard = standard_dataset(name)
    assert check_dataset(standard.declare(f"health.{name}", 1)) == []
    assert standard.examples
    for row in standard.examples:
        for field, uses in standard.rules.items():
            assert not any(use_of(use).on(row.get(field), ARRIVED).severity for use in uses), field


def test_all_mistakes_in_the_rules_of_a_dataset_are_told_at_once() -> None:
    rules = {"nobody": ("required",), "name": ("lenght(min=2)", "length(min=two)", "length(least=2)", "one_of", "length(min=1"),
             "sex": ("one_of(values=1||2)", "date(not_after=yesterday)", "division_code(digits=99)"),
             "updated_at": ("required", "date")}
    dataset = BASE.model_copy(update={"rules": rules})
    told = [text.en for text in check_rules(dataset)]
    assert len(told) == 10
    for part in ("nobody", "lenght(min=2)", "option min cannot be two", "no option least", "one_of needs values", "length(min=1",
                 "option values", "option not_after", "option digits", "updated_at is no text"):
        assert sum(part in text for text in told) == 1, part
    assert told == [text.en for text in check_dataset(dataset)]


def test_a_row_schema_that_is_none_is_said_by_the_rules_too() -> None:
    assert check_rules(Dataset(**{**BASE.model_dump(), "row_schema": "[1"}))


def test_options_may_be_spaced_as_people_write_them() -> None:
    assert use_of(" length( min = 2 , max = 3 ) ").on("示", ARRIVED).reason == "too_short"
    with pytest.raises(UseError):
        use_of("")
