"""The live view of a demo: what happens now, each stage's count and rate, and how long it will still take."""

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from schemas.text import Text

__all__ = ["View"]

_STAGES: dict[str, Text] = {
    "sent": Text("已发送", "sent"), "arrived": Text("到达", "arrived"), "cleaned": Text("清洗", "cleaned"),
    "duplicate": Text("重复", "repeats"), "quarantined": Text("隔离", "quarantined"), "delivered": Text("交付", "delivered"),
    "held_back": Text("扣留", "held back"), "returned_up": Text("上报", "returned up"),
}
_LINES = 8


class View:
    """A live table on a terminal; elsewhere a line for each event and one every ten seconds."""

    def __init__(self, expected: int, out: Console | None = None) -> None:
        self.console = out or Console(highlight=False, file=sys.stdout)
        self._counts: Callable[[], Mapping[str, int]] = dict
        self._expected = expected
        self._began = time.monotonic()
        self._lines: list[str] = []
        self._last: tuple[float, Mapping[str, int]] = (self._began, {})
        self._rates: dict[str, float] = {}
        self._next_line = 0.0
        self._waiting: Text | None = None
        self._waited = self._began
        self._live = Live(console=self.console, auto_refresh=False, transient=True) if self.console.is_terminal else None

    def watch(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """From now on show these counts."""
        self._counts = counts

    @property
    def elapsed(self) -> float:
        """Seconds since the view was made."""
        return time.monotonic() - self._began

    def wait(self, what: Text | None) -> None:
        """What is being waited for now, with figures that may change; None: nothing in particular."""
        if _words(what) != _words(self._waiting):
            self._waited, self._next_line = time.monotonic(), 0.0
        self._waiting = what

    def say(self, name: str, what: Text) -> None:
        """One line of what happens."""
        line = f"{time.monotonic() - self._began:6.1f} s  {name}  {what}"
        if self._live is None:
            self.console.print(line, markup=False, soft_wrap=True)
        else:
            self._lines = [*self._lines, line][-_LINES:]
            self.refresh()

    def refresh(self) -> None:
        """Show the counts as they are now."""
        now, counts = time.monotonic(), self._counts()
        before, old = self._last
        if now - before >= 1:
            for stage in _STAGES:
                rate = (counts.get(stage, 0) - old.get(stage, 0)) / (now - before)
                self._rates[stage] = rate if stage not in self._rates else 0.7 * self._rates[stage] + 0.3 * rate
            self._last = (now, counts)
        if self._live is not None:
            self._live.update(self._shown(counts), refresh=True)
        elif now >= self._next_line and counts:
            self._next_line = now + 10
            told = "  ".join(f"{title} {counts.get(stage, 0):,}" for stage, title in _STAGES.items())
            self.console.print(f"{now - self._began:6.1f} s  {told}  {self._doing(counts)}", markup=False, soft_wrap=True)

    def _shown(self, counts: Mapping[str, int]) -> RenderableType:
        table = Table(title=str(Text("数通演练：六安市", "shutong rehearsal: the city of Lu'an")), title_justify="left")
        for heading in (Text("环节", "stage"), Text("记录", "records"), Text("每秒", "per second")):
            table.add_column(str(heading), justify="left" if heading.en == "stage" else "right")
        for stage, title in _STAGES.items():
            table.add_row(str(title), f"{counts.get(stage, 0):,}", f"{max(self._rates.get(stage, 0), 0):,.0f}")
        return Group(table, self._doing(counts), *self._lines)

    def _doing(self, counts: Mapping[str, int]) -> str:
        if self._waiting is None:
            return self._eta(counts)
        seconds = time.monotonic() - self._waited
        return str(Text(f"正在等待：{self._waiting.zh}（{seconds:.0f} 秒）", f"waiting for {self._waiting.en} ({seconds:.0f} s)"))

    def _eta(self, counts: Mapping[str, int]) -> str:
        left, rate = self._expected - counts.get("arrived", 0), self._rates.get("arrived", 0)
        if left <= 0 or rate <= 0:
            return str(Text("已用", "elapsed")) + f" {time.monotonic() - self._began:.0f} s"
        return str(Text(f"还有约 {left:,} 条，按现在的速度 {left / rate:.0f} 秒",
                        f"about {left:,} to go, {left / rate:.0f} s at this rate"))

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
            for line in self._lines:
                self.console.print(line, markup=False, soft_wrap=True)


def _words(what: Text | None) -> str:
    return "" if what is None else "".join(sign for sign in what.en if not sign.isdigit() and sign != ",")
