"""How a record's findings are counted: each reason on a field once, the gravest first, and each dimension once."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.control import Dataset
from schemas.quality import PROMISED_MS, SEVERITIES, Counted, counted
from schemas.reasons import DIMENSIONS
from schemas.rules import REASONS

MARKS = st.lists(st.tuples(st.sampled_from(["", "sex", "items[0].amount", "items[17].amount", "rows[3]{1}.a", "rows[3]{2}.a", "a" * 300]),
                           st.sampled_from(["required", "not_listed", "id_division", "late", "unheard_of"]),
                           st.sampled_from(SEVERITIES)), max_size=8).map(tuple)


def rows(marks: Sequence[tuple[str, str, str]]) -> list[Counted]:
    return [row for row in counted(tuple(marks)) if row.reason]


def lowered(marks: Sequence[tuple[str, str, str]]) -> list[str]:
    return [row.dimension for row in counted(tuple(marks)) if not row.reason]


def test_a_reason_on_a_field_is_counted_once_under_the_gravest_severity() -> None:
    marks = [("sex", "not_listed", "fix"), ("sex", "not_listed", "reject"), ("sex", "not_listed", "suspect"), ("sex", "required", "fix")]
    assert rows(marks) == [("validity", "sex", "not_listed", "reject"), ("completeness", "sex", "required", "fix")]


def test_items_of_a_list_and_entries_of_a_map_are_not_told_apart() -> None:
    for written, path in (("items[].amount", "items[{}].amount"), ("tags{}", "tags{{{}}}")):
        marks = [(path.format(number), "not_listed", "fix") for number in range(500)]
        assert rows(marks) == [("validity", written, "not_listed", "fix")]
        assert lowered(marks) == ["validity"]


def test_a_suspect_value_may_be_right_and_lowers_no_figure() -> None:
    assert lowered([("resident_id", "id_division", "suspect")]) == []
    assert lowered([("resident_id", "id_division", "suspect"), ("", "late", "noted")]) == ["timeliness"]


@given(MARKS)
def test_whatever_is_found_a_record_is_counted_once_for_each_reason_and_each_dimension(marks: tuple[tuple[str, str, str], ...]) -> None:
    told = counted(marks)
    assert len(set(told)) == len(told)
    assert len({(row.field, row.reason) for row in told if row.reason}) == len([row for row in told if row.reason])
    assert {row.reason for row in told if row.reason} == {reason for _, reason, _ in marks}
    assert {row.dimension for row in told} <= set(DIMENSIONS)
    assert all(len(row.field) <= 200 for row in told)
    assert sorted(lowered(marks)) == sorted({row.dimension for row in told if row.reason and row.severity != "suspect"})


def test_every_cycle_a_dataset_may_have_promises_a_time_that_is_longer_than_itself() -> None:
    cycles = Dataset.model_json_schema()["properties"]["cycle"]["enum"]
    assert PROMISED_MS.keys() == set(cycles)
    days = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
    assert all(PROMISED_MS[cycle] > long * 86_400_000 for cycle, long in days.items())
    assert [PROMISED_MS[cycle] for cycle in cycles] == sorted(PROMISED_MS.values())


def test_what_is_noted_of_time_has_words_and_its_dimension() -> None:
    assert (REASONS["late"].dimension, REASONS["at_in_future"].dimension) == ("timeliness", "validity")
