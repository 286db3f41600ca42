"""The closing report of a demo: what a person sees, and `report.json` with the same figures."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from console.quality import percent
from schemas.text import Text
from trial.probe import quantile

__all__ = ["Report", "quantiles"]

_ROWS: tuple[tuple[str, Text], ...] = (
    ("published", Text("已发布（原始通道上的记录）", "published (values on raw)")),
    ("cleaned", Text("清洗通过", "cleaned")),
    ("fixed", Text("其中修正", "of them fixed")),
    ("quarantined", Text("隔离", "quarantined")),
    ("duplicates", Text("重复，已剔除", "repeats dropped")),
    ("held_back", Text("按权限扣留", "held back by scope")),
    ("returned_up", Text("上报省级", "returned up")),
    ("lost", Text("丢失", "lost")),
    ("duplicated", Text("重复交付", "doubled")),
    ("out_of_order", Text("乱序", "out of order")),
    ("wrong_content", Text("内容错误", "wrong content")),
)
#: What a demo of the usual size may take; a larger one is not held to it.
_MOST_SECONDS, _MOST_MEMORY_MB, _USUAL = 180, 3_000, 250_000
_WRONG = ("lost", "duplicated", "out_of_order", "wrong_content")


def quantiles(latencies: list[int]) -> dict[str, int]:
    """Of sorted latencies."""
    return {"p50": quantile(latencies, 0.5), "p99": quantile(latencies, 0.99)}


@dataclass
class Report:
    """The figures of one demo. All come from the oracle's own count, except what the bus and the probe were asked for."""

    published: int = 0
    cleaned: int = 0
    fixed: int = 0
    quarantined: int = 0
    duplicates: int = 0
    held_back: int = 0
    delivered: Mapping[str, int] = field(default_factory=dict)
    returned_up: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    wrong_content: int = 0
    books_balanced: bool = False
    ledger_equals_count: bool = False
    peak: Mapping[str, int] = field(default_factory=lambda: {"second": 0, "minute": 0})
    latency_ms: Mapping[str, int] = field(default_factory=lambda: {"p50": 0, "p99": 0})
    #: dataset -> dimension -> share of records without a finding; none where nothing was judged
    quality: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    #: before the burst began
    latency_usual_ms: Mapping[str, int] = field(default_factory=lambda: {"p50": 0, "p99": 0})
    #: changes a second that the departments made in the live phases, as it came about
    rates: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    #: the most memory that all processes together took
    memory_mb: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write `report.json`, whole or not at all."""
        fresh = path.with_suffix(".fresh")
        fresh.write_text(json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        fresh.replace(path)

    def is_right(self) -> bool:
        """Nothing lost, doubled, wrong or out of order; books balanced; ledger equal to the independent count; and seen
        by the probe, which without any latency saw nothing."""
        nothing_wrong = not any(getattr(self, name) for name in _WRONG)
        seen = self.latency_ms["p99"] > 0
        return nothing_wrong and seen and self.published > 0 and self.books_balanced and self.ledger_equals_count

    def remarks(self) -> list[Text]:
        """What is right and yet more than a demo of the usual size should take."""
        said = []
        if self.published <= _USUAL and self.seconds > _MOST_SECONDS:
            said.append(Text(f"用时超过 {_MOST_SECONDS} 秒", f"it took more than {_MOST_SECONDS} seconds"))
        if self.published <= _USUAL and self.memory_mb > _MOST_MEMORY_MB:
            said.append(Text(f"内存超过 {_MOST_MEMORY_MB:,} MB", f"it took more than {_MOST_MEMORY_MB:,} MB of memory"))
        if not self.latency_ms["p99"]:
            said.append(Text("探针没有读到任何实时记录", "the probe saw no live record"))
        return said

    def shown(self, problems: list[str]) -> RenderableType:
        """The table a person sees, with whatever is wrong below it."""
        table = Table(title=str(Text("演练报告", "Report of the rehearsal")), title_justify="left", header_style="bold")
        table.add_column(str(Text("项目", "item")))
        table.add_column(str(Text("数值", "figure")), justify="right")
        for name, title in _ROWS:
            value = getattr(self, name)
            table.add_row(str(title), f"{value:,}", style="bold red" if name in _WRONG and value else "")
            if name == "held_back":
                for subscriber, count in self.delivered.items():
                    table.add_row(str(Text(f"交付 {subscriber}", f"delivered to {subscriber}")), f"{count:,}")
        for title, right in ((Text("账目平衡", "books balanced"), self.books_balanced),
                             (Text("账本等于独立计数", "ledger equals the independent count"), self.ledger_equals_count)):
            table.add_row(str(title), "✓" if right else "✗", style="" if right else "bold red")
        table.add_row(str(Text("峰值（秒／分）", "peak (second / minute)")), f"{self.peak['second']:,} / {self.peak['minute']:,}")
        for dataset, shares in self.quality.items():
            table.add_row(str(Text(f"质量 {dataset}（完整／有效／一致／及时）",
                                   f"quality of {dataset} (complete / valid / consistent / in time)")),
                          " / ".join(percent(share) for share in shares.values()))
        if self.rates:
            table.add_row(str(Text("部门更改（每秒）平时／高峰", "departments' changes a second, usual / burst")),
                          f"{self.rates.get('live', 0):,} / {self.rates.get('burst', 0):,}")
        table.add_row(str(Text("延迟 p50／p99（毫秒，含强杀与等待未知模式号的停顿）",
                               "latency p50 / p99 (ms; the kill and the wait for an unknown schema included)")),
                      f"{self.latency_ms['p50']:,} / {self.latency_ms['p99']:,}")
        if self.latency_usual_ms["p99"]:
            table.add_row(str(Text("其中高峰之前", "of that before the burst")),
                          f"{self.latency_usual_ms['p50']:,} / {self.latency_usual_ms['p99']:,}")
        table.add_row(str(Text("用时（秒）", "seconds")), f"{self.seconds:,.1f}")
        if self.memory_mb:
            table.add_row(str(Text("全部进程内存最高（MB）", "most memory of all processes (MB)")), f"{self.memory_mb:,}")
        return Group(table, *(f"! {remark}" for remark in self.remarks()), *(f"✗ {problem}" for problem in problems))
