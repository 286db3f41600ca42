"""Today's quality as the page shows it: the datasets furthest from right first, each with its trend and worst reasons. Pure."""

from collections.abc import Callable, Iterable

from console.letters import in_words
from console.quality import percent, sparkline
from console.serve.snapshot import Count, DatasetQuality, Share
from ledger.client import Figure, FindingRow, QualityRow
from schemas.reasons import DIMENSIONS
from schemas.text import Text

__all__ = ["quality_rows"]

#: Reasons shown for each dataset.
_WORST = 3
#: Percentage points below the week before from which a figure stands out.
_FELL = 1.0


def quality_rows(figures: Iterable[QualityRow], found: Iterable[FindingRow], title: Callable[[str], Text]) -> tuple[DatasetQuality, ...]:
    """One row a dataset; bytes that tell no dataset stand under their provider's name."""
    reasons: dict[tuple[str, str], list[FindingRow]] = {}
    for row in found:
        reasons.setdefault((row.provider, row.dataset), []).append(row)
    rows = [(_lowest(row), _row(row, reasons.get((row.provider, row.dataset), ()), title)) for row in figures]
    return tuple(shown for _, shown in sorted(rows, key=lambda each: (each[0][0], each[1].dataset, each[1].provider)))


def _row(row: QualityRow, found: Iterable[FindingRow], title: Callable[[str], Text]) -> DatasetQuality:
    _, weakest = _lowest(row)
    worst = sorted(found, key=lambda each: (-each.records, each.field, each.reason))[:_WORST]
    return DatasetQuality(
        provider=row.provider, dataset=row.dataset, records=row.records,
        title=title(row.dataset) if row.dataset else Text(f"{row.provider}：无法辨认", f"{row.provider}: unreadable"),
        figures={name: _share(getattr(row, name)) for name in DIMENSIONS}, weakest=weakest,
        history=sparkline(getattr(row, weakest).history) if weakest else "",
        worst=tuple(Count(dataset=row.dataset, title=Text(each.field, each.field), records=each.records, reason=each.reason,
                          problem=in_words(each.reason).problem) for each in worst))


def _lowest(row: QualityRow) -> tuple[float, str]:
    """The lowest share, and of which dimension it is; above all others where nothing was judged."""
    shares = [(share, number) for number, name in enumerate(DIMENSIONS) if (share := getattr(row, name).share) is not None]
    lowest, number = min(shares, default=(2.0, -1))
    return lowest, DIMENSIONS[number] if shares else ""


def _share(figure: Figure) -> Share:
    day, week = (None if figure.share is None or then is None else round((figure.share - then) * 100, 2)
                 for then in (figure.before, figure.week))
    return Share(shown=percent(figure.share), share=figure.share, flawed=figure.flawed, of=figure.of, day=day, week=week,
                 fell=week is not None and week <= -_FELL)
