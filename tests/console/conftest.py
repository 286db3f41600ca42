"""A real `shutong up` for the tests of the commands: one a session, in a process of its own, on free ports."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from console.cli import main
from console.connection import connect
from console.watch import reports_of
from schemas import text
from trial.kafka.ports import draw_port
from wire.reading import ends

PATIENCE = 90


class Up:
    """`shutong up` under a home, as a person would run it in another terminal."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.home = home
        self.ledger, self.serve = (f"127.0.0.1:{draw_port()}" for _ in range(2))
        self.output = home.with_name(f"{home.name}.{self.serve.rpartition(':')[2]}.output")
        known = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "XDG_CACHE_HOME", "KAFKA_HOME") if name in os.environ}
        addresses = {"SHUTONG_LEDGER_ADDRESS": self.ledger, "SHUTONG_SERVE_ADDRESS": self.serve}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen([sys.executable, "-m", "console", "--lang", "en", "up", "--home", str(home), *arguments],
                                            stdout=output, stderr=output, start_new_session=True,
                                            env=known | addresses | environment)

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, words: str) -> None:
        """Until it has said this; an early end or a long silence fails the test with what it said."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def family(self) -> list[psutil.Process]:
        """It and everything it started."""
        here = psutil.Process(self.process.pid)
        return [here, *here.children(recursive=True)]

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


def wait_for_the_snapshot(bus: Up) -> None:
    """Until the worker has nothing left to do and the last inbox was filled."""
    settings, deadline = connect(bus.home), time.monotonic() + PATIENCE
    lanes = ["deliver.tax", "dead.health", "raw.civil", "raw.health"]
    before: dict[tuple[str, int], int] = {}
    while True:
        now = ends(settings, lanes, stable=True)
        worker = reports_of(bus.home).get("worker 1", {})
        if worker.get("state") == "running" and not worker["lag_records"] and now == before and all(now.values()):
            return
        assert time.monotonic() < deadline, (now, worker, bus.said())
        before = now
        time.sleep(0.5)


def alive(family: list[psutil.Process], patience: float = 10) -> list[str]:
    """What of a family still lives, given some time to die."""
    _, left = psutil.wait_procs(family, patience)
    return [f"{process.pid} {process.name()}" for process in left if process.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="session")
def live_bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The trial city on one machine, its first snapshot through to the inboxes."""
    bus = Up(tmp_path_factory.mktemp("up") / "home", "--workers", "1")
    try:
        bus.wait_for("The bus is up")
        wait_for_the_snapshot(bus)
        yield bus
    finally:
        bus.interrupt()


@pytest.fixture
def shutong(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., "Ran"]:
    """Runs a command of the command line here, as `shutong ...` would: its exit code, what it printed, what it said."""
    for name in [name for name in os.environ if name.startswith("SHUTONG_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> Ran:
        text.set_language("zh")
        monkeypatch.delenv("SHUTONG_LANG", raising=False)
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return Ran(ended.value.code or 0, *capfd.readouterr())

    return run


class Ran:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def said(self) -> str:
        """Both, on one line: what is folded at the terminal's width reads as one again."""
        return re.sub(r"[\s│╭╮╰╯─]+", " ", self.out + self.err)
