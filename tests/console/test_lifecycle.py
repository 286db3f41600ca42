"""`up` and `down`: one signal ends everything, a killed supervisor leaves nobody behind, and the next start goes on."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from console.machine import running_pid
from console.supervisor import Program, Supervisor, python
from streams.transport.exits import FENCED, HALTED
from tests.console.conftest import Ran, Up, alive
from trial.kafka import LocalKafka

pytestmark = pytest.mark.kafka


def test_a_killed_supervisor_leaves_nobody_and_the_next_start_goes_on_until_down(
        tmp_path: Path, shutong: Callable[..., Ran]) -> None:
    bus = Up(tmp_path / "home", "--workers", "1")
    bus.wait_for("The bus is up")
    family = bus.family()
    assert len(family) >= 7
    bus.process.kill()
    bus.process.wait(10)
    assert alive(family) == []
    assert running_pid(bus.home) is None

    again = Up(bus.home, "--workers", "1")
    try:
        again.wait_for("The bus is up")
        family = again.family()
        assert running_pid(bus.home) == again.process.pid
        stopped = shutong("--lang", "en", "down", "--home", str(bus.home))
        assert (stopped.code, stopped.err.strip()) == (0, "stopped")
        assert again.process.wait(10) == 0
        assert alive(family, 1) == []
    finally:
        again.interrupt()
    assert "restarts in" not in again.said(), again.said()
    assert not (bus.home / "connection.json").exists()
    status = shutong("--lang", "en", "status", "--home", str(bus.home))
    assert (status.code, "no bus runs" in status.err) == (1, True)
    nothing = shutong("--lang", "en", "down", "--home", str(bus.home))
    assert (nothing.code, "no bus runs" in nothing.err) == (0, True)


def test_a_killed_broker_and_a_killed_postgresql_are_started_again_where_they_were(tmp_path: Path) -> None:
    bus = Up(tmp_path / "home", "--workers", "1")
    try:
        bus.wait_for("The bus is up")
        broker, departments = LocalKafka.at(bus.home / "kafka"), next(each for each in bus.family() if each.name() == "postgres")
        at, port = broker.bootstrap, departments.net_connections()[0].laddr.port
        broker.kill()
        departments.kill()
        bus.wait_for("kafka: ended unexpectedly")
        bus.wait_for("postgresql: ended unexpectedly")
        until(lambda: bool(servers := [each for each in bus.family() if each.name() == "postgres" and each.pid != departments.pid
                                       and each.net_connections()]) and servers[0].net_connections()[0].laddr.port == port)
        assert broker.running
        assert broker.bootstrap == at
        assert bus.process.poll() is None, bus.said()
    finally:
        assert bus.interrupt() == 0


def test_ctrl_c_while_it_starts_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    bus = Up(tmp_path / "home")
    bus.wait_for("starting Apache Kafka")
    family = bus.family()
    bus.process.send_signal(signal.SIGINT)
    bus.process.send_signal(signal.SIGHUP)
    assert bus.process.wait(60) == 0
    assert alive(family, 1) == []
    assert "Traceback" not in bus.said()
    assert running_pid(bus.home) is None


def test_a_broker_that_is_not_there_is_said_with_its_address(tmp_path: Path) -> None:
    bus = Up(tmp_path / "home", "--city", str(tmp_path), SHUTONG_BOOTSTRAP="127.0.0.1:9", SHUTONG_KAFKA_USER="admin",
             SHUTONG_KAFKA_PASSWORD="word")
    bus.wait_for("waiting for 127.0.0.1:9")
    assert bus.interrupt() == 0
    assert running_pid(bus.home) is None


def told(tmp_path: Path) -> tuple[Supervisor, list[str]]:
    heard: list[str] = []
    return Supervisor(tmp_path / "logs", lambda name, what: heard.append(f"{name}: {what.en}")), heard


def script(name: str, text: str) -> Program:
    return Program(name, python("-c", text))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_dies_is_started_again_after_a_growing_wait(tmp_path: Path) -> None:
    supervisor, heard = told(tmp_path)
    try:
        supervisor.start(script("short", "raise SystemExit(5)"))
        until(lambda: len(heard) >= 3)
    finally:
        supervisor.stop()
    waits = [float(wait) for wait in re.findall(r"restarts in ([\d.]+) s", " ".join(heard))]
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert "(5)" in heard[0]
    assert str(tmp_path / "logs" / "short.log") in heard[0]


@pytest.mark.parametrize(("code", "words"), [(FENCED, "another process has taken over"), (HALTED, "a person is needed")])
def test_what_a_quick_restart_cannot_help_waits_long(tmp_path: Path, code: int, words: str) -> None:
    supervisor, heard = told(tmp_path)
    try:
        supervisor.start(script("halted", f"raise SystemExit({code})"))
        until(lambda: bool(heard))
    finally:
        supervisor.stop()
    assert words in heard[0]
    assert "restarts in 30.0 s" in heard[0]


def test_stop_goes_backwards_and_kills_what_does_not_hear(tmp_path: Path) -> None:
    supervisor, heard = told(tmp_path)
    trap = "import signal, sys, time, pathlib; signal.signal(signal.SIGTERM, {}); pathlib.Path({!r}).touch(); time.sleep(600)"
    order = tmp_path / "order"
    for name in ("first", "second"):
        note = f"lambda *_: (open({str(order)!r}, 'a').write({name + ' '!r}), sys.exit())"
        supervisor.start(script(name, trap.format(note, str(tmp_path / name))))
    supervisor.start(script("deaf", trap.format("signal.SIG_IGN", str(tmp_path / "deaf"))))
    until(lambda: all((tmp_path / name).exists() for name in ("first", "second", "deaf")))
    family = [psutil.Process(pid) for pid, _ in supervisor.states().values() if pid]
    assert len(family) == 3
    supervisor.stop(timeout=1.0)
    assert alive(family, 1) == []
    assert "first" not in order.read_text().split()[:1]
    assert heard == []
