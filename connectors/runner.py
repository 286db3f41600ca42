"""The run of a source: its events, its cursor and what it sent go to Kafka in one transaction (I-10).

So a restart repeats nothing and loses nothing, wherever the process died. The transactional id is the instance: a second
process with the same instance fences the first, which stops.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence

from connectors.base import AWAY, Batch, Finding, RowChange
from connectors.board import Board
from connectors.canonical import canonical_for
from connectors.cursors import CURSORS, Stored, load, new_epoch, records
from connectors.desk import KafkaDesk
from connectors.fitting import Misfit
from connectors.rejects import key_hash
from connectors.shape import Shape
from connectors.tasks import SourceTask
from schemas.codec import EventCodec, encode_tallies
from schemas.envelope import Event, Meta
from schemas.errors import HaltError, RejectError, RetryError
from schemas.names import TALLIES
from schemas.tally import TallyBook, TallyKey
from schemas.text import Text
from wire.publisher import TransactionalPublisher
from wire.settings import KafkaSettings

__all__ = ["SourceRunner", "refuse"]

log = logging.getLogger("shutong.connect")

#: Of the refused rows of one batch so many are named in the log; all are counted.
_LOGGED = 5


class SourceRunner:
    """One run of one instance, from the committed cursor on, until stopped or something is raised."""

    def __init__(self, settings: KafkaSettings, task: SourceTask, board: Board, stop: threading.Event) -> None:
        self._settings = settings
        self._task = task
        self._board = board
        self._stop = stop
        self._codec = EventCodec(task.event_schema, task.dataset.event_schema)
        self._shape = Shape(task.dataset, canonical_for(task.dataset))
        self._stored = Stored(new_epoch())
        self._committed: Stored | None = None

    def run(self) -> None:
        """RetryError: begin again, soon. HaltError: a person is needed."""
        source = self._task.kind(self._task.config, self._shape)
        try:
            findings = tuple(source.check())
            refuse(findings)
            who = self._settings.names.transactional_id("connect", self._task.instance)
            with TransactionalPublisher(self._settings, who, told=True) as publisher:
                # Only now: whoever had this id before can commit no more.
                self._committed = load(self._settings, self._task.instance)
                self._stored = self._committed or self._stored
                desk = KafkaDesk(self._settings, self._task, self._board, self._stop, lambda: self._stored.published)
                desk.standing = lambda: (*findings, *filter(None, [self._stored.rejects.finding()]))
                self._board.set(state="running", rejected=self._stored.rejects.count, next_try=0)
                for batch in source.read(self._stored.cursor, desk):
                    self._publish(publisher, batch)
                    if self._stop.is_set():
                        return
        finally:
            source.close()

    def _publish(self, publisher: TransactionalPublisher, batch: Batch) -> None:
        """Commit a batch with its cursor; an empty one only when the cursor moved."""
        if not batch.changes and self._committed is not None and batch.cursor == self._committed.cursor:
            return
        before = self._stored
        with publisher.transaction():
            seq, refused, book = self._send(publisher, batch.changes)
            publisher.flush()  # acknowledged: now the offsets are known that clean has to pass
            published = dict(before.published)
            published |= {number: end for (lane, number), end in publisher.delivered.items() if lane == self._task.raw}
            now = before.after(seq=seq, cursor=batch.cursor, published=published, rejects=before.rejects.plus(refused))
            for key, value in records(self._task.instance, now, self._committed):
                publisher.send(CURSORS, key, value)
            if len(book):
                publisher.send(TALLIES, None, encode_tallies(self._task.instance, now.epoch, book))
        self._stored = self._committed = now
        self._board.count(seq - before.seq)
        if refused:
            self._board.set(rejected=now.rejects.count)
            for place, reason in refused[:_LOGGED]:
                log.warning("%s: a row does not fit and was not sent: %s (%s)", self._task.instance, place, reason)

    def _send(
        self, publisher: TransactionalPublisher, changes: Sequence[RowChange]
    ) -> tuple[int, list[tuple[str, str]], TallyBook]:
        """Number and send the changes. What fits into no event takes no number and is told apart."""
        seq, second = self._stored.seq, int(time.time())
        refused: list[tuple[str, str]] = []
        book = TallyBook()
        sums: dict[str, list[int]] = {}
        for change in changes:
            if change.flaw:
                refused.append((change.place, change.flaw))
                continue
            key = change.key
            try:
                row = None if change.row is None else self._shape.fit(change.row)
                key = change.key if row is None else self._shape.key_of(row)
                value = self._codec.encode(Event(self._meta(change, seq), row))
                publisher.send(self._task.raw, key, value)
            except Misfit as misfit:
                refused.append((change.place or self._name(change), f"{misfit.field}:{misfit.reason}"))
            except RejectError as error:
                refused.append((change.place or key_hash(key), error.code))
            else:
                seq += 1
                counted = sums.setdefault(change.cause, [0, 0])
                counted[0] += 1
                counted[1] += len(value)
        for cause, (number, size) in sums.items():
            book.add(
                TallyKey(second, "sent", cause, self._task.dataset.provider, self._task.dataset.id),
                records=number,
                size=size,
            )
        return seq, refused, book

    def _meta(self, change: RowChange, seq: int) -> Meta:
        stream, epoch = self._task.instance, self._stored.epoch
        return Meta(
            f"{stream}:{epoch}:{seq}", change.op, change.at, self._task.source_system, stream, epoch, seq, change.cause
        )

    def _name(self, change: RowChange) -> str:
        """A row that does not fit by the hash of its key, if at least that fits."""
        if change.row is None:
            return key_hash(change.key)
        try:
            return key_hash(self._shape.record_key([change.row.get(field) for field in self._shape.key_fields]))
        except Misfit:
            return "-"


def refuse(findings: Iterable[Finding]) -> None:
    """Do not begin a run that `check` says cannot go well: all reasons in one error."""
    blocking = [finding for finding in findings if finding.blocks]
    if not blocking:
        return
    problem = Text(
        "；".join(finding.problem.zh for finding in blocking), "; ".join(finding.problem.en for finding in blocking)
    )
    advice = Text(
        "；".join(finding.advice.zh for finding in blocking), "; ".join(finding.advice.en for finding in blocking)
    )
    if any(finding.code == AWAY for finding in blocking):
        raise RetryError(problem, advice=advice, after=2)
    raise HaltError(problem, advice=advice)
