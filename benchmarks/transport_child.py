"""One process that is measured: `python -m benchmarks.transport_child <what> <events> <file>`. Writes its figures as JSON.

`plain` consumes with librdkafka, `copy` consumes and produces the bytes four times. The others are the worker of
production: `noop` with handlers that do nothing, `one` with clean and route as one stage, `route` and `both` as they are.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.measure import highest_memory
from streams.chunk import Chunk, Handled, Holders, Part, PartitionChange
from streams.clean import clean
from streams.memory import Memory
from streams.route import route
from streams.settings import WorkerSettings
from streams.worker import run
from wire.settings import KafkaSettings

_CLEAN = "clean.health"
COPIES = tuple(f"deliver.copy-{number}" for number in range(4))


class Clock:
    """Wall and CPU time from the moment partitions are ours, before anything is fetched, to the last commit."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._began: tuple[float, float] | None = None
        self._half = 0

    def start(self) -> None:
        """The first partition is ours; called again it does nothing."""
        self._began = self._began or (time.perf_counter(), _cpu())

    def half(self, remembered: int) -> None:
        """Half of the events are handled; called again it does nothing."""
        self._half = self._half or psutil.Process().memory_info().rss - remembered

    def stop(self, events: int, remembered: int = 0) -> None:
        """All is done and committed: write what it took. What a router remembers of its rows may grow, nothing else."""
        assert self._began is not None
        grown = psutil.Process().memory_info().rss - remembered - self._half if self._half else 0
        wall, cpu = time.perf_counter() - self._began[0], _cpu() - self._began[1]
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"rate": events / wall, "cpu": cpu / events * 1e6,
                                    "grown": grown / (1 << 20), "rss": highest_memory()}))
        part.rename(self._file)


class TimedMemory(Memory):
    """A worker's memory hears of each partition that opens."""

    def __init__(self, opened: Callable[[], None]) -> None:
        super().__init__()
        self._opened = opened

    def restore(self, lane: str, partition: int, metadata: str, rows: Mapping[bytes, Holders] | None = None,
                offset: int = 0) -> None:
        self._opened()
        super().restore(lane, partition, metadata, rows, offset)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def loop(events: int, clock: Clock, copies: tuple[str, ...]) -> None:
    """The plain loop over both partitions of the raw lane."""
    settings = KafkaSettings()
    consumer: Any = Consumer(settings.reader_config(enable_partition_eof=False))
    producer: Any = Producer(settings.publisher_config(queue_buffering_max_messages=1_000_000))
    clock.start()
    consumer.assign([TopicPartition(settings.names.topic("raw.health"), number, 0) for number in range(2)])
    topics = [settings.names.topic(lane) for lane in copies]
    seen = 0
    while seen < events:
        messages = consumer.consume(1000, 0.05)
        for message in messages:
            key, value = message.key(), message.value()
            for topic in topics:
                while True:
                    try:
                        producer.produce(topic, value, key)
                        break
                    except BufferError:
                        producer.poll(0.01)
        producer.poll(0)
        seen += len(messages)
    producer.flush()
    clock.stop(seen)


def noop(chunk: Chunk, plan: Any, memory: Memory, now_ms: int) -> Handled:
    """Nothing but moving on."""
    return Handled(changes={(part.lane, part.partition): PartitionChange(part.records[-1][0] + 1, 1)
                            for part in chunk.parts})


class OneStage:
    """clean and route as one stage: from raw straight to four inboxes, marks moved and both counted, no lane between.

    The records clean would have written are read by route as they are; who holds them is remembered here, beside the worker.
    """

    def __init__(self) -> None:
        self._memory = Memory()
        self._next: dict[int, int] = {}

    def __call__(self, chunk: Chunk, plan: Any, memory: Memory, now_ms: int) -> Handled:
        whole = Handled()
        for part in chunk.parts:
            first = clean(Chunk(chunk.kind, chunk.generation, [part]), plan, memory, now_ms)
            self._keep(first, whole)
            at = self._next.get(part.partition, 0)
            if not at:
                self._memory.restore(_CLEAN, part.partition, "")
            written = [output for output in first.outputs if output[0] == _CLEAN]
            records = [(offset, at_ms, key, value) for offset, (_, value, key, _, at_ms, _) in enumerate(written, start=at)]
            self._next[part.partition] = at + len(records)
            if records:
                second = route(Chunk("clean", 1, [Part(_CLEAN, part.partition, records)]), plan, self._memory, now_ms)
                self._memory.apply(second.changes)
                second.changes.clear()
                self._keep(second, whole)
        return whole

    @staticmethod
    def _keep(handled: Handled, whole: Handled) -> None:
        whole.outputs += [output for output in handled.outputs if output[0] != _CLEAN]
        whole.changes |= handled.changes
        whole.tallies.merge(handled.tallies)


def worker(what: str, events: int, clock: Clock) -> int:
    """The worker of production until it is told to end; the clock stops with the commit of the last stage's last record."""
    done = {"raw": 0, "clean": 0, "sent": 0}

    def counted(handler: Any) -> Any:
        def handle(chunk: Chunk, plan: Any, memory: Memory, now_ms: int) -> Handled:
            handled: Handled = handler(chunk, plan, memory, now_ms)
            done[chunk.kind] += sum(len(part.records) for part in chunk.parts)
            if done["raw"] + done["clean"] >= events:
                clock.half(timed.bytes)  # both stages have handled about half of what they will
            if what == "both" and chunk.kind == "raw":
                done["sent"] += sum(output[0] == "clean.health" for output in handled.outputs)
            return handled

        return handle

    def committed() -> None:
        first, second = (0, events) if what == "route" else (events, done["sent"])
        if done["raw"] == first and done["clean"] == second:
            clock.stop(events, timed.bytes)

    timed = TimedMemory(clock.start)
    handlers: tuple[Any, Any] = {"noop": (noop, noop), "one": (OneStage(), route)}.get(what, (clean, route))
    return run(WorkerSettings(), clean=counted(handlers[0]), route=counted(handlers[1]),
               memory=timed, on_commit=committed)


def main() -> int:
    what, events, clock = sys.argv[1], int(sys.argv[2]), Clock(Path(sys.argv[3]))
    if what in ("plain", "copy"):
        loop(events, clock, COPIES if what == "copy" else ())
        return 0
    return worker(what, events, clock)


if __name__ == "__main__":
    os._exit(main())
