"""A thread that keeps one view of the outside world fresh, and says what is wrong while it cannot.

Requests never wait for Kafka or the ledger: they render the newest view. A view that grows old says so by its `as_of`.
"""

import logging
import threading
import time
import traceback
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from schemas.errors import BusError, RetryError
from schemas.text import Text

__all__ = ["Trouble", "Watcher"]

V = TypeVar("V")

_LONGEST_WAIT = 5.0

log = logging.getLogger("shutong.serve")


class Trouble:
    """Why a view is not fresh, in two languages, and what to do."""

    def __init__(self, problem: Text, advice: Text) -> None:
        self.problem = problem
        self.advice = advice


class Watcher(ABC, Generic[V]):
    """Runs `watch` for ever in a daemon thread; whatever that raises is told as `trouble` and tried again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.view: V | None = None
        #: When the view was true, seconds since 1970; 0 before the first.
        self.as_of = 0.0
        self.trouble: Trouble | None = None
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def watch(self) -> None:
        """Look until `stopping`, calling `show` after each look. Begins anew when called again."""

    def show(self, view: V) -> None:
        """This is what the world looks like now."""
        self.view, self.as_of, self.trouble = view, time.time(), None

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience: float = 5) -> None:
        """Ask it to end and wait until it has."""
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _run(self) -> None:
        wait = 1.0
        while not self.stopping.is_set():
            before = self.as_of
            try:
                self.watch()
            except BusError as error:
                wait = error.after if isinstance(error, RetryError) and self.as_of > before else wait
                self._tell(Trouble(error.problem, error.advice), str(error))
            except Exception as error:
                at = traceback.extract_tb(error.__traceback__)[-1]
                self._tell(_unexpected(type(error).__name__), f"{type(error).__name__} at {at.filename}:{at.lineno}")
            self.stopping.wait(wait)
            wait = 1.0 if self.as_of > before else min(wait * 2, _LONGEST_WAIT)

    def _tell(self, trouble: Trouble, line: str) -> None:
        if self.trouble is None or self.trouble.problem != trouble.problem:
            log.warning("%s: %s", self.name, line)
        self.trouble = trouble


def _unexpected(kind: str) -> Trouble:
    return Trouble(Text(f"读取时出错（{kind}）", f"reading failed ({kind})"),
                   Text("查看 serve 的日志；会自动重试", "read serve's log; it is tried again by itself"))
