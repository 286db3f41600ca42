"""The made-up residents and the real villages: valid where they must be, spoiled in known numbers, the same every time."""

import datetime as dt
from collections import Counter
from itertools import islice

from trial.city.dirt import DIRT, DirtyPopulation
from trial.city.places import RETIRED, areas, villages
from trial.city.residents import Population, check_character

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
        assert dt.date.fromisoformat(person.birth_date).strftime("%Y%m%d") == person.resident_id[6:14]
        assert person.sex == ("1" if int(person.resident_id[16]) % 2 else "2")
        assert person.division in areas()


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


def test_every_kind_of_dirt_changes_the_row() -> None:
    population = DirtyPopulation(5)
    clean = population.people.draw("X")
    assert all(kind.spoil(clean, turn) != clean for kind in DIRT for turn in range(4))
