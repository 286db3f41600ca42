"""When is a city quiet? When every change of the departments is on raw, every worker, sink and the recorder at its end."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from schemas.control import Plan
from schemas.errors import RetryError
from schemas.names import TALLIES
from schemas.text import Text
from trial.city.registers import stored_positions
from trial.running import RunningCity
from wire.reading import LaneReader, Place, committed, ends, read_all

__all__ = ["Deletes", "Quiet"]

#: How long raw must stand still before we believe that the connectors have nothing left.
_STILL = 2.5


class Deletes:
    """Counts the deletes that the connectors put on raw, from where it was made on. Parses no more than the first fields."""

    def __init__(self, city: RunningCity, lanes: Iterable[str], sources: Iterable[str]) -> None:
        self._reader = LaneReader(city.settings(), lanes, "end")
        self._sources = {source.encode() for source in sources}
        self.count = 0
        self.ends: Mapping[Place, int] = {}

    def follow(self) -> int:
        """Read what has come; how many deletes there were in all."""
        for batch in self._reader.to_end():
            self.count += sum(record.value is not None and _is_delete(record.value, self._sources) for record in batch)
        self.ends = self._reader.positions
        return self.count

    def close(self) -> None:
        self._reader.close()


class Quiet:
    """Waits for the end of the exchange. What it waits for now can be read from `waiting_for`."""

    def __init__(self, city: RunningCity, plan: Plan, recorded: Callable[[Mapping[Place, int]], bool]) -> None:
        self._city = city
        self._settings = city.settings()
        self._raw = sorted(lane for lane in plan.lanes if lane.startswith("raw."))
        self._clean = sorted(lane for lane in plan.lanes if lane.startswith("clean."))
        self._recorded = recorded
        self.waiting_for: Text | None = None

    def wait(self, deletes: Deletes, expected: int, stop: threading.Event, patience: float) -> None:
        """Return when all is quiet; a RetryError names what did not come to rest in time."""
        deadline = time.monotonic() + patience
        steps: tuple[tuple[Text, Callable[[], bool]], ...] = (
            (Text("部门的更改到达原始通道", "the departments' changes on raw"), lambda: self._still(deletes, expected, stop)),
            (Text("清洗", "clean"), lambda: self._handled(self._raw)),
            (Text("分发", "route"), lambda: self._handled(self._clean)),
            (Text("公安局的表", "the table of the police"), self._stored),
            (Text("账本", "the ledger"), lambda: self._recorded(ends(self._settings, [TALLIES], stable=True))),
        )
        for name, step in steps:
            self.waiting_for = name
            while not step():
                if stop.wait(0.2):
                    return
                if time.monotonic() > deadline:
                    raise RetryError(Text(f"等待“{name.zh}”超过 {patience:.0f} 秒", f"waited {patience:.0f} s for {name.en}"),
                                     advice=Text("查看 logs 目录中的日志", "read the logs in the logs directory"))

    def _still(self, deletes: Deletes, expected: int, stop: threading.Event) -> bool:
        """Whether all deletes came and nothing has come since."""
        if deletes.follow() < expected:
            return False
        before = deletes.ends
        stop.wait(_STILL)
        deletes.follow()
        return deletes.ends == before

    def _handled(self, lanes: list[str]) -> bool:
        """Whether no record lies behind what the workers committed."""
        places = ends(self._settings, lanes, stable=True)
        done = committed(self._settings, "worker", lanes)
        start = {place: done[place].offset for place in places if place in done}
        if any(end > 0 and place not in done for place, end in places.items()):
            return False
        return next(iter(read_all(self._settings, lanes, start)), None) is None

    def _stored(self) -> bool:
        """Whether the sinks have stored everything of the inbox."""
        stored = stored_positions(self._city.postgres, "police")
        goal = ends(self._settings, ["deliver.police"], stable=True)
        return all(stored.get(place, 0) >= end for place, end in goal.items())


def _is_delete(value: bytes, sources: set[bytes]) -> bool:
    """Whether a framed event has op `d` and comes from one of the sources; odd bytes are not."""
    try:
        at = 5 + 1 + (value[5] >> 1)  # an id shorter than 64 bytes
        if value[at] != 4:
            return False
        at += 1
        while value[at] & 128:
            at += 1
        length = value[at + 1] >> 1
        return value[at + 2:at + 2 + length] in sources
    except IndexError:
        return False
