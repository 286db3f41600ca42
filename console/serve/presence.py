"""Word of the serve that runs in a home, for commands of the same home: where it answers, and for which bus.

The word stands in a locked file and is true while the lock is held: a serve that was killed leaves none.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from console.word import leave_word, word_in

__all__ = ["Presence", "announced", "present"]

_FILE = "serve.lock"

log = logging.getLogger("shutong.serve")


class Presence(NamedTuple):
    """A serve that runs: where it answers (`host:port`), its Kafka and prefix."""

    address: str
    bootstrap: str
    prefix: str


@contextmanager
def announced(home: Path, presence: Presence) -> Iterator[None]:
    """Leave word while the block runs. Where that cannot be (a home that is read-only, another serve), commands do without."""
    lock = _taken(home, presence)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def present(home: Path) -> Presence | None:
    """The serve that runs in this home now, if it has said where it answers."""
    try:
        return Presence(**(word_in(home / _FILE) or {}))
    except TypeError:
        return None


def _taken(home: Path, presence: Presence) -> int | None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        log.info("no word is left in %s: %s", home, error.strerror)
        return None
    try:
        _lock(lock)
        leave_word(lock, presence._asdict())
    except OSError as error:
        log.info("no word is left in %s: %s", home, error.strerror)
        os.close(lock)
        return None
    return lock


def _lock(lock: int) -> None:
    """A command may be looking just now; another serve stays longer."""
    deadline = time.monotonic() + 1
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
