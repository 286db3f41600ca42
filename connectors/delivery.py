"""The run of a sink: deliveries of one dataset from the inbox lane to the receiving system, exactly once.

Assign-only and read_committed: where to go on stands in the receiving system, written with the rows. Kafka knows nothing of it.
"""

import json
import logging
import threading
import time
from collections.abc import Callable

from connectors.base import Delivered, SinkShape
from connectors.board import Board
from connectors.runner import refuse
from connectors.tasks import SinkTask
from schemas.codec import EventCodec, EventScanner, unframe
from schemas.contract import row_of
from schemas.envelope import Op, Row
from schemas.errors import HaltError, RejectError, RetryError
from schemas.evolution import compile_resolution, row_misfits
from schemas.text import Text
from wire.reading import LaneReader, Record
from wire.settings import KafkaSettings

__all__ = ["Lag", "SinkRunner"]

log = logging.getLogger("shutong.connect")

#: The operation of a delivery, its row, and whether all of the row is there.
_Read = Callable[[bytes], tuple[Op, Row | None, bool]]

_BATCH = 2000
#: Positions behind other datasets' records are stored this often, so that a restart need not read them again.
_IDLE_SECONDS = 5.0
_ASK_SECONDS = 5.0


class SinkRunner:
    """One run of one instance, from the receiver's positions on, until stopped or something is raised."""

    def __init__(self, settings: KafkaSettings, task: SinkTask, board: Board, stop: threading.Event) -> None:
        self._settings = settings
        self._task = task
        self._board = board
        self._stop = stop
        newest = EventScanner(task.schemas[task.newest], task.newest)
        self._readers = {number: _reader(newest, task.schemas[task.newest], number, text) for number, text in task.schemas.items()}

    def run(self) -> None:
        """RetryError: begin again, soon. HaltError: a person is needed."""
        sink = self._task.kind(self._task.config, SinkShape(self._task.instance, json.loads(self._task.row_schema)))
        try:
            refuse(sink.check())
            stored = dict(sink.open())
            with LaneReader(self._settings, [self._task.lane], stored) as reader:
                self._board.set(state="running", next_try=0, remarks=(), phase="live")
                written, lag = time.monotonic(), Lag(reader)
                while not self._stop.is_set():
                    batch = reader.batch(0.5, _BATCH)
                    changes = [change for record in batch if (change := self._delivered(record)) is not None]
                    moved = reader.positions
                    if changes or (moved != stored and time.monotonic() - written > _IDLE_SECONDS):
                        sink.write(changes, moved)
                        stored, written = moved, time.monotonic()
                        self._board.count(len(changes))
                    self._board.set(lag_seconds=lag.seconds(batch))
        finally:
            sink.close()

    def _delivered(self, record: Record) -> Delivered | None:
        """The change in a record of ours; None for another dataset's, a marker, and what has no key."""
        if record.value is None:
            return None  # the inbox gets no tombstones
        try:
            number = unframe(record.value)
        except RejectError:
            return None
        read = self._readers.get(number)
        if read is None:
            if number not in self._task.others:
                raise RetryError(
                    Text(
                        f"通道 {record.lane} 中有方案尚未写明的模式 {number}",
                        f"lane {record.lane} has schema {number}, not in the plan yet",
                    ),
                    advice=Text("读到新方案后自动继续", "goes on by itself with the next plan"),
                    after=1,
                )
            return None
        op, row, whole = read(record.value)
        if op == "m":
            return None
        if not whole:
            log.warning("%s: %s/%s/%s has a value that the present schema cannot hold; its column is left empty",
                        self._task.instance, record.lane, record.partition, record.offset)
        if record.key is None:
            raise HaltError(
                Text(f"通道 {record.lane} 中有没有键的交付", f"lane {record.lane} has a delivery without a key"),
                advice=Text("它不是本系统写入的：联系管理员", "the bus did not write it: ask the bureau"),
            )
        return Delivered(record.key, None if op == "d" else row)


def _reader(newest: EventScanner, present: str, number: int, text: str) -> _Read:
    """How deliveries under a schema are read: as the newest has them, so that one table holds rows of every version."""
    # What came under an earlier contract, with other fields, is read as it is.
    if number != newest.schema_id and not row_misfits(row_of(present), row_of(text)):
        scan, resolve = EventScanner(text, number).scan, compile_resolution(present, text)

        def resolved(value: bytes) -> tuple[Op, Row | None, bool]:
            event = scan(value)
            if event.row is None:
                return event.op, None, True
            row, whole = resolve(event.row)
            return event.op, newest.decode_row(row), whole

        return resolved
    codec = EventCodec(text, number)

    def plain(value: bytes) -> tuple[Op, Row | None, bool]:
        event = codec.decode(value)
        return event.meta.op, event.row, True

    return plain


class Lag:
    """How far a sink is behind its lane: where the lane ends is asked now and then, and what is read measured against it.

    Kafka that does not answer is a RetryError then. A reader alone would not know: to it nothing new has come.
    """

    def __init__(self, reader: LaneReader) -> None:
        self._reader = reader
        self._goal = reader.ends()
        self._asked = time.monotonic()
        #: What is not read yet arrived after this moment.
        self._arrived = time.time()

    def seconds(self, batch: list[Record]) -> float:
        """After this batch; 0 when all that lay there was read."""
        if batch:
            self._arrived = batch[-1].timestamp / 1000
        if time.monotonic() - self._asked >= _ASK_SECONDS:
            ends = self._reader.ends()
            self._asked = time.monotonic()
            if self._reader.reached(self._goal):
                self._goal, self._arrived = ends, time.time()
        if self._reader.reached(self._goal):
            return 0.0
        return round(max(0.0, time.time() - self._arrived), 1)
