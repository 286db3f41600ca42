"""Questions to Kafka about lanes: how many partitions, where they end, what a group committed. For readers, apply."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from wire.errors import Watch, is_moving
from wire.settings import KafkaSettings

__all__ = ["Cluster", "Commit", "Place"]

T = TypeVar("T")
_SPEC: Any = OffsetSpec

#: A lane and one of its partitions.
Place = tuple[str, int]


class Commit(NamedTuple):
    """What a group has committed for one partition: the next offset, and the metadata that went with it."""

    offset: int
    metadata: str


class Cluster:
    """Asks and waits; each call ends within `timeout` seconds with an answer or a clear error."""

    def __init__(self, settings: KafkaSettings, timeout: float = 15) -> None:
        self._settings = settings
        self._timeout = timeout
        self.watch = Watch(settings)
        self.admin = self._client()

    def partitions(self, lanes: Iterable[str]) -> dict[str, int]:
        """The partition count of each lane. A lane that is not there is a RetryError naming it."""
        found: dict[str, int] = {}
        for lane, future in self._describe(list(lanes)).items():
            found[lane] = len(self.result(future, lane).partitions)
        return found

    def existing(self, lanes: Iterable[str]) -> dict[str, int]:
        """The partition count of those of the lanes that exist."""
        found: dict[str, int] = {}
        for lane, future in self._describe(list(lanes)).items():
            error = self.error_of(future)
            if error is None or error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                found[lane] = len(self.result(future, lane).partitions)
        return found

    def led(self, lanes: Iterable[str]) -> bool:
        """Whether every partition of the lanes is there and has a leader."""
        return all(
            self.error_of(future) is None and all(part.leader is not None for part in future.result().partitions)
            for future in self._describe(list(lanes)).values()
        )

    def places(self, lanes: Iterable[str]) -> list[Place]:
        """Every partition of the lanes."""
        return [(lane, number) for lane, count in self.partitions(lanes).items() for number in range(count)]

    def ends(self, places: Iterable[Place], *, committed: bool = False) -> dict[Place, int]:
        """The offset behind the last record, open transactions included (I-4); the last stable one if `committed`."""
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        return self._offsets(places, _SPEC.latest(), level)

    def beginnings(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset that is still there."""
        return self._offsets(places, _SPEC.earliest(), IsolationLevel.READ_UNCOMMITTED)

    def since(self, places: Iterable[Place], moment: int) -> dict[Place, int]:
        """The first offset whose record carries this time (ms) or a later one; the end where none does."""
        names = self._settings.names
        asked = [TopicPartition(names.topic(lane), number, moment) for lane, number in places]
        ends = self.ends([(names.lane(part.topic), part.partition) for part in asked])
        watch = Watch(self._settings)
        consumer = Consumer(self._settings.reader_config(error_cb=watch))
        try:
            answer = watch.patiently(lambda wait: consumer.offsets_for_times(asked, wait), self._timeout)
        finally:
            consumer.close()
        found = {(names.lane(part.topic), part.partition): part.offset for part in answer}
        return {place: found[place] if found[place] >= 0 else end for place, end in ends.items()}

    def committed(self, group: str, lanes: Iterable[str]) -> dict[Place, Commit]:
        """What the group of a role has committed, by partition; those without a commit are absent."""
        names = self._settings.names
        asked = [TopicPartition(names.topic(lane), number) for lane, number in self.places(lanes)]
        watch = Watch(self._settings)
        # A read_committed consumer that never joins: unlike the AdminClient it waits out a commit that is under way.
        consumer = Consumer(self._settings.consumer_config(group, error_cb=watch))
        try:
            answer = watch.patiently(lambda wait: consumer.committed(asked, wait), self._timeout, group)
        finally:
            consumer.close()
        for each in answer:
            if each.error is not None:
                watch.fail(each.error, names.lane(each.topic))
        return {(names.lane(each.topic), each.partition): Commit(each.offset, each.metadata or "")
                for each in answer if each.offset >= 0}  # fmt: skip

    def result(self, future: "Future[T]", subject: str = "") -> T:
        """Wait for an admin call and give its answer."""
        error = self.error_of(future)
        if error is not None:
            self.watch.fail(error, subject)
        return future.result()

    def error_of(self, future: "Future[T]") -> KafkaException | None:
        """What Kafka said against an admin call; None when it went well. A refused login, or no answer at all, is raised."""
        deadline = time.monotonic() + self._timeout + 1
        while not wait_for([future], 0.2).done:
            self.admin.poll(0)
            self.watch.check()
            if time.monotonic() > deadline:
                raise self.watch.silent()
        self.admin.poll(0)
        error = future.exception()
        if error is None or isinstance(error, KafkaException):
            return error
        raise error

    def _describe(self, lanes: list[str]) -> dict[str, "Future[Any]"]:
        if not lanes:
            return {}
        names = self._settings.names
        topics = [names.topic(lane) for lane in lanes]
        futures = self.admin.describe_topics(TopicCollection(topics), request_timeout=self._timeout)
        return {names.lane(topic): future for topic, future in futures.items()}

    def _offsets(self, places: Iterable[Place], spec: Any, level: IsolationLevel) -> dict[Place, int]:
        names, found = self._settings.names, dict[Place, int]()
        asked = [TopicPartition(names.topic(lane), number) for lane, number in places]
        deadline = time.monotonic() + self._timeout
        while asked:
            futures = self.admin.list_offsets(dict.fromkeys(asked, spec), isolation_level=level,
                                              request_timeout=max(deadline - time.monotonic(), 0.1))  # fmt: skip
            asked = [part for part, future in futures.items() if self._unanswered(future)]
            found |= {(lane := names.lane(part.topic), part.partition): self.result(future, lane).offset
                      for part, future in futures.items() if part not in asked}  # fmt: skip
            if asked and time.monotonic() >= deadline:
                self.result(futures[asked[0]], names.lane(asked[0].topic))
                raise self.watch.silent()
            if asked:
                time.sleep(0.05)
                # The client goes on asking as of the leader it knew: after a restart of the broker only a new one learns.
                self.admin = self._client()
        return found

    def _client(self) -> AdminClient:
        # Calls that name no timeout of their own end after the socket's, a minute by default.
        waits = int(self._timeout * 1000)
        return AdminClient(self._settings.client(error_cb=self.watch, socket_timeout_ms=waits))

    def _unanswered(self, future: "Future[Any]") -> bool:
        """Its leader has yet to be found; or it did not answer, of which the client makes an offset below 0 and no error."""
        error = self.error_of(future)
        return is_moving(error.args[0]) if error is not None else future.result().offset < 0
