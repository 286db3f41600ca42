"""One process that is measured: `python -m benchmarks.transport_child <what> <events> <file>`. Writes its figures as JSON.

`plain` consumes with librdkafka, `copy` consumes and produces the bytes four times, `noop`, `route` and `both` are the
worker of production, with handlers that do nothing or with its own. Configured by environment, as a worker is.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.chunk import Chunk, Handled, Holders, PartitionChange
from streams.clean import clean
from streams.memory import Memory
from streams.route import route
from streams.settings import WorkerSettings
from streams.worker import run
from wire.settings import KafkaSettings

COPIES = tuple(f"deliver.copy-{number}" for number in range(4))


class Clock:
    """Wall and CPU time from the moment partitions are ours, before anything is fetched, to the last commit."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._began: tuple[float, float] | None = None

    def start(self) -> None:
        """The first partition is ours; called again it does nothing."""
        self._began = self._began or (time.perf_counter(), _cpu())

    def stop(self, events: int) -> None:
        """All is done and committed: write what it took."""
        assert self._began is not None
        wall, cpu = time.perf_counter() - self._began[0], _cpu() - self._began[1]
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"rate": events / wall, "cpu": cpu / events * 1e6,
                                    "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        part.rename(self._file)


class TimedMemory(Memory):
    """A worker's memory hears of each partition that opens."""

    def __init__(self, opened: Callable[[], None]) -> None:
        super().__init__()
        self._opened = opened

    def restore(self, lane: str, partition: int, metadata: str, rows: Mapping[bytes, Holders] | None = None) -> None:
        self._opened()
        super().restore(lane, partition, metadata, rows)


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


def worker(what: str, events: int, clock: Clock) -> int:
    """The worker of production until it is told to end; the clock stops with the commit of the last stage's last record."""
    done = {"raw": 0, "clean": 0, "sent": 0}

    def counted(handler: Any) -> Any:
        def handle(chunk: Chunk, plan: Any, memory: Memory, now_ms: int) -> Handled:
            handled: Handled = handler(chunk, plan, memory, now_ms)
            done[chunk.kind] += sum(len(part.records) for part in chunk.parts)
            if what == "both" and chunk.kind == "raw":
                done["sent"] += sum(output[0] == "clean.health" for output in handled.outputs)
            return handled

        return handle

    def committed() -> None:
        first, second = (0, events) if what == "route" else (events, done["sent"])
        if done["raw"] == first and done["clean"] == second:
            clock.stop(events)

    handlers = (noop, noop) if what == "noop" else (clean, route)
    return run(WorkerSettings(), clean=counted(handlers[0]), route=counted(handlers[1]),
               memory=TimedMemory(clock.start), on_commit=committed)


def main() -> int:
    what, events, clock = sys.argv[1], int(sys.argv[2]), Clock(Path(sys.argv[3]))
    if what in ("plain", "copy"):
        loop(events, clock, COPIES if what == "copy" else ())
        return 0
    return worker(what, events, clock)


if __name__ == "__main__":
    os._exit(main())
