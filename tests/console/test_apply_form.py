"""The forms of an apply over HTTP: what is packed is unpacked as it was, nothing lands outside, every error comes back whole."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import apply_form
from console.apply_form import error_line, lines_line, packed, result_line, told_line, unpack, untold
from governance.apply import Applied
from governance.diff import Line
from governance.problems import CityError, Problem, Refusal, RefusedError
from schemas.errors import BusError, HaltError, RejectError, RetryError
from schemas.text import Text
from tests.console.serve.bus import FILES, declare
from wire.admin import Done

TEXT = Text("错", "wrong")
LINE = Line("~", "datasets", "health.resident", ("title: a → b", "rules"))


def test_a_directory_comes_out_as_it_went_in_without_what_nobody_reads(tmp_path: Path) -> None:
    folder = declare(tmp_path / "city")
    (folder / "datasets/deep").mkdir()
    (folder / "datasets/deep/row.avsc").write_text('\ufeff{"a": "行"}\r\n', encoding="utf-8", newline="")
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("secret")
    (folder / ".env").write_text("secret")
    (folder / "logo.png").write_bytes(b"\x89PNG\xff")
    files = packed(folder)
    assert files is not None
    assert set(files) == {*FILES, "datasets/deep/row.avsc"}
    (tmp_path / "other").mkdir()
    unpack(files, tmp_path / "other")
    for name in files:
        assert (tmp_path / "other" / name).read_bytes() == (folder / name).read_bytes()


def test_one_that_is_too_large_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = declare(tmp_path / "city")
    monkeypatch.setattr(apply_form, "MOST_FILES", len(FILES) - 1)
    assert packed(folder) is None
    monkeypatch.setattr(apply_form, "MOST_FILES", len(FILES))
    assert packed(folder) is not None
    monkeypatch.setattr(apply_form, "MOST_BYTES", 100)
    assert packed(folder) is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/./b", "", ".", "..", "a\\..\\b", ".ssh/x", "a/.b",
                                  "a\x00b", "a\nb", "x" * 300, "a/"])
def test_a_path_that_leads_elsewhere_is_refused_and_nothing_is_written_for_it(tmp_path: Path, path: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(RejectError):
        unpack({path: "x"}, tmp_path / "in")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


@given(st.dictionaries(st.text(st.sampled_from("a./\\~é\u202e\x00"), max_size=8), st.text(max_size=5), max_size=4))
def test_whatever_the_paths_everything_written_lies_inside(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    outer = tmp_path_factory.mktemp("outer")
    inner = outer / "inner"
    inner.mkdir()
    try:
        unpack(files, inner)
    except RejectError:
        pass
    else:
        assert sum(each.is_file() for each in inner.rglob("*")) == len(files)
    assert list(outer.iterdir()) == [inner]


@pytest.mark.parametrize("files", [None, [], {"a": 1}, {"a": None}, {1: "a"}, {"a": "x", "a/b": "y"}, {"a": "\ud800"}])
def test_what_is_no_directory_of_texts_is_refused(tmp_path: Path, files: object) -> None:
    with pytest.raises(RejectError):
        unpack(files, tmp_path)


@pytest.mark.parametrize("error", [
    CityError([Problem("city.toml", TEXT), Problem("datasets/x.toml", Text("乙", "b"))]), RefusedError([Refusal("datasets/a.b", TEXT)]),
    RejectError("usage", TEXT, advice=Text("改", "correct")), RetryError(TEXT, advice=Text("等", "wait"), after=2.5),
    HaltError(TEXT, advice=Text("查", "look"))], ids=lambda error: type(error).__name__)
def test_an_error_is_raised_there_as_it_was_raised_here(error: BusError) -> None:
    with pytest.raises(type(error)) as caught:
        untold(error_line(error))
    assert type(caught.value) is type(error)
    assert (caught.value.problem, caught.value.advice) == (error.problem, error.advice)
    assert caught.value.__dict__ == error.__dict__


def test_what_was_done_comes_back_as_it_was() -> None:
    assert untold(told_line(Done("raw.health", TEXT))) == Done("raw.health", TEXT)
    assert untold(lines_line([LINE])) == [LINE]
    assert untold(lines_line([])) == []
    applied = Applied(7, [LINE], True, ("worker",))
    assert untold(result_line(applied)) == applied
    assert untold({}) is None
