"""The run of a source: its events, its cursor and what it sent go to Kafka in one transaction (I-10).

So a restart repeats nothing and loses nothing, wherever the process died. The transactional id is the instance: a second
process with the same instance fences the first, which stops.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from connectors.base import AWAY, Batch, Finding, RowChange, Source
from connectors.board import Board
from connectors.canonical import canonical_for
from connectors.cursors import CURSORS, Stored, load, new_epoch, records
from connectors.desk import KafkaDesk
from connectors.page import Refused, ready
from connectors.pump import Pump
from connectors.rejects import key_hash
from connectors.shape import Shape
from connectors.tasks import SourceTask
from schemas.codec import encode_tallies
from schemas.codec.writer import EventWriter
from schemas.control import Dataset
from schemas.envelope import Cause
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
#: How often a source that publishes as an older version looks whether it fits the present one.
_LOOK_SECONDS = 60.0
#: A transaction that holds so many bytes takes no further batch.
_LARGE = 4 << 20


class SourceRunner:
    """One run of one instance, from the committed cursor on, until stopped or something is raised."""

    def __init__(self, settings: KafkaSettings, task: SourceTask, board: Board, stop: threading.Event) -> None:
        self._settings = settings
        self._task = task
        self._board = board
        self._stop = stop
        self._shape = _shape_of(task.dataset)
        self._stored = Stored(new_epoch())
        self._committed: Stored | None = None

    def run(self) -> None:
        """RetryError: begin again, soon. HaltError: a person is needed."""
        source, dataset, event_schema, findings = self._fitting()
        self._shape = source.shape
        try:
            who = self._settings.names.transactional_id("connect", self._task.instance)
            with TransactionalPublisher(self._settings, who, told=True) as publisher:
                # Only now: whoever had this id before can commit no more.
                self._committed = load(self._settings, self._task.instance)
                self._stored = self._committed or self._stored
                events = EventWriter(
                    event_schema,
                    dataset.event_schema,
                    self._task.source_system,
                    self._task.instance,
                    self._stored.epoch,
                )
                desk = KafkaDesk(self._settings, self._task, self._board, self._stop, lambda: self._stored.published)
                desk.standing = lambda: (*findings, *filter(None, [self._stored.rejects.finding()]))
                self._board.set(state="running", rejected=self._stored.rejects.count, next_try=0)
                with Pump(lambda batches: self._publish(publisher, events, desk, batches), self._task.instance) as pump:
                    desk.settle = pump.settle
                    look = time.monotonic() + _LOOK_SECONDS
                    for batch in source.read(self._stored.cursor, desk):
                        pump.put(batch)
                        if self._stop.is_set():
                            return
                        if dataset.version != self._task.dataset.version and time.monotonic() > look:
                            self._look_again()
                            look = time.monotonic() + _LOOK_SECONDS
        finally:
            source.close()

    def _fitting(self) -> tuple[Source[Any], Dataset, str, tuple[Finding, ...]]:
        """The source under the newest version of the dataset that what it reads, as it is, fits: the bus takes them all.

        Where it fits none, the error says what it lacks for the present one.
        """
        lacking: tuple[Finding, ...] = ()
        for dataset, event_schema in ((self._task.dataset, self._task.event_schema), *self._task.older):
            source = self._task.kind(self._task.config, _shape_of(dataset))
            try:
                findings = tuple(source.check())
                if any(finding.blocks and finding.code == AWAY for finding in findings):
                    refuse(findings)
            except BaseException:
                source.close()
                raise
            if not any(finding.blocks for finding in findings):
                told = [_of_an_older_version(dataset, self._task.dataset, lacking)] if lacking else []
                return source, dataset, event_schema, (*told, *findings)
            source.close()
            lacking = lacking or findings
        refuse(lacking)
        raise AssertionError("something blocked")

    def _look_again(self) -> None:
        """Whether what is read fits the present version by now: then RetryError, and the next run is under it."""
        source = self._task.kind(self._task.config, _shape_of(self._task.dataset))
        try:
            fits = not any(finding.blocks for finding in source.check())
        finally:
            source.close()
        if fits:
            version = self._task.dataset.version
            raise RetryError(Text(f"源已符合版本 {version}", f"the source fits version {version} now"), after=0,
                             advice=Text("自动改用该版本", "it changes over to it by itself"))

    def _publish(
        self, publisher: TransactionalPublisher, events: EventWriter, desk: KafkaDesk, batches: Iterator[Batch]
    ) -> None:
        """Commit batches with the cursor of the last; empty ones only when the cursor moved."""
        batch = next(batches)
        if not batch.changes and self._committed is not None and batch.cursor == self._committed.cursor:
            return
        before = self._stored
        sent = _Sent(before.seq, self._task.dataset)
        with publisher.transaction():
            self._send(publisher, events, batch.changes, sent)
            while sent.size < _LARGE and (more := next(batches, None)) is not None:
                batch = more
                self._send(publisher, events, batch.changes, sent)
            publisher.flush()  # acknowledged: now the offsets are known that clean has to pass
            published = dict(before.published)
            published |= {number: end for (lane, number), end in publisher.delivered.items() if lane == self._task.raw}
            rejects = before.rejects.plus(sent.refused)
            now = before.after(seq=sent.seq, cursor=batch.cursor, published=published, rejects=rejects)
            for key, value in records(self._task.instance, now, self._committed):
                publisher.send(CURSORS, key, value)
            if len(sent.book):
                publisher.send(TALLIES, None, encode_tallies(self._task.instance, now.epoch, sent.book))
        self._stored = self._committed = now
        self._board.count(sent.seq - before.seq)
        if sent.refused:
            desk.report_again()
            self._board.set(rejected=now.rejects.count)
            for place, reason in sent.refused[:_LOGGED]:
                log.warning("%s: a row does not fit and was not sent: %s (%s)", self._task.instance, place, reason)

    def _send(
        self, publisher: TransactionalPublisher, events: EventWriter, changes: Sequence[RowChange], sent: "_Sent"
    ) -> None:
        """Number and send the changes. What fits into no event takes no number and is told apart."""
        raw, seq, second = self._task.raw, sent.seq, int(time.time())
        log = self._task.dataset.kind == "log"
        sums: dict[Cause, list[int]] = {}
        for op, cause, at, place, packed in ready(self._shape, changes):
            if isinstance(packed, Refused):
                sent.refused.append((packed.place, packed.reason))
                continue
            key, row = packed
            # A row that is new or has changed is one more event of a log.
            value = events.write("c" if log and op == "u" else op, at, seq, cause, row)
            try:
                publisher.send(raw, key, value)
            except RejectError as error:
                sent.refused.append((place or key_hash(key), error.code))
                continue
            seq += 1
            if cause in sums:
                counted = sums[cause]
                counted[0] += 1
                counted[1] += len(value)
            else:
                sums[cause] = [1, len(value)]
        sent.seq = seq
        for cause, (number, size) in sums.items():
            sent.count(second, cause, number, size)


def _shape_of(dataset: Dataset) -> Shape:
    return Shape(dataset, canonical_for(dataset))


def _of_an_older_version(used: Dataset, present: Dataset, lacking: Sequence[Finding]) -> Finding:
    """What a person should know of a source that its department has not brought to the present version yet."""
    blocking = [finding for finding in lacking if finding.blocks]
    problems = Text("；".join(one.problem.zh for one in blocking), "; ".join(one.problem.en for one in blocking))
    advice = Text("；".join(one.advice.zh for one in blocking), "; ".join(one.advice.en for one in blocking))
    return Finding(
        "older-version",
        Text(
            f"按 {present.id} 的版本 {used.version} 发布，还不符合现行版本 {present.version}（{problems.zh}）",
            f"publishes as version {used.version} of {present.id}, and does not fit the present version {present.version} "
            f"yet ({problems.en})",
        ),
        Text(f"{advice.zh}；改正后自动改用现行版本", f"{advice.en}; it changes over by itself then"),
        blocks=False,
    )


class _Sent:
    """What one transaction holds so far."""

    def __init__(self, seq: int, dataset: Dataset) -> None:
        self.seq = seq
        self.size = 0
        self.refused: list[tuple[str, str]] = []
        self.book = TallyBook()
        self._dataset = dataset

    def count(self, second: int, cause: Cause, records: int, size: int) -> None:
        """So much was sent in this second."""
        self.size += size
        key = TallyKey(second, "sent", cause, self._dataset.provider, self._dataset.id)
        self.book.add(key, records=records, size=size)


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
