"""The seven levels against each other: each is made of two directions and a reach, whatever the schemas are."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.registry.avro_text import canonical, complete
from governance.registry.compatibility import misfits
from governance.registry.errors import RegistryError
from governance.registry.levels import LEVELS, asks_as_much, parse_level
from schemas.control import Level

FIELDS = [{"name": "a", "type": "int"}, {"name": "a", "type": "long"}, {"name": "b", "type": "string"},
          {"name": "b", "type": "string", "default": ""}, {"name": "c", "type": ["null", "int"], "default": None},
          {"name": "c", "type": ["null", "string"], "default": None}]
SCHEMAS = [complete(canonical(json.dumps({"type": "record", "name": "R", "fields": list(fields)})), {})
           for fields in product(FIELDS[:2], FIELDS[2:4], FIELDS[4:])] + [
    complete(canonical(json.dumps({"type": "record", "name": "R", "fields": [field]})), {}) for field in FIELDS]
DRAWN = st.sampled_from(SCHEMAS)


@given(DRAWN, st.lists(DRAWN, max_size=4))
def test_a_level_is_its_directions_over_its_reach(new, olds) -> None:
    earlier = list(enumerate(olds, 1))

    def fits(level: Level, among=earlier) -> bool:
        return not misfits(new, among, level)

    assert fits("NONE")
    for base in ("BACKWARD", "FORWARD", "FULL"):
        assert fits(f"{base}_TRANSITIVE") == all(fits(base, [each]) for each in earlier)  # type: ignore[arg-type]
        assert fits(base) == fits(base, earlier[-1:])  # type: ignore[arg-type]
    for reach in ("", "_TRANSITIVE"):
        assert fits(f"FULL{reach}") == (fits(f"BACKWARD{reach}") and fits(f"FORWARD{reach}"))  # type: ignore[arg-type]


@given(DRAWN, st.lists(DRAWN, max_size=4), st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_a_level_that_asks_as_much_lets_pass_no_more(new, olds, one: Level, other: Level) -> None:
    earlier = list(enumerate(olds, 1))
    if asks_as_much(one, other) and not misfits(new, earlier, one):
        assert not misfits(new, earlier, other)


def test_backward_is_the_new_reading_the_old_and_forward_the_old_reading_the_new() -> None:
    short, long = (complete(canonical(json.dumps({"type": "record", "name": "R", "fields": fields})), {})
                   for fields in (FIELDS[:1], [FIELDS[0], FIELDS[2]]))
    assert misfits(long, [(1, short)], "BACKWARD")
    assert not misfits(long, [(1, short)], "FORWARD")
    assert not misfits(short, [(1, long)], "BACKWARD")
    assert misfits(short, [(1, long)], "FORWARD")


def test_a_misfit_says_which_version_which_way_and_where() -> None:
    old, new = SCHEMAS[-3], SCHEMAS[0]
    first, = misfits(new, [(3, old)], "BACKWARD")
    assert "version 3" in first
    assert "cannot read" in first
    assert misfits(new, [(3, old)], "FULL")


def test_a_misfit_inside_a_union_names_the_field() -> None:
    def holder(*fields: dict[str, object]) -> str:
        inner = {"type": "record", "name": "In", "fields": list(fields)}
        return json.dumps({"type": "record", "name": "Out", "fields": [{"name": "row", "type": ["null", inner]}]})

    message, = misfits(holder(FIELDS[0], FIELDS[2]), [(1, holder(FIELDS[0]))], "BACKWARD")
    assert "b" in message.split(": ", 1)[1]
    assert misfits(holder(FIELDS[0]), [(1, holder(FIELDS[0], FIELDS[2]))], "BACKWARD") == []


def test_a_number_that_means_another_moment_is_a_misfit_though_avro_passes_it() -> None:
    millis, micros = (json.dumps({"type": "record", "name": "R", "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": f"timestamp-{unit}"}}]}) for unit in ("millis", "micros"))
    (said,) = misfits(complete(canonical(micros), {}), [(1, complete(canonical(millis), {}))], "BACKWARD")
    assert "field at" in said


def test_levels_are_read_in_any_letters_and_nothing_else_is_one() -> None:
    assert [parse_level(level.lower()) for level in LEVELS] == list(LEVELS)
    for word in ("", "BACK", None, 3, ["NONE"]):
        with pytest.raises(RegistryError) as caught:
            parse_level(word)
        assert caught.value.number == 42203
