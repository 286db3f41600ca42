"""`shutong element`, `code` and `dataset standards`: what datasets may be made of, without a bus, in both languages."""

import json
from collections.abc import Callable

import pytest

from console.commands.standards import dataset_fields
from console.output import Format
from schemas.codes import code_lists
from schemas.datasets import standard_names
from schemas.elements import elements
from schemas.text import Text
from tests.console.conftest import Ran

Shutong = Callable[..., Ran]


def rows(shutong: Shutong, *words: str) -> list[dict[str, object]]:
    ran = shutong(*words, "-o", "json")
    assert ran.code == 0, ran.err
    told: list[dict[str, object]] = json.loads(ran.out)
    return told


def test_every_code_list_is_told_with_its_source(shutong: Shutong) -> None:
    told = rows(shutong, "code", "list")
    assert [row["id"] for row in told] == list(code_lists())
    assert all(row["source"] and row["codes"] for row in told)
    assert {row["id"]: row["complete"] for row in told}["GB/T 3304"] is False


def test_a_code_is_found_by_a_word_and_the_source_is_said(shutong: Shutong) -> None:
    ran = shutong("--lang", "en", "code", "show", "GB/T 4754", "--find", "S90", "-o", "json")
    assert [(row["code"], row["until"]) for row in json.loads(ran.out)] == [("S90", "2017")]
    assert "source: BeaconMFG" in ran.err
    assert "not complete" not in ran.err
    assert "not complete" in shutong("--lang", "en", "code", "show", "GB/T 3304").err
    assert len(rows(shutong, "code", "show", "GB/T 3304")) == 56


def test_a_division_is_found_by_code_and_by_name_with_the_years_it_had_the_code(shutong: Shutong) -> None:
    ran = shutong("--lang", "en", "code", "show", "GB/T 2260", "--find", "362324", "-o", "json")
    told = [(row["title"], row["since"], row["until"]) for row in json.loads(ran.out)]
    assert told == [("丰城县", "", "1981"), ("铅山县", "1982", "1999")]
    assert "division_code" in ran.err
    assert [row["until"] for row in rows(shutong, "code", "show", "GB/T 2260", "--find", "金安区")] == [""]


@pytest.mark.parametrize(("words", "said"), [
    (("code", "show", "GB/T 0"), "GB/T 2261.1"),
    (("element", "show", "horse"), "resident-id"), (("dataset", "standards", "horse"), "real-estate")])
def test_what_there_is_not_is_refused_with_what_there_is(shutong: Shutong, words: tuple[str, ...], said: str) -> None:
    ran = shutong(*words)
    assert ran.code == 1
    assert said in ran.said()


def test_every_element_is_told_in_the_language_of_the_reader(shutong: Shutong) -> None:
    assert [row["name"] for row in rows(shutong, "element", "list")] == list(elements())
    assert {row["name"]: row["title"] for row in rows(shutong, "--lang", "en", "element", "list")}["sex"] == "Sex"
    assert {row["name"]: row["title"] for row in rows(shutong, "element", "list")}["sex"] == "性别代码"


def test_an_element_says_what_it_brings_and_who_refers_to_it(shutong: Shutong) -> None:
    told = {row["key"]: row["value"] for row in rows(shutong, "element", "show", "certificate-number")}
    assert told["level"] == "important"
    assert told["masks"] == ["keep_last≤4", "hmac", "null"]
    assert told["used_by"] == ["permit.holder.id_number", "real-estate.holders[].id_number"]
    assert "length(min=4,max=30)" in str(told["rules"])


def test_the_standard_datasets_are_told_and_one_shows_its_fields_at_every_depth(shutong: Shutong) -> None:
    told = rows(shutong, "dataset", "standards")
    assert [row["name"] for row in told] == standard_names()
    assert {row["name"]: row["kind"] for row in told}["permit-event"] == "log"
    fields = {row["field"]: row for row in rows(shutong, "dataset", "standards", "permit")}
    assert fields["licence_number"]["key"] is True
    assert fields["holder.id_kind"]["element"] == "certificate-kind"
    assert fields["holder.id_kind"]["code_list"] == "GA/T 2000.156"
    assert fields["holder.id_number"]["level"] == "important"
    assert fields["items[].amount"]["type"] == "null | decimal"
    assert "code(list=GB/T 39046 A.1)" in fields["item_kind"]["rules"]  # type: ignore[operator]


SHAPE = """{"type": "record", "name": "R", "fields": [{"name": "k", "type": "string", "title": "编号"},
  {"name": "tags", "type": {"type": "map", "values": "string"}}, {"name": "items", "type": {"type": "array", "items":
    {"type": "record", "name": "I", "fields": [{"name": "code", "type": "string"}]}}}]}"""
RULES = {"items[].code": ("required",), "items": ("unique(by=code)",), "k": ("required",), "tags{}": ("blanks",)}


def test_the_rules_of_values_inside_a_field_stand_below_it(capfd: pytest.CaptureFixture[str]) -> None:
    dataset_fields(SHAPE, ("k",), RULES, Format.json, Text("", ""))
    assert [(row["field"], row["rules"]) for row in json.loads(capfd.readouterr().out)] == [
        ("k", ["required"]), ("tags", []), ("tags{}", ["blanks"]), ("items", ["unique(by=code)"]), ("items[].code", ["required"])]
