"""Repairs as they are written on the command line; and every outcome has words."""

from pathlib import Path
from typing import get_args

import pytest

from console.edits import mending_of
from console.outcomes import SETTLED, WORDS
from schemas.errors import RejectError
from streams.replay.decide import Outcome
from streams.replay.mending import Mending
from streams.replay.repairs import Result


def test_each_kind_of_edit_is_understood(tmp_path: Path) -> None:
    table, record = tmp_path / "map.csv", tmp_path / "row.json"
    table.write_text("\ufeffold,new\n迁出,moved\n\"a,b\",c\n", encoding="utf-8")
    record.write_text('{"name": "王明"}', encoding="utf-8")
    made = mending_of(["phone=138=1", "count:=null", "note="], ["status:x=y", "status:=z"], [f"status:{table}"], accept_proposals=True,
                      edit=record, rekey=True)
    assert made == Mending({"phone": "138=1", "count": None, "note": ""}, {"status": {"x": "y", "": "z", "迁出": "moved", "a,b": "c"}},
                           True, {"name": "王明"}, True)


@pytest.mark.parametrize("wrong", [
    {"sets": ["phone"]}, {"sets": ["=x"]}, {"sets": ["a:=secret"]}, {"maps": ["status=x"]}, {"maps": ["status:x"]},
    {"mappings": ["status"]}, {"mappings": ["status:nowhere.csv"]}, {"edit": Path("nowhere.json")}, {}])
def test_what_is_not_written_right_is_refused_without_its_values(wrong: dict[str, object]) -> None:
    with pytest.raises(RejectError) as refused:
        mending_of(**wrong)  # type: ignore[arg-type]
    assert refused.value.code == "usage"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("name", "text"), [("three.csv", "a,b,secret\n"), ("list.json", '["secret"]'), ("broken.json", '{"secret"')])
def test_a_file_that_is_not_written_right_is_refused_without_its_values(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RejectError) as refused:
        mending_of(mappings=[f"status:{file}"]) if name.endswith("csv") else mending_of(edit=file)
    assert "secret" not in str(refused.value)


def test_every_outcome_has_words_and_no_words_are_kept_for_none() -> None:
    assert set(WORDS) == {*get_args(Outcome), *get_args(Result)}
    assert set(WORDS) >= SETTLED
