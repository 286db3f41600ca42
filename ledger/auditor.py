"""The auditor: counts the values on raw lanes with a reader of its own, so that the books do not rest on clean's word.

It counts per lane, partition and arrival hour what clean has committed, in its own table, and resumes at the largest
`upto` of a partition. What clean has not committed stays in memory as in flight and is read again after a restart.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from ledger.duty import Duty
from ledger.inflight import oldest_in_flight
from ledger.resuming import CaughtUp, Moved, still_there
from ledger.settings import LedgerSettings
from ledger.shanghai import month_of
from ledger.store import Store
from ledger.subscriptions import SubscriptionHistory
from ledger.tail import Tail
from schemas.control import Plan
from schemas.names import Names
from schemas.value import is_value
from wire.cluster import Cluster, Place
from wire.control import ControlReader
from wire.reading import LaneReader, Record

__all__ = ["Auditor", "AuditorStatus", "RawCount", "RawCounts"]

#: Values in flight that are remembered at most, of all partitions together: 8 bytes each. Then clean is waited for.
_MOST_IN_FLIGHT = 4_000_000
_LOOK = 2.0
#: Seconds between inserts: at least, for each row, and at most.
_SHORTEST, _PER_ROW, _LONGEST = 2.0, 0.05, 30.0

_REACHED = "SELECT lane, lp, max(upto) AS upto FROM raw_count GROUP BY lane, lp"

_COLUMNS = ("lane", "lp", "upto", "hour", "records")

RawCount = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class AuditorStatus:
    """How far the auditor is. `in_flight` counts values by (provider, hour); `behind` offsets it has not read."""

    lanes: int = 0
    behind: int = -1
    pending_rows: int = 0
    in_flight: dict[tuple[str, int], int] = field(default_factory=dict)
    looked: float = 0.0
    #: Everything written to raw lanes before that moment is counted, or in flight.
    up_to: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether everything on the raw lanes at `looked` is committed by clean and counted."""
        return self.behind == 0 and not self.pending_rows and not self.in_flight


class RawCounts:
    """Values in, rows of raw_count out. Pure but for the store it inserts into."""

    def __init__(self, store: Store, moved: Moved | None = None) -> None:
        self._store = store
        self._moved = moved or Moved()
        self._tails: dict[Place, Tail] = {}
        self._rows: list[RawCount] = []
        self._since = time.monotonic()
        store.take_over()
        self.reached: dict[Place, int] = {(row["lane"], row["lp"]): row["upto"] for row in store.rows(_REACHED)}

    @property
    def pending(self) -> int:
        """Rows that wait for their insert."""
        return len(self._rows)

    @property
    def waiting(self) -> set[str]:
        """Lanes with values that clean had not committed when it was asked last."""
        return {lane for (lane, _), tail in self._tails.items() if tail}

    def __len__(self) -> int:
        return sum(map(len, self._tails.values()))

    def take(self, records: Iterable[Record]) -> None:
        """Note what is a value."""
        for lane, partition, offset, timestamp, key, value in records:
            if is_value(key, value) and offset >= self.reached.get((lane, partition), 0):
                self._tails.setdefault((lane, partition), Tail()).add(offset, timestamp // 1000)

    def settle(self, committed: dict[Place, int]) -> None:
        """Clean has committed this much."""
        for (lane, partition), offset in committed.items():
            for done in self._tails.get((lane, partition), Tail()).settle(offset):
                self._rows.append((lane, partition, done.upto, done.hour, done.records))

    def flush_if_due(self) -> None:
        """Insert now and then: with many busy lanes rarely, for each insert has a row of each."""
        wait = min(_SHORTEST + _PER_ROW * len(self._rows), _LONGEST)
        if self._rows and time.monotonic() - self._since >= wait:
            self.flush()

    def flush(self) -> None:
        """Insert what waits, in order, one month at a time."""
        self._moved.touch({row[3] for row in self._rows})
        for rows in _by_month(self._rows):
            columns = zip(*rows, strict=True)
            self._store.insert("raw_count", {name: list(column) for name, column in zip(_COLUMNS, columns, strict=True)})
        self._rows.clear()
        self._since = time.monotonic()

    def in_flight(self) -> dict[tuple[str, int], int]:
        """Values not committed by clean, by provider and hour."""
        found: Counter[tuple[str, int]] = Counter()
        for (lane, _), tail in self._tails.items():
            for hour, records in tail.hours().items():
                found[Names.provider_of(lane), hour] += records
        return dict(found)


def _by_month(rows: list[RawCount]) -> Iterator[list[RawCount]]:
    batch: list[RawCount] = []
    for row in rows:
        if batch and month_of(batch[-1][3]) != month_of(row[3]):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


class Auditor:
    """The duty around `RawCounts`: follows the plan's raw lanes and clean's commits."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self.status = AuditorStatus()
        self.moved = Moved()
        self.plan = Plan()
        self._caught = CaughtUp()

    def work(self, duty: Duty) -> None:
        """Count from what the table has until the duty ends or the world fails."""
        with Store(self._settings, "auditor") as store, ControlReader(self._settings) as control:
            counts = RawCounts(store, self.moved)
            history = SubscriptionHistory(store, oldest=partial(oldest_in_flight, self._settings))
            self._adopt(control.load(), history)
            positions: Mapping[Place, int] = {}
            while not duty.stopping:
                start = self._start(counts.reached | dict(positions))
                with LaneReader(self._settings, _raw_lanes(self.plan), start) as reader:
                    self._count(duty, reader, control, counts, history)
                    positions = reader.positions
            counts.flush()

    def _count(self, duty: Duty, reader: LaneReader, control: ControlReader, counts: RawCounts,
               history: SubscriptionHistory) -> None:
        """Until the duty ends or the raw lanes are no longer those of the reader."""
        cluster, lanes, looked = Cluster(self._settings), _raw_lanes(self.plan), 0.0
        self._caught.start()
        while not duty.stopping and lanes == _raw_lanes(self.plan):
            if lanes and len(counts) < _MOST_IN_FLIGHT:
                counts.take(reader.batch(0.25))
            else:
                time.sleep(0.25)
            if time.monotonic() - looked >= _LOOK:
                looked = time.monotonic()
                self._adopt(control.poll(), history)
                self._look(reader, cluster, counts)
            duty.fine()

    def _look(self, reader: LaneReader, cluster: Cluster, counts: RawCounts) -> None:
        """Settle with what clean has committed, and say how far we are."""
        asked, ends, positions = time.time(), reader.ends(), reader.positions
        self._caught.aim(asked, ends)
        behind = sum(max(end - positions[place], 0) for place, end in ends.items())
        if waiting := counts.waiting:
            committed = cluster.committed("worker", waiting)
            counts.settle({place: commit.offset for place, commit in committed.items()})
        counts.flush_if_due()
        if not counts.pending:
            self._caught.reach(positions)
        self.status = AuditorStatus(len(reader.places), behind, counts.pending, counts.in_flight(), asked,
                                    self._caught.up_to)  # fmt: skip

    def _start(self, reached: Mapping[Place, int]) -> dict[Place, int]:
        lanes = set(_raw_lanes(self.plan))
        return still_there(Cluster(self._settings), {place: offset for place, offset in reached.items() if place[0] in lanes})

    def _adopt(self, plan: Plan | None, history: SubscriptionHistory) -> None:
        history.seen(plan)
        if plan is not None:
            self.plan = plan


def _raw_lanes(plan: Plan) -> list[str]:
    return sorted(lane for lane in plan.lanes if lane.startswith("raw."))
