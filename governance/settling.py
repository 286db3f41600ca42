"""What follows an apply: whose turn it is to write, who works by which version (I-18), which lanes are no longer new.

For `apply`, `up` and the demo. Nothing here decides; it waits for the workers and notes that they have begun.
"""

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from schemas.control import LaneState
from schemas.errors import HaltError
from schemas.status import SILENT_AFTER, WorkerStatus
from schemas.text import Text
from wire.cluster import Cluster
from wire.compacted import CompactedReader
from wire.control import ControlReader, ControlWriter
from wire.settings import KafkaSettings

__all__ = ["Note", "Standing", "begun", "control_turn", "settle", "standings"]

#: Whoever keeps a control writer notes that these lanes are new no more; False where nobody does.
Note = Callable[[Collection[str]], bool]

_LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Standing:
    """Where the workers stand: those that are there, those of them that do not yet know the version, the lanes still new."""

    workers: tuple[str, ...]
    behind: tuple[str, ...]
    new: tuple[str, ...]


@contextmanager
def control_turn(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """The right to write the plan from this home: two writers would fence each other. False if another has it.

    `folder` is that of the passwords, which every apply of a home shares. A writer elsewhere still fences this one.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "control.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HaltError(Text(f"目录 {folder} 不可用（{error.strerror}）", f"the directory {folder} is of no use ({error.strerror})"),
                        advice=Text("检查路径、权限和磁盘空间，或用 --home 换一个目录",
                                    "check path, rights and disk, or choose another directory with --home")) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def settle(settings: KafkaSettings, secrets_folder: Path, note: Note = lambda ready: False) -> list[str]:
    """Clear `new` of every lane whose partitions all have a worker's commit; the lanes that remain new.

    From then on a missing commit is an error that stops a worker, never a reason to read from the beginning again.
    An apply that is under way from this home goes first: the lanes are then as they were. `note` is asked to write it, so
    that a writer that is kept is not fenced for it; where it does not, a writer is made here.
    """
    with ControlReader(settings) as reader:
        plan = reader.load()
    fresh = [lane for lane, state in plan.lanes.items() if state.new]
    if not fresh:
        return []
    committed = Cluster(settings).committed("worker", fresh)
    ready = {lane for lane in fresh if all((lane, number) in committed for number in range(plan.lanes[lane].partitions))}
    if not ready:
        return fresh
    if not note(sorted(ready)):
        with control_turn(secrets_folder, wait=False) as ours:
            if not ours:
                return fresh
            with ControlWriter(settings) as writer:
                writer.write(lanes=begun(writer.plan.lanes, ready))
    return [lane for lane in fresh if lane not in ready]


def begun(lanes: Mapping[str, LaneState], ready: Collection[str]) -> dict[str, LaneState]:
    """All lanes, those of `ready` no longer new."""
    return {lane: state.model_copy(update={"new": False}) if lane in ready else state for lane, state in lanes.items()}


def standings(settings: KafkaSettings, secrets_folder: Path, version: int, note: Note = lambda ready: False) -> Iterator[Standing]:
    """Where the workers stand with this version, again and again until the caller has seen enough; settles meanwhile."""
    with CompactedReader(settings, ["bus.workers"]) as reader:
        reader.load()
        while True:
            workers = _present(reader.tables["bus.workers"], time.time())
            behind = tuple(name for name, known in workers.items() if known < version)
            yield Standing(tuple(workers), behind, tuple(settle(settings, secrets_folder, note)))
            until = time.monotonic() + _LOOK_EVERY
            while (left := until - time.monotonic()) > 0:
                reader.poll(left)


def _present(table: Mapping[bytes, bytes], now: float) -> dict[str, int]:
    """The plan version of each worker that is there (I-18): one that left, or is silent too long, holds nothing any more."""
    found: dict[str, int] = {}
    for value in table.values():
        try:
            told = WorkerStatus.model_validate_json(value)
        except ValidationError:
            continue  # of another version of shutong; `shutong status` is the place to see it
        if told.state != "leaving" and now - told.updated / 1000 < SILENT_AFTER:
            found[told.worker] = told.plan_version
    return dict(sorted(found.items()))
