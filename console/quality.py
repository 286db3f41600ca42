"""How figures of quality are told to people: percent, trend, a line of the week, and the words of dimension and severity."""

from collections.abc import Sequence

from ledger.client import Figure
from schemas.text import Text

__all__ = ["DIMENSION_WORDS", "SEVERITY_WORDS", "percent", "points", "sparkline"]

DIMENSION_WORDS = {"completeness": Text("完整性", "completeness"), "validity": Text("有效性", "validity"),
                   "consistency": Text("一致性", "consistency"), "timeliness": Text("及时性", "timeliness")}
SEVERITY_WORDS = {"fix": Text("已修正", "repaired"), "suspect": Text("存疑", "doubtful"), "noted": Text("仅计数", "only counted"),
                  "reject": Text("已隔离", "quarantined")}

_BARS = "▁▂▃▄▅▆▇█"


def percent(share: float | None) -> str:
    """A share with two decimals; 100 only where nothing at all is missing."""
    if share is None:
        return "–"
    return "100%" if share == 1 else f"{min(round(share * 100, 2), 99.99):.2f}%"


def points(figure: Figure) -> str:
    """The difference to the day before and to the week before, in percentage points; nothing where there was nothing then."""
    if figure.share is None:
        return ""
    return "/".join("–" if then is None else f"{(figure.share - then) * 100:+.2f}" for then in (figure.before, figure.week))


def sparkline(history: Sequence[float | None]) -> str:
    """A bar a day, from the lowest of these days to the highest; a dot where nothing was judged."""
    known = [share for share in history if share is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    step = (high - low) / (len(_BARS) - 1)
    return "".join("·" if share is None else _BARS[round((share - low) / step)] if step else _BARS[-1] for share in history)
