"""Code lists: each says where it is from, its codes are codes, and no word of it is lost on the rule that reads it."""

import tomllib
from importlib.resources import files

import pytest

from schemas.codes import KEPT_BY_RULES, CodeList, code_list, code_lists, is_code_list
from schemas.errors import RejectError
from schemas.rules import RULES, fix, use_of

LISTS = list(code_lists().values())
FOLDER = files("schemas.codes")
NOW = 1_767_323_045_000


def test_every_file_is_in_the_catalogue_and_the_other_way_round() -> None:
    told = tomllib.loads((FOLDER / "lists.toml").read_text(encoding="utf-8"))
    stored = {entry.name.removesuffix(".csv") for entry in FOLDER.iterdir() if entry.name.endswith(".csv")}
    # The divisions have a reader of their own.
    assert stored - {"divisions"} == set(told)
    assert {item.name for item in LISTS} == set(told)
    assert len({item.id for item in LISTS}) == len(LISTS)


@pytest.mark.parametrize("item", LISTS, ids=code_lists())
def test_a_list_says_what_it_is_and_where_it_is_from(item: CodeList) -> None:
    assert item.title != item.title_en
    assert item.title_en.isascii()
    assert item.source
    assert "://" not in item.source


@pytest.mark.parametrize("item", LISTS, ids=code_lists())
def test_codes_are_there_once_each_with_a_title(item: CodeList) -> None:
    names = [code.code for code in item.codes]
    assert len(set(names)) == len(names) > 0
    assert item.current
    for code in item.codes:
        assert code.title, code
        assert code.code.isascii(), code
        assert code.code == code.code.strip(), code


@pytest.mark.parametrize("item", LISTS, ids=code_lists())
def test_the_rule_gives_each_code_for_its_title_and_synonyms(item: CodeList) -> None:
    use = use_of(f"code(list={item.id})")
    titles = [code.title for code in item.current]
    for code in item.current:
        assert not use.on(code.code, NOW).severity
        for word in ((code.title,) if titles.count(code.title) == 1 else ()) + code.synonyms:
            assert use.on(word, NOW) == fix(code.code, "code_form"), word
    for code in item.retired:
        assert use.on(code.code, NOW).severity == "suspect"


def test_a_title_that_two_codes_bear_is_rare_and_means_neither() -> None:
    shared = {item.id: {code.title for code in item.current if [one.title for one in item.current].count(code.title) > 1}
              for item in LISTS}
    assert {name: len(titles) for name, titles in shared.items() if titles} == {"GA/T 2000.156": 1}


@pytest.mark.parametrize(("name", "current"), [
    ("GB/T 2261.1", 4), ("GB/T 2261.2", 8), ("GB/T 3304", 56), ("GB/T 4754", 97), ("GB/T 4754 sections", 20), ("ISO 3166-1", 249)])
def test_a_whole_list_has_as_many_codes_as_its_standard(name: str, current: int) -> None:
    assert len(code_list(name).current) == current


def test_every_sector_stands_in_a_section() -> None:
    sections = {code.code for code in code_list("GB/T 4754 sections").codes}
    letters = [next(word[0] for word in code.synonyms if word[1:] == code.code) for code in code_list("GB/T 4754").current]
    assert set(letters) == sections
    assert letters == sorted(letters)


def test_words_find_codes_by_title_synonym_and_number() -> None:
    sectors = code_list("GB/T 4754")
    assert [code.code for code in sectors.find("c13")] == ["13"]
    assert "13" in [code.code for code in sectors.find("食品")]
    assert sectors.find("no such words") == ()


def test_a_list_that_a_rule_keeps_may_be_named_and_an_unknown_one_is_refused_with_those_there_are() -> None:
    assert is_code_list("GB/T 2260")
    assert set(KEPT_BY_RULES.values()) <= set(RULES)
    assert not is_code_list("GB/T 0")
    with pytest.raises(RejectError, match="GB/T 3304"):
        code_list("GB/T 0")
