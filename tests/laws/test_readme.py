"""The README in both languages: the same commands, settings that exist, and words that lead somewhere."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from connectors.settings import ConnectSettings
from console.cli import app
from console.serve.settings import ServeSettings
from ledger.settings import LedgerSettings
from schemas.rules import RULES, use_of
from streams.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """Every line of every `sh` block."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_both_languages_give_the_same_commands() -> None:
    assert commands(ENGLISH) == commands(CHINESE)
    assert {"make demo", "make test", "make up"} <= set(commands(ENGLISH))


@pytest.mark.parametrize("command", [line for line in commands(ENGLISH) if line.startswith("make ")])
def test_a_make_command_has_its_target(command: str) -> None:
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_every_setting_it_names_exists(text: str) -> None:
    known = {f"SHUTONG_{name.upper()}" for model in (WorkerSettings, ConnectSettings, LedgerSettings, ServeSettings)
             for name in model.model_fields}
    named = set(re.findall(r"SHUTONG_[A-Z_]+", text))
    assert named
    assert named <= known


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_every_file_it_links_to_exists(text: str) -> None:
    for link in re.findall(r"\]\((?!http)([^)]+)\)", text):
        assert (ROOT / link).exists(), link


def test_every_command_of_the_command_line_is_told() -> None:
    told = " ".join(commands(ENGLISH))
    processes = {"worker", "connect", "serve", "demo", "up", "down"}
    assert not {name for name in get_command(app).commands if name not in processes and f"shutong {name}" not in told}  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_every_rule_it_shows_takes_the_options_shown(text: str) -> None:
    """As a dataset could write it: a rule or an option that is gone raises."""
    shown = [use for use in re.findall(r"`([a-z_]+(?:\([^`()]*\))?)`", text) if use.partition("(")[0] in RULES]
    assert {use_of(use).rule.name for use in shown} >= {"resident_id", "uscc", "division_code", "phone", "bank_card"}
    assert "resident_id(kinds=citizen|hmt|foreigner,old=fix)" in shown
