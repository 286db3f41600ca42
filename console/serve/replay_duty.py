"""A duty of serve: events of an unknown schema go out again when a plan knows the schema (§5).

The exchange does not depend on it: while serve is down the letters lie there, and `shutong quarantine replay` does the same.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.outcomes import SETTLED
from console.serve.kafka_watch import KafkaView
from console.serve.quarantine_watch import QuarantineView
from console.serve.snapshot import Duty
from console.serve.watching import Watcher
from schemas.control import Plan
from streams.replay.box import Selection
from streams.replay.desk import Desk
from streams.replay.replayer import Replay
from wire.settings import KafkaSettings

__all__ = ["ReplayDuty", "ReplayView", "known_schemas", "replay_known"]

REASON = "unknown_schema"
#: As whom it closes letters.
_BY = "serve"
_LOOK = 2.0

log = logging.getLogger("shutong.serve")


@dataclass(frozen=True)
class ReplayView:
    """What the duty did since serve started, and how many letters of known schemas it could not let go when it looked last."""

    replayed: int = 0
    last: float = 0.0
    left: int = 0


class ReplayDuty(Watcher[ReplayView]):
    """Looks at plan and quarantine as `bus` and `letters` see them. Without `settings` it is switched off."""

    def __init__(self, settings: KafkaSettings | None, bus: Watcher[KafkaView], letters: Watcher[QuarantineView]) -> None:
        super().__init__("replay")
        self._settings = settings
        self._bus = bus
        self._letters = letters
        #: Seconds between two looks while the plan stands still: each reads all that lies in quarantine.
        self.again_after = 30.0
        #: the plan and the number of letters that were looked at last, and when
        self._seen: tuple[int, int] = (0, 0)
        self._looked = 0.0

    def told(self) -> Duty:
        """What the page shows of it."""
        view, trouble = self.view or ReplayView(), self.trouble
        return Duty(name="replay", on=self._settings is not None, done=view.replayed, left=view.left,
                    problem=trouble.problem if trouble else None, advice=trouble.advice if trouble else None)

    def watch(self) -> None:
        """Until told to stop; looks again when the plan or the number of such letters is another one."""
        done = self.view or ReplayView()
        while not self.stopping.is_set():
            now = self._now()
            if self._settings is not None and self._is_due(now):
                plan = self._bus.view.plan if self._bus.view is not None else Plan()
                done = _after(done, replay_known(self._settings, plan))
                self._seen, self._looked = now, time.monotonic()
            self.show(done)
            self.stopping.wait(_LOOK)

    def _is_due(self, now: tuple[int, int]) -> bool:
        version, letters = now
        if not letters or now == self._seen:
            return False
        return version != self._seen[0] or time.monotonic() - self._looked >= self.again_after

    def _now(self) -> tuple[int, int]:
        version = self._bus.view.plan.version if self._bus.view is not None else 0
        reasons = self._letters.view.reasons if self._letters.view is not None else ()
        return version, sum(letters for _, code, letters in reasons if code == REASON)


def replay_known(settings: KafkaSettings, plan: Plan) -> Mapping[str, int]:
    """Replay every letter whose schema was unknown and is that of a version of one of the plan's datasets now; letters by outcome."""
    known = known_schemas(plan)
    lanes = sorted(lane for lane in plan.lanes if lane.startswith("dead."))
    selection = Selection(reason=REASON, schemas=known)
    if not known or not lanes:
        return {}
    with Desk(settings, plan, looks=True) as looking:
        if not looking.box(lanes, selection).open:
            return {}
    with Desk(settings, plan) as desk:
        run = Replay(desk, lanes, selection, _BY, rehearse=False)
        outcomes = Counter(decision.outcome for lot in run.run() for decision in lot)
    log.info("events whose schema is known now were replayed: %s", _told(outcomes.items()))
    return {str(outcome): letters for outcome, letters in outcomes.items()}


def known_schemas(plan: Plan) -> frozenset[int]:
    """The ids of every version of a dataset: a letter may have missed the time in which its own was the present one."""
    return frozenset(number for dataset in plan.datasets.values()
                     for number in (dataset.event_schema, *(version.event_schema for version in dataset.versions)))


def _after(before: ReplayView, outcomes: Mapping[str, int]) -> ReplayView:
    replayed = outcomes.get("passes", 0)
    left = sum(letters for outcome, letters in outcomes.items() if outcome not in SETTLED)
    return ReplayView(before.replayed + replayed, time.time() if replayed else before.last, left)


def _told(outcomes: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{outcome} {letters}" for outcome, letters in sorted(outcomes))
