"""`shutong ledger`: the recorder as a process when nothing else is asked, else a question to the books of a running one."""

from collections.abc import Iterable, Iterator, Sized
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.connection import home_directory, ledger_address
from console.context import Home, Output
from console.output import Format, print_note, print_rows
from console.running import run_process
from schemas.text import Text

if TYPE_CHECKING:
    from ledger.client import Books, DatasetBook, LedgerClient, Peak, RawBook, SubscriptionBook, Volume

__all__ = ["ledger_app"]

PROBLEMS = 3

ledger_app = typer.Typer(help="账本：不带子命令则运行记录进程 / ledger; alone it runs the recorder", invoke_without_command=True)

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="上海时间的一天，默认今天 / a Shanghai day, today by default")]
Dataset = Annotated[str, typer.Option(help="只看一个数据资源 / of one dataset")]
Subscriber = Annotated[str, typer.Option(help="只看一个使用系统 / of one subscriber")]

_GROUPS = {"stage": Text("环节", "stage"), "cause": Text("起因", "cause"), "dataset": Text("数据资源", "dataset"),
           "provider": Text("提供方", "provider"), "subscriber": Text("使用系统", "subscriber"), "day": Text("日", "day"),
           "hour": Text("时", "hour"), "minute": Text("分", "minute")}
_COUNTS = {"records": Text("记录数", "records"), "bytes": Text("字节", "bytes"), "fixed": Text("修正", "fixed")}
_RECORDS = {"records": _COUNTS["records"]}
_PEAKS = {"name": Text("名称", "name"), "window": Text("窗口", "window"), "records": Text("记录数", "records"),
          "at": Text("何时", "when"), "dataset": Text("最多的数据资源", "largest dataset")}
_BOOKS = {"book": Text("账", "book"), "name": Text("名称", "name"), "hour": Text("时", "hour"), "came": Text("应有", "came"),
          "told": Text("已有去向", "accounted for"), "in_flight": Text("在途", "in flight"), "difference": Text("差额", "difference"),
          "state": Text("状态", "state")}
_MILLISECONDS = {name: Text(name, name) for name in ("min", "mean", "p50", "p90", "p99", "max")}
_STATES = {"balanced": Text("平", "balanced"), "open": Text("未结", "open"), "partial": Text("不足一时", "partial"),
           "imbalanced": Text("不平", "imbalanced")}


@ledger_app.callback()
def alone(context: typer.Context) -> None:
    """账本：不带子命令则运行记录进程 / The books; without a subcommand this runs the recorder process."""
    if context.invoked_subcommand is None:
        run()


@ledger_app.command("run")
def run() -> None:
    """运行记录进程 / Run the recorder."""
    from ledger.process import run
    from ledger.settings import LedgerSettings

    run_process(lambda: run(LedgerSettings()))


@ledger_app.command()
def volume(
    by: Annotated[str, typer.Option(help="stage,cause,provider,dataset,subscriber,day,hour,minute")] = "stage,cause,dataset,subscriber",
    stage: Annotated[str, typer.Option(help="一个环节，或 exchange / one stage, or exchange")] = "",
    cause: Annotated[str, typer.Option(help="live | snapshot | resend | replay")] = "",
    dataset: Dataset = "", subscriber: Subscriber = "", since: Day = None, until: Day = None,
    home: Home = None, output: Output = Format.table,
) -> None:
    """交换量 / How many records, by the dimensions asked for."""
    first, last = _days(since, until)
    headings = _headings(by)
    with _client(home) as client:
        found = client.volume(first, last, by=tuple(headings), stage=stage, cause=cause, dataset=dataset, subscriber=subscriber)
    counts = _RECORDS if {"hour", "minute"} & headings.keys() else _COUNTS
    print_rows([row.model_dump() for row in found.rows], headings | counts, output)
    if output is Format.table:
        print_note(Text(f"{_span(found)} 交换 {found.exchange:,} 条，其中实时 {found.exchange_live:,} 条",
                        f"{_span(found)}: {found.exchange:,} records exchanged, {found.exchange_live:,} of them live"))


@ledger_app.command()
def peaks(
    stage: Annotated[str, typer.Option(help="一个环节，或 exchange / one stage, or exchange")] = "exchange",
    scope: Annotated[str, typer.Option(help="all | dataset | subscriber")] = "all",
    name: Annotated[str, typer.Option(help="只看一个 / of one")] = "",
    since: Day = None, until: Day = None, home: Home = None, output: Output = Format.table,
) -> None:
    """峰值：最大的一秒、一分、一时、一日，何时，谁最多 / The largest second, minute, hour and day, when, and who."""
    first, last = _days(since, until)
    with _client(home) as client:
        found = client.peaks(first, last, stage=stage, scope=scope, name=name)
    rows = list(_windows(found.rows))
    print_rows(rows, _PEAKS, output)
    _say_if_none(rows, output)


@ledger_app.command()
def books(
    since: Day = None, until: Day = None,
    everything: Annotated[bool, typer.Option("--all", help="表格里也列出已平的账 / list balanced books in the table too")] = False,
    home: Home = None, output: Output = Format.table,
) -> None:
    """账目是否平衡；不平则以 3 退出 / Whether every record is accounted for; exits with 3 where not."""
    first, last = _days(since, until)
    with _client(home) as client:
        found = client.books(first, last, whole=everything or output is not Format.table)
    rows = list(_books(found))
    if output is not Format.table:
        print_rows(rows, _BOOKS, output)
    elif rows:
        print_rows(_in_words(rows), _BOOKS, output)
    counts = found.states
    print_note(Text(f"{_span(found)}：平 {counts['balanced']}，未结 {counts['open']}，不足一时 {counts['partial']}，"
                    f"不平 {counts['imbalanced']}；重复计数条 {found.integrity.doubled}",
                    f"{_span(found)}: {counts['balanced']} balanced, {counts['open']} open, {counts['partial']} partial, "
                    f"{counts['imbalanced']} imbalanced; {found.integrity.doubled} tallies twice"))
    if not found.balanced:
        raise typer.Exit(PROBLEMS)


@ledger_app.command()
def latency(
    by: Annotated[str, typer.Option(help="stage,cause,provider,dataset,subscriber,day")] = "stage,cause,dataset,subscriber",
    stage: Annotated[str, typer.Option(help="一个环节，或 exchange / one stage, or exchange")] = "",
    cause: Annotated[str, typer.Option(help="live | snapshot | resend | replay")] = "live",
    dataset: Dataset = "", subscriber: Subscriber = "", since: Day = None, until: Day = None,
    home: Home = None, output: Output = Format.table,
) -> None:
    """时延分位数（毫秒）：处理时刻减到达时刻 / Latency quantiles in ms: handled less arrived."""
    first, last = _days(since, until)
    headings = _headings(by)
    with _client(home) as client:
        found = client.latency(first, last, by=tuple(headings), stage=stage, cause=cause, dataset=dataset, subscriber=subscriber)
    print_rows([row.model_dump() for row in found.rows], headings | _RECORDS | _MILLISECONDS, output)
    _say_if_none(found.rows, output)


def _client(home: Home) -> "LedgerClient":
    from ledger.client import LedgerClient

    return LedgerClient(ledger_address(home_directory(home)))


def _days(since: datetime | None, until: datetime | None) -> tuple[date, date]:
    from ledger.shanghai import today

    last = until.date() if until else today()
    first = since.date() if since else last
    if first > last:
        raise typer.BadParameter(str(Text(f"{first} 在 {last} 之后", f"{first} is after {last}")), param_hint="--since")
    return first, last


def _headings(by: str) -> dict[str, Text]:
    words = [word.strip() for word in by.split(",") if word.strip()]
    unknown = [word for word in words if word not in _GROUPS]
    if unknown:
        known = ", ".join(_GROUPS)
        raise typer.BadParameter(str(Text(f"没有维度 {unknown[0]}；可用：{known}", f"no dimension {unknown[0]}; there are: {known}")),
                                 param_hint="--by")
    return {word: _GROUPS[word] for word in words}


def _say_if_none(rows: Sized, output: Format) -> None:
    """A table without a line looks like a fault."""
    if not len(rows) and output is Format.table:
        print_note(Text("这些日子还没有实时记录；快照与重发不算在内",
                        "no live record in these days; snapshots and re-sends are not among them"))


def _windows(rows: "Iterable[Peak]") -> Iterator[dict[str, Any]]:
    for row in rows:
        for name, window in (("second", row.second), ("minute", row.minute), ("hour", row.hour), ("day", row.day)):
            yield {"name": row.name or "*", "window": name} | window.model_dump()


def _books(found: "Books") -> Iterator[dict[str, Any]]:
    """The three books in one form: what came, what is accounted for, and the difference."""
    for raw in found.raw:
        yield _book("raw", raw.provider, raw, raw.counted, raw.arrived) | {"in_flight": raw.in_flight}
    for clean in found.datasets:
        told = clean.cleaned + clean.duplicate + clean.superseded + clean.quarantined
        yield _book("clean", clean.dataset, clean, clean.arrived, told)
    for route in found.subscriptions:
        told = route.delivered + route.returned_up + route.returned_down + route.held_back + route.quarantined
        yield _book("route", route.subscription, route, route.cleaned, told) | {"in_flight": route.in_flight}


def _book(book: str, name: str, row: "RawBook | DatasetBook | SubscriptionBook", came: int, told: int) -> dict[str, Any]:
    return {"book": book, "name": name, "hour": row.hour, "came": came, "told": told, "in_flight": 0,
            "difference": row.difference, "state": row.state}


def _in_words(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"state": str(_STATES[row["state"]])} for row in rows]


def _span(found: "Volume | Books") -> str:
    return found.first if found.first == found.last else f"{found.first} … {found.last}"
