"""Repairs and replays at a terminal: Ctrl-C waits for the transaction under way, and the exit code says what is left to do."""

import json
import os
import signal
from typing import Any

import pytest
import typer

from console.commands.settling import _finish, _interruptible, _row, _whoever
from console.output import Format
from schemas.errors import RejectError
from schemas.letter import Finding
from streams.replay.box import Selection


def test_ctrl_c_is_noted_and_a_second_one_ends_the_command() -> None:
    before = signal.getsignal(signal.SIGINT)
    with _interruptible() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize(("outcomes", "more", "code"), [
    (["passes", "superseded"], {}, 0), (["passes", "fails"], {}, 3), (["passes", "fails"], {"only_told": True}, 0),
    (["passes"], {"stopped": True}, 1), ([], {}, 0)])
def test_the_exit_code_says_whether_something_is_left(outcomes: list[str], more: dict[str, Any], code: int) -> None:
    rows = [_row(f"raw.a/0/{number}", outcome) for number, outcome in enumerate(outcomes)]
    try:
        _finish(Selection(), rows, Format.table, each=False, **{"stopped": False, **more})
        found = 0
    except typer.Exit as ended:
        found = ended.exit_code
    assert found == code


def test_a_rehearsal_says_its_sum_and_that_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [_row(f"raw.a/0/{number}", outcome) for number, outcome in enumerate(["passes", "fails", "fails"])]
    _finish(Selection(), rows, Format.table, each=True, stopped=False, only_told=True)
    assert "什么也没有写入：仍不合格，留在隔离区 2 条；重放 1 条" in capsys.readouterr().err


def test_a_letter_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    places = frozenset({"raw.a/0/1", "raw.a/0/2"})
    with pytest.raises(RejectError, match=r"raw\.a/0/2"):
        _finish(Selection(places=places), [_row("raw.a/0/1", "passes")], Format.json, each=True, stopped=False)
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["raw.a/0/1"]


def test_what_is_said_of_a_letter_names_fields_and_reasons_and_no_values() -> None:
    findings = (Finding("phone", "phone", "reject", "secret", "secret"), Finding("name", "blanks", "fix", "secret", "x"))
    row = _row("raw.a/0/1", "fails", findings, None, ("phone",))
    assert "(phone)" in row["findings"][0]
    assert len(row["findings"]) == 1
    assert "secret" not in json.dumps(row)


def test_a_container_without_a_name_for_its_user_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert _whoever() == f"uid {os.getuid()}"
