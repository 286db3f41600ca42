"""The commands that run processes: `up`, `down`, `status`, and each process by itself as the supervisor starts it."""

import os
import signal
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import psutil
import typer

from console.connection import home_directory
from console.context import Home, Output
from console.machine import LocalBus, running_pid
from console.output import Format, print_note, print_rows
from console.running import run_process
from schemas.errors import HaltError
from schemas.text import Text

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
       city: Annotated[Path | None, typer.Option(help="城市目录；默认演示城市 / city directory; the trial city by default")] = None,
       workers: Annotated[int, typer.Option(min=1, max=16, help="工作进程数 / number of workers")] = 2) -> None:
    """在本机启动整个总线并保持运行 / Start a whole bus on this machine and keep it running."""
    from trial.city.home import trial_departments
    from trial.city.luan import DIRECTORY

    where = home_directory(home)
    over = _on_signals()
    with trial_departments(where, wanted=city is None) as environment, \
            LocalBus(where, _tell, workers=workers, environment=environment) as bus:
        bus.start_kafka()
        bus.apply(city or DIRECTORY)
        bus.start_processes()
        _announce(bus, where)
        waiting = True
        while not over.wait(5):
            waiting = bool(waiting and bus.settle())
        print_note(Text("正在停止", "stopping"))


def down(home: Home = None) -> None:
    """停止本机总线 / Stop the bus on this machine."""
    where = home_directory(home)
    pid = running_pid(where)
    if pid is None:
        print_note(Text(f"{where} 下没有正在运行的总线", f"no bus runs under {where}"))
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 40
    while running_pid(where) is not None:
        if time.monotonic() > deadline:
            raise HaltError(Text(f"进程 {pid} 没有在 40 秒内结束", f"process {pid} did not end within 40 seconds"),
                            advice=Text(f"查看 {where}/logs，必要时 kill -9 {pid}", f"read {where}/logs; if need be kill -9 {pid}"))
        time.sleep(0.1)
    print_note(Text("已停止", "stopped"))


def status(home: Home = None, output: Output = Format.table) -> None:
    """显示本机总线的各个进程 / Show the processes of the bus on this machine."""
    pid = running_pid(home_directory(home))
    if pid is None:
        print_note(Text("没有正在运行的总线；用 shutong up 启动", "no bus is running; start one with shutong up"))
        raise typer.Exit(1)
    rows = [_row(process) for process in [psutil.Process(pid), *psutil.Process(pid).children()]]
    print_rows(rows, {"pid": Text("进程号", "pid"), "program": Text("进程", "process"), "since": Text("启动时间", "since"),
                      "memory_mb": Text("内存 MB", "memory MB"), "cpu_seconds": Text("CPU 秒", "CPU seconds")}, output)


def _row(process: psutil.Process) -> dict[str, object]:
    times = process.cpu_times()
    return {"pid": process.pid, "program": _program(process.cmdline()), "memory_mb": round(process.memory_info().rss / 1e6),
            "since": datetime.fromtimestamp(process.create_time()).isoformat(" ", "seconds"),
            "cpu_seconds": round(times.user + times.system, 1)}


def _program(command: list[str]) -> str:
    if "kafka.Kafka" in command:
        return "kafka"
    if any("postgres" in part for part in command[:1]):
        return "postgresql"
    if "console" in command:
        return " ".join(part for part in command[command.index("console") + 1:])
    return "up"


def _announce(bus: LocalBus, home: Path) -> None:
    page, ledger, kafka = (f"http://{bus.addresses['serve']}/", f"http://{bus.addresses['ledger']}/", bus.admin.bootstrap)
    print_note(Text(f"总线已启动。页面 {page} ，账本 {ledger} ，Kafka {kafka}，日志 {home}/logs，口令 {home}/secrets。"
                    f"停止：Ctrl-C 或 shutong down",
                    f"The bus is up. Page {page}, ledger {ledger}, Kafka {kafka}, logs {home}/logs, passwords {home}/secrets. "
                    f"Stop: Ctrl-C or shutong down"))


def _on_signals() -> threading.Event:
    over = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, frame: over.set())
    return over


def _tell(name: str, what: Text) -> None:
    print_note(Text(f"{name}：{what.zh}", f"{name}: {what.en}"))
