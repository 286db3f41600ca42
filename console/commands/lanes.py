"""`shutong lane`: the lanes of the plan with what waits on them; a raw lane is held, or released after its stop-line."""

from collections import defaultdict
from typing import Annotated

import typer

from console.connection import connect, home_directory
from console.context import Home, Output
from console.output import Format, print_note, print_rows
from console.own_serve import say
from console.watch import parsed
from governance.holding import Word
from schemas.control import Plan
from schemas.status import WorkerStatus
from schemas.text import Text
from wire.compacted import read_compacted
from wire.control import ControlReader

__all__ = ["lane_app"]

lane_app = typer.Typer(help="通道 / lanes", no_args_is_help=True)

Names = Annotated[list[str], typer.Argument(metavar="LANE...", help="raw.<provider>")]

_COLUMNS = {"lane": Text("通道", "lane"), "partitions": Text("分区", "partitions"), "records": Text("积压条数", "lag records"),
            "state": Text("状态", "state"), "since": Text("自方案版本", "since plan version")}


@lane_app.command("list")
def list_lanes(home: Home = None, output: Output = Format.table) -> None:
    """列出通道、积压，以及被停住的通道 / List the lanes, their lag, and which are held."""
    settings = connect(home_directory(home))
    with ControlReader(settings) as reader:
        plan = reader.load()
    workers = parsed(WorkerStatus, read_compacted(settings, "bus.workers").values())
    print_rows(_rows(plan, workers), _COLUMNS, output)


@lane_app.command("hold")
def hold(lanes: Names, home: Home = None) -> None:
    """停住一个提供方的原始通道：数据留在通道里等待 / Hold a provider's raw lane: what comes waits on it."""
    _say("hold", lanes, home)


@lane_app.command("release")
def release(lanes: Names, home: Home = None) -> None:
    """放行被停住的原始通道 / Let a raw lane that is held go on."""
    _say("release", lanes, home)


def _say(word: Word, lanes: list[str], home: Home) -> None:
    where = home_directory(home)
    version = say(where, connect(where), word, lanes)
    names = "、".join(lanes), ", ".join(lanes)
    told = (Text(f"{names[0]} 已停住", f"{names[1]}: held") if word == "hold"
            else Text(f"{names[0]} 已放行", f"{names[1]}: released"))
    print_note(Text(f"{told.zh}（方案版本 {version}，工作进程两秒内照办）",
                    f"{told.en} (plan version {version}; workers obey within two seconds)"))


def _rows(plan: Plan, workers: tuple[WorkerStatus, ...]) -> list[dict[str, object]]:
    behind: dict[str, int] = defaultdict(int)
    for worker in workers:
        for lane, lag in worker.lanes.items():
            behind[lane] += lag.records
    at_line = {lane for worker in workers for lane in worker.held}
    rows = []
    for lane, state in sorted(plan.lanes.items()):
        by_plan = state.held > state.released
        rows.append({"lane": lane, "partitions": state.partitions, "records": behind.get(lane, ""),
                     "state": "stop-line" if lane in at_line else "held" if by_plan else "new" if state.new else "open",
                     "since": state.held if by_plan else ""})
    return rows
