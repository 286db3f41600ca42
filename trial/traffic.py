"""What the departments do while the demo runs: first load, then inserts, updates and deletes by SQL, a tenfold burst between.

Every number is known beforehand and drawn from a seed. Live updates and deletes touch each row once, so that none hides
another from a connector that polls; only when all of them are on raw, some rows are touched again (`come_back`). Rows that
the rules reject are never deleted, for nobody downstream ever held them.
"""

import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trial.city.dirt import DIRT, DirtyPopulation
from trial.city.places import villages
from trial.city.postgres import LocalPostgres
from trial.city.registers import Register, village_rows
from trial.city.residents import Resident
from trial.publisher import RudePublisher

__all__ = ["Sizes", "Traffic"]

_TICK = 0.25
_CHUNK = 5000
#: Steady seconds before the burst, seconds of the burst, steady seconds behind it.
_PHASES = ((12.0, 1), (6.0, 10), (8.0, 1))
#: A demo of fewer events than this is shorter in proportion, down to the given share.
_WHOLE, _SHORTEST = 60_000, 0.4
#: How many deleted people are registered anew, and how many who moved away come back, at most.
_RETURNS = 20
_UPDATED, _DELETED = 20, 4
_EVENTS = ("snapshot", "inserts", "updates", "deletes", "returns")


@dataclass(frozen=True)
class Sizes:
    """How many of each change a demo of so many events makes."""

    villages: int
    snapshot: int
    inserts: int
    updates: int
    deletes: int

    @classmethod
    def of(cls, events: int) -> "Sizes":
        """Sizes that publish at least `events`: three fifths as a snapshot, the rest live."""
        places = min(len(villages()), events // 5)
        snapshot = int(events * 0.6)
        live = events - places - snapshot
        updates, deletes = live * 35 // 100, live * 4 // 100
        return cls(places, snapshot, live - updates - deletes + 8, updates, deletes)

    @property
    def total(self) -> int:
        """What the departments' tables alone will publish."""
        return self.villages + self.snapshot + self.inserts + self.updates + self.deletes


class Traffic:
    """The departments at work. `prepare` fills the tables, `run` is the live part; both may be watched by `done`."""

    def __init__(self, server: LocalPostgres, sizes: Sizes, seed: int = 3415) -> None:
        self.sizes = sizes
        self.done: Counter[str] = Counter()
        self.phase = "snapshot"
        #: when the burst began, in milliseconds
        self.burst_at = 0
        self._random = random.Random(seed)
        self._people = DirtyPopulation(seed)
        self._health = Register(server, "health")
        self._civil = Register(server, "civil")
        #: keys of clean rows that were not yet changed
        self._fresh: list[tuple[str, str]] = []
        #: keys that were deleted, and keys of people who moved away
        self._deleted: list[str] = []
        self._moved: list[str] = []
        self._wanted = sizes.updates + sizes.deletes + 64
        self._turns: Iterator[int] = itertools.count()
        #: phase -> seconds it took, changes made in it
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._made: Counter[str] = Counter()

    def expected(self) -> dict[str, dict[str, int]]:
        """What must come of each register's changes, in numbers: each is one event with one fate."""
        dirt = self._people.counts
        spoiled = {fate: sum(dirt[kind.name] for kind in DIRT if kind.fate == fate) for fate in ("fixed", "rejected")}
        villages_ = {"published": self.done["villages"] + self.done["village changes"], "fixed": self.done["village repairs"],
                     "duplicate": 0, "quarantined": 0}
        return {"civil.register": villages_,
                "health.population": {"published": sum(self.done[what] for what in _EVENTS), "fixed": spoiled["fixed"],
                                      "duplicate": 0, "quarantined": spoiled["rejected"] + self.done["spoiled updates"]}}

    def live(self) -> dict[str, int]:
        """How many changes of each register there were since the first snapshot."""
        return {"civil.register": self.done["village changes"], "health.population": self._live_changes()}

    def _live_changes(self) -> int:
        return sum(self.done[what] for what in _EVENTS if what != "snapshot")

    def stranger(self) -> Resident:
        """A clean resident that is in no table, for the department's own program."""
        return self._people.people.draw()

    def prepare(self, stop: threading.Event) -> None:
        """Fill both registers as they stand when the bus arrives. Ends early when `stop` is set."""
        self._civil.load(village_rows(villages()[:self.sizes.villages]))
        self.done["villages"] = self.sizes.villages
        for start in range(0, self.sizes.snapshot, _CHUNK):
            if stop.is_set():
                return
            self._insert(min(_CHUNK, self.sizes.snapshot - start), "snapshot")
        self._random.shuffle(self._fresh)

    def run(self, rude: RudePublisher | None, stop: threading.Event, middle: Any = None) -> None:
        """The live part; calls `middle()` once in the middle of the burst. Ends early when `stop` is set."""
        began = time.monotonic()
        for share, phase, middle_here in _schedule(min(max(self.sizes.total / _WHOLE, _SHORTEST), 1.0)):
            if stop.is_set():
                return
            if phase == "burst" and not self.burst_at:
                self.burst_at = int(time.time() * 1000)
            self.phase = phase
            begins, before = time.monotonic(), self._live_changes()
            self.step(share, rude)
            if middle_here and middle is not None:
                middle()
            began += _TICK
            stopped = stop.wait(max(0.0, began - time.monotonic()))
            self._spent[phase] += time.monotonic() - begins
            self._made[phase] += self._live_changes() - before
            if stopped:
                return
        self.finish(rude)
        self.phase = "quiet"

    def rates(self) -> dict[str, int]:
        """Changes a second of the population register in each live phase, as it came about."""
        return {phase: round(self._made[phase] / spent) for phase, spent in self._spent.items() if spent}

    def reconnect(self) -> None:
        """The departments' server was started again."""
        self._health.reconnect()
        self._civil.reconnect()

    def close(self) -> None:
        """Let go of the databases."""
        self._health.close()
        self._civil.close()

    def step(self, share: float, rude: RudePublisher | None) -> None:
        """One tick: the table reaches `share` of all live changes."""
        self._insert(int(self.sizes.inserts * share) - self.done["inserts"], "inserts")
        self._update(int(self.sizes.updates * share) - self.done["updates"])
        self._delete(int(self.sizes.deletes * share) - self.done["deletes"])
        if rude is not None and next(self._turns) % 4 == 0:
            rude.turn()

    def finish(self, rude: RudePublisher | None) -> None:
        """The last live changes of all, those of the village register too."""
        self.step(1.0, rude)
        touched = villages()[:_UPDATED + _DELETED]
        self._civil.update((village.code, "name", f"{village.name}　") for village in touched[:_UPDATED])
        self._civil.delete([village.code for village in touched[_UPDATED:]])
        self.done["village changes"], self.done["village repairs"] = len(touched), _UPDATED

    def come_back(self) -> None:
        """Deleted people are registered anew under their numbers, and people who left a scope come back into it.

        Whoever polls must have seen them go: call it when all live changes are on raw.
        """
        again, home = self._deleted[:_RETURNS], self._moved[:_RETURNS]
        self._health.load(self._people.people.draw_at(key) for key in again)
        self._health.update((key, "status", "registered") for key in home)
        self.done["returns"] = len(again) + len(home)

    def _insert(self, count: int, what: str) -> None:
        if count > 0:
            self._health.load(self._drawn(count))
            self.done[what] += count

    def _drawn(self, count: int) -> Iterator[Resident]:
        for _ in range(count):
            row, dirt = self._people.draw()
            if dirt is None and self.phase == "snapshot" and len(self._fresh) < self._wanted:
                self._fresh.append((row.resident_id, row.status))
            yield row

    def _update(self, count: int) -> None:
        if count > 0:
            self._health.update([self._change(*self._fresh.pop()) for _ in range(count)])
            self.done["updates"] += count

    def _change(self, key: str, status: str) -> tuple[str, str, Any]:
        """What happens to a resident: most move in or out of a scope, some get a new number, a few are spoiled."""
        chance = self._random.random()
        if chance < 0.45:
            if status != "registered":
                return key, "status", "registered"
            self._moved.append(key)
            return key, "status", "moved"
        if chance < 0.65:
            return key, "division", self._random.choice(("341502", "341503", "341504", "341522", "341523", "341524", "341525"))
        if chance < 0.96:
            return key, "phone", self._people.people.phone()
        self.done["spoiled updates"] += 1
        return key, "birth_date", "1999-02-30"

    def _delete(self, count: int) -> None:
        if count > 0:
            gone = [self._fresh.pop()[0] for _ in range(count)]
            self._health.delete(gone)
            self._deleted += gone
            self.done["deletes"] += count


def _schedule(length: float) -> Iterator[tuple[float, str, bool]]:
    """Per tick: the share of live changes reached then, the phase's name, whether it is the middle of the burst."""
    ticks = [(weight, index) for index, (seconds, weight) in enumerate(_PHASES) for _ in range(int(length * seconds / _TICK))]
    total, reached = sum(weight for weight, _ in ticks), 0
    burst = [number for number, (_, index) in enumerate(ticks) if index == 1]
    for number, (weight, index) in enumerate(ticks):
        reached += weight
        yield reached / total, ("live", "burst", "live")[index], number == burst[len(burst) // 2]
