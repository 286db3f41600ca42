"""A consumer group in memory: enough of Kafka's rules to drive the real reader, positions and transaction step by step.

Real here: `Reader` pass by pass, `Reading`, `Positions`, `Transaction`, `Memory`, `Handover`. In memory: the client and
the broker. Rebalances are eager, run inside a poll, and a member that is too slow loses everything, as in Kafka.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.codec import decode_tallies
from schemas.names import TALLIES, Names
from schemas.tally import TallyKey
from streams.chunk import Chunk, Handled, Holders, Output, Part, PartitionChange, PartitionId, Record
from streams.memory import Memory
from streams.transport.chunking import Chunking
from streams.transport.handover import Delivery, Handover, Opening
from streams.transport.producer import Aborted, CommitOffset
from streams.transport.reader import Reader
from streams.transport.transaction import Transaction
from streams.transport.view import View

LANE = "raw.a"
OUT = "clean.a"
#: A clean lane whose records are remembered; each output says who held the record before.
CLEAN = "clean.b"
NAMES = Names("p.")


class Fenced(Exception):
    """The process would have ended here."""


@dataclass
class Message:
    """What confluent's message says."""

    place: PartitionId
    at: int
    problem: KafkaError | None = None

    def topic(self) -> str:
        return NAMES.topic(self.place[0])

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return (1, 1000)

    def key(self) -> bytes:
        return b"b.x/%d" % (self.at % 5)

    def value(self) -> bytes | None:
        """On the clean lane some are tombstones."""
        return None if self.place[0] == CLEAN and self.at % 7 == 6 else str(self.at).encode()

    def error(self) -> KafkaError | None:
        return self.problem


def held(key: bytes, log: Iterable[int]) -> str:
    """Who held a record after what the log says of it: the last offset, "" if nobody."""
    last = ""
    for offset in log:
        message = Message((CLEAN, 0), offset)
        if message.key() == key:
            last = "" if message.value() is None else str(offset)
    return last


@dataclass
class Broker:
    """Logs with gaps, committed offsets, one group. `unknown` records need a plan of that version."""

    logs: dict[PartitionId, list[int]]
    unknown: dict[tuple[PartitionId, int], int] = field(default_factory=dict)
    committed: dict[PartitionId, tuple[int, str]] = field(default_factory=dict)
    #: per partition what committed transactions hold: (offset, plan version it was handled with)
    done: dict[PartitionId, list[tuple[int, int]]] = field(default_factory=dict)
    #: records that committed tallies speak of
    tallied: int = 0
    generation: int = 0
    members: dict[str, set[PartitionId]] = field(default_factory=dict)
    rejoined: set[str] = field(default_factory=set)
    joining: bool = False
    epochs: dict[str, int] = field(default_factory=dict)
    undecided: set[PartitionId] = field(default_factory=set)
    #: who held each record before, as the outputs of the clean lane say
    before: dict[PartitionId, list[str]] = field(default_factory=dict)
    #: up to where a reader of memory sees a clean partition while somebody's transaction is open
    stable: dict[PartitionId, int] = field(default_factory=dict)
    #: the end of a partition that was made anew
    cut: dict[PartitionId, int] = field(default_factory=dict)
    #: members that are assigned anew without having been told to give up
    untold: set[str] = field(default_factory=set)

    def rebalance(self) -> None:
        """Everybody has to give up what they have and join again."""
        self.joining, self.rejoined = True, set()

    def join(self, name: str) -> None:
        """A member has given everything up; the last one to do so closes the round."""
        self.members.setdefault(name, set())
        self.rejoined.add(name)
        if self.rejoined >= self.members.keys():
            self.generation, self.joining = self.generation + 1, False
            names = sorted(self.members)
            for index, place in enumerate(sorted(self.logs)):
                self.members[names[(index + self.generation // 2) % len(names)]].add(place)

    def kick(self, name: str) -> None:
        """A member was silent beyond its session."""
        self.members.pop(name, None)
        if self.members:
            self.rebalance()

    def finish(self, offsets: Iterable[CommitOffset], outputs: list[Output]) -> None:
        """A transaction is committed."""
        for place, offset, metadata in offsets:
            self.committed[place] = (offset, metadata)
        for lane, value, key, *_ in outputs:
            if lane == OUT:
                source, partition, version = key.decode().split("/")
                offset, before = (value or b"").decode().split("/")
                self.done.setdefault((source, int(partition)), []).append((int(offset), int(version)))
                self.before.setdefault((source, int(partition)), []).append(before)
            if lane == TALLIES:
                self.tallied += sum(tally.records for tally in decode_tallies(value or b"")[2])


class FakeConsumer:
    """One member of the group. `during` runs in the middle of a poll, as another thread would."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.broker, self.name = broker, name
        self.generation = 0
        self.positions: dict[PartitionId, int] = {}
        self.member = False
        self.during: list[Callable[[], None]] = []
        self.around_revoke: Callable[[Callable[[], None]], None] = lambda revoke: revoke()
        self.callbacks: dict[str, Any] = {}

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.callbacks = callbacks
        self.member = True
        self.broker.rebalance()
        self.broker.join(self.name)

    def assign(self, places: list[TopicPartition]) -> None:
        self.positions = {(NAMES.lane(place.topic), place.partition): place.offset for place in places}
        assert all(offset >= 0 for offset in self.positions.values())

    def unassign(self) -> None:
        self.positions = {}

    def poll(self, timeout: float) -> Message | None:
        self._serve()
        got = self._fetch(1)
        return got[0] if got else None

    def consume(self, number: int, timeout: float) -> list[Message]:
        got = self._fetch(number)
        for action in self.during:
            action()
        self.during = []
        self._serve()
        return got

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        wanted = [(NAMES.lane(place.topic), place.partition) for place in places]
        if self.broker.undecided.intersection(wanted):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        found = [(place, self.broker.committed.get(place, (-1001, ""))) for place in wanted]
        return [TopicPartition(NAMES.topic(place[0]), place[1], *entry) for place, entry in found]

    def consumer_group_metadata(self) -> tuple[str, int]:
        return (self.name, self.generation)

    def get_watermark_offsets(self, place: TopicPartition, cached: bool) -> None:
        return None

    def _fetch(self, number: int) -> list[Message]:
        got: list[Message] = []
        share = -(-number // max(len(self.positions), 1))
        for place, position in self.positions.items():
            room = min(share, number - len(got))
            for offset in [offset for offset in self.broker.logs[place] if offset >= position][:room]:
                got.append(Message(place, offset))
                self.positions[place] = offset + 1
        return got

    def _serve(self) -> None:
        """Rebalance callbacks, as librdkafka calls them from inside a poll."""
        broker = self.broker
        if self.member and self.name not in broker.members:
            self.callbacks["on_lost"](self, [])
            self.generation = 0
            broker.members[self.name] = set()
            broker.rebalance()
            broker.join(self.name)
        elif broker.joining and self.name not in broker.rejoined:
            if self.generation and self.name not in broker.untold:
                self.around_revoke(lambda: self.callbacks["on_revoke"](self, []))
            broker.untold.discard(self.name)
            broker.members[self.name] = set()
            broker.join(self.name)
        if not broker.joining and self.generation != broker.generation and self.name in broker.members:
            self.generation = broker.generation
            owned = sorted(broker.members[self.name])
            self.callbacks["on_assign"](self, [TopicPartition(NAMES.topic(lane), number) for lane, number in owned])


class RecallConsumer:
    """Reads clean partitions from their beginning, a few records at a time; an end is told once until more can be read."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.positions: dict[PartitionId, int] = {}
        self.told: dict[PartitionId, int] = {}
        self.read = 0

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        self.positions |= {(NAMES.lane(place.topic), place.partition): 0 for place in places}

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        for place in places:
            del self.positions[NAMES.lane(place.topic), place.partition]

    def unassign(self) -> None:
        self.positions, self.told = {}, {}

    def consume(self, number: int, timeout: float) -> list[Message]:
        got: list[Message] = []
        for place, position in list(self.positions.items()):
            end = min(self._end(place), self.broker.stable.get(place, self._end(place)))
            offsets = [offset for offset in self.broker.logs[place] if position <= offset < end][:4]
            got += [Message(place, offset) for offset in offsets]
            self.read += len(offsets)
            self.positions[place] = offsets[-1] + 1 if offsets else max(position, end)
            if not offsets and self.told.get(place) != end:
                self.told[place] = end
                got.append(Message(place, end, KafkaError(KafkaError._PARTITION_EOF)))
        return got

    def get_watermark_offsets(self, place: TopicPartition, cached: bool) -> tuple[int, int]:
        return 0, self._end((NAMES.lane(place.topic), place.partition))

    def close(self) -> None: ...

    def _end(self, place: PartitionId) -> int:
        """A transaction's marker is the last thing."""
        return self.broker.cut.get(place, max(self.broker.logs[place], default=-1) + 2)


class Remembered:
    """The last holder of each record of a clean partition; `limit` stands for nothing here."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Holders] = {}
        self.sizes: dict[str, int] = {}

    def learn(self, records: Iterable[Record]) -> None:
        for offset, _, key, value in records:
            assert key is not None
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = (str(offset),)


class FakeProducer:
    """One transactional producer; `fail` makes the next commit, `refuse` the next produce fail: it takes but an abort then."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.broker, self.name = broker, name
        self.epoch = broker.epochs[name] = broker.epochs.get(name, 0) + 1
        self.open: list[Output] = []
        self.fail = self.refuse = self.doomed = False

    def produce(self, outputs: Iterable[Output]) -> None:
        self._fenced()
        self.open += outputs
        self.doomed |= self.refuse
        self.refuse = False
        if self.doomed:
            raise Aborted("refused")

    def commit(self, offsets: Iterable[CommitOffset], group: tuple[str, int]) -> None:
        self._fenced()
        member, generation = group
        valid = member in self.broker.members and generation == self.broker.generation
        self.doomed |= self.fail or not valid
        self.fail = False
        if self.doomed:
            raise Aborted("failed")
        self.broker.finish(offsets, self.open)
        self.open = []

    def abort(self) -> None:
        self._fenced()
        self.open = []
        self.doomed = False

    def _fenced(self) -> None:
        if self.broker.epochs[self.name] != self.epoch:
            raise Fenced


class RoomyHandover(Handover):
    """Never waits: where there is no room the world goes on, one step per look."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.limit = room
        self.meanwhile: Callable[[], None] | None = None
        self.generation: Callable[[], int] = lambda: 0
        self.items: list[Opening | Delivery] = []

    def __len__(self) -> int:
        return len(self.items)

    def put(self, item: Opening | Delivery) -> None:
        self.items.append(item)

    def offer(self, item: Delivery, timeout: float) -> bool:
        assert item.chunk.generation == self.generation(), "what was read before the generation was raised is handed over"
        if len(self.items) >= self.limit:
            if self.meanwhile is not None:
                self.meanwhile()
            return False
        self.items.append(item)
        return True

    def clear(self) -> None:
        self.items.clear()


class Worker:
    """The real worker over the fakes, one step at a time."""

    def __init__(self, broker: Broker, loop: asyncio.AbstractEventLoop, name: str, view: View, room: int = 1000) -> None:
        self.loop, self.name = loop, name
        self.consumer = FakeConsumer(broker, name)
        self.producer = FakeProducer(broker, name)
        self.handover = RoomyHandover(room)
        self.memory = Memory()
        self.transaction = Transaction(self.producer, self.memory, view, name, 1, self.handover.clear)
        self.transaction.hold = self._hold
        for size in self.transaction.sizes.values():
            size.records, size.measured = 3, lambda records, seconds: None  # type: ignore[method-assign]
        self.recalling = RecallConsumer(broker)
        self.reader = Reader({}, {"recall": True}, NAMES, self.transaction.positions, self.handover,
                             Chunking(NAMES, self.transaction.sizes), lambda: self.transaction.view, self._settle,
                             self.memory.check_coming,
                             make_consumer=lambda config: self.recalling if "recall" in config else self.consumer)
        self.handover.generation = lambda: self.transaction.positions.generation
        self.consumer.around_revoke = self._revoke
        self._handler = self._of_this_generation(copying(broker))
        self.waits_for: set[int] = set()
        #: out of the queue and in Faust's hands, not handled yet
        self.taken: list[Delivery] = []

    def read(self) -> None:
        """One pass of the consumer thread."""
        self.reader._ask_at = 0.0
        self.reader._pass()

    def commit(self) -> None:
        self._run(self.transaction.commit())

    def give_up(self) -> None:
        """The patience with unknown schema ids is over."""
        if self.waits_for:
            self.transaction.view = self.transaction.view.giving_up(frozenset(self.waits_for))
            self.waits_for = set()

    def follow(self, version: int) -> None:
        """The plan is at this version now."""
        view = self.transaction.view
        self.transaction.view = replace(view, version=version, work=(version, frozenset()))

    def take(self) -> None:
        """The loop takes the next thing from the queue; a chunk then waits in Faust's buffers."""
        if self.handover.items:
            item = self.handover.items.pop(0)
            if isinstance(item, Opening):
                self.transaction.open(item)
            else:
                self.taken.append(item)

    def handle_one(self) -> None:
        """An agent gets the next chunk, or a partition begins."""
        if not self.taken:
            self.take()
        if self.taken:
            self._run(self._work(self.taken.pop(0)))

    def handle_all(self) -> None:
        """The loop takes all there is."""
        while self.handover.items or self.taken:
            self.handle_one()

    async def _work(self, delivery: Delivery) -> None:
        async with self.transaction as work:
            work.handle(delivery, self._handler)

    def _of_this_generation(self, handler: Callable[[Chunk, Any, Memory, int], Handled]) -> Callable[..., Handled]:
        def handle(chunk: Chunk, *more: Any) -> Handled:
            assert chunk.generation == self.transaction.positions.generation, "a chunk of an older generation is handled"
            return handler(chunk, *more)

        return handle

    def _revoke(self, revoke: Callable[[], None]) -> None:
        """What was handled is committed before its partitions go, if Kafka lets it."""
        work = self.transaction
        broker = self.consumer.broker
        late = self.name not in broker.members or work._group != (self.name, broker.generation)
        aborts, hopeless = work.aborts, late or self.producer.fail or self.producer.refuse
        revoke()
        assert hopeless or work.aborts == aborts, "what was handled was given up at a revoke"

    def queued_generations(self) -> set[int]:
        """Of everything that waits in the queue."""
        return {item.generation if isinstance(item, Opening) else item.chunk.generation for item in self.handover.items}

    def _settle(self, commit: bool) -> int:
        generation: int = self._run(self.transaction.settle(commit=commit))
        assert not self.producer.open, "partitions go and leave an open transaction"
        return generation

    def _hold(self, generation: int, partition: PartitionId, offset: int, unknown: frozenset[int]) -> None:
        self.waits_for |= unknown
        self.reader.hold(generation, partition, offset, self.transaction.view)

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)


def view(version: int) -> View:
    """A plan of this version; `work` is (version, schema ids given up)."""
    return View(version, {LANE: "raw", CLEAN: "clean"}, frozenset({LANE, CLEAN}), (version, frozenset()),
                recollection=lambda lane: Remembered() if lane == CLEAN else None,
                without=lambda work, unknown: (work[0], work[1] | unknown))


def copying(broker: Broker) -> Callable[[Chunk, Any, Memory, int], Handled]:
    """A handler that copies each record once: by its memory it takes what it has seen before for a repeat."""

    def copy(chunk: Chunk, work: tuple[int, frozenset[int]], memory: Memory, now: int) -> Handled:
        handled = Handled()
        for part in chunk.parts:
            _copy(part, work, memory, handled)
        return handled

    def _copy(part: Part, work: tuple[int, frozenset[int]], memory: Memory, handled: Handled) -> None:
        place, (version, given_up) = (part.lane, part.partition), work
        remembered = memory.of(*place)
        assert remembered.plan_version <= version, "a plan went back"
        mark = remembered.marks.get(1, (0, -1))
        rows: dict[bytes, Holders | None] = {}
        for offset, _, key, value in part.records:
            assert key is not None
            needs = broker.unknown.get((place, offset), 0)
            if needs > version and needs not in given_up:
                handled.waiting[place] = offset
                handled.unknown[place] = needs
                break
            if (0, offset) > mark:
                mark = (0, offset)
                holders = (rows[key] if key in rows else remembered.rows.get(key)) or ("",)
                if part.lane == CLEAN:
                    rows[key] = None if value is None else (str(offset),)
                handled.outputs.append((OUT, f"{offset}/{holders[0]}".encode(),
                                        f"{place[0]}/{place[1]}/{version}".encode(), -1, 1000, None))
                handled.tallies.add(TallyKey(1, "cleaned", "live", "a"))
        end = handled.waiting.get(place, part.records[-1][0] + 1)
        handled.changes[place] = PartitionChange(end, version, {1: mark} if mark[1] >= 0 else {}, rows)

    return copy
