"""The commands that run processes: `up`, `down`, `status`, and each process by itself as the supervisor starts it."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from console.connection import home_directory
from console.context import Home, Output
from console.machine import LocalBus, running_pid
from console.output import Format, print_error, print_note, print_rows
from console.running import run_process
from console.upkeep import Upkeep
from console.watch import process_rows, reports_of
from schemas.errors import BusError, HaltError
from schemas.text import Text

if TYPE_CHECKING:
    from trial.city.postgres import LocalPostgres

_STATUS = {"program": Text("进程", "process"), "pid": Text("进程号", "pid"), "since": Text("启动时间", "since"),
           "memory_mb": Text("内存 MB", "memory MB"), "cpu_seconds": Text("CPU 秒", "CPU seconds"), "state": Text("状态", "state"),
           "lag_records": Text("积压条数", "lag records"), "lag_seconds": Text("积压秒数", "lag seconds")}
#: Seconds between two looks: do the servers run; have workers begun on new lanes, while there are some and while there are none.
_LOOK_EVERY, _SETTLE_EVERY, _SETTLED_EVERY = 1.0, 5.0, 30.0
#: What `up` may take at most: the processes, Kafka and PostgreSQL one after the other, each asked first and then killed.
_DOWN_PATIENCE = 90
#: Where they listen unless SHUTONG_LEDGER_ADDRESS or SHUTONG_SERVE_ADDRESS says otherwise.
_ADDRESSES = {"ledger": "127.0.0.1:8701", "serve": "127.0.0.1:8700"}

__all__ = ["connect", "down", "serve", "status", "up", "worker"]


def worker(slot: Annotated[int, typer.Option(min=0, help="槽位；默认取最小的空闲槽位 / slot; the lowest free one by default")] = 0) -> None:
    """运行一个清洗与路由进程 / Run one worker: the agents clean and route."""
    from streams.settings import WorkerSettings
    from streams.worker import run

    settings = WorkerSettings()
    run_process(lambda: run(settings.model_copy(update={"slot": slot}) if slot else settings))


def connect() -> None:
    """运行登记的连接器 / Run the registered connectors."""
    from connectors.process import main

    run_process(main)


def serve() -> None:
    """运行接口与页面 / Run the HTTP interface and the page."""
    from console.serve.process import run
    from console.serve.settings import ServeSettings

    run_process(lambda: run(ServeSettings()))


def up(home: Home = None,
       city: Annotated[Path | None, typer.Option(help="城市目录；默认演示城市 / city directory; the trial city by default",
                                                 exists=True, file_okay=False)] = None,
       workers: Annotated[int, typer.Option(min=1, max=16, help="工作进程数 / number of workers")] = 2) -> None:
    """在本机启动整个总线并保持运行 / Start a whole bus on this machine and keep it running."""
    where = home_directory(home)
    over = _on_signals()
    try:
        with LocalBus(where, _tell, ledger=_address("ledger"), serve=_address("serve"), workers=workers,
                      settings=os.environ) as bus:
            _run(bus, where, city, over)
    except KeyboardInterrupt:
        print_note(Text("已停止", "stopped"))


def _run(bus: LocalBus, where: Path, city: Path | None, over: threading.Event) -> None:
    """From nothing to a running bus, and on until a signal; the departments' databases end after the processes."""
    from trial.city.home import connect_environment, trial_departments
    from trial.city.luan import DIRECTORY

    try:
        bus.take_home()
        with trial_departments(where, wanted=city is None) as departments:
            bus.lend(connect_environment(departments) if departments is not None else {})
            try:
                bus.start_kafka()
                bus.apply(city or DIRECTORY)
                bus.start_processes()
                _announce(bus, where)
                _keep_up(bus, departments, over)
            finally:
                over.set()
                print_note(Text("正在停止", "stopping"))
                bus.end_processes()
    finally:
        over.set()


def _address(name: str) -> str:
    return os.environ.get(f"SHUTONG_{name.upper()}_ADDRESS") or _ADDRESSES[name]


def _keep_up(bus: LocalBus, departments: "LocalPostgres | None", over: threading.Event) -> None:
    """Until it is over: servers that end are started again, and lanes on which workers have begun are new no more."""
    from trial.city.home import mend_departments

    def mend_kafka() -> float:
        bus.mend()
        return _LOOK_EVERY

    def mend_postgres() -> float:
        if departments is not None:
            mend_departments(departments, _tell)
        return _LOOK_EVERY

    kafka, postgres = Upkeep(mend_kafka, _tell_error), Upkeep(mend_postgres, _tell_error)
    threading.Thread(target=_keep_settling, args=(bus, kafka, over), name="settling", daemon=True).start()
    while not over.wait(_LOOK_EVERY):
        kafka.look()
        postgres.look()


def _keep_settling(bus: LocalBus, kafka: Upkeep, over: threading.Event) -> None:
    """Clear `new` where the workers have begun, as long as the bus runs: an apply may add a lane at any time. Not while
    Kafka is away, and not in the thread that starts it again: this one waits for its answers."""
    settling = Upkeep(lambda: _SETTLE_EVERY if bus.settle() else _SETTLED_EVERY,
                      lambda error: None if over.is_set() else _tell_error(error))
    while not over.wait(_LOOK_EVERY):
        if kafka.well:
            settling.look()


def down(home: Home = None) -> None:
    """停止本机总线 / Stop the bus on this machine."""
    where = home_directory(home)
    pid = running_pid(where)
    if pid is None:
        print_note(Text(f"{where} 下没有正在运行的总线", f"no bus runs under {where}"))
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_PATIENCE
    while running_pid(where) is not None:
        if time.monotonic() > deadline:
            raise HaltError(Text(f"进程 {pid} 没有在 {_DOWN_PATIENCE} 秒内结束",
                                 f"process {pid} did not end within {_DOWN_PATIENCE} seconds"),
                            advice=Text(f"查看 {where}/logs，必要时 kill -9 {pid}", f"read {where}/logs; if need be kill -9 {pid}"))
        time.sleep(0.1)
    print_note(Text("已停止", "stopped"))


def status(home: Home = None, output: Output = Format.table) -> None:
    """显示本机总线的各个进程与积压 / Show the processes of the bus on this machine, and their lag."""
    where = home_directory(home)
    pid = running_pid(where)
    if pid is None:
        print_note(Text(f"{where} 下没有正在运行的总线；用 shutong up 启动", f"no bus runs under {where}; start one with shutong up"))
        raise typer.Exit(1)
    rows = process_rows(pid)
    reports = reports_of(where)
    for row in rows:
        row |= reports.get(str(row["program"]), {})
    print_rows(rows, _STATUS, output)


def _announce(bus: LocalBus, home: Path) -> None:
    page, ledger, kafka = (f"http://{bus.addresses['serve']}/", f"http://{bus.addresses['ledger']}/", bus.admin.bootstrap)
    print_note(Text(f"总线已启动。页面 {page} ，账本 {ledger} ，Kafka {kafka}，日志 {home}/logs，口令 {home}/secrets。"
                    f"停止：Ctrl-C 或 shutong down",
                    f"The bus is up. Page {page}, ledger {ledger}, Kafka {kafka}, logs {home}/logs, passwords {home}/secrets. "
                    f"Stop: Ctrl-C or shutong down"))


def _on_signals() -> threading.Event:
    """Set by the first SIGINT, SIGTERM or SIGHUP, which also ends whatever is being waited for; later ones change nothing."""
    over = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        if not over.is_set():
            over.set()
            raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, end)
    return over


def _tell(name: str, what: Text) -> None:
    with suppress(OSError):  # nobody may listen any more; the bus goes on
        print_note(Text(f"{name}：{what.zh}", f"{name}: {what.en}"))


def _tell_error(error: BusError) -> None:
    with suppress(OSError):
        print_error(error)
