"""`shutong apply DIR`: show what the city directory would change, then change it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.connection import connect, home_directory
from console.context import Home
from console.output import print_note
from governance.apply import apply, preview
from governance.diff import Line
from schemas.text import Text
from wire.admin import Done
from wire.settings import KafkaSettings

__all__ = ["apply_city"]

_COLOURS = {"+": "green", "~": "yellow", "-": "red"}


def apply_city(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="城市目录 / the city directory", exists=True, file_okay=False)],
    home: Home = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只显示差异 / show the difference only")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不询问 / do not ask")] = False,
) -> None:
    """按城市目录登记：先显示差异，再建通道、用户、权限，最后写入方案 / Register what a city directory declares."""
    where = home_directory(home)
    settings = connect(where)
    if not yes or dry_run:
        lines = _preview(settings, folder)
        if dry_run or not lines:
            return
        typer.confirm(str(Text("执行这些变更？", "carry these out?")), abort=True, err=True)
    applied = apply(settings, folder, where / "secrets", told=_tell)
    if yes:
        _print(applied.lines)
    if applied.written:
        print_note(Text(f"方案版本 {applied.version} 已生效", f"plan version {applied.version} is in force"))


def _preview(settings: KafkaSettings, folder: Path) -> list[Line]:
    lines = preview(settings, folder)
    _print(lines)
    return lines


def _print(lines: list[Line]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not lines:
        print_note(Text("没有变化", "nothing to change"))
    for line in lines:
        keys = f"  {'; '.join(line.keys)}" if line.keys else ""
        console.print(f"{line.sign} {line.kind} {line.id}{keys}", style=_COLOURS[line.sign], markup=False)


def _tell(done: Done) -> None:
    print_note(Text(f"{done.name}：{done.what.zh}", f"{done.name}: {done.what.en}"))
