"""Synthetic enterprises, permits, events and real estate: valid where they are clean, and their dirt meets the fate it says."""

from collections import defaultdict
from decimal import Decimal

import pytest
from stdnum.cn import uscc

from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.datasets import standard_dataset
from schemas.elements.fit import fields_at
from schemas.rules import compile_rules
from trial.city.organisations import Organisations, credit_code
from trial.city.papers import STAINS, Papers

ARRIVED = 1_767_323_045_000
#: Four rows for each stain, and every stain four times: its values are taken in turn.
ROUNDS = 16


@pytest.mark.parametrize("dataset", sorted(STAINS))
def test_dirt_meets_the_fate_it_says_and_nothing_is_said_of_clean_rows(dataset: str) -> None:
    papers = Papers(3)
    declared = standard_dataset(dataset).declare(f"city.{dataset}", 1)
    scanner = EventScanner(event_schema(declared.id, declared.row_schema), 1)
    judge = compile_rules(declared, scanner)
    for _ in range(ROUNDS * len(STAINS[dataset])):
        row, stain = papers.draw(dataset)
        told = judge.judge(scanner.encode_row(row), ARRIVED)
        fate = "rejected" if told.rejected else "fixed" if told.fixed else "suspect" if told.findings else None
        assert fate == (stain.fate if stain else None), (stain, [(one.field, one.reason) for one in told.findings])
    assert {name for where, name in papers.counts if where == dataset} == {stain.name for stain in STAINS[dataset]}
    assert set(papers.counts.values()) == {4}


def test_codes_and_numbers_hold_their_checks_as_others_compute_them() -> None:
    drawn = Organisations(1)
    codes = [drawn.enterprise()["uscc"] for _ in range(300)]
    assert all(map(uscc.is_valid, (*codes, drawn.issuer)))
    assert len(set(codes)) == 300
    assert credit_code("91350100M000100Y4") == "91350100M000100Y43"


def test_shares_make_a_whole_and_units_have_their_length() -> None:
    drawn = Organisations(2)
    for _ in range(50):
        row = drawn.real_estate()
        assert abs(sum(holder["share"] for holder in row["holders"]) - 100) < Decimal("0.001")
        assert len(row["unit_number"]) == 28


def test_rows_have_the_fields_of_their_dataset_and_the_same_seed_gives_the_same() -> None:
    for dataset in STAINS:
        fields = [field.path for field in fields_at(standard_dataset(dataset).row_schema) if "." not in field.path]
        assert list(Papers(5).draw(dataset)[0]) == fields
        assert Papers(5).draw(dataset) == Papers(5).draw(dataset)


def test_permits_come_with_and_without_every_part_that_may_be_missing() -> None:
    drawn, seen = Organisations(4), defaultdict(set)
    for _ in range(200):
        row = drawn.permit()
        seen["items"].add(len(row["items"]))
        seen["attachments"].add(len(row["attachments"]))
        seen["end"].add(row["valid_to"] is None)
        seen["subject"].add(row["holder"]["subject"])
    assert {name: len(values) for name, values in seen.items()} == {"items": 4, "attachments": 3, "end": 2, "subject": 2}
