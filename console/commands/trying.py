"""`shutong demo`: the trial city once, from nothing to a judged report."""

from pathlib import Path
from typing import Annotated

import typer

from console.connection import DEFAULT_HOME

__all__ = ["demo"]


def demo(
    events: Annotated[int, typer.Option(min=1000, help="变更事件数 / number of change events")] = 200_000,
    home: Annotated[Path, typer.Option("--home", help="工作目录 / working directory")] = Path(DEFAULT_HOME) / "demo",
    seed: Annotated[int, typer.Option(help="随机种子 / random seed")] = 1,
) -> None:
    """演示：一个城市交换数据，中途强杀一个进程，最后由独立核对程序判定 / Run the trial city and judge it."""
    from trial.demo import run

    raise typer.Exit(run(events=events, home=home, seed=seed))
