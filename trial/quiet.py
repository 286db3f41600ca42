"""When is a city quiet? When every change of the departments is on raw, every worker, sink and the recorder at its end.

How many changes there were is known from the departments: that nothing moves for a while proves nothing, for deletes are
seen only now and then.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from schemas.codec.peek import op_and_source
from schemas.control import Plan
from schemas.errors import RejectError, RetryError
from schemas.names import TALLIES
from schemas.text import Text
from trial.city.registers import stored_positions
from trial.running import RunningCity
from wire.reading import LaneReader, Place, committed, ends, read_all

__all__ = ["Changes", "Quiet", "sources_of"]

#: How long raw must stand still before we believe that the connectors have nothing more to say than they had to.
_STILL = 2.5


_ON_RAW = Text("部门的更改到达原始通道", "the departments' changes on raw")


class Changes:
    """Counts what the connectors put on raw, by source, from where it was made on."""

    def __init__(self, city: RunningCity, lanes: Iterable[str]) -> None:
        self._reader = LaneReader(city.settings(), lanes, "end")
        self.counts: Counter[str] = Counter()
        self.ends: Mapping[Place, int] = {}

    def follow(self) -> None:
        """Read what has come."""
        for batch in self._reader.to_end():
            self.counts.update(sources_of(record.value for record in batch))
        self.ends = self._reader.positions

    def are(self, expected: Mapping[str, int]) -> bool:
        """Whether every source has said as much as it must."""
        self.follow()
        return all(self.counts[source] >= count for source, count in expected.items())

    def close(self) -> None:
        self._reader.close()


def sources_of(values: Iterable[bytes | None]) -> Iterator[str]:
    """Which source each value comes from; those that cannot be read come from none."""
    for value in values:
        try:
            source = "" if value is None else op_and_source(value)[1]
        except RejectError:
            continue
        yield source


class Quiet:
    """Waits for the end of the exchange. What it waits for now can be read from `waiting_for`."""

    def __init__(self, city: RunningCity, plan: Plan, recorded: Callable[[Mapping[Place, int]], bool]) -> None:
        self._city = city
        self._settings = city.settings()
        self._raw = sorted(lane for lane in plan.lanes if lane.startswith("raw."))
        self._clean = sorted(lane for lane in plan.lanes if lane.startswith(("clean.", "clean-log.")))
        self._recorded = recorded
        self.waiting_for: Text | None = None

    def wait_for(self, changes: Changes, expected: Mapping[str, int], stop: threading.Event, patience: float) -> None:
        """Return when as many changes of each source are on raw."""
        self._wait(((_ON_RAW, lambda: changes.are(expected)),), stop, patience)

    def wait(self, changes: Changes, expected: Mapping[str, int], stop: threading.Event, patience: float) -> None:
        """Return when all is quiet; a RetryError names what did not come to rest in time."""
        self._wait((
            (_ON_RAW, lambda: self._still(changes, expected, stop)),
            (Text("清洗", "clean"), lambda: self._handled(self._raw)),
            (Text("分发", "route"), lambda: self._handled(self._clean)),
            (Text("公安局的表", "the table of the police"), self._stored),
            (Text("账本", "the ledger"), lambda: self._recorded(ends(self._settings, [TALLIES], stable=True))),
        ), stop, patience)

    def _wait(self, steps: Iterable[tuple[Text, Callable[[], bool]]], stop: threading.Event, patience: float) -> None:
        deadline = time.monotonic() + patience
        for name, step in steps:
            self.waiting_for = name
            while not step():
                if stop.wait(0.2):
                    return
                if time.monotonic() > deadline:
                    raise RetryError(Text(f"等待“{name.zh}”超过 {patience:.0f} 秒", f"waited {patience:.0f} s for {name.en}"),
                                     advice=Text("查看 logs 目录中的日志", "read the logs in the logs directory"))

    def _still(self, changes: Changes, expected: Mapping[str, int], stop: threading.Event) -> bool:
        """Whether all changes came and nothing has come since."""
        if not changes.are(expected):
            return False
        before = changes.ends
        stop.wait(_STILL)
        changes.follow()
        return changes.ends == before

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
