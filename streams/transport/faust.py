"""The plug-in for Faust: one Faust event is one chunk (entry point `faust.transports`, name `shutong`).

Faust sees one virtual partition per agent topic, `raw` and `clean`, announced once. Real partitions, rebalances, offsets
and transactions live in the engine that the app carries; Faust's acknowledgements and commits mean nothing here.
"""

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final, TypeVar

import faust
from faust.tables.manager import TableManager
from faust.transport import base
from faust.transport import consumer as faust_consumer
from faust.transport import producer as faust_producer
from faust.types import TP, ConsumerMessage
from mode import Service
from yarl import URL

from schemas.errors import HaltError
from streams.transport.engine import Engine
from streams.transport.exits import break_process, halt_process

__all__ = ["App", "Consumer", "Producer", "Transport"]

#: Faust's generation of the virtual partitions; ours is in the chunk.
_GENERATION: Final = 1
_TOPICS: Final = ("raw", "clean")
_Result = TypeVar("_Result")


class _ChunkSchema(faust.Schema[Any, Any]):
    """The value of an event is the delivery itself: nothing to decode."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> Any:
        return None

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:
        return message.value


class _NoTables(TableManager):
    """Faust's waits a second for tables to be declared; we have none."""

    async def sleep(self, n: Any, **options: Any) -> None: ...


class App(faust.App):
    """A Faust app that carries the engine its transport works with."""

    def __init__(self, engine: Engine, datadir: str) -> None:
        self.engine = engine
        super().__init__(
            "shutong", broker="shutong://", store="memory://", datadir=datadir, autodiscover=False, web_enabled=False,
            topic_disable_leader=True, topic_allow_declare=False, stream_buffer_maxsize=2, stream_wait_empty=False,
            cython_optimizations=True, TableManager=_NoTables)
        # The entry point says the same for an installed package; a checkout has no entry points.
        self.transport = Transport([URL("shutong://")], self)

    def chunks(self, kind: str) -> Any:
        """The virtual topic of one kind of lanes."""
        return self.topic(kind, schema=_ChunkSchema(), acks=False)


class Consumer(faust_consumer.Consumer):
    """Hands deliveries to Faust in the order of the handover."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        app: Any = self.app
        self._engine: Engine = app.engine
        self._numbers = {TP(topic, 0): 0 for topic in _TOPICS}
        self._announced = False

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Faust's agents are ready: announce the virtual partitions."""
        if not self._announced:
            self._announced = True
            self.add_future(self._announce())

    async def _announce(self) -> None:
        self.app.consumer_generation_id = _GENERATION
        self.app.on_rebalance_start()
        await self.on_partitions_assigned(self.assignment(), generation_id=_GENERATION)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        delivery = await _or_end(self._engine.next(timeout))
        return {} if delivery is None else {TP(delivery.chunk.kind, 0): [delivery]}

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        number = self._numbers[tp] = self._numbers[tp] + 1
        return ConsumerMessage(tp.topic, tp.partition, number, 0.0, 0, None, None, record, None, 0, 0, tp,
                               generation_id=_GENERATION)

    @Service.task
    async def _commit_handler(self) -> None:
        await _or_end(self._engine.committing())

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing: the engine commits."""
        return False

    def assignment(self) -> set[TP]:
        """Both virtual partitions, always."""
        return set(self._numbers)

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return {}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None: ...

    async def _seek(self, partition: TP, offset: int) -> None: ...

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True

    async def position(self, tp: TP) -> int | None:
        return None

    def highwater(self, tp: TP) -> int:
        return 0

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        return dict.fromkeys(partitions, 0)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        return dict.fromkeys(partitions, 0)

    def topic_partitions(self, topic: str) -> int | None:
        return 1

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        return 0

    async def create_topic(self, *arguments: Any, **options: Any) -> None: ...


async def _or_end(work: Awaitable[_Result]) -> _Result:
    """An exception in Faust's consumer does not end it, and a half-dead worker keeps its partitions (I-7)."""
    try:
        return await work
    except HaltError as error:
        halt_process(error)
    except Exception as error:
        break_process(error)


class Producer(faust_producer.Producer):
    """Faust's producer, idle: outputs go through the engine's transaction."""

    async def create_topic(self, *arguments: Any, **options: Any) -> None: ...


class Transport(base.Transport):
    """What `broker="shutong://"` stands for."""

    Consumer = Consumer
    Producer = Producer
    driver_version = "shutong"
