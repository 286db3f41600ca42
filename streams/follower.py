"""Follows the plan: everything to the end before the first chunk, then live; each version compiled once (I-18)."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from schemas.control import Plan
from schemas.errors import HaltError, RetryError
from streams.plan import WorkingPlan, working_plan
from streams.recollection import Recollection
from streams.transport.exits import BROKEN, end_process, halt_process
from streams.transport.view import Kind, View
from wire.control import ControlReader
from wire.settings import KafkaSettings

__all__ = ["Follower", "view_of"]

_EVERY: Final = 0.25

logger = logging.getLogger(__name__)


def view_of(plan: Plan, secret: bytes, before: WorkingPlan | None = None) -> View:
    """The plan compiled for handlers, and what the transport wants to know of it. What is as `before` is kept."""
    work = working_plan(plan, secret, before=before)
    kinds: tuple[Kind, Kind] = ("raw", "clean")
    lanes: dict[str, Kind] = {lane: kind for kind in kinds for lane in work.lanes(kind)}
    scoped = {source.lane for source in work.sources.values() if source.outlets.scoped and not source.log}

    def recollection(lane: str) -> Recollection | None:
        return Recollection(work) if lane in scoped else None

    new = frozenset(lane for lane in lanes if plan.lanes[lane].new)
    return View(plan.version, lanes, new, work, recollection, _without, _holds)


def _without(work: Any, unknown: frozenset[int | str]) -> WorkingPlan:
    plan: WorkingPlan = work
    return plan.giving_up(unknown)


def _holds(work: Any, lane: str, version: int) -> bool:
    plan: WorkingPlan = work
    return plan.holds(lane, version)


class Follower(threading.Thread):
    """`load` blocks until a first plan is known; the thread then tells `on_view` every newer version."""

    def __init__(self, settings: KafkaSettings, secret: bytes) -> None:
        super().__init__(name="plan", daemon=True)
        self._settings = settings
        self._secret = secret
        self._reader: ControlReader | None = None
        self._work: WorkingPlan | None = None
        self._ended = threading.Event()
        self.on_view: Callable[[View], None] = lambda view: None

    def load(self) -> View:
        """Read every control topic to its end, however long Kafka takes to be there."""
        while True:
            try:
                self._reader = self._reader or ControlReader(self._settings)
                return self._compile(self._reader.load())
            except RetryError as error:
                logger.warning("%s", error)
                time.sleep(error.after)

    def run(self) -> None:
        try:
            while not self._ended.wait(_EVERY):
                self._poll()
        except HaltError as error:
            halt_process(error)
        except BaseException:
            logger.exception("following the plan failed")
            end_process(BROKEN, "plan")

    def end(self) -> None:
        """Stop following."""
        self._ended.set()

    def _poll(self) -> None:
        assert self._reader is not None
        try:
            plan = self._reader.poll()
        except RetryError as error:
            logger.warning("%s", error)
            return
        if plan is not None:
            self.on_view(self._compile(plan))

    def _compile(self, plan: Plan) -> View:
        began = time.perf_counter()
        view = view_of(plan, self._secret, self._work)
        self._work = view.work
        logger.info("plan %d: %d datasets, %d subscriptions, compiled in %.0f ms", plan.version, len(plan.datasets),
                    len(plan.subscriptions), (time.perf_counter() - began) * 1000)
        return view
