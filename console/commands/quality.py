"""`shutong quality`: the four figures of each dataset and day, with the counts they come from, their trend, and what was found."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.connection import home_directory, ledger_address
from console.context import Home, Output
from console.letters import in_words
from console.output import Format, print_note, print_rows
from console.quality import DIMENSION_WORDS, SEVERITY_WORDS, percent, points, sparkline
from schemas.reasons import DIMENSIONS
from schemas.text import Text

if TYPE_CHECKING:
    from ledger.client import FindingRow, LedgerClient, QualityRow

__all__ = ["quality"]

#: Rows of what was found that stand below the figures in a table.
_WORST = 10

_PLACE = {"dataset": Text("数据资源", "dataset"), "day": Text("日", "day"), "records": Text("记录数", "records")}
_FIGURES = _PLACE | DIMENSION_WORDS | {"trend": Text("最弱一项近八日", "weakest, eight days")}
_EXACT = _PLACE | {f"{name}{part}": Text(name, name) for name in DIMENSIONS for part in ("", "_flawed", "_of", "_before", "_week")}
_FOUND = {"dataset": _PLACE["dataset"], "field": Text("字段", "field"), "reason": Text("原因", "reason"),
          "problem": Text("说明", "in words"), "dimension": Text("维度", "dimension"), "severity": Text("处理", "what became of it"),
          "records": _PLACE["records"], "share": Text("占比", "share")}


class By(StrEnum):
    """What findings are told apart by."""

    field = "field"
    reason = "reason"


def quality(
    dataset: Annotated[str, typer.Argument(metavar="[DATASET]", help="只看一个数据资源 / of one dataset")] = "",
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="到哪一天，默认今天 / the last day; today by default")] = None,
    days: Annotated[int, typer.Option(min=1, max=100, help="几天 / how many days")] = 1,
    by: Annotated[By | None, typer.Option(help="按字段或原因列出问题 / list what was found, by field or reason")] = None,
    home: Home = None, output: Output = Format.table,
) -> None:
    """数据质量：完整、有效、一致、及时，每个数字都有出处 / Quality of data by dataset and day, every figure with its counts."""
    from ledger.shanghai import today

    last = day.date() if day else today()
    first = last - timedelta(days=days - 1)
    with _client(home) as client:
        figures = client.quality(first, last, dataset=dataset).rows
        if by is None:
            rows, columns = (_shown(figures), _FIGURES) if output is Format.table else (_exact(figures), _EXACT)
            print_rows(rows, columns, output)
        if by is not None or output is Format.table:
            _print_found(client, first, last, dataset, by or By.field, figures, output, _WORST if by is None else None)
    if output is Format.table and by is None:
        print_note(_note(figures))


def _client(home: Home) -> "LedgerClient":
    from ledger.client import LedgerClient

    return LedgerClient(ledger_address(home_directory(home)))


def _print_found(client: "LedgerClient", first: date, last: date, dataset: str, by: By, figures: "Iterable[QualityRow]",
                 output: Format, most: int | None) -> None:
    groups = ("dataset", *(("field",) if by is By.field else ()), "reason", "dimension", "severity")
    rows = client.findings(first, last, by=groups, dataset=dataset).rows
    records: dict[str, int] = {}
    for row in figures:
        records[row.dataset] = records.get(row.dataset, 0) + row.records
    found = list(_found(rows[:most], records))
    columns = {name: heading for name, heading in _FOUND.items() if by is By.field or name != "field"}
    if output is Format.table:
        found = [row | {"share": percent(row["share"]), "dimension": str(DIMENSION_WORDS[row["dimension"]]),
                        "severity": str(SEVERITY_WORDS.get(row["severity"], row["severity"]))} for row in found]
    if found or most is None:
        print_rows(found, columns, output, title=Text("问题最多的字段", "worst fields") if most is not None else None)


def _found(rows: "Iterable[FindingRow]", records: dict[str, int]) -> Iterator[dict[str, Any]]:
    """What was found, in words, and in what share of the dataset's records."""
    for row in rows:
        of = records.get(row.dataset, 0)
        yield row.model_dump() | {"problem": str(in_words(row.reason).problem), "share": row.records / of if of else None}


def _shown(rows: "Iterable[QualityRow]") -> list[dict[str, Any]]:
    return [{"dataset": row.dataset or f"({row.provider})", "day": row.day, "records": row.records, "trend": _weakest(row)}
            | {name: _cell(row, name) for name in DIMENSIONS} for row in rows]


def _cell(row: "QualityRow", name: str) -> str:
    figure = getattr(row, name)
    if figure.share is None:
        return "–"
    return " ".join(filter(None, (percent(figure.share), f"({figure.flawed:,})" if figure.flawed else "", points(figure))))


def _weakest(row: "QualityRow") -> str:
    judged = [(figure.share, number, name) for number, name in enumerate(DIMENSIONS) if (figure := getattr(row, name)).share is not None]
    if not judged:
        return ""
    name = min(judged)[2]
    return f"{DIMENSION_WORDS[name]} {sparkline(getattr(row, name).history)}"


def _exact(rows: "Iterable[QualityRow]") -> list[dict[str, Any]]:
    """Shares from 0 to 1, unrounded."""
    return [{"dataset": row.dataset, "day": row.day, "records": row.records}
            | {f"{name}{part}": value for name in DIMENSIONS for figure in [getattr(row, name)] for part, value in (
                ("", figure.share), ("_flawed", figure.flawed), ("_of", figure.of), ("_before", figure.before), ("_week", figure.week))}
            for row in rows]


def _note(rows: "tuple[QualityRow, ...]") -> Text:
    if not rows:
        return Text("这几天没有记录到达", "nothing arrived on these days")
    return Text("括号内是有问题的记录数；其后是与前一日、与前七日相差的百分点。存疑的不计入；及时性只看实时记录",
                "in brackets the records with a finding; then the difference to the day and to the week before, in percentage points. "
                "Doubts lower no figure; timeliness is of live records alone")
