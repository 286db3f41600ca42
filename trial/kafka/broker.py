"""One real Kafka broker on 127.0.0.1: start, stop, kill, restart with its data. For `up`, the demo and the tests.

Security is on from the first start: SCRAM-SHA-512, ACLs, and one super user, `admin`. Several brokers live side
by side, each under its own directory.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from trial.kafka import jars, problems, settings
from trial.kafka.formatting import CONTROLLER, format_once
from trial.kafka.home import Home, Running, write_secret
from trial.kafka.leash import spawn
from trial.kafka.ports import draw_port, is_free
from trial.kafka.settings import ADMIN

__all__ = ["ADMIN", "LocalKafka"]

_STARTED = b"Kafka Server started"
_TAKEN = b"Address already in use"
_BAD = (" ERROR ", " FATAL ", "Error", "Exception")


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
        """`die_with_parent`: the broker is killed when this process ends, however it ends. `cache`: where jars are."""
        self._home = Home(home)
        self._wanted_port = port
        self._heap = heap
        self._leash = die_with_parent
        self._cache = cache
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def at(cls, home: Path) -> Self:
        """A handle on the broker that runs, or last ran, in `home`, whoever started it."""
        return cls(home)

    @property
    def home(self) -> Path:
        return self._home.path

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process that runs in this home, whoever started it."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        last = self._home.last()
        return last.pid if last is not None and last.alive else None

    @property
    def port(self) -> int:
        last = self._home.last()
        if last is None:
            raise problems.never_started(self.home)
        return last.port

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
        """Start and wait until it serves. Does nothing while the broker this handle started runs."""
        if self._child is not None and self._child.poll() is None:
            return self
        libs = jars.fetch(self._cache)
        try:
            self._home.prepare()
            lock = self._home.lock()
            try:
                self._home.clear_temporary()
                format_once(self._home, libs, lock)
                while not self._launch(libs, lock, timeout):
                    pass
            finally:
                os.close(lock)
        except OSError as error:
            raise problems.directory_unusable(self.home, error) from error
        return self

    def stop(self, timeout: float = 20) -> None:
        """Ask it to stop, and kill it if it does not in time. Returns when it is gone."""
        if not self._end(signal.SIGTERM, timeout):
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as a power cut would. Returns when it is gone."""
        pid = self.pid
        if not self._end(signal.SIGKILL, 10):
            raise problems.will_not_die(pid or 0)

    def restart(self, timeout: float = 60) -> Self:
        """Stop, and start with the same data on the same port."""
        self.stop()
        return self.start(timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _launch(self, libs: Path, lock: int, timeout: float) -> bool:
        """Start once. False: another program took the port just drawn, so draw again."""
        port, controller_port = self._ports()
        self._write_settings(port, controller_port)
        command = settings.command("kafka.Kafka", libs=libs, home=self.home, heap=self._heap)
        command.append(str(self._home.properties))
        try:
            with self._home.open_log() as log:
                since = log.tell()
                env = settings.environment()
                self._child = spawn(command, output=log, keep=lock, cwd=self.home, env=env, leash=self._leash)
            created = psutil.Process(self._child.pid).create_time()
            self._home.remember(Running(self._child.pid, created, port, controller_port))
            return self._ready(since, timeout)
        except BaseException:
            self.kill()  # half a broker is worse than none, also when it was Ctrl-C that ended the wait
            raise

    def _write_settings(self, port: int, controller_port: int) -> None:
        text = settings.server(
            port=port,
            controller_port=controller_port,
            data=self._home.data,
            password=self.password(ADMIN),
            controller_password=self.password(CONTROLLER),
        )
        write_secret(self._home.properties, text)

    def _ports(self) -> tuple[int, int]:
        """The port asked for, else the last one if it is free, else a free one; and a second for the controller."""
        last = self._home.last()
        if self._wanted_port is not None:
            port = self._wanted_port
            if not is_free(port):
                raise problems.port_taken(port)
        elif last is not None and is_free(last.port):
            port = last.port
        else:
            port = draw_port()
        return port, draw_port(but=port)

    def _ready(self, since: int, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while True:
            alive = self.running  # asked before reading: what a dead one printed is then all there
            printed = self._home.printed(since)
            if _STARTED in printed:
                return True
            if not alive and _TAKEN in printed and self._wanted_port is None:
                return False
            if not alive:
                raise problems.start_failed(self._home.log, _errors(printed))
            if time.monotonic() > deadline:
                raise problems.not_ready(self._home.log, timeout, _errors(printed))
            time.sleep(0.05)

    def _end(self, how: signal.Signals, timeout: float) -> bool:
        """Send a signal and wait. True when the broker is gone, also when none ran."""
        pid = self.pid
        if pid is None:
            return True
        try:
            process = psutil.Process(pid)
            process.send_signal(how)
            if self._child is not None and self._child.pid == pid:
                self._child.wait(timeout)
            else:
                process.wait(timeout)
        except psutil.NoSuchProcess:
            return True
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            return False
        return True


def _errors(printed: bytes) -> str:
    """The last errors of a log, each with the line below it (Java says the reason there); else its last lines."""
    lines = [line.strip()[:300] for line in printed.decode(errors="replace").splitlines() if line.strip()]
    told = [at for at, line in enumerate(lines) if any(word in line for word in _BAD)]
    chosen = sorted({at for first in told[-3:] for at in (first, first + 1) if at < len(lines)})
    return " | ".join([lines[at] for at in chosen] or lines[-3:]) or "-"
