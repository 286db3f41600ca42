"""The registry at work: answers from the newest plan that is known, changes through the control writer. For `serve`."""

import logging
from collections.abc import Callable
from typing import TypeVar

from governance.registry.changes import Outcome
from governance.registry.registered import Registered
from governance.writing import KeptWriter
from schemas.control import Plan
from schemas.errors import RetryError
from schemas.text import Text

__all__ = ["Desk"]

A = TypeVar("A")

log = logging.getLogger("shutong.control")


class Desk:
    """Thread-safe. Whoever changed something here sees it at once; what others wrote is seen within a second or two."""

    def __init__(self, writer: KeptWriter, followed: Callable[[], Plan | None]) -> None:
        """`followed`: the plan as a reader of the control topics has it, None while it has none."""
        self._writer = writer
        self._followed = followed
        self._read: Registered | None = None

    def plan(self) -> Plan | None:
        """The newest plan that is known here."""
        known = [plan for plan in (self._followed(), self._writer.plan) if plan is not None]
        return max(known, key=lambda plan: plan.version, default=None)

    def read(self) -> Registered:
        """What is registered; a RetryError while no plan was read yet."""
        plan, read = self.plan(), self._read
        if plan is None:
            raise RetryError(Text("还没有读到控制通道", "the control topics were not read yet"),
                             advice=Text("稍等几秒；一直如此时查看 Kafka 和 /readyz", "wait some seconds; if it lasts see /readyz"))
        if read is None or read.version != plan.version:
            read = self._read = Registered(plan)
        return read

    def change(self, step: Callable[[Registered], Outcome[A]], by: str) -> A:
        """Carry out a step of `changes`, and note who asked. What is as asked for already is answered without the writer."""
        outcome = step(self.read())
        if not outcome.objects:
            return outcome.answer
        answer = self._writer.change(lambda plan: step(Registered(plan)), self.plan)
        log.info("registry: %s, by %s", ", ".join(f"{type(each).__name__} {each.id or '*'}" for each in outcome.objects), by)
        return answer
