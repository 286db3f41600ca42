"""What a person sees of a rehearsal: the live view, and a closing report that is right only if everything is."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from schemas.text import Text, set_language
from trial.report import Report
from trial.view import View

RIGHT = Report(published=10, cleaned=8, quarantined=1, duplicates=1, delivered={"tax": 3}, returned_up=8, books_balanced=True,
               ledger_equals_count=True, latency_ms={"p50": 90, "p99": 200}, rates={"live": 30, "burst": 300}, memory_mb=2_000)


@pytest.fixture(params=["zh", "en"])
def language(request: pytest.FixtureRequest) -> str:
    set_language(request.param)
    return str(request.param)


def printed(what: object) -> str:
    out = Console(file=io.StringIO(), width=120)
    out.print(what)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_a_report_is_right_when_nothing_is_wrong() -> None:
    assert RIGHT.is_right()


@pytest.mark.parametrize("change", [{"lost": 1}, {"duplicated": 1}, {"out_of_order": 1}, {"wrong_content": 1}, {"published": 0},
                                    {"latency_ms": {"p50": 0, "p99": 0}}, {"books_balanced": False}, {"ledger_equals_count": False}])
def test_one_thing_wrong_makes_the_report_wrong(change: dict[str, Any]) -> None:
    assert not dataclasses.replace(RIGHT, **change).is_right()


def test_the_file_is_written_whole(tmp_path: Path) -> None:
    RIGHT.write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == dataclasses.asdict(RIGHT)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_share_is_shown_as_whole_only_where_nothing_is_missing(language: str) -> None:
    quality = {"health.resident": {"completeness": 1.0, "validity": 0.99999, "consistency": 0.5, "timeliness": None}}
    text = printed(dataclasses.replace(RIGHT, quality=quality).shown([]))
    assert "health.resident" in text
    assert "100% / 99.99% / 50.00% / –" in text


def test_the_table_tells_every_figure_and_what_is_wrong(language: str) -> None:
    text = printed(dataclasses.replace(RIGHT, lost=1_234).shown(["lost: raw.health/0/7 is not on clean.health"]))
    assert ("丢失" if language == "zh" else "lost") in text
    assert ("交付 tax" if language == "zh" else "delivered to tax") in text
    for part in ("1,234", "2,000", "30 / 300", "✗ lost: raw.health/0/7"):
        assert part in text
    assert "! " not in text


@pytest.mark.parametrize(("change", "word"), [({"seconds": 181.0}, "180"), ({"memory_mb": 3_001}, "3,000"),
                                              ({"latency_ms": {"p50": 0, "p99": 0}}, "probe")])
def test_what_a_demo_of_the_usual_size_should_not_take_is_said(change: dict[str, Any], word: str) -> None:
    set_language("en")
    report = dataclasses.replace(RIGHT, **change)
    assert word in printed(report.shown([])).partition("! ")[2]
    large = dataclasses.replace(report, published=2_000_000).remarks()
    assert len(large) == ("latency_ms" in change)


def test_a_view_that_is_no_terminal_prints_a_line_for_each_event_and_for_each_new_wait(language: str) -> None:
    out = Console(file=io.StringIO(), width=200)
    assert isinstance(out.file, io.StringIO)
    with View(100, out) as view:
        view.watch(lambda: {"sent": 50, "arrived": 40})
        view.say("kafka", Text("正在启动", "starting"))
        for seen in (7, 8, 9):
            view.wait(Text(f"快照（{seen}）", f"the snapshot ({seen})"))
            view.refresh()
        view.wait(Text("账本", "the ledger"))
        view.refresh()
    lines = out.file.getvalue().splitlines()
    assert len(lines) == 3
    assert ("正在启动" if language == "zh" else "starting") in lines[0]
    assert ("正在等待：快照" if language == "zh" else "waiting for the snapshot") in lines[1]
    assert ("账本" if language == "zh" else "the ledger") in lines[2]


def test_a_view_on_a_terminal_shows_stages_and_what_is_left() -> None:
    out = Console(file=io.StringIO(), width=100, force_terminal=True)
    assert isinstance(out.file, io.StringIO)
    set_language("en")
    with View(100, out) as view:
        view.watch(lambda: {"sent": 50, "arrived": 40})
        view.wait(Text("清洗", "clean"))
        view.refresh()
        text = out.file.getvalue()
    for part in ("sent", "returned up", "waiting for clean"):
        assert part in text
