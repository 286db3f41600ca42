"""`shutong apply DIR`: show what the city directory would change, then change it."""

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.commands.through_serve import applier
from console.connection import connect, home_directory
from console.context import Home
from console.output import print_note
from console.own_serve import note_begun
from governance.diff import Line
from governance.settling import Standing, standings
from schemas.text import Text
from wire.admin import Done

__all__ = ["apply_city"]

#: Seconds to wait for the workers: they report every two, and are gone when silent for ten.
_PATIENCE = 30.0
_COLOURS = {"+": "green", "~": "yellow", "-": "red"}


def apply_city(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="城市目录 / the city directory", exists=True, file_okay=False)],
    home: Home = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只显示差异 / show the difference only")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不询问 / do not ask")] = False,
    until_settled: Annotated[bool, typer.Option(
        "--settle", help="等到每条新通道都有工作进程开始处理 / wait until workers have begun on every new lane")] = False,
) -> None:
    """按城市目录登记：先显示差异，再建通道、用户、权限，最后写入方案 / Register what a city directory declares."""
    where = home_directory(home)
    settings = connect(where)
    work = applier(where, settings, folder)
    if not yes or dry_run:
        lines = work.preview()
        _print(lines)
        if dry_run:
            return
        # Without a line there is still what an apply that was killed left undone, and what drifted on Kafka.
        if lines:
            typer.confirm(str(Text("执行这些变更？", "carry these out?")), abort=True, err=True)
    applied = work.apply(_tell)
    if yes:
        _print(applied.lines)
    if applied.written:
        print_note(Text(f"方案版本 {applied.version} 已写入", f"plan version {applied.version} is written"))
    try:
        looks = standings(settings, where / "secrets", applied.version, partial(note_begun, where, settings))
        standing = _wait(looks, None if until_settled else _PATIENCE)
    except KeyboardInterrupt:
        print_note(Text("不再等待；已写入的方案不受影响", "no longer waiting; the plan that was written stays"))
        raise typer.Exit(130) from None
    if applied.written or not _done(standing):
        print_note(_told(standing, applied.version))


def _wait(looks: Iterator[Standing], patience: float | None) -> Standing:
    """Until every worker has the version and has begun on the new lanes; without end, for workers to come too, or patiently."""
    deadline = time.monotonic() + patience if patience is not None else math.inf
    shown: tuple[str, ...] = ()
    for standing in looks:
        lacking = (*standing.behind, *standing.new)
        if _done(standing) or time.monotonic() > deadline or (patience is not None and not standing.workers):
            return standing
        if lacking != shown:
            shown = lacking
            print_note(Text(f"等待 {'、'.join(lacking)}（Ctrl-C 不再等待）", f"waiting for {', '.join(lacking)} (Ctrl-C ends the wait)"))
    raise AssertionError("the looks never end")


def _done(standing: Standing) -> bool:
    return not standing.behind and not standing.new


def _told(standing: Standing, version: int) -> Text:
    """What the operator may rely on now (I-18)."""
    if standing.behind:
        names = standing.behind
        return Text(f"工作进程 {'、'.join(names)} 还没有用上版本 {version}：在此之前仍按旧方案投递，"
                    "撤销的订阅也是（其读取权限已收回）。查看它们的日志",
                    f"version {version} has not reached {', '.join(names)}: until then they deliver by the old plan, revoked "
                    f"subscriptions too (whose rights to read are gone). Read their logs")
    if not standing.workers:
        return Text(f"没有工作进程在运行；它们启动时即按版本 {version} 工作", f"no worker runs; they will begin by version {version}")
    force = Text(f"版本 {version} 已生效：{'、'.join(standing.workers)}", f"version {version} is in force: {', '.join(standing.workers)}")
    if not standing.new:
        return force
    return Text(f"{force.zh}；新通道 {'、'.join(standing.new)} 还没有处理，稍后再执行 apply",
                f"{force.en}; nobody has begun on the new lanes {', '.join(standing.new)} yet, apply again later")


def _print(lines: list[Line]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not lines:
        print_note(Text("没有变化", "nothing to change"))
    for line in lines:
        keys = f"  {'; '.join(line.keys)}" if line.keys else ""
        console.print(f"{line.sign} {line.kind} {line.id}{keys}", style=_COLOURS[line.sign], markup=False)


def _tell(done: Done) -> None:
    print_note(Text(f"{done.name}：{done.what.zh}", f"{done.name}: {done.what.en}"))
