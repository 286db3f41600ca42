"""The directory of one local broker: its lock, ports, passwords, log and data. For `LocalKafka`.

data/         Kafka's log directory, formatted once      secrets/     passwords, mode 700 / 600; as is the home itself
broker.json   who runs here: pid, start time, ports      lock         held by the running broker itself
kafka.log     what the broker printed                    denials.log  what the authorizer refused
"""

import fcntl
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import psutil

from trial.kafka import problems

__all__ = ["Home", "Running", "write_secret"]

_NEED_FREE = 300 * 1024 * 1024
_LOG_LIMIT = 8 * 1024 * 1024


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
            return abs(process.create_time() - self.started) < 1 and process.status() != str(psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


class Home:
    """Paths and small files of one broker. Every write is whole or absent: a kill at any moment leaves it usable."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.data = self.path / "data"
        self.secrets = self.path / "secrets"
        self.temporary = self.path / "tmp"
        self.log = self.path / "kafka.log"
        self.properties = self.secrets / "server.properties"
        self._record = self.path / "broker.json"

    def prepare(self) -> None:
        """Make the directories, for their owner only: records and passwords lie there. A full disk is refused here: Kafka would
        die of it in the middle of its work."""
        for folder in (self.path, self.secrets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        free = shutil.disk_usage(self.path).free
        if free < _NEED_FREE:
            raise problems.disk_full(self.path, free, _NEED_FREE)

    def lock(self) -> int:
        """Take the home. The broker inherits the descriptor, so the lock lasts as long as it lives and not longer."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            last = self.last()
            raise problems.home_taken(self.path, last.pid if last and last.alive else None) from error
        return descriptor

    def clear_temporary(self) -> None:
        """Away with what a killed broker left there. Only for who holds the lock."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()

    def last(self) -> Running | None:
        """The broker that runs or last ran here; ask it whether it is `.alive`."""
        try:
            return Running(**json.loads(self._record.read_text(encoding="ascii")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def remember(self, running: Running) -> None:
        write_secret(self._record, json.dumps(running._asdict()))

    def password(self, user: str) -> str:
        """The password of `user`, from its file of mode 600."""
        if not re.fullmatch(r"[a-z][a-z0-9.-]*", user):
            raise ValueError("a user name is lower-case letters, digits, `.` and `-`")
        path = self.secrets / f"{user}.password"
        try:
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise problems.password_lost(path) from error

    def open_log(self) -> IO[bytes]:
        """The broker's output, appended. One that has grown large is put aside first."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > _LOG_LIMIT:
                self.log.replace(self.log.with_suffix(".1.log"))
        return self.log.open("ab")

    def printed(self, since: int) -> bytes:
        """What the log got since a position in it."""
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read()


def write_secret(path: Path, text: str) -> None:
    """A file only its owner may read, never half written."""
    part = path.with_name(f".{path.name}.part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
