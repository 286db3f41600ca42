"""One real Kafka broker on 127.0.0.1: start, stop, kill, restart with its data. For `up`, the demo and the tests.

Security is on from the first start: SCRAM-SHA-512, ACLs, and one super user, `admin`. Several brokers live side
by side, each under its own directory.
"""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from schemas.errors import HaltError
from schemas.text import Text
from trial.kafka import jars, settings
from trial.kafka.home import Home, Running
from trial.kafka.leash import spawn
from trial.kafka.settings import ADMIN

__all__ = ["ADMIN", "LocalKafka"]

# Below the range systems give to outgoing connections, which could take a broker's port while it restarts.
_PORTS = range(20000, 32000)
_STARTED = b"Kafka Server started"


class LocalKafka:
    """A broker with its home. `start` returns when clients can work; a killed one starts again with its data."""

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        heap: str = "256m",
        die_with_parent: bool = False,
        cache: Path | None = None,
    ) -> None:
        self._home = Home(home)
        self._wanted_port = port
        self._heap = heap
        self._leash = die_with_parent
        self._cache = cache
        self._child: subprocess.Popen[bytes] | None = None
        self._running = self._home.running()

    @classmethod
    def at(cls, home: Path) -> Self:
        """A handle on the broker that runs, or last ran, in `home`, whoever started it."""
        return cls(home)

    @property
    def home(self) -> Path:
        return self._home.path

    @property
    def running(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self._running is not None and self._running.alive

    @property
    def pid(self) -> int | None:
        return self._running.pid if self._running is not None and self.running else None

    @property
    def port(self) -> int:
        if self._running is None:
            raise HaltError(
                Text(zh=f"{self.home} 中的 Kafka 还没有启动过", en=f"the Kafka in {self.home} was never started"),
                advice=Text(zh="先启动它", en="start it first"),
            )
        return self._running.port

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def password(self, user: str) -> str:
        return self._home.password(user)

    def admin_config(self) -> dict[str, str]:
        """librdkafka's client settings for the super user."""
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": ADMIN,
            "sasl.password": self.password(ADMIN),
        }

    def start(self, timeout: float = 60) -> Self:
        """Start and wait until it serves. Does nothing when this handle's broker runs."""
        if self.running:
            return self
        libs = jars.fetch(self._cache)
        self._home.prepare()
        lock = self._home.lock()
        try:
            self._home.format(libs)
            self._launch(libs, lock, timeout)
        finally:
            os.close(lock)
        return self

    def stop(self, timeout: float = 20) -> None:
        """Ask it to stop, and kill it if it does not in time. Returns when it is gone."""
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """SIGKILL, as a power cut would. Returns when it is gone."""
        self._end(signal.SIGKILL, 10)

    def restart(self, timeout: float = 60) -> Self:
        """Stop, and start with the same data on the same port."""
        self.stop()
        return self.start(timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _launch(self, libs: Path, lock: int, timeout: float) -> None:
        port, controller_port = self._ports()
        self._home.write_settings(port, controller_port)
        command = settings.command("kafka.Kafka", libs=libs, home=self.home, heap=self._heap)
        with self._home.open_log() as log:
            seen = log.tell()
            command.append(str(self._home.properties))
            self._child = spawn(command, output=log, keep=lock, cwd=self.home, leash=self._leash)
        started = psutil.Process(self._child.pid).create_time()
        self._running = Running(self._child.pid, started, port, controller_port)
        self._home.remember(self._running)
        try:
            self._wait(seen, timeout)
        except BaseException:
            self.kill()  # half a broker is worse than none, also when it was Ctrl-C that ended the wait
            raise

    def _ports(self) -> tuple[int, int]:
        """The port asked for, else the last one if it is free, else a free one; and a second for the controller."""
        if self._wanted_port is not None:
            port = self._wanted_port
            if not _free(port):
                raise HaltError(
                    Text(zh=f"端口 {port} 已被占用", en=f"port {port} is taken"),
                    advice=Text(zh="停止占用它的程序，或换一个端口，或不指定端口",
                                en="stop the program that has it, choose another, or name none"),
                )  # fmt: skip
        elif self._running is not None and _free(self._running.port):
            port = self._running.port
        else:
            port = _draw()
        return port, _draw(but=port)

    def _wait(self, seen: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while _STARTED not in (printed := self._printed(seen)):
            if not self.running:
                raise HaltError(
                    Text(zh=f"Kafka 启动失败，日志 {self._home.log} 末尾：{_errors(printed)}",
                         en=f"Kafka did not start; the last of {self._home.log}: {_errors(printed)}"),
                    advice=Text(zh="按日志改正后重试", en="correct what the log says and try again"),
                )  # fmt: skip
            if time.monotonic() > deadline:
                raise HaltError(
                    Text(zh=f"Kafka 在 {timeout:.0f} 秒内没有就绪：{_errors(printed)}",
                         en=f"Kafka was not ready within {timeout:.0f} s: {_errors(printed)}"),
                    advice=Text(zh=f"查看 {self._home.log}；机器繁忙时加长等待时间",
                                en=f"read {self._home.log}; wait longer on a busy machine"),
                )  # fmt: skip
            time.sleep(0.05)

    def _printed(self, seen: int) -> bytes:
        with self._home.log.open("rb") as log:
            log.seek(seen)
            return log.read()

    def _end(self, how: signal.Signals, timeout: float) -> None:
        if not self.running or self._running is None:
            return
        process = psutil.Process(self._running.pid)
        process.send_signal(how)
        try:
            if self._child is not None:
                self._child.wait(timeout)
            else:
                process.wait(timeout)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            self._end(signal.SIGKILL, timeout)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _draw(but: int | None = None) -> int:
    while not _free(port := random.choice(_PORTS)) or port == but:
        pass
    return port


def _errors(printed: bytes) -> str:
    """The last error lines of a log, else its last lines."""
    lines = printed.decode(errors="replace").splitlines()
    told = [line for line in lines if " ERROR " in line or " FATAL " in line or "Exception" in line or "Error:" in line]
    return " | ".join(line.strip()[:300] for line in (told or lines)[-3:]) or "-"
