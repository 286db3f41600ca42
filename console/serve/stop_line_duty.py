"""A lane that one worker holds at its provider's stop-line is held for all: serve writes the worker's word into the plan.

The exchange does not depend on it: while serve is down each partition waits where its line was crossed, and the others until they
cross it themselves. A release lets all of them go on.
"""

import logging
import time
from collections.abc import Callable, Mapping

from console.serve.kafka_watch import KafkaView
from console.serve.snapshot import Duty
from console.serve.watching import Watcher
from governance.holding import lanes_at_their_line, told_of_lanes
from governance.writing import KeptWriter
from schemas.control import LaneState, Plan
from schemas.status import WorkerStatus

__all__ = ["StopLineDuty"]

_LOOK = 1.0

log = logging.getLogger("shutong.serve")


class StopLineDuty(Watcher[int]):
    """Looks at plan and workers as `bus` sees them; its view is the number of lanes it held since serve started."""

    def __init__(self, writer: KeptWriter, bus: Watcher[KafkaView], newest: Callable[[], Plan | None]) -> None:
        """`newest`: the newest plan that is known in this process."""
        super().__init__("stop_line")
        self._writer = writer
        self._bus = bus
        self._newest = newest

    def told(self) -> Duty:
        """What the page shows of it."""
        trouble = self.trouble
        return Duty(name="stop_line", done=self.view or 0, problem=trouble.problem if trouble else None,
                    advice=trouble.advice if trouble else None)

    def watch(self) -> None:
        """Until told to stop. Errors: as the control writer has them, its password among them, once there is a lane to hold."""
        while not self.stopping.is_set():
            done = self.view or 0
            bus = self._bus.view
            if bus is not None and self._bus.trouble is None:
                done += self._hold(bus.workers)
            self.show(done)
            self.stopping.wait(_LOOK)

    def _hold(self, workers: tuple[WorkerStatus, ...]) -> int:
        """Write what they hold and the plan does not; how many lanes that were."""
        newest = self._newest()
        if newest is None or not lanes_at_their_line(newest, workers, time.time()):
            return 0
        held: list[str] = []

        def decide(plan: Plan) -> Mapping[str, LaneState]:
            held[:] = lanes_at_their_line(plan, workers, time.time())
            return told_of_lanes(plan, "hold", held) if held else plan.lanes

        version = self._writer.change_lanes(decide, self._newest)
        if held:
            log.warning("%s: held at the stop-line, by plan version %d; it waits for shutong lane release", ", ".join(held), version)
        return len(held)
