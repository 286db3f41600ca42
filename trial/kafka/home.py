"""The directory of one local broker: its lock, ports, passwords, log and formatted data. For `LocalKafka`.

data/         Kafka's log directory, formatted once      secrets/     passwords, mode 700 / 600
broker.json   who runs here: pid, start time, ports      lock         held by the running broker itself
kafka.log     what the broker printed                    denials.log  what the authorizer refused
"""

import base64
import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import psutil

from schemas.errors import HaltError
from schemas.text import Text
from trial.kafka import settings

__all__ = ["Home", "Running"]

_NEED_FREE = 300 * 1024 * 1024
_LOG_LIMIT = 8 * 1024 * 1024
_FORMAT_TIMEOUT = 120


class Running(NamedTuple):
    """The broker that runs, or last ran, in a home."""

    pid: int
    started: float
    port: int
    controller_port: int

    @property
    def alive(self) -> bool:
        """True while it is that very process: a pid that was given to another program does not count."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > 1:
                return False
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


class Home:
    """Paths and small files of one broker. Every write is whole or absent, so a kill at any moment leaves it usable."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.data = self.path / "data"
        self.secrets = self.path / "secrets"
        self.log = self.path / "kafka.log"
        self.properties = self.secrets / "server.properties"
        self._record = self.path / "broker.json"

    def prepare(self) -> None:
        """Make the directories, or say why not; refuse to begin on a full disk (Kafka would die in the middle)."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            self.secrets.chmod(0o700)
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise HaltError(
                Text(zh=f"无法在 {self.path} 中建立 Kafka 目录 ({error.strerror})",
                     en=f"cannot make Kafka's directory {self.path} ({error.strerror})"),
                advice=Text(zh="检查路径、权限和磁盘空间", en="check the path, the rights and the disk"),
            ) from error  # fmt: skip
        if free < _NEED_FREE:
            raise HaltError(
                Text(zh=f"{self.path} 所在磁盘只剩 {free >> 20} MB，Kafka 需要至少 {_NEED_FREE >> 20} MB",
                     en=f"the disk of {self.path} has {free >> 20} MB left; Kafka needs {_NEED_FREE >> 20} MB"),
                advice=Text(zh="腾出空间，或换一个目录", en="free some space, or choose another directory"),
            )  # fmt: skip

    def lock(self) -> int:
        """Take the home. The broker inherits the descriptor, so the lock lasts as long as it lives and not longer."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            last = self.running()
            pid = last.pid if last else "?"
            raise HaltError(
                Text(zh=f"{self.path} 正由另一个 Kafka 使用 (进程 {pid})",
                     en=f"another Kafka runs in {self.path} (process {pid})"),
                advice=Text(zh="用 shutong status 查看、shutong down 停止它，或换一个目录",
                            en="look with `shutong status`, stop it with `shutong down`, or choose another directory"),
            ) from error  # fmt: skip
        return descriptor

    def running(self) -> Running | None:
        """What the record says; ask `.alive` of it."""
        try:
            return Running(**json.loads(self._record.read_text(encoding="ascii")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def remember(self, running: Running) -> None:
        self._write(self._record, json.dumps(running._asdict()))

    def password(self, user: str) -> str:
        """The password of `user`, from its file of mode 600."""
        if not re.fullmatch(r"[a-z][a-z0-9.-]*", user):
            raise ValueError("a user name is lower-case letters, digits, `.` and `-`")
        try:
            return (self.secrets / f"{user}.password").read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise HaltError(
                Text(zh=f"没有用户 {user} 的口令文件 {self.secrets}/{user}.password",
                     en=f"user {user} has no password file {self.secrets}/{user}.password"),
                advice=Text(zh="恢复该文件；或删除整个目录重新开始 (数据会丢失)",
                            en="restore the file, or delete the whole directory and begin anew (its data is lost)"),
            ) from error  # fmt: skip

    def write_settings(self, port: int, controller_port: int) -> None:
        text = settings.server(
            port=port,
            controller_port=controller_port,
            data=self.data,
            password=self.password(settings.ADMIN),
            controller_password=self.password("controller"),
        )
        self._write(self.properties, text)

    def format(self, libs: Path) -> None:
        """At the first start: draw the passwords and format the data directory with the super user in it."""
        if self.data.exists():
            return
        for user in (settings.ADMIN, "controller"):
            self._write(self.secrets / f"{user}.password", secrets.token_urlsafe(24))
        fresh = self.path / "data.new"
        properties, arguments = self.secrets / "format.properties", self.secrets / "format.args"
        shutil.rmtree(fresh, ignore_errors=True)
        text = settings.server(port=1, controller_port=2, data=fresh, password="-", controller_password="-")
        self._write(properties, text)
        scram = f"SCRAM-SHA-512=[name={settings.ADMIN},password={self.password(settings.ADMIN)}]"
        # One argument a line in a file: the password is never seen in the list of processes.
        self._write(arguments, "\n".join(["format", "-t", _cluster_id(), "-c", str(properties), "--add-scram", scram]))
        command = settings.command("kafka.tools.StorageTool", libs=libs, home=self.path, heap="128m")
        try:
            run = [*command, f"@{arguments}"]
            done = subprocess.run(run, capture_output=True, timeout=_FORMAT_TIMEOUT, check=False)
        finally:
            arguments.unlink()
            properties.unlink()
        if done.returncode != 0:
            raise HaltError(
                Text(zh="Kafka 数据目录格式化失败", en="formatting Kafka's data directory failed"),
                advice=Text(zh=f"检查 Java 与磁盘：{_last_words(done.stderr or done.stdout)}",
                            en=f"check Java and the disk: {_last_words(done.stderr or done.stdout)}"),
            )  # fmt: skip
        fresh.rename(self.data)

    def open_log(self) -> IO[bytes]:
        """The broker's output, appended. One that has grown large is put aside first."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > _LOG_LIMIT:
                self.log.rename(self.log.with_suffix(".1.log"))
        return self.log.open("ab")

    def _write(self, path: Path, text: str) -> None:
        part = path.with_name(f".{path.name}.part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)


def _cluster_id() -> str:
    """A random one, as Kafka draws them. One that begins with `-` would be taken for an option."""
    while (drawn := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return drawn


def _last_words(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "-"
