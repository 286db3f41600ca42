"""What departments know of their work: one event more or less, one intention without its effect, and the demo is not right."""

from collections import Counter
from typing import Any

import pytest

from trial.expectations import REASONS, Said, check_registers, check_said, check_total
from trial.oracle import Verdict
from trial.oracle.clean import Fate
from trial.publisher import RudePublisher

EXPECTED = {"civil.register": {"published": 5, "fixed": 2, "duplicate": 0, "quarantined": 0}}
KINDS = frozenset({*REASONS, "repeat", "oversized", "newcomer", "tombstone"})
SAID = Said(KINDS, Counter(dict.fromkeys(KINDS, 2)), values=7, refused=2, stream="health.clinic")


def right() -> Verdict:
    verdict = Verdict()
    verdict.streams.update({("civil.register", "published"): 5, ("civil.register", "fixed"): 2, ("health.clinic", "duplicate"): 1})
    verdict.reasons.update({("", "undecodable"): 8} | {("", reason): 2 for reason in REASONS.values() if reason != "undecodable"})
    for _ in range(12):
        verdict.books.fate(Fate("cleaned", "health.resident", "live", "c", 0, 1, "health"))
    return verdict


def found(verdict: Verdict, said: Said = SAID) -> dict[str, int]:
    check_registers(EXPECTED, verdict)
    check_said(said, verdict)
    check_total(EXPECTED, said, verdict)
    return dict(verdict.problems.counts)


def test_what_was_meant_and_found_is_right() -> None:
    assert found(right()) == {}


@pytest.mark.parametrize(("what", "count", "problem"), [
    ("published", 4, {"lost": 1}), ("published", 7, {"duplicated": 2}), ("fixed", 1, {"lost": 1}), ("duplicate", 1, {"duplicated": 1}),
    ("quarantined", 3, {"duplicated": 3})])
def test_a_register_with_more_or_less_than_its_department_knows_of_is_named(what: str, count: int, problem: dict[str, int]) -> None:
    verdict = right()
    verdict.streams["civil.register", what] = count
    assert found(verdict) == problem
    assert "civil.register" in verdict.examples[0]


@pytest.mark.parametrize("reason", sorted(set(REASONS.values())))
def test_an_intention_without_its_reason_is_lost(reason: str) -> None:
    verdict = right()
    verdict.reasons["", reason] -= 1
    assert found(verdict) == {"lost": 1}
    assert reason in verdict.examples[0]


def test_what_was_sent_too_late_and_is_not_noted_so_is_lost() -> None:
    late, kinds = frozenset([("timeliness", "", "late", "noted"), ("timeliness", "", "", "")]), Counter({**SAID.kinds, "next_epoch": 2})
    verdict = right()
    assert found(verdict, SAID._replace(kinds=kinds)) == {"lost": 2}
    verdict = right()
    for _ in range(2):
        verdict.books.fate(Fate("cleaned", "health.resident", "live", "c", 0, 1, "health", flaws=late))
    check_said(SAID._replace(kinds=kinds), verdict)
    assert not verdict.problems.counts


@pytest.mark.parametrize("kind", sorted(KINDS - {"oversized"}))
def test_an_intention_that_was_never_carried_out_is_lost(kind: str) -> None:
    assert found(right(), SAID._replace(kinds=SAID.kinds - Counter({kind: 2}))) == {"lost": 1}


def test_repeats_that_were_not_found_and_large_records_that_were_not_refused_are_named() -> None:
    verdict = right()
    verdict.streams["health.clinic", "duplicate"] = 0
    assert found(verdict, SAID._replace(refused=0)) == {"duplicated": 1, "wrong_content": 1}


@pytest.mark.parametrize(("values", "problem"), [(6, {"duplicated": 1}), (9, {"lost": 2})])
def test_raw_holds_what_was_published_and_nothing_else(values: int, problem: dict[str, Any]) -> None:
    assert found(right(), SAID._replace(values=values)) == problem


def test_every_reason_belongs_to_something_the_program_does() -> None:
    program = object.__new__(RudePublisher)
    intended = {act.__name__.strip("_") for act in program._kinds()}
    assert intended >= {*REASONS, "repeat", "oversized", "tombstone"}
