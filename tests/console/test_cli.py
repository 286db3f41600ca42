"""The command line without a bus: languages, forms, exit codes, and errors that say what to do."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.main import get_command

from console import cli
from console.commands import catalogue, ledger
from console.connection import connect, ledger_address, remember
from console.machine import LocalBus
from console.output import Format, print_rows
from console.running import run_process
from console.watch import connector_reports
from ledger.client import Books
from schemas.connector_status import ConnectorStatus
from schemas.errors import HaltError, RejectError, RetryError
from schemas.text import Text, set_language
from streams.transport.exits import FENCED, HALTED
from tests.console.serve.conftest import connector

Shutong = Callable[..., object]
COMMANDS = get_command(cli.app).commands  # type: ignore[attr-defined]
EVERY = [(name,) for name in COMMANDS] + [(name, sub) for name, command in COMMANDS.items()
                                          for sub in getattr(command, "commands", {})]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_explains_itself_in_both_languages(shutong: Shutong, words: tuple[str, ...]) -> None:
    ran = shutong(*words, "--help")
    assert ran.code == 0
    assert any("\u4e00" <= letter <= "\u9fff" for letter in ran.out)
    assert " / " in ran.said()


@pytest.mark.parametrize("words", [("nonsense",), ("dataset", "show"), ("tail",), ("up", "--workers", "0"), ("status", "-o", "xml"),
                                   ("apply", "/no/such/directory"), ("ledger", "volume", "--by", "colour"),
                                   ("ledger", "peaks", "--since", "yesterday"), ("demo", "--events", "1"), ()], ids=" ".join)
def test_a_command_put_wrongly_exits_with_2(shutong: Shutong, words: tuple[str, ...]) -> None:
    ran = shutong(*words)
    assert ran.code == 2
    assert "Traceback" not in ran.said()


@pytest.mark.parametrize("words", [("dataset", "list"), ("subscription", "show", "x"), ("tail", "raw.civil"), ("quarantine", "list"),
                                   ("apply", ".", "--yes")], ids=" ".join)
def test_without_a_bus_a_command_fails_with_advice(shutong: Shutong, words: tuple[str, ...], tmp_path: Path) -> None:
    chinese = shutong(*words, "--home", str(tmp_path))
    assert (chinese.code, chinese.out) == (1, "")
    assert chinese.err.startswith("✗ ")
    assert "\n  → 执行 shutong up" in chinese.err
    english = shutong("--lang", "en", *words, "--home", str(tmp_path))
    assert (english.code, english.out) == (1, "")
    assert "→ run shutong up" in english.err


@pytest.mark.parametrize("words", [("status", "--lang", "en"), ("status", "--lang=en"), ("--lang", "en", "status")], ids=" ".join)
def test_the_language_may_stand_behind_the_command_too(shutong: Shutong, words: tuple[str, ...], tmp_path: Path) -> None:
    ran = shutong(*words, "--home", str(tmp_path))
    assert ran.code == 1
    assert "no bus runs" in ran.err
    set_language("zh")
    assert shutong("status", "--home", str(tmp_path), "--lang").code == 2
    assert shutong("tail", "--home", str(tmp_path), "--", "--lang").code == 1, "behind -- it is a lane"


def test_a_message_of_a_newer_program_is_not_called_a_wrong_setting(shutong: Shutong, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as strange:
        ConnectorStatus.model_validate({"state": "340101199001011234"})
    monkeypatch.setattr(catalogue, "plan_of", raising(strange.value))
    ran = shutong("--lang", "en", "dataset", "list")
    assert ran.code == 1
    assert "ValidationError" in ran.err
    assert "SHUTONG_" not in ran.err
    assert "340101199001011234" not in ran.err


def test_status_leaves_out_what_a_newer_connector_says() -> None:
    known = connector("health.people").to_json()
    table = {b"status/health.people": known, b"status/new.one": b'{"state": "of a newer kind"}'}
    assert connector_reports(table, time.time())["connect"]["state"] == "1 running"


def test_the_ledger_s_questions_say_where_they_found_nobody(shutong: Shutong, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUTONG_LEDGER_ADDRESS", "127.0.0.1:9")
    for question in ("volume", "peaks", "books", "latency"):
        ran = shutong("ledger", question, "--home", str(tmp_path))
        assert (ran.code, ran.out) == (1, "")
        assert "127.0.0.1:9" in ran.err
        assert "→" in ran.err


def test_a_span_that_ends_before_it_begins_is_refused(shutong: Shutong) -> None:
    ran = shutong("--lang", "en", "ledger", "volume", "--since", "2026-02-02", "--until", "2026-02-01")
    assert ran.code == 2
    assert "2026-02-02 is after 2026-02-01" in ran.said()


@pytest.mark.parametrize(("variables", "words"), [({"LANG": "en_US.UTF-8"}, "no bus runs"), ({"LANG": "zh_CN.UTF-8"}, "没有正在运行的总线"),
                                                  ({}, "没有正在运行的总线"),
                                                  ({"LANG": "zh_CN.UTF-8", "SHUTONG_LANG": "en"}, "no bus runs")])
def test_the_language_is_that_of_the_environment_and_chinese_otherwise(variables: dict[str, str], words: str, tmp_path: Path) -> None:
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run([sys.executable, "-m", "console", "status", "--home", str(tmp_path)], capture_output=True, text=True,
                          env=known | variables | {"PYTHONIOENCODING": "utf-8"}, timeout=60)
    assert done.returncode == 1
    assert words in done.stderr


def test_rows_are_a_table_json_or_csv(capfd: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "甲", "many": 1234567, "list": ["a", "b"], "flag": True}, {"id": "乙,\"", "many": 2, "list": [], "flag": False}]
    columns = {"id": Text("编号", "id"), "many": Text("条数", "count"), "list": Text("若干", "list"), "flag": Text("是否", "flag"),
               "absent": Text("无", "none")}
    print_rows(rows, columns, Format.json)
    assert json.loads(capfd.readouterr().out) == [row | {"absent": None} for row in rows]
    print_rows(rows, columns, Format.csv)
    read = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [row["id"] for row in read] == ["甲", "乙,\""]
    assert list(read[0]) == list(columns)
    set_language("zh")
    print_rows(rows, columns, Format.table)
    table = capfd.readouterr().out
    assert "编号" in table
    assert "1,234,567" in table
    assert "a、b" in table


def test_brackets_in_a_table_are_the_value_s_own(capfd: pytest.CaptureFixture[str]) -> None:
    print_rows([{"id": "[bold]甲[/bold]", "list": ["[/x]"]}], {"id": Text("编号", "id"), "list": Text("若干", "list")}, Format.table)
    shown = capfd.readouterr().out
    assert "[bold]甲[/bold]" in shown
    assert "[/x]" in shown


def raising(error: Exception) -> Callable[..., object]:
    def work(*arguments: object, **named: object) -> object:
        raise error
    return work


WORDS = Text("坏了", "broken")


@pytest.mark.parametrize(("error", "code"), [
    (RejectError("usage", WORDS, advice=WORDS), 2), (RejectError("unknown", WORDS, advice=WORDS), 1),
    (RetryError(WORDS, advice=WORDS), 1), (HaltError(WORDS, advice=WORDS), 1), (OSError(28, "No space left on device"), 1),
    (ValueError("340101199001011234"), 1)])
def test_an_error_is_its_exit_code_and_two_lines_never_a_traceback(shutong: Shutong, error: Exception, code: int,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "plan_of", raising(error))
    ran = shutong("dataset", "list")
    assert (ran.code, ran.out) == (code, "")
    lines = ran.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("✗ ")
    assert lines[1].startswith("  → ")
    assert "340101199001011234" not in ran.err, "what an unforeseen error says may be somebody's"
    if isinstance(error, OSError):
        assert "No space left on device" in ran.err


@pytest.mark.parametrize(("end", "code"), [(lambda: 0, 0), (lambda: None, 0), (lambda: FENCED, FENCED),
                                           (raising(HaltError(WORDS, advice=WORDS)), HALTED)])
def test_a_process_ends_with_the_code_the_supervisor_acts_on(end: Callable[[], int | None], code: int) -> None:
    from typer import Exit

    with pytest.raises(Exit) as ended:
        run_process(end)
    assert ended.value.exit_code == code


@pytest.mark.parametrize("process", ["worker", "connect", "ledger", "serve"])
def test_a_wrong_setting_is_named_without_its_value(process: str) -> None:
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run([sys.executable, "-m", "console", process], capture_output=True, text=True, timeout=60,
                          env=known | {"SHUTONG_SECURITY": "word-nobody-knows", "SHUTONG_LANG": "en"})
    assert done.returncode == 1
    assert "✗ wrong settings: SHUTONG_SECURITY" in done.stderr
    assert "word-nobody-knows" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_nobody_lets_in_needs_a_person(tmp_path: Path) -> None:
    known = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run([sys.executable, "-m", "console", "worker"], capture_output=True, text=True, timeout=60,
                          env=known | {"SHUTONG_LANG": "en", "SHUTONG_HOME": str(tmp_path), "SHUTONG_BOOTSTRAP": "127.0.0.1:9"})
    assert done.returncode == HALTED
    assert "the secret for masking" in done.stderr
    assert "SHUTONG_SECRET_FILE" in done.stderr


@pytest.mark.parametrize("name", ["ledger", "serve"])
def test_an_address_that_is_taken_is_said_before_anything_starts(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        bus = LocalBus(tmp_path / "home", lambda name, what: None, **{"ledger": "127.0.0.1:0", "serve": "127.0.0.1:0", name: address})
        with bus, pytest.raises(HaltError) as refused:
            bus.take_home()
    assert f"{name} 的地址 {address} 不能用" in refused.value.problem.zh
    assert f"the address {address} of {name} cannot be had" in refused.value.problem.en
    assert all(f"SHUTONG_{name.upper()}_ADDRESS" in advice for advice in refused.value.advice)
    assert "停止占用它的程序" in refused.value.advice.zh
    assert "stop the program that has it" in refused.value.advice.en
    assert not (tmp_path / "home" / "kafka").exists()


def test_a_home_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HaltError) as refused:
        LocalBus(tmp_path / "file" / "home", lambda name, what: None).take_home()
    assert "--home" in str(refused.value)


def test_a_command_finds_the_bus_of_this_machine_unless_the_environment_names_another(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHUTONG_BOOTSTRAP", raising=False)
    monkeypatch.delenv("SHUTONG_LEDGER_ADDRESS", raising=False)
    remember(tmp_path, {"bootstrap": "127.0.0.1:1234", "kafka_user": "admin"}, "127.0.0.1:2", "127.0.0.1:3")
    assert connect(tmp_path).bootstrap == "127.0.0.1:1234"
    assert ledger_address(tmp_path) == "127.0.0.1:2"
    monkeypatch.setenv("SHUTONG_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("SHUTONG_LEDGER_ADDRESS", "ledger:8701")
    assert connect(tmp_path).bootstrap == "kafka:9092"
    assert ledger_address(tmp_path) == "ledger:8701"


def books(**changed: object) -> Books:
    """The answer of a ledger with one book of each kind, balanced unless told otherwise."""
    same = {"hour": "2026-02-01T08:00:00+08:00", "difference": 0, "state": "balanced"}
    clean = same | {"provider": "health", "dataset": "health.resident", "arrived": 10, "cleaned": 7, "duplicate": 1, "superseded": 0,
                    "quarantined": 2, "fixed": 0} | changed
    raw = same | {"provider": "health", "counted": 10, "arrived": 10, "in_flight": 0}
    route = same | {"subscription": "tax.health.resident", "subscriber": "tax", "dataset": "health.resident", "cleaned": 7, "delivered": 4,
                    "returned_up": 0, "returned_down": 0, "held_back": 3, "quarantined": 0, "in_flight": 0, "partial": False}
    states = {"balanced": 3, "open": 0, "partial": 0, "imbalanced": 0} | ({"balanced": 2, "imbalanced": 1} if changed else {})
    return Books.model_validate({"from": "2026-02-01", "to": "2026-02-01", "settled": True, "balanced": not changed, "states": states,
                                 "integrity": {"tallies": 9, "different": 9, "doubled": 0},
                                 "datasets": [clean], "raw": [raw], "subscriptions": [route]})


class Answering:
    """A ledger client whose books are given. It leaves out what balances when it is asked to, as the ledger does."""

    def __init__(self, found: Books) -> None:
        self.found = found

    def __enter__(self) -> "Answering":
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def books(self, *days: object, whole: bool = True) -> Books:
        if whole:
            return self.found
        return self.found.model_copy(update={kind: tuple(row for row in getattr(self.found, kind) if row.state != "balanced")
                                             for kind in ("raw", "datasets", "subscriptions")})


def test_books_that_do_not_balance_exit_with_3_and_are_shown(shutong: Shutong, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_client", lambda home: Answering(books()))
    right = shutong("--lang", "en", "ledger", "books")
    assert (right.code, right.out) == (0, "")
    assert "3 balanced" in right.err
    monkeypatch.setattr(ledger, "_client", lambda home: Answering(books(cleaned=6, difference=1, state="imbalanced")))
    wrong = shutong("--lang", "en", "ledger", "books")
    assert wrong.code == 3
    assert "health.resident" in wrong.out
    assert "tax.health.resident" not in wrong.out
    assert "1 imbalanced" in wrong.err
    rows = json.loads(shutong("ledger", "books", "-o", "json").out)
    assert {(row["book"], row["came"], row["told"], row["state"]) for row in rows} == {
        ("raw", 10, 10, "balanced"), ("clean", 10, 9, "imbalanced"), ("route", 7, 7, "balanced")}
