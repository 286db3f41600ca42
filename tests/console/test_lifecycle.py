"""`up` and `down`: one signal ends everything, a killed supervisor leaves nobody behind, and the next start goes on."""

import errno
import re
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from console.commands import processes
from console.connection import connect
from console.machine import LocalBus, running_pid
from console.supervisor import Program, Supervisor, python
from governance.apply import Applied
from schemas.errors import HaltError
from schemas.text import Text
from streams.transport.exits import FENCED, HALTED
from tests.console.conftest import Ran, Up, alive
from trial.city.luan import DIRECTORY
from trial.kafka import LocalKafka
from wire.control import ControlReader

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


def listens_at(bus: Up, killed: int) -> int | None:
    """The port of the PostgreSQL that came in place of the killed one; its children come and go."""
    for each in bus.family():
        with suppress(psutil.NoSuchProcess):
            if each.name() == "postgres" and each.pid != killed and (connections := each.net_connections()):
                return connections[0].laddr.port
    return None


def test_down_waits_as_long_as_up_may_take_to_stop_everything_in_order(
        tmp_path: Path, shutong: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes take 15 seconds at most, Kafka 30, PostgreSQL 10, each of them killed then."""
    clock, asked = [0.0], list[tuple[int, int]]()
    monkeypatch.setattr(processes, "time", SimpleNamespace(
        monotonic=lambda: clock[0], sleep=lambda seconds: clock.__setitem__(0, clock[0] + seconds)))
    monkeypatch.setattr(processes, "running_pid", lambda home: 4_000_000 if clock[0] < 60 else None)
    monkeypatch.setattr(processes, "os", SimpleNamespace(kill=lambda *what: asked.append(what)))
    stopped = shutong("--lang", "en", "down", "--home", str(tmp_path))
    assert (stopped.code, stopped.err.strip(), asked) == (0, "stopped", [(4_000_000, signal.SIGTERM)])


def test_up_refuses_a_kafka_whose_users_have_their_passwords_in_another_home(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUTONG_BOOTSTRAP", "127.0.0.1:9")
    bus = LocalBus(tmp_path, lambda name, what: None)
    for elsewhere, refused in (((), False), (("subscriber.tax", "control"), False), (("worker", "serve"), True)):
        applied = Applied(1, [], False, elsewhere)
        monkeypatch.setattr("console.machine.apply", lambda *_, done=applied: done)
        if not refused:
            assert bus.apply(DIRECTORY) is applied
            continue
        with pytest.raises(HaltError, match=str(tmp_path / "secrets")) as caught:
            bus.apply(DIRECTORY)
        assert "worker, serve" in caught.value.problem.en


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
        until(lambda: listens_at(bus, departments.pid) == port)
        assert broker.running
        assert broker.bootstrap == at
        assert bus.process.poll() is None, bus.said()
    finally:
        assert bus.interrupt() == 0


def test_lanes_added_later_are_settled_and_a_broker_that_cannot_start_now_is_waited_for(
        tmp_path: Path, shutong: Callable[..., Ran]) -> None:
    bus = Up(tmp_path / "home", "--workers", "1")
    try:
        bus.wait_for("The bus is up")
        until(lambda: new_lanes(bus) == [])
        city = shutil.copytree(DIRECTORY, tmp_path / "city")
        (city / "departments" / "edu.toml").write_text('title = "教育局"\nroles = ["provider"]\n', encoding="utf-8")
        applied = shutong("--lang", "en", "apply", str(city), "--yes", "--settle", "--home", str(bus.home))
        assert applied.code == 0, applied.said()
        assert re.search(r"version \d+ is in force: \S+-1$", applied.err.strip()), applied.err
        assert new_lanes(bus) == []

        broker = LocalKafka.at(bus.home / "kafka")
        properties = bus.home / "kafka" / "secrets" / "server.properties"
        properties.unlink()
        (properties / "in the way").mkdir(parents=True)
        broker.kill()
        bus.wait_for("✗")
        until(lambda: bus.said().count("kafka: ended unexpectedly") >= 3)
        assert bus.process.poll() is None, bus.said()
        assert len(re.findall(f"✗.*{bus.home / 'kafka'}", bus.said())) == 1, bus.said()
        (properties / "in the way").rmdir()
        properties.rmdir()
        until(lambda: broker.running, patience=60)
    finally:
        assert bus.interrupt() == 0


def new_lanes(bus: Up) -> list[str]:
    with ControlReader(connect(bus.home)) as reader:
        return [lane for lane, state in reader.load().lanes.items() if state.new]


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


def until(true: Callable[[], bool], patience: float = 30) -> None:
    deadline = time.monotonic() + patience
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


def restarts(supervisor: Supervisor, name: str) -> int:
    return supervisor.states()[name][1]


def test_a_terminal_that_takes_no_word_does_not_end_the_watch(tmp_path: Path) -> None:
    def told(name: str, what: Text) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    supervisor = Supervisor(tmp_path / "logs", told)
    try:
        supervisor.start(script("short", "raise SystemExit(5)"))
        until(lambda: restarts(supervisor, "short") >= 2)
    finally:
        supervisor.stop()


def test_what_cannot_be_started_now_is_tried_again_and_the_others_are_watched_meanwhile(tmp_path: Path) -> None:
    supervisor, heard = told(tmp_path)
    log = tmp_path / "logs" / "first.log"
    try:
        supervisor.start(script("first", "raise SystemExit(5)"))
        supervisor.start(script("second", "raise SystemExit(5)"))
        log.unlink()
        log.mkdir()
        until(lambda: any("first: cannot be started (Is a directory)" in each for each in heard))
        until(lambda: restarts(supervisor, "second") >= 2)
        assert restarts(supervisor, "first") == 0
        log.rmdir()
        until(lambda: restarts(supervisor, "first") >= 1)
    finally:
        supervisor.stop()
    waits = [float(wait) for each in heard if each.startswith("first") for wait in re.findall(r"in ([\d.]+) s", each)]
    assert waits == sorted(waits)
    assert waits[1] == 2 * waits[0]


def test_a_directory_that_is_gone_stops_no_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    supervisor, _ = told(tmp_path)
    try:
        supervisor.start(script("short", "raise SystemExit(5)"))
        here.rmdir()
        until(lambda: restarts(supervisor, "short") >= 2)
    finally:
        supervisor.stop()


def test_a_large_log_is_put_aside_when_its_process_starts_and_one_old_one_stays(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.supervisor._LARGE_LOG", 1000)
    supervisor, _ = told(tmp_path)
    log, old = tmp_path / "logs" / "loud.log", tmp_path / "logs" / "loud.log.old"
    log.parent.mkdir()
    try:
        for written, kept in ((999, None), (1001, "x" * 1001), (1002, "x" * 1002)):
            log.write_text("x" * written)
            supervisor.start(script("loud", "print('hello', flush=True)"))
            until(lambda: "hello" in log.read_text())
            supervisor.end("loud")
            assert (old.read_text() if old.exists() else None) == kept
    finally:
        supervisor.stop()
    assert sorted(path.name for path in log.parent.iterdir()) == ["loud.log", "loud.log.old"]


def test_a_signal_without_a_name_is_told_by_number(tmp_path: Path) -> None:
    supervisor, heard = told(tmp_path)
    try:
        supervisor.start(script("hit", "import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 5)"))
        until(lambda: bool(heard))
    finally:
        supervisor.stop()
    assert f"hit: ended (signal {signal.SIGRTMIN + 5}), restarts in 0.5 s" in heard[0]


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
