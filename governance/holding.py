"""Which raw lanes wait for a person: what `shutong lane` says of them, and what a worker found at a provider's stop-line.

A worker holds at once the partition on which the line was crossed; the plan's word holds the whole lane, whoever reads it. The
exchange of others is not touched. Pure, but for `say_of_lanes`.
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

from governance.settling import control_turn
from schemas.control import LaneState, Plan
from schemas.errors import RejectError
from schemas.status import SILENT_AFTER, WorkerStatus
from schemas.text import Text
from wire.control import ControlWriter
from wire.settings import KafkaSettings

__all__ = ["WORDS", "Word", "lanes_at_their_line", "say_of_lanes", "told_of_lanes"]

Word = Literal["hold", "release"]
WORDS: tuple[Word, ...] = ("hold", "release")


def say_of_lanes(settings: KafkaSettings, secrets_folder: Path, word: Word, names: Collection[str]) -> int:
    """Write it into the plan by a writer made for it; the version that says so. RejectError as `told_of_lanes`."""
    with control_turn(secrets_folder), ControlWriter(settings) as writer:
        return writer.write(lanes=told_of_lanes(writer.plan, word, names)).version


def told_of_lanes(plan: Plan, word: Word, names: Collection[str]) -> dict[str, LaneState]:
    """All lanes of the plan's next version, with this said of some. RejectError `unknown` for what is no raw lane of the plan.

    A lane that is held already is held on, one that is released is released once more: a worker that has held it since
    goes on too.
    """
    unknown = [name for name in names if name not in plan.lanes or not name.startswith("raw.")]
    if unknown:
        known = ", ".join(sorted(lane for lane in plan.lanes if lane.startswith("raw."))) or "-"
        raise RejectError("unknown", Text(f"没有原始通道 {', '.join(unknown)}", f"there is no raw lane {', '.join(unknown)}"),
                          advice=Text(f"原始通道有：{known}", f"the raw lanes are: {known}"))
    key = "held" if word == "hold" else "released"
    return {lane: state.model_copy(update={key: plan.version + 1}) if lane in names else state
            for lane, state in plan.lanes.items()}


def lanes_at_their_line(plan: Plan, workers: Iterable[WorkerStatus], now: float) -> list[str]:
    """The lanes that a worker holds at their provider's stop-line while the plan lets them go on.

    Only a worker that is there is believed, and only one that obeys the newest release of the lane: an older report tells of a
    line that a person has seen and released since.
    """
    told = {lane for each in workers if each.state != "leaving" and now - each.updated / 1000 < SILENT_AFTER
            for lane in each.held if lane in plan.lanes and each.plan_version >= plan.lanes[lane].released}
    return sorted(lane for lane in told if not plan.lanes[lane].is_held())
