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

#: What an abort does to records that were not sent yet.
_GIVEN_UP: Final = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}

#: How long one call may wait for the broker before it is made again; in all until the watchdog ends it.
_PATIENCE: Final = 5.0

logger = logging.getLogger(__name__)


class Aborted(Exception):
    """The open transaction cannot be committed any more; abort it and start again at the committed offsets.

    Its text says why: the lane and the error of the first record Kafka did not take, else the error alone.
    """


class _Topics(dict[str, str]):
    """lane -> topic, without work per record."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, lane: str) -> str:
        topic = self[lane] = self._names.topic(lane)
        return topic


class TransactionalProducer:
    """One producer, one transaction at a time. `fence` begins the first; `commit` and `abort` begin the next one."""

    def __init__(self, config: dict[str, Any], names: Names,
                 end: Callable[[int, object], NoReturn] = end_process,
                 make_producer: Callable[[dict[str, Any]], Any] = Producer) -> None:
        self._names = names
        self._topics = _Topics(names)
        self._end = end
        self._failed = ""
        self._outage = Outage(config.get("bootstrap.servers", "-"))
        self._calls = 0
        #: the number of the call to Kafka that is under way, 0 if none is
        self.call = 0
        self._producer = make_producer(config | {"on_delivery": self._on_delivery, "error_cb": self._on_error})

    def fence(self, timeout: float = 30.0) -> None:
        """Take over the transactional id: whoever had it is fenced, what they left open is aborted."""
        self._until_done(lambda: self._producer.init_transactions(timeout))
        self._begin()

    def produce(self, outputs: Iterable[Output]) -> None:
        """Put outputs into the open transaction, waiting here when the client's buffer is full."""
        topics = self._topics
        produce = self._producer.produce
        try:
            for lane, value, key, partition, timestamp, headers in outputs:
                try:
                    produce(topics[lane], value, key, partition, None, None, timestamp, headers)
                except BufferError:
                    self._wait_and_produce(topics[lane], value, key, partition, None, None, timestamp, headers)
            self._producer.poll(0)
        except KafkaException as exception:
            self._judge(exception.args[0])

    def commit(self, offsets: Iterable[CommitOffset], group: Any) -> None:
        """Commit what was produced together with these offsets."""
        positions = [TopicPartition(self._topics[lane], partition, offset, metadata)
                     for (lane, partition), offset, metadata in offsets]
        self._until_done(lambda: self._producer.send_offsets_to_transaction(positions, group, _PATIENCE))
        self._until_done(lambda: self._producer.commit_transaction(_PATIENCE))
        self._begin()

    def abort(self) -> None:
        """Give the open transaction up and begin another."""
        try:
            self._until_done(lambda: self._producer.abort_transaction(_PATIENCE))
        except Aborted as aborted:
            self._end(BROKEN, aborted)
        self._begin()

    def _begin(self) -> None:
        self._failed = ""
        self._producer.begin_transaction()

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
            self._calls += 1
            self.call = self._calls
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
                self.call = 0

    def _judge(self, error: KafkaError) -> NoReturn:
        if error.code() in _FENCED or error.code() == KafkaError._FATAL:
            self._end(FENCED, error.str())
        if error.code() in _DENIED:
            self._end(HALTED, HaltError(
                Text(f"Kafka 拒绝了写入：{error.name()}", f"Kafka refuses to let us write: {error.name()}"),
                advice=Text("检查工作进程用户的权限（shutong apply）", "check the worker user's rights (shutong apply)")))
        if error.txn_requires_abort() or error.code() == KafkaError._STATE:
            raise Aborted(self._failed or error.name())
        self._end(BROKEN, f"{error.name()}: {error.str()}")

    def _on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is not None and error.code() not in _GIVEN_UP:
            self._failed = self._failed or f"{self._names.lane(message.topic())}: {error.name()}"

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._end(FENCED if error.code() in _FENCED else BROKEN, error.str())
        self._outage.hear(error)
