"""The recorder: bus.tallies into the tables tally and finding, each row once, whatever dies in between (I-15).

The tables are the offset store: of each, the largest (lp, lo, li) of a ledger partition says what it has. Rows go in in
offset order, one insert is one part, so what is in a table is always a beginning of what is on the lane. A message's
findings go in before its tallies; so the recorder may read on from the message that tally reached last (few messages have
findings, nearly all have tallies): no finding before it is missing, and what finding has beyond it is left out.
After any failure everything in memory is dropped and the tables are asked again.
"""

import logging
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ledger.days import Days
from ledger.duty import Duty
from ledger.resuming import CaughtUp, Moved, still_there
from ledger.retention import drop_old
from ledger.settings import LedgerSettings
from ledger.store import Store
from ledger.tallies import FINDING_COLUMNS, Batch, Row, RowPlace, rows_of
from schemas.errors import HaltError, RetryError
from schemas.names import TALLIES
from wire.cluster import Cluster, Place
from wire.reading import LaneReader, Record

__all__ = ["Recorder", "RecorderStatus", "Recording"]

#: Seconds a row waits at most for its insert.
_PATIENCE = 1.0
#: Seconds between two looks at where the lane ends, and at what is too old.
_LOOK = 2.0
_HOUSEKEEPING = 6 * 3600.0

_REACHED = "SELECT lp, max((lo, li)) AS place FROM {} GROUP BY lp"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecorderStatus:
    """How far the recorder is. `behind` counts offsets it has not read; `looked` is when that was asked."""

    rows: int = 0
    behind: int = -1
    pending_rows: int = 0
    pending_days: int = 0
    newest: float = 0.0
    looked: float = 0.0
    #: Everything written to bus.tallies before that moment is in the tables tally and finding.
    up_to: float = 0.0
    #: partition of bus.tallies -> the offset everything below which is in these two; and in the day tables too.
    recorded: Mapping[int, int] = field(default_factory=dict)
    settled_up_to: Mapping[int, int] = field(default_factory=dict)
    #: Why a day's tables are put off, while recording goes on.
    problem: str = ""

    @property
    def settled(self) -> bool:
        """Whether everything on the lane at `looked` is in the tables, day tables included."""
        return self.behind == 0 and not self.pending_rows and not self.pending_days


class Recording:
    """Messages in, inserts out. Knows from the tables what is already there, and leaves that out."""

    def __init__(self, store: Store, days: Days, moved: Moved | None = None) -> None:
        self._store = store
        self._days = days
        self._moved = moved or Moved()
        self._batch = Batch()
        self._found = Batch(FINDING_COLUMNS)
        self._since = 0.0
        self.rows = 0
        store.take_over()
        self.reached = _reached(store, "tally")
        self.found = _reached(store, "finding")

    @property
    def pending(self) -> int:
        """Rows that wait for their insert."""
        return len(self._batch) + len(self._found)

    def take(self, partition: int, offset: int, value: bytes) -> None:
        """One message; inserts when a batch is full or the month changes."""
        try:
            tallies, findings = rows_of(partition, offset, value)
        except HaltError:
            self.flush()  # what came before it is good
            raise
        tallies, findings = _behind(tallies, self.reached.get(partition)), _behind(findings, self.found.get(partition))
        if (tallies or findings) and not self.pending:
            self._since = time.monotonic()
        # Its findings first: no insert of tallies, whatever causes it, may pass a message whose findings are not in.
        for _ in self._found.fill(findings):
            self._insert_findings()
        for _ in self._batch.fill(tallies):
            self.flush()

    def flush_if_due(self) -> bool:
        """Insert what has waited long enough; whether now everything taken is in the tables."""
        if self.pending and time.monotonic() - self._since >= _PATIENCE:
            self.flush()
        return not self.pending

    def flush(self) -> None:
        """Insert what waits: findings before tallies, for where the tallies end is where the next one reads on."""
        self._insert_findings()
        if self._batch:
            hours = _hours(self._batch)
            self._moved.touch(hours)
            self._store.insert("tally", self._batch.columns())
            self._days.touch(hours)
            self.rows += len(self._batch)
            self._batch.clear()
            self._since = time.monotonic()

    def _insert_findings(self) -> None:
        if self._found:
            self._store.insert("finding", self._found.columns())
            self._days.touch(_hours(self._found))
            self._found.clear()


def _reached(store: Store, table: str) -> dict[int, RowPlace]:
    return {row["lp"]: RowPlace(row["lp"], *row["place"]) for row in store.rows(_REACHED.format(table))}


def _behind(rows: list[Row], reached: RowPlace | None) -> list[Row]:
    """Those the table does not have."""
    if not rows or reached is None or rows[0][1] > reached.lo:
        return rows
    return [row for row in rows if row[:3] > reached]


def _hours(batch: Batch) -> set[int]:
    return {at - at % 3600 for at in batch.seconds()}


class Recorder:
    """The duty around a `Recording`: reads the lane, keeps the day tables, says how far it is."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self.status = RecorderStatus()
        self.moved = Moved()
        self._caught = CaughtUp()
        self._recorded: Mapping[int, int] = {}
        self._settled: Mapping[int, int] = {}

    def work(self, duty: Duty) -> None:
        """Record from what the table has until the duty ends or the world fails."""
        self._recorded = self._settled = {}
        with Store(self._settings, "recorder") as store:
            days = Days(store)
            days.find()
            recording = Recording(store, days, self.moved)
            with LaneReader(self._settings, [TALLIES], self._start(recording)) as reader:
                self._record(duty, reader, recording, days, store)
                recording.flush()

    def _record(self, duty: Duty, reader: LaneReader, recording: Recording, days: Days, store: Store) -> None:
        looked, cleaned = -math.inf, -math.inf  # not 0: a machine just started counts from there
        self._caught.start()
        while not duty.stopping:
            newest = self._take(reader.batch(0.25), recording)
            if recording.flush_if_due():
                self._caught.reach(reader.positions)
                self._recorded = {partition: offset for (_, partition), offset in reader.positions.items()}
                self._say(recording, days)
            days.recompute_if_due()
            if not days.pending:
                self._settled = self._recorded
            now = time.monotonic()
            if now - looked >= _LOOK:
                looked = now
                self._look(reader, recording, days)
            self._say(recording, days, newest=newest / 1000 or self.status.newest)
            if now - cleaned >= _HOUSEKEEPING and not days.pending:
                cleaned = now
                try:
                    drop_old(store)
                except RetryError as error:
                    log.warning("what is too old stays for now: %s", error)
            duty.fine()

    @staticmethod
    def _take(records: Iterable[Record], recording: Recording) -> int:
        newest = 0
        for record in records:
            if record.value is not None:
                recording.take(record.partition, record.offset, record.value)
                newest = record.timestamp
        return newest

    def _look(self, reader: LaneReader, recording: Recording, days: Days) -> None:
        """Ask where the lane ends, then say how far we are of that."""
        asked = time.time()
        ends = reader.ends()
        self._caught.aim(asked, ends)
        behind = sum(max(end - reader.positions[place], 0) for place, end in ends.items())
        self._say(recording, days, behind=behind, looked=asked)

    def _say(self, recording: Recording, days: Days, **news: float) -> None:
        known = {"recorded": self._recorded, "settled_up_to": self._settled, "up_to": self._caught.up_to}
        self.status = replace(self.status, rows=recording.rows, pending_rows=recording.pending, pending_days=days.pending,
                              problem=days.problem, **known, **news)  # type: ignore[arg-type]

    def _start(self, recording: Recording) -> dict[Place, int]:
        """Where to read from: the message reached last, for perhaps not all of it is in the table."""
        return still_there(Cluster(self._settings), {(TALLIES, lp): row.lo for lp, row in recording.reached.items()})
