"""Rows as a person reads them and as a program does."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from console.output import Format, print_rows
from schemas.text import Text, set_language

ROWS = [{"name": "a", "keys": ["x", "y"], "good": True, "more": {"n": 1}, "count": 1234}]
COLUMNS = {name: Text(name, name) for name in ROWS[0]}


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    yield
    set_language("zh")


def test_a_program_reads_lists_objects_and_truth_values_back_from_csv(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, COLUMNS, Format.csv)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["name"] == "a"
    assert {name: json.loads(row[name]) for name in ("keys", "good", "more", "count")} == {
        name: ROWS[0][name] for name in ("keys", "good", "more", "count")}


@pytest.mark.parametrize(("language", "said"), [("zh", "x、y"), ("en", "x, y")])
def test_a_list_in_a_table_is_written_as_the_language_does(language: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_language(language)
    print_rows(ROWS, COLUMNS, Format.table)
    assert said in capsys.readouterr().out
