"""The made-up residents and the real villages: valid where they must be, spoiled in known numbers, the same every time."""

import datetime as dt
from collections import Counter
from itertools import islice

from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.datasets import standard_dataset
from schemas.rules import compile_rules, every_example
from trial.city.dirt import DIRT, DirtyPopulation
from trial.city.places import RETIRED, areas, villages
from trial.city.residents import Population, check_character

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
_STANDARD_EXAMPLES = ("11010519491231002X", "440524188001010014")


def test_check_character_is_that_of_the_standards_worked_examples() -> None:
    assert [check_character(number[:17]) for number in _STANDARD_EXAMPLES] == [number[17] for number in _STANDARD_EXAMPLES]


def test_villages_are_the_1970_of_lu_an_each_in_its_town_and_county() -> None:
    assert len(villages()) == 1970
    assert all(village.code.startswith(village.street_code) and village.street_code.startswith(village.area_code)
               for village in villages())
    assert {village.area for village in villages()} == set(areas().values())


def test_residents_have_valid_numbers_and_nobody_comes_twice() -> None:
    people = list(islice(iter(Population(7)), 5000))
    assert len({person.resident_id for person in people}) == 5000
    for person in people:
        assert check_character(person.resident_id[:17]) == person.resident_id[17]
        assert person.resident_id[:6] in {*areas(), *RETIRED}
        assert person.resident_id[:6] in areas() or person.birth_date < "2000"
        assert dt.date.fromisoformat(person.birth_date).strftime("%Y%m%d") == person.resident_id[6:14]
        assert person.sex == ("1" if int(person.resident_id[16]) % 2 else "2")
        assert person.division in areas()


def test_who_comes_under_a_number_drawn_before_is_somebody_else_whom_the_number_fits() -> None:
    population = Population(7)
    for _ in range(50):
        first = population.draw()
        again = population.draw_at(first.resident_id)
        assert again.resident_id == first.resident_id
        assert (again.birth_date, again.sex) == (first.birth_date, first.sex)
        assert again.address != first.address


def test_a_town_that_bears_the_name_of_its_county_does_not_name_it_twice() -> None:
    twice = [village for village in villages() if village.street.startswith(village.area)]
    assert twice
    assert all(village.address.count(village.area) == 1 for village in twice)
    assert {village.address for village in villages() if village not in twice} == {
        f"六安市{village.area}{village.street}{village.name}" for village in villages() if village not in twice}


def test_the_same_seed_draws_the_same_rows_and_another_seed_others() -> None:
    def rows(seed: int) -> list[object]:
        population = DirtyPopulation(seed)
        return [population.draw() for _ in range(300)]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_dirt_comes_in_the_numbers_it_says_and_never_twice_under_one_number() -> None:
    population = DirtyPopulation(3)
    drawn = [population.draw() for _ in range(10_000)]
    assert population.counts == Counter({kind.name: kind.per_mille * 10 for kind in DIRT})
    assert Counter(dirt.name for _, dirt in drawn if dirt is not None) == population.counts
    assert len({row.resident_id for row, _ in drawn}) == 10_000


def options(use: str) -> set[str]:
    """The names of the options in a rule as it is written."""
    return {part.partition("=")[0].strip() for part in use.partition("(")[2].rstrip(")").split(",") if part}


def test_dirt_meets_the_fate_it_says_under_the_rules_of_its_dataset_and_every_word_of_every_rule_is_heard() -> None:
    """What a connector mends in a key is proposed here."""
    declared = standard_dataset("resident").declare("health.resident", 1)
    scanner = EventScanner(event_schema(declared.id, declared.row_schema), 1)
    judge, population, heard = compile_rules(declared, scanner), DirtyPopulation(1), set()
    fields: dict[str, set[str]] = {kind.name: set() for kind in DIRT}
    for _ in range(2000):
        row, dirt = population.draw()
        told = judge.judge(scanner.encode_row({**row._asdict(), "updated_at": NOW}), 1_767_323_045_000)
        words = {("id_form", "fix") if one.reason == "key_not_canonical" else (one.reason, one.severity) for one in told.findings}
        severities = {severity for _, severity in words}
        fate = ("rejected" if "reject" in severities else "canonical" if ("id_form", "fix") in words
                else "fixed" if "fix" in severities else "suspect" if words else None)
        assert fate == (dirt.fate if dirt else None), dirt
        heard |= words
        if dirt:
            fields[dirt.name] |= {f"{one.field}:{one.reason}" for one in told.findings}
    written = {use for uses in declared.rules.values() for use in uses}
    used: dict[str, set[str]] = {}
    for use in written:
        used.setdefault(use.partition("(")[0], set()).update(options(use))
    # A code list has no retired codes, or is complete: of the rule on it, only that list's words can be heard.
    # What becomes null where a field can be null is rejected where it cannot.
    # A resident's division is where they live, not where their number was given out: it is not compared.
    assert heard | {("id_other_division", "suspect")} == {("placeholder", "reject")} | {
        (shown.verdict.reason, shown.verdict.severity) for rule, shown in every_example() if shown.verdict.severity
        and (shown.use in written if rule.name == "code" else rule.name in used and options(shown.use) <= used[rule.name])}

    assert fields["full_width"] == fields["named_twice"] == {"address:address_form"}
    assert fields["blanks"] == {"name:name_form"}
    assert fields["unseen"] == {"name:control", "address:control"}
    assert fields["lost_bytes"] == {"name:encoding_lost", "address:encoding_lost"}
    assert fields["placeholder"] == {"name:placeholder", "address:placeholder"}
    assert fields["placeholder_phone"] == {"phone:placeholder"}
    assert (fields["other_sex"], fields["other_birth"]) == ({"sex:id_other_sex"}, {"birth_date:id_other_birth"})
    assert fields["date_to_come"] == fields["impossible_date"] == {"birth_date:date"}
    assert fields["wide_sex"] == {"sex:code_form"}
    assert fields["unknown_sex"] == {"sex:code_unknown"}
    assert fields["short_name"] == {"name:too_short"}
    assert fields["old_number"] == {"resident_id:id_old"}
    assert fields["cut_number"] == {"resident_id:id_form"}
    assert fields["odd_country"] == {"resident_id:id_country"}
    assert fields["late_number"] == {"resident_id:id_era"}
    assert fields["unknown_division"] == {"resident_id:id_division"}
    assert fields["retired_division"] == {"division:division_retired"}
    assert fields["no_division"] == {"division:division_unknown"}
    assert fields["no_phone"] == {"phone:phone"}
    assert fields["odd_phone"] == {"phone:phone_area", "phone:phone_length", "phone:phone_segment"}
    assert fields["wide_division"] == fields["short_division"] == {"division:division"}


def test_every_kind_of_dirt_changes_the_row() -> None:
    population = DirtyPopulation(5)
    clean = population.people.draw("X")
    assert all(kind.spoil(clean, turn) != clean for kind in DIRT for turn in range(4))
