"""The transactional producer of a worker: the one place that knows which Kafka error means what (I-7).

Abortable: the transaction is aborted and the caller starts again. Anything else ends the process: a half-dead worker
would keep its partitions. `produce` is called from the loop, the rest from one executor thread, never both at once.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from schemas.errors import HaltError
from schemas.names import Names
from schemas.text import Text
from streams.chunk import Output, PartitionId
from streams.transport.exits import BROKEN, FENCED, HALTED, end_process
from wire.outage import Outage

__all__ = ["Aborted", "CommitOffset", "TransactionalProducer"]

#: lane and partition, offset, metadata
CommitOffset = tuple[PartitionId, int, str]

_FENCED: Final = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_DENIED: Final = {KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED,
                  KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}

#: How long one call may wait for the broker before it is made again; in all until the watchdog ends it.
_PATIENCE: Final = 5.0
_OVERDUE: Final = 8.0

logger = logging.getLogger(__name__)


class Aborted(Exception):
    """The open transaction cannot be committed any more; abort it and start again at the committed offsets."""


class _Topics(dict[str, str]):
    """lane -> topic, without work per record."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, lane: str) -> str:
        topic = self[lane] = self._names.topic(lane)
        return topic


class TransactionalProducer:
    """One producer, one transaction at a time. `begin` before `produce`; `commit` and `abort` begin the next one."""

    def __init__(self, config: dict[str, Any], names: Names,
                 end: Callable[[int, object], NoReturn] = end_process) -> None:
        self._topics = _Topics(names)
        self._end = end
        self.failed_deliveries = 0
        self._outage = Outage(config.get("bootstrap.servers", "-"))
        self._called = 0.0
        self._producer = Producer(config | {"on_delivery": self._on_delivery, "error_cb": self._on_error})

    def fence(self, timeout: float = 30.0) -> None:
        """Take over the transactional id: whoever had it is fenced, what they left open is aborted."""
        self._until_done(lambda: self._producer.init_transactions(timeout))
        self._producer.begin_transaction()

    def produce(self, outputs: Iterable[Output]) -> None:
        """Put outputs into the open transaction, waiting here when the client's buffer is full."""
        topics = self._topics
        produce: Any = self._producer.produce  # its own type forbids a plain list of headers
        try:
            for lane, value, key, partition, timestamp, headers in outputs:
                try:
                    produce(topics[lane], value, key, partition, None, None, timestamp, headers)
                except BufferError:
                    self._wait_and_produce(topics[lane], value, key, partition, None, None, timestamp, headers)
            self._producer.poll(0)
        except KafkaException as exception:
            self._judge(exception.args[0])

    def commit(self, offsets: Iterable[CommitOffset], group: Any) -> bool:
        """Commit what was produced together with these offsets. False: it had to be aborted."""
        positions = [TopicPartition(self._topics[lane], partition, offset, metadata)
                     for (lane, partition), offset, metadata in offsets]
        try:
            self._until_done(lambda: self._producer.send_offsets_to_transaction(positions, group, _PATIENCE))
            self._until_done(lambda: self._producer.commit_transaction(_PATIENCE))
        except Aborted:
            self.abort()
            return False
        self._producer.begin_transaction()
        return True

    def abort(self) -> None:
        """Give the open transaction up and begin another."""
        try:
            self._until_done(lambda: self._producer.abort_transaction(_PATIENCE))
        except Aborted as aborted:
            self._end(BROKEN, aborted)
        self._producer.begin_transaction()

    @property
    def overdue(self) -> bool:
        """Whether a call has outlived its own timeout. `send_offsets_to_transaction` may for ever when a broker starts anew."""
        called = self._called
        return called > 0 and time.monotonic() - called > _OVERDUE

    def _wait_and_produce(self, *record: Any) -> None:
        while True:
            self._producer.poll(0.01)
            try:
                self._producer.produce(*record)
            except BufferError:
                continue
            return

    def _until_done(self, call: Callable[[], None]) -> None:
        """Kafka's transaction calls may be made again while their error is retriable."""
        while True:
            self._called = time.monotonic()
            try:
                call()
            except KafkaException as exception:
                error = exception.args[0]
                if not error.retriable() or error.fatal():
                    self._judge(error)
                logger.warning("transaction: %s", error.str())
                time.sleep(0.05)
            else:
                return
            finally:
                self._called = 0.0

    def _judge(self, error: KafkaError) -> NoReturn:
        if error.code() in _FENCED or error.code() == KafkaError._FATAL:
            self._end(FENCED, error.str())
        if error.code() in _DENIED:
            self._end(HALTED, HaltError(
                Text(f"Kafka 拒绝了写入：{error.name()}", f"Kafka refuses to let us write: {error.name()}"),
                advice=Text("检查工作进程用户的权限（shutong apply）", "check the worker user's rights (shutong apply)")))
        if error.txn_requires_abort() or error.code() == KafkaError._STATE:
            raise Aborted(error.name())
        self._end(BROKEN, f"{error.name()}: {error.str()}")

    def _on_delivery(self, error: KafkaError | None, message: object) -> None:
        if error is not None:
            self.failed_deliveries += 1

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._end(FENCED if error.code() in _FENCED else BROKEN, error.str())
        self._outage.hear(error)
