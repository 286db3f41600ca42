"""`shutong lane`: a provider's raw lane is held, or released for the workers to go on. The exchange of others is not touched."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from governance.settling import control_turn
from schemas.control import LaneState
from schemas.errors import RejectError
from schemas.text import Text
from wire.control import ControlWriter
from wire.settings import KafkaSettings

__all__ = ["Word", "say_of_lanes", "told_of_lanes"]

Word = Literal["hold", "release"]


def say_of_lanes(settings: KafkaSettings, secrets_folder: Path, word: Word, names: Iterable[str]) -> int:
    """Write it into the plan; the version that says so. RejectError `unknown` for what is no raw lane of the plan.

    A lane that is held already is held on, one that is released is released once more: a worker that has held it since
    goes on too.
    """
    with control_turn(secrets_folder), ControlWriter(settings) as writer:
        lanes = told_of_lanes(writer.plan.lanes, word, names, writer.plan.version + 1)
        return writer.write(lanes=lanes).version


def told_of_lanes(lanes: Mapping[str, LaneState], word: Word, names: Iterable[str], version: int) -> dict[str, LaneState]:
    """All lanes of the plan, with this said of some."""
    wanted = tuple(names)
    unknown = [name for name in wanted if name not in lanes or not name.startswith("raw.")]
    if unknown:
        known = ", ".join(sorted(lane for lane in lanes if lane.startswith("raw."))) or "-"
        raise RejectError("unknown", Text(f"没有原始通道 {', '.join(unknown)}", f"there is no raw lane {', '.join(unknown)}"),
                          advice=Text(f"原始通道有：{known}", f"the raw lanes are: {known}"))
    key = "held" if word == "hold" else "released"
    return {lane: state.model_copy(update={key: version}) if lane in wanted else state for lane, state in lanes.items()}
