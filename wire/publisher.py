"""Write to lanes: in transactions, or one flush at a time. Both check a record's size against its lane first.

`TransactionalPublisher`: all or nothing per transaction, one process per transactional id. `Publisher`: each flush says
whether everything before it lies on Kafka. Not thread-safe: one owner each.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.errors import BusError, HaltError, RejectError, RetryError
from schemas.lanes import room_for
from schemas.text import Text
from wire.cluster import Place
from wire.errors import Fenced, Watch, is_patient
from wire.settings import Config, KafkaSettings

__all__ = ["Headers", "NotAcknowledged", "Publisher", "TransactionalPublisher", "Unfinished"]

Headers = list[tuple[str, bytes]]

_SLICE = 0.5
_UNSURE = Text("Kafka 没有答复事务是否已提交", "Kafka did not say whether the transaction was committed")
_OPEN = Text("上一个事务没有提交，也未能中止", "the transaction before was not committed, nor could it be aborted")


class NotAcknowledged(RetryError):
    """Some records of a flush are not known to lie on Kafka. `indices` counts the sends since the last flush from 0.

    `why` is what a log should say where nothing is to be sent again, as of a status that the next one makes good.
    """

    def __init__(self, indices: tuple[int, ...], sent: int, why: BusError) -> None:
        super().__init__(
            Text(f"{sent} 条记录中有 {len(indices)} 条未得到 Kafka 确认",
                 f"{len(indices)} of {sent} records were not acknowledged by Kafka"),
            advice=Text("以相同的 stream、epoch、seq 重新发送这些记录",
                        "send these again with the same stream, epoch and seq"),
        )  # fmt: skip
        self.indices = indices
        self.why = why


class Unfinished(RetryError):
    """Kafka did not tell how a transaction ended, and its publisher is of no more use.

    A new one under the same id ends what is open. What is committed is read from Kafka then, and gone on from.
    """

    def __init__(self, problem: Text) -> None:
        super().__init__(
            problem,
            advice=Text("重新开始即可：先结束该事务，再从已提交的位置继续",
                        "begin again: that transaction is ended first, and what was committed is gone on from"),
        )  # fmt: skip


class _Writer:
    """What both publishers share: the client, the check of a record's size, the wait for room in the client's queue."""

    def __init__(self, settings: KafkaSettings, config: Config, owner: str = "") -> None:
        self._names = settings.names
        self._watch = Watch(settings, owner)
        #: The topic of each lane used so far, and how large a record may be there.
        self._lanes: dict[str, tuple[str, int]] = {}
        self._producer = Producer(config | {"error_cb": self._watch})

    def _produce(self, lane: str, key: bytes | None, value: bytes | None, **more: Any) -> None:
        known = self._lanes.get(lane)
        if known is None:
            known = self._lanes[lane] = (self._names.topic(lane), room_for(lane))
        topic, room = known
        if len(key or b"") + len(value or b"") > room:
            raise _too_large(lane, room)
        while True:
            try:
                return self._producer.produce(topic, value, key, **more)
            except BufferError:
                self._producer.poll(0.1)
                self._watch.check()
            except KafkaException as error:
                self._watch.fail(error, lane)

    def _drain(self, timeout: float) -> int:
        """Wait until the client's queue is empty; how many records are left when time is up."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                left = int(self._producer.flush(min(_SLICE, timeout)))
            except (KafkaException, SystemError) as error:  # a fatal error leaves flush() as a SystemError
                self._watch.fail(error)
            if left == 0 or time.monotonic() > deadline:
                return left
            self._watch.check()

    def close(self) -> None:
        """Let go of what is still queued, whatever became of it. Flush first."""
        self._producer.purge()
        with suppress(BusError):
            self._drain(1)


class Publisher(_Writer):
    """Idempotent, acks=all, no transaction. A record is acknowledged when the `flush` behind it returned."""

    def __init__(self, settings: KafkaSettings, **more: Any) -> None:
        super().__init__(settings, settings.publisher_config(**more))
        self._sent = 0
        self._failed: dict[int, KafkaError] = {}

    def send(self, lane: str, key: bytes | None, value: bytes | None, partition: int = -1, timestamp: int = 0,
             headers: Headers | None = None) -> None:  # fmt: skip
        """Queue one record; RejectError `too_large` when it does not fit in the lane."""
        note = partial(self._note, self._sent)
        self._produce(lane, key, value, partition=partition, timestamp=timestamp, headers=headers, on_delivery=note)
        self._sent += 1
        if not self._sent & 1023:
            self._producer.poll(0)

    def flush(self, timeout: float = 60) -> int:
        """How many were sent since the last flush, all of them on Kafka now; else NotAcknowledged, or a HaltError."""
        left = self._drain(timeout)
        sent, failed, self._sent, self._failed = self._sent, self._failed, 0, {}
        if left:
            self._producer.purge()
            self._drain(1)
            failed, self._failed = failed | self._failed, {}
        if failed:
            worst = self._watch.explain(next(iter(failed.values())))
            if isinstance(worst, HaltError):
                raise worst
            raise NotAcknowledged(tuple(sorted(failed)), sent, worst)
        self._watch.check()
        return sent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.flush()
        else:
            self.close()

    def _note(self, index: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed[index] = error


class TransactionalPublisher(_Writer):
    """Owns a transactional id (`Names.transactional_id`); making one fences the earlier owner and ends its transaction.

    After a RetryError the transaction is aborted and the publisher goes on; after `Unfinished` or a HaltError it is of no
    more use.
    With `told`, `delivered` says per partition the offset behind the last record sent, once `flush` has returned, and who
    sends a record may ask where it was `placed`.
    """

    def __init__(self, settings: KafkaSettings, transactional_id: str, *, timeout: float = 30, told: bool = False,
                 **more: Any) -> None:  # fmt: skip
        config = settings.transactional_config(transactional_id, **more)
        super().__init__(settings, config | {"on_delivery": self._note, "delivery.report.only.error": not told},
                         transactional_id)  # fmt: skip
        self.id = transactional_id
        self._ends: dict[tuple[str | None, int | None], int | None] = {}
        self._timeout = timeout
        #: Kafka aborts a transaction that is open longer, and bars whoever had it.
        self._oldest = config["transaction.timeout.ms"] / 1000
        self._left: Text | None = None
        self._failed: tuple[str, KafkaError] | None = None
        self._watch.patiently(self._producer.init_transactions, timeout, transactional_id, self._producer.poll)

    @property
    def delivered(self) -> dict[Place, int]:
        """Per partition the offset behind the last record that Kafka has."""
        return {(self._names.lane(topic or ""), number or 0): (offset or 0) + 1
                for (topic, number), offset in self._ends.items()}  # fmt: skip

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All that is sent inside is committed at its end, or, when anything is raised, none of it."""
        if self._left is not None:
            raise Unfinished(self._left)
        self._failed = None
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            self._watch.fail(error, self.id)
        began = time.monotonic()
        try:
            try:
                yield self
                self.flush()
            except BaseException as error:
                self._abort(error)
                raise
            self._commit()
        except Fenced:
            if time.monotonic() - began <= self._oldest:
                raise
            raise self._leave(_too_old(self._oldest)) from None

    def send(self, lane: str, key: bytes | None, value: bytes | None, partition: int = -1, timestamp: int = 0,
             headers: Headers | None = None, placed: Callable[[int], None] | None = None) -> None:  # fmt: skip
        """Queue one record of the open transaction; RejectError `too_large` when it does not fit in the lane.

        `placed` is told its offset, by the time `flush` has returned.
        """
        if placed is not None:
            self._produce(lane, key, value, partition=partition, timestamp=timestamp, on_delivery=partial(self._place, placed))
        elif partition < 0 and not timestamp and headers is None:
            self._produce(lane, key, value)
        else:
            self._produce(lane, key, value, partition=partition, timestamp=timestamp, headers=headers)

    def flush(self) -> None:
        """Wait until Kafka has everything sent so far; the transaction stays open."""
        left = self._drain(self._timeout)
        if self._failed is not None:
            lane, error = self._failed
            self._watch.fail(error, lane)
        if left:
            raise self._watch.silent()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _commit(self) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return self._producer.commit_transaction(_SLICE)
            except KafkaException as error:
                self._watch.check()
                if error.args[0].txn_requires_abort():
                    self._abort(error)
                    raise _aborted() from None
                if not is_patient(error.args[0]):
                    self._watch.fail(error, self.id)
            if time.monotonic() > deadline:
                raise self._leave(_UNSURE)

    def _abort(self, why: BaseException) -> None:
        """End the transaction with nothing written. If Kafka does not answer, it does so itself after the timeout."""
        try:
            self._watch.patiently(self._producer.abort_transaction, self._timeout, self.id)
        except RetryError:
            self._leave(_OPEN)
        except HaltError as error:
            raise error from why

    def _leave(self, problem: Text) -> Unfinished:
        """Of no more use from now on."""
        self._left = problem
        return Unfinished(problem)

    def _place(self, placed: Callable[[int], None], error: KafkaError | None, message: Message) -> None:
        self._note(error, message)
        if error is None:
            placed(message.offset() or 0)

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._ends[message.topic(), message.partition()] = message.offset()
        elif self._failed is None and error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            self._failed = (self._names.lane(message.topic() or ""), error)


def _aborted() -> RetryError:
    return RetryError(
        Text("事务已中止，没有写入任何内容", "the transaction was aborted; nothing was written"),
        advice=Text("重新执行这一批；系统会自动重试", "do this batch again; it is tried again"),
    )


def _too_old(seconds: float) -> Text:
    return Text(f"事务超过 {seconds:g} 秒仍未结束，已被 Kafka 中止",
                f"a transaction was open longer than {seconds:g} s, and Kafka aborted it")  # fmt: skip


def _too_large(lane: str, room: int) -> RejectError:
    return RejectError(
        "too_large",
        Text(f"记录超过通道 {lane} 的上限 {room} 字节", f"a record is larger than lane {lane} allows ({room} bytes)"),
        advice=Text("缩短大字段，或改为传递文件地址", "shorten the large field, or pass the address of a file instead"),
    )
