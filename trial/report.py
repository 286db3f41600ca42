"""The closing report of a demo: what a person sees, and `report.json` with exactly the agreed fields."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from schemas.text import Text

__all__ = ["Report"]

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
_WRONG = ("lost", "duplicated", "out_of_order", "wrong_content")


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
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write `report.json`, whole or not at all."""
        fresh = path.with_suffix(".fresh")
        fresh.write_text(json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        fresh.replace(path)

    def is_right(self) -> bool:
        """Nothing lost, doubled, wrong or out of order; books balanced; ledger equal to the independent count."""
        nothing_wrong = not any(getattr(self, name) for name in _WRONG)
        return nothing_wrong and self.published > 0 and self.books_balanced and self.ledger_equals_count

    def shown(self, problems: list[str], memory: int = 0) -> RenderableType:
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
        table.add_row(str(Text("延迟 p50／p99（毫秒）", "latency p50 / p99 (ms)")),
                      f"{self.latency_ms['p50']:,} / {self.latency_ms['p99']:,}")
        table.add_row(str(Text("用时（秒）", "seconds")), f"{self.seconds:,.1f}")
        if memory:
            table.add_row(str(Text("全部进程内存最高（MB）", "most memory of all processes (MB)")), f"{memory / 1e6:,.0f}")
        return Group(table, *(f"✗ {problem}" for problem in problems))
