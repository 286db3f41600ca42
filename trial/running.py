"""The running trial city: the departments' PostgreSQL beside a whole local bus. `stop` leaves no process and no lock."""

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from console.machine import LocalBus
from governance.apply import password_file
from schemas.control import Plan
from schemas.errors import HaltError, RetryError
from schemas.text import Text
from streams.memory import DEFAULT_LIMIT
from streams.transport.exits import HALTED, MEANING
from trial.city.home import connect_environment, mend_departments, start_departments
from trial.city.luan import DIRECTORY
from trial.city.postgres import LocalPostgres
from trial.kafka import LocalKafka
from trial.kafka.ports import draw_port
from wire.control import ControlReader
from wire.secret import read_secret
from wire.settings import KafkaSettings

__all__ = ["RunningCity"]

T = TypeVar("T")
Told = Callable[[str, Text], None]
#: The file that says whose directory it is, and that is locked while a city lives there.
_MARK = "trial-city"


#: What a worker may need for one remembered record: one of two may have to remember all.
_ROW = 256


class RunningCity:
    """Everything under `home`, which is emptied first: a rehearsal begins from nothing. `stop` may be called at any moment."""

    def __init__(self, home: Path, told: Told, records: int = 0) -> None:
        """`records`: so many rows will live here at once."""
        self.home = home.resolve()
        self._room = max(DEFAULT_LIMIT, records * _ROW)
        #: why a process ended that does not go on without a person
        self.halted: Text | None = None
        #: when this city began, in seconds: no record of it is older
        self.began = time.time()
        self._told = told
        self.postgres = LocalPostgres(self.home / "postgres")
        self._bus: LocalBus | None = None
        self._lock = threading.Lock()
        self._home_lock: int | None = None

    @property
    def bus(self) -> LocalBus:
        """The bus; there once PostgreSQL runs."""
        assert self._bus is not None
        return self._bus

    def start_departments(self) -> None:
        """An empty home, and in it PostgreSQL with every department's database."""
        self._empty()
        self._told("postgresql", Text("正在启动部门的 PostgreSQL", "starting the departments' PostgreSQL"))
        start_departments(self.postgres)
        self._bus = LocalBus(self.home, self._hear, ledger=f"127.0.0.1:{draw_port()}", serve=f"127.0.0.1:{draw_port()}",
                             workers=2, environment=connect_environment(self.postgres), settings={"SHUTONG_MEMORY_LIMIT": str(self._room)})

    def start_kafka(self) -> None:
        """The broker, in this city's home; or the one SHUTONG_BOOTSTRAP names, if no bus lives there."""
        self.bus.start_kafka(unused=True)

    def apply(self) -> Plan:
        """What the city's directory declares, brought to the bus; the plan in force."""
        self.bus.apply(DIRECTORY)
        return self.plan()

    def plan(self) -> Plan:
        """The plan in force."""
        with ControlReader(self.bus.admin) as reader:
            return reader.load()

    def start_bus(self) -> None:
        """Every process of the bus."""
        self.bus.start_processes()

    def settings(self, role: str = "") -> KafkaSettings:
        """How this process speaks to Kafka as a role; without one, as the administrator."""
        root = self.bus.admin
        return root.as_role(role, read_secret(password_file(self.bus.secrets, role))) if role else root

    def mask_secret(self) -> bytes:
        """The secret of masked keys and fields: the oracle gets it too."""
        return read_secret(self.bus.hmac_secret).get_secret_value().encode()

    def kill_worker(self, patience: float = 30.0) -> int:
        """kill -9 of one worker that runs, waited for if need be; its process id, once it is dead."""
        supervisor = self.bus.supervisor
        running = _soon(lambda: next(((name, pid) for name, (pid, _) in supervisor.states().items()
                                      if name.startswith("worker") and pid), None), patience)
        if running is None:
            raise RetryError(Text("没有运行中的工作进程可以强杀", "no worker runs that could be killed"),
                             advice=Text("查看 logs 目录中的日志", "read the logs in the logs directory"))
        name, pid = running
        supervisor.signal(name, signal.SIGKILL)
        if not _soon(lambda: supervisor.states()[name][0] != pid, patience):
            raise RetryError(Text(f"工作进程 {pid} 没有被强杀", f"worker {pid} was not killed"),
                             advice=Text("查看 logs 目录中的日志", "read the logs in the logs directory"))
        return pid

    def kill_kafka(self) -> None:
        """kill -9 of the broker."""
        LocalKafka.at(self.home / "kafka").kill()

    def mend(self) -> None:
        """Start again what the supervisor does not watch: the departments' server and the broker."""
        mend_departments(self.postgres, self._told)
        self.bus.mend()

    def rest(self) -> None:
        """End every process that is not needed to look at what was done."""
        names = [name for name in self.bus.supervisor.states() if name != "ledger"]
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(self.bus.supervisor.end, names))

    def stop(self) -> None:
        """Stop everything this city started, processes first, then the servers."""
        with self._lock:
            if self._bus is not None:
                self._bus.stop()
            self.postgres.stop()
            if self._home_lock is not None:
                os.close(self._home_lock)
                self._home_lock = None

    def _hear(self, name: str, what: Text) -> None:
        """Pass on what the bus tells; of a process that needs a person, its last word too."""
        self._told(name, what)
        if MEANING[HALTED].en in what.en:
            log = self.home / "logs" / f"{name}.log"
            last = next((line for line in reversed(log.read_text(errors="replace").splitlines()) if line.strip()), "")
            self.halted = Text(f"{name}：{last}", f"{name}: {last}")

    def _empty(self) -> None:
        """Take the home and clear it, if it is a trial city's and nobody's now."""
        mark = self.home / _MARK
        if self.home.exists() and any(self.home.iterdir()) and not mark.exists():
            raise HaltError(Text(f"{self.home} 不是演练目录，不会清空", f"{self.home} is no trial city; it will not be emptied"),
                            advice=Text("用 --home 指定一个空目录", "choose an empty directory with --home"))
        self.home.mkdir(parents=True, exist_ok=True)
        lock = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise HaltError(Text(f"{self.home} 下正在进行另一场演练", f"another rehearsal runs under {self.home}"),
                            advice=Text("等它结束，或用 --home 换一个目录",
                                        "wait until it ends, or choose another directory with --home")) from None
        self._home_lock = lock
        for path in self.home.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path != mark:
                path.unlink()


def _soon(found: Callable[[], T], patience: float) -> T:
    """What is found within so many seconds; else what was found last."""
    deadline = time.monotonic() + patience
    while not (what := found()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return what
