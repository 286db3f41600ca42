"""A loop that must go on while the world is not ready: it says what it waits for, waits longer each time, and starts anew.

A RetryError is waited out, nothing is skipped; anything else ends the duty, and with it the process (HaltError: a person
is needed). Recorder and auditor are duties.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from schemas.errors import BusError, RetryError

__all__ = ["Duty", "DutyStatus"]

_LONGEST_WAIT = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DutyStatus:
    """What a duty does now. `problem` is what it waits for, or died of; `since` when that began."""

    state: Literal["starting", "running", "waiting", "halted", "stopped"] = "starting"
    problem: str = ""
    since: float = 0.0
    failures: int = 0
    retry_in: float = 0.0


class Duty:
    """Runs `work(duty)` in a thread until `stop`. `work` begins anew from what is stored each time it is called."""

    def __init__(self, name: str, work: Callable[["Duty"], None], over: Callable[[], None]) -> None:
        self.name = name
        self.status = DutyStatus(since=time.time())
        self.error: BaseException | None = None
        self._work = work
        self._over = over
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience: float = 20) -> None:
        """Ask it to end, and wait until it has."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    @property
    def stopping(self) -> bool:
        """Whether `work` should return."""
        return self._stop.is_set()

    def fine(self) -> None:
        """Said by `work` when it got something done: troubles are over."""
        if self.status.state != "running":
            if self.status.failures:
                log.warning("%s: goes on after %d failed tries", self.name, self.status.failures)
            self.status = DutyStatus("running", since=time.time())

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._work(self)
                except RetryError as error:
                    self._wait_out(error)
            self.status = DutyStatus("stopped", since=time.time())
        except BaseException as error:
            self.error = error
            self.status = DutyStatus("halted", str(error), time.time())
            log.error("%s: stopped: %s", self.name, error, exc_info=None if isinstance(error, BusError) else error)
        finally:
            self._over()

    def _wait_out(self, error: RetryError) -> None:
        before = self.status
        failures = before.failures + 1
        since = before.since if before.state == "waiting" else time.time()
        wait = min(error.after * 2 ** (failures - 1), _LONGEST_WAIT)
        self.status = DutyStatus("waiting", str(error), since, failures, wait)
        log.warning("%s: %s (try %d, next in %.0f s)", self.name, error, failures, wait)
        self._stop.wait(wait)
