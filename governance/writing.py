"""The control writer of a process that stays: made when it is first needed, made anew when another one took its place.

For `serve`: the registry's changes and its applies go through one of these, one after the other. Between two of them any other
control writer may have written, from this home or elsewhere; whoever comes next reads what that one left.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from governance.registry.changes import Outcome
from governance.settling import control_turn
from schemas.control import LaneState, Plan
from schemas.errors import BusError, RejectError
from wire.control import ControlWriter
from wire.errors import Fenced
from wire.publisher import Unfinished
from wire.settings import KafkaSettings

__all__ = ["KeptWriter"]

A = TypeVar("A")

#: How often a change is decided and written anew: after one that was fenced, one of which nobody told how it ended, and once more.
_TRIES = 3

log = logging.getLogger("shutong.control")


class KeptWriter:
    """Thread-safe: one change at a time, in this process and, by the lock of the passwords' folder, in this home."""

    def __init__(self, settings: Callable[[], KafkaSettings], folder: Path) -> None:
        """`settings`: Kafka as the control role, asked for when a writer is made. `folder`: that of the passwords."""
        self._settings = settings
        self._folder = folder
        self._lock = threading.Lock()
        self._writer: ControlWriter | None = None
        #: the newest version this writer knows of; None before it wrote anything
        self.plan: Plan | None = None

    def change(self, decide: Callable[[Plan], Outcome[A]], newest: Callable[[], Plan | None]) -> A:
        """Decide by the plan in force, and write what that takes in one version.

        `decide` is called again when somebody else wrote in between; `newest` is what others know of the plan. What is answered
        is on Kafka. RejectError: what `decide` refuses, or what is too large. RetryError, HaltError: nothing is known to be written.
        """
        def write(writer: ControlWriter) -> A:
            answer, objects = decide(writer.plan)
            if objects:
                writer.write(objects)
            return answer

        return self._tried(write, newest)

    def change_lanes(self, decide: Callable[[Plan], Mapping[str, LaneState]], newest: Callable[[], Plan | None]) -> int:
        """Put the lanes as `decide` has them into the next version; the version that says so. As `change` otherwise.

        Lanes that are as they were are not written.
        """
        def write(writer: ControlWriter) -> int:
            lanes = decide(writer.plan)
            return (writer.plan if lanes == writer.plan.lanes else writer.write(lanes=lanes)).version

        return self._tried(write, newest)

    @contextmanager
    def turn(self, newest: Plan | None = None, *, fresh: bool = False) -> Iterator[ControlWriter]:
        """The writer, with nobody else of this home writing. It is let go of after any error that is not the request's own.

        `fresh`: a new one, which has read all there is: for what takes long, and is not done again when it was fenced.
        """
        with self._lock, control_turn(self._folder):
            if fresh:
                self._let_go()
            writer = self._made(newest)
            self.plan = writer.plan
            try:
                yield writer
            except RejectError:
                raise
            except BaseException:
                self._let_go()
                raise
            self.plan = writer.plan

    def _tried(self, step: Callable[[ControlWriter], A], newest: Callable[[], Plan | None]) -> A:
        """One step in a turn of its own; again where the writer was fenced, or nobody told how it ended."""
        for left in reversed(range(_TRIES)):
            try:
                with self.turn(newest()) as writer:
                    return step(writer)
            except (Fenced, Unfinished) as error:
                log.info("%s", error)
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")

    def close(self, patience: float = 5) -> None:
        """Let go of it, once what is under way has ended; what does not end in time ends with the process."""
        if self._lock.acquire(timeout=patience):
            try:
                self._let_go()
            finally:
                self._lock.release()

    def _made(self, newest: Plan | None) -> ControlWriter:
        if self._writer is not None and newest is not None and newest.version > self._writer.plan.version:
            self._let_go()  # another one wrote: ours is fenced
        if self._writer is None:
            self._writer = ControlWriter(self._settings())
        return self._writer

    def _let_go(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except BusError as error:
                log.info("%s", error)
