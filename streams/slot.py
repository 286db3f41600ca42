"""One worker per host and slot: a file lock under the home, held as long as the process lives (I-8)."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import HaltError
from schemas.text import Text

__all__ = ["Slot", "take_slot"]

_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that is ours until the process ends."""

    host: str
    number: int
    file: int

    @property
    def instance(self) -> str:
        """`<host>-<slot>`: what group.instance.id and transactional.id are made of."""
        return f"{self.host}-{self.number}"


def take_slot(home: Path, host: str, number: int = 0) -> Slot:
    """Lock a slot: this one, or with 0 the lowest free. A HaltError when another process has it."""
    folder = home / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    for candidate in [number] if number else range(1, _MOST + 1):
        file = _lock(folder / f"slot-{candidate}.lock")
        if file is not None:
            return Slot(host, candidate, file)
    raise HaltError(
        Text(f"槽位 {number or '1–64'} 已有工作进程", f"slot {number or '1-64'} is taken by another worker"),
        advice=Text("换一个 --slot，或先停掉那个进程（shutong status）",
                    "choose another --slot, or stop that process first (shutong status)"))


def _lock(path: Path) -> int | None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    os.truncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())
    return file
