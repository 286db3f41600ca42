"""The jars of Apache Kafka: found in `KAFKA_HOME`, or fetched once into a cache and checked against `jars.lock`.

For the local broker. What `fetch` returns is a folder in which every locked jar has been compared with its SHA-256.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from schemas.errors import RetryError
from trial.kafka import problems

__all__ = ["VERSION", "Jar", "default_cache", "fetch", "locked"]

VERSION = "4.3.0"
Progress = Callable[[int, int], None]
"""Called with how many jars are good, and how many there are."""

_AT_ONCE = 8
_PAUSES = (0.5, 2.0, 5.0, 10.0)


class Jar(NamedTuple):
    """One line of the lock: Maven coordinates and the SHA-256 of the file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def locked() -> list[Jar]:
    """Every jar a broker of this version needs, with the logging that Kafka leaves to the operator."""
    lines = Path(__file__).with_name("jars.lock").read_text(encoding="ascii").splitlines()
    return [Jar(*line.replace(" ", ":").split(":", 3)) for line in lines]


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "shutong" / f"kafka-{VERSION}"


def fetch(cache: Path | None = None, progress: Progress | None = None) -> Path:
    """The folder with Kafka's jars. A good jar is never fetched again; a wrong one is removed and refused."""
    if home := os.environ.get("KAFKA_HOME"):
        return _installed(Path(home))
    folder = (cache or default_cache()).absolute()
    jars, told = locked(), progress or (lambda done, total: None)
    missing = _missing(jars, folder)
    told(len(jars) - len(missing), len(jars))
    if missing:
        with _in_turn(folder):
            missing = _missing(jars, folder)
            if not missing:
                told(len(jars), len(jars))  # by who was before us
                return folder
            _fetch_all(missing, folder, lambda done: told(len(jars) - len(missing) + done, len(jars)))
    return folder


def _missing(jars: list[Jar], folder: Path) -> list[Jar]:
    return [jar for jar in jars if not _good(folder / jar.name, jar)]


@contextmanager
def _in_turn(folder: Path) -> Iterator[None]:
    """One process fetches at a time: two together ask twice as much of a repository, each for what the other has."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise problems.jars_unwritable(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _installed(home: Path) -> Path:
    libs = home.absolute() / "libs"
    if not list(libs.glob("kafka-server-4.*.jar")):
        raise problems.no_kafka_home(home)
    return libs


def _fetch_all(missing: list[Jar], folder: Path, told: Callable[[int], None]) -> None:
    try:
        # Downloads land in a scratch folder and are moved when checked: a killed run leaves no half jar behind.
        with tempfile.TemporaryDirectory(dir=folder, prefix="part-", ignore_cleanup_errors=True) as scratch:
            _Downloads(missing, folder, Path(scratch)).finish(told)
    except OSError as error:
        raise problems.jars_unwritable(folder, error) from error


class _Downloads:
    """Some at once, in threads that neither Ctrl-C nor the end of the process waits for, as it would for those of a pool."""

    def __init__(self, missing: list[Jar], folder: Path, scratch: Path) -> None:
        self._waiting = deque(missing)
        self._ended: SimpleQueue[Exception | None] = SimpleQueue()
        self._left = len(missing)
        self._threads = [threading.Thread(target=self._work, args=(folder, scratch), name="jars", daemon=True)
                         for _ in range(min(_AT_ONCE, len(missing)))]  # fmt: skip

    def finish(self, told: Callable[[int], None]) -> None:
        """Return when all are there; the first that cannot be had ends the others, and is raised when they have ended."""
        for thread in self._threads:
            thread.start()
        try:
            for done in range(1, self._left + 1):
                error = self._ended.get()
                if error is not None:
                    raise error
                told(done)
        except BaseException as error:
            self._waiting.clear()
            if isinstance(error, Exception):
                for thread in self._threads:
                    thread.join()
            raise

    def _work(self, folder: Path, scratch: Path) -> None:
        while True:
            try:
                jar = self._waiting.popleft()
            except IndexError:
                return
            try:
                _fetch_one(jar, folder, scratch)
                self._ended.put(None)
            except Exception as error:
                self._ended.put(error)


def _fetch_one(jar: Jar, folder: Path, scratch: Path) -> None:
    path = _patiently(jar, scratch / jar.artifact)
    if not _good(path, jar):
        path.unlink(missing_ok=True)
        raise problems.jar_wrong(jar.coordinates)
    shutil.move(path, folder / jar.name)


def _patiently(jar: Jar, scratch: Path) -> Path:
    """One lost connection in forty-six is common, and no reason to make a person start again."""
    for attempt, pause in enumerate(_PAUSES):
        try:
            return _download(jar, scratch / str(attempt))  # apart: jgo takes a half file of an earlier try for whole
        except RetryError:
            time.sleep(pause)
    return _download(jar, scratch / "last")


def _download(jar: Jar, scratch: Path) -> Path:
    """One file by jgo, from the repositories its settings name. No version is ever resolved: the lock says them."""
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext, PythonResolver
    from requests import RequestException

    context = MavenContext(resolver=PythonResolver(), repo_cache=scratch, timeout=30)
    # A mirror in jgo's settings comes first: behind a firewall nothing else answers.
    mirrors = GlobalSettings.load().repositories
    context.remote_repos = {**mirrors, **{k: v for k, v in context.remote_repos.items() if k not in mirrors}}
    try:
        return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
    except RequestException as error:
        raise problems.offline(jar.coordinates, error) from error
    except RuntimeError as error:  # jgo's word for "no repository has it"; its own message names hosts
        raise problems.jar_missing(jar.coordinates) from error


def _good(path: Path, jar: Jar) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
