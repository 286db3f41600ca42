"""One instance in its thread: makes its task from the plan, runs it, begins again after failures, follows changes."""

import logging
import threading
import time
from typing import Any

from connectors.board import Board, remark_of
from connectors.delivery import SinkRunner
from connectors.runner import SourceRunner
from connectors.settings import ConnectSettings
from connectors.tasks import SinkTask, SourceTask, sink_task, source_task
from schemas.control import ConnectorInstance, Plan
from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text

__all__ = ["InstanceThread"]

log = logging.getLogger("shutong.connect")

#: A run that lasted this long was well: the next failure begins with the short delay again.
_WELL = 60.0


class InstanceThread:
    """Runs one instance. `follow` is called with every change; it starts, restarts or stops the run."""

    def __init__(self, settings: ConnectSettings, instance: ConnectorInstance) -> None:
        self.board = Board(instance)
        self._settings = settings
        self._task: SourceTask | SinkTask | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def follow(self, plan: Plan, instance: ConnectorInstance) -> None:
        """Run what this plan and instance say."""
        found = self._task_of(plan, instance)
        task = found if isinstance(found, SourceTask | SinkTask) else None
        if task != self._task:
            self.stop(15)
            self._task = task
            if task is not None:
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(task, self._stop), name=instance.id, daemon=True
                )
                self._thread.start()
        if not isinstance(found, SourceTask | SinkTask):
            self.board.set(**found)  # last: a run that ends has told its own

    def ask_to_stop(self) -> None:
        self._stop.set()

    def stop(self, seconds: float) -> None:
        """Ask, and wait for the run to end its transaction."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)
            self._thread = None
            self.board.set(state="stopped")

    def _task_of(self, plan: Plan, instance: ConnectorInstance) -> SourceTask | SinkTask | dict[str, Any]:
        """What to run, or what to show because there is nothing to run."""
        if instance.paused:
            return {"state": "paused", "remarks": ()}
        try:
            return source_task(plan, instance) if instance.direction == "source" else sink_task(plan, instance)
        except RetryError as error:
            return {"state": "waiting", "remarks": (remark_of(error),)}
        except HaltError as error:
            return {"state": "halted", "remarks": (remark_of(error),)}

    def _run(self, task: SourceTask | SinkTask, stop: threading.Event) -> None:
        delay = self._settings.connect_retry_seconds
        while not stop.is_set():
            began = time.monotonic()
            error = self._once(task, stop)
            if error is None:
                return
            if time.monotonic() - began > _WELL:
                delay = self._settings.connect_retry_seconds
            halted = isinstance(error, HaltError)
            wait = (
                max(delay, self._settings.connect_halt_seconds) if halted else max(delay, getattr(error, "after", 0.0))
            )
            log.log(logging.ERROR if halted else logging.WARNING, "%s: %s", task.instance, error)
            self.board.set(
                state="halted" if halted else "retrying",
                remarks=(remark_of(error),),
                next_try=int((time.time() + wait) * 1000),
            )
            stop.wait(wait)
            most = self._settings.connect_halt_seconds * 20 if halted else self._settings.connect_retry_most_seconds
            delay = min(delay * 2, most)

    def _once(self, task: SourceTask | SinkTask, stop: threading.Event) -> BusError | None:
        """One run; the error that ended it, or None when it was told to stop."""
        try:
            if isinstance(task, SourceTask):
                SourceRunner(self._settings, task, self.board, stop).run()
            else:
                SinkRunner(self._settings, task, self.board, stop).run()
        except BusError as error:
            return error
        except Exception as error:
            # A fault of ours. Its words may hold a value, so only its kind and place are told.
            return _fault(error)
        return None


def _fault(error: Exception) -> HaltError:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f"{at.tb_frame.f_globals.get('__name__', '?')}:{at.tb_lineno}" if at is not None else "?"
    kind = type(error).__name__
    return HaltError(
        Text(f"连接器内部错误（{kind}，{where}）", f"an internal error of the connector ({kind} at {where})"),
        advice=Text(
            "把这一行报告给维护者；其他连接器不受影响", "report this line to the maintainers; other connectors go on"
        ),
    )
