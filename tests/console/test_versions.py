"""`dataset check`, `dataset diff` and the versions in `dataset show`: what they say, in which form, with which exit code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.commands import catalogue, versions
from schemas.control import Plan
from tests.streams.test_versions import SECOND
from tests.streams.world import RESIDENT
from trial.city.luan import DIRECTORY

Shutong = Callable[..., Any]
OLD = [{"name": "id", "type": "string"}, {"name": "phone", "type": "string"}, {"name": "n", "type": "int"}]


@pytest.fixture
def avsc(tmp_path: Path) -> Callable[..., str]:
    """A file with a row schema of these fields."""
    def write(name: str, *fields: dict[str, Any]) -> str:
        path = tmp_path / f"{name}.avsc"
        path.write_text(json.dumps({"type": "record", "name": "Row", "fields": fields}), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A bus whose residents are at their second version."""
    for module in (catalogue, versions):
        monkeypatch.setattr(module, "plan_of", lambda home: SECOND)
    return SECOND


def test_two_files_are_compared_by_field(shutong: Shutong, avsc: Callable[..., str]) -> None:
    new = [OLD[2] | {"type": "long"}, OLD[0], {"name": "mobile", "type": "string", "aliases": ["phone"]}]
    ran = shutong("--lang", "en", "dataset", "diff", avsc("old", *OLD), avsc("new", *new), "-o", "json")
    assert ran.code == 0
    told = [(row["path"], row["change"], row["compatible"]) for row in json.loads(ran.out)]
    assert told == [("n", "type widened", True), ("mobile", "renamed", True), ("", "reordered", True)]
    assert "compatible" in ran.err


def test_an_incompatible_file_says_why_and_exits_with_1(shutong: Shutong, avsc: Callable[..., str]) -> None:
    new = [*OLD[:2], {"name": "n", "type": "string"}, {"name": "x", "type": "int"}]
    ran = shutong("dataset", "diff", avsc("old", *OLD), avsc("new", *new))
    assert ran.code == 3
    assert "32 位整数（int） 不能读作 文本（string）" in ran.out
    assert "没有默认值" in ran.out
    assert "不兼容" in ran.err


def test_a_file_that_cannot_be_compared_is_refused(shutong: Shutong, avsc: Callable[..., str]) -> None:
    ran = shutong("dataset", "diff", avsc("old", *OLD), "no.avsc")
    assert (ran.code, "FileNotFoundError" in ran.err) == (2, True)
    ran = shutong("dataset", "diff", avsc("old", *OLD), avsc("bad", {"name": "n", "type": "int", "default": 1 << 40}))
    assert (ran.code, "默认值不是" in ran.err) == (1, True)


@pytest.mark.parametrize("words", [(), ("1",), ("1", "2")])
def test_registered_versions_are_compared_the_present_one_with_the_one_before_by_default(
        shutong: Shutong, registered: Plan, words: tuple[str, ...]) -> None:
    ran = shutong("dataset", "diff", RESIDENT, *words, "-o", "json")
    assert ran.code == 0
    assert {(row["path"], row["change"]) for row in json.loads(ran.out)} == {
        ("mobile", "改名"), ("email", "新增"), ("level", "新增"), ("sex", "删除"), ("", "次序改变")}


@pytest.mark.parametrize("words", [(RESIDENT, "3"), (RESIDENT, "x"), ("civil.village",), ("no.such",)], ids=" ".join)
def test_versions_that_are_not_there_are_refused_with_those_that_are(shutong: Shutong, registered: Plan, words: tuple[str, ...]) -> None:
    ran = shutong("dataset", "diff", *words)
    assert ran.code == 1
    assert "→" in ran.err


def test_a_dataset_is_shown_with_its_versions(shutong: Shutong, registered: Plan) -> None:
    ran = shutong("dataset", "show", RESIDENT)
    assert "mobile 改名" in ran.out
    ran = shutong("dataset", "show", RESIDENT, "--versions", "-o", "json")
    assert [(row["version"], row["schema"]) for row in json.loads(ran.out)] == [(1, 1), (2, 50)]


def test_a_directory_is_checked_without_a_bus_and_says_what_was_not(shutong: Shutong, tmp_path: Path) -> None:
    ran = shutong("--lang", "en", "dataset", "check", str(DIRECTORY), "--home", str(tmp_path))
    assert (ran.code, ran.out) == (0, "")
    assert "not checked: compatibility" in ran.err
    assert "no problem found" in ran.err


def test_all_problems_of_a_directory_are_rows_and_the_exit_code_is_3(shutong: Shutong, tmp_path: Path) -> None:
    folder = tmp_path / "city"
    shutil.copytree(DIRECTORY, folder)
    for name, text in (("departments/tax.toml", "title ="), ("datasets/civil.village.toml", "standard = 'none'")):
        (folder / name).write_text(text, encoding="utf-8")
    ran = shutong("dataset", "check", str(folder), "--home", str(tmp_path), "-o", "json")
    assert ran.code == 3
    assert {row["where"] for row in json.loads(ran.out)} == {"departments/tax.toml", "datasets/civil.village.toml"}
