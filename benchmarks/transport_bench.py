"""What the transport and both stages cost on a real Kafka, next to plain loops in the same run; outputs are checked first.

Run it as `python -m benchmarks.transport_bench [--events N] [--rounds N] [--rate N]`. A tenth of the events is dirty. Rates and CPU
(of the measured process, in microseconds per event) run from the moment partitions are had, before the first fetch, to the last
commit. One stage is clean and route over dirty raw records in one handler: checks, rules, marks, four outputs, both tallies. Its
records are packed and read once more between the two, which a stage written as one would save. Every output is compared byte for
byte with what the handlers make of the same lanes; those are held to the slow way in `handlers_bench`. The load of the machine is
shown: on a busy one only the ratios mean something, and little.
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.handlers_bench import check_character, chunks, clean_lane, outputs_of, raw_records
from benchmarks.measure import say, wait
from benchmarks.transport_child import COPIES, OneStage
from schemas.codec import long_bytes
from schemas.envelope import Event, Meta
from streams.chunk import Chunk, Part, Record
from streams.clean import clean
from streams.memory import Memory
from streams.route import route
from streams.transport.transaction import Handler
from tests.streams.transport.bus import CLEAN, FOUR, INBOX, RAW, Bus
from tests.streams.world import RESIDENT_CODEC, city, compiled, key_of, resident
from trial.kafka import LocalKafka
from wire.admin import Provisioner
from wire.publisher import Publisher
from wire.reading import LaneReader, read_all

Figures = dict[str, float]

INBOXES = [INBOX, "deliver.medical", "deliver.police", "deliver.province"]
#: Moving records without handling them is quick, so there are more of them.
_REPEATED = 6
#: Where an id of nineteen digits stands in an event: behind the schema id and its own length.
_DIGITS = 19
_ID = slice(6, 6 + _DIGITS)


class Bench:
    """One broker; a bus of its own for each measurement."""

    def __init__(self, kafka: LocalKafka, home: Path, events: int) -> None:
        self._kafka, self._home, self.events = kafka, home, events
        self.raw = list(raw_records(events))
        self.clean: list[Record] = []
        self._work = compiled(city(subscriptions=FOUR))
        for half in (self.raw[0::2], self.raw[1::2]):
            self.clean += clean_lane(outputs_of(clean, chunks(RAW, half), self._work))

    def bus(self) -> Bus:
        """Fresh lanes."""
        home = self._home / secrets.token_hex(4)
        home.mkdir()
        bus = Bus(self._kafka, f"b{secrets.token_hex(4)}.", home)
        Provisioner(bus.admin).ensure_lanes(dict.fromkeys(COPIES, 1))
        return bus

    def run(self, what: str) -> Figures:
        """Fill the lanes, run a child over them, check what came out."""
        bus = self.bus()
        lane, records = (CLEAN, self.clean) if what == "route" else (RAW, self.raw)
        if what in ("plain", "noop"):
            records = records * _REPEATED
        with Publisher(bus.admin) as publisher:
            for number, (_, _, key, data) in enumerate(records):
                publisher.send(lane, key, data, partition=number % 2)
        file = bus.home / "figures.json"
        admin = {"SHUTONG_KAFKA_USER": bus.admin.kafka_user, "SHUTONG_KAFKA_PASSWORD": password_of(bus)}
        environment = bus.environment(**(admin if what in ("plain", "copy") else {}))
        with (bus.home / "child.log").open("wb") as log:
            child = subprocess.Popen([sys.executable, "-m", "benchmarks.transport_child", what, str(len(records)), str(file)],
                                     env=environment, stdout=log, stderr=log)
        bus.workers[1] = child
        try:
            wait(lambda: file.exists() or child.poll() not in (None, 0), 120)
            figures: Figures = json.loads(file.read_text())
            if what not in ("plain", "copy") and bus.end(1) != 0:
                sys.exit(f"{what} did not end well")
            if not self._right(bus, what, len(records)):
                sys.exit(f"{what}: the outputs are wrong; no figure is shown")
        finally:
            bus.stop()
        return figures

    def _right(self, bus: Bus, what: str, events: int) -> bool:
        if what == "plain":
            return True
        if what == "noop":
            return sum(bus.committed(RAW).values()) >= events
        if what == "copy":
            given = Counter((key, data) for _, _, key, data in self.raw)
            return all(Counter((record.key, record.value) for record in read_all(bus.admin, [lane])) == given
                       for lane in COPIES)
        if what == "one":
            second = self._made(bus, OneStage(), RAW)
            return _no_letters(second) == self._lanes(bus, INBOXES) and bool(second)
        second = self._made(bus, route, CLEAN)
        right = self._lanes(bus, INBOXES) == Counter(second)
        if what == "both":
            first = self._made(bus, clean, RAW)
            right = right and _no_letters(first) == self._lanes(bus, [CLEAN])
        return right and bool(second)

    def _made(self, bus: Bus, handler: Handler, lane: str) -> "Counter[tuple[str, bytes, bytes | None]]":
        """What the handler makes of what lies on the lane, by lane, key and bytes."""
        parts: dict[int, list[Record]] = {0: [], 1: []}
        for record in read_all(bus.admin, [lane]):
            parts[record.partition].append((record.offset, record.timestamp, record.key, record.value))
        memory, made = Memory(), Counter[tuple[str, bytes, bytes | None]]()
        kind: Any = lane.split(".")[0]
        for number, records in parts.items():
            memory.restore(lane, number, "")
            for at in range(0, len(records), 1000):
                handled = handler(Chunk(kind, 1, [Part(lane, number, records[at:at + 1000])]), self._work, memory, 0)
                memory.apply(handled.changes)
                made.update((output[0], output[2], output[1]) for output in handled.outputs)
        return made

    @staticmethod
    def _lanes(bus: Bus, lanes: Iterable[str]) -> "Counter[tuple[str, bytes, bytes | None]]":
        return Counter((record.lane, record.key or b"", record.value) for record in read_all(bus.admin, lanes))


def _no_letters(made: "Counter[tuple[str, bytes, bytes | None]]") -> "Counter[tuple[str, bytes, bytes | None]]":
    """Letters carry the time of handling."""
    return Counter({output: count for output, count in made.items() if not output[0].startswith("dead.")})


def starts(bench: Bench) -> Figures:
    """Seconds from a worker's start, and from its kill -9 and new start, to the next event at a receiver."""
    bus = bench.bus()
    try:
        bus.publish(range(1))
        began = time.monotonic()
        bus.start(1)
        with LaneReader(bus.admin, [INBOX]) as reader:
            wait(lambda: bool(reader.batch(0.02)), 60)
            first = time.monotonic() - began
            stop = threading.Event()
            flowing = threading.Thread(target=lambda: _flow(bus, stop))
            flowing.start()
            time.sleep(2)
            bus.kill(1)
            killed = time.monotonic()
            while reader.batch(0.3):
                pass
            bus.start(1)
            wait(lambda: bool(reader.batch(0.02)), 60)
            again = time.monotonic() - killed
            stop.set()
            flowing.join()
    finally:
        bus.stop()
    return {"start": first, "killed": again}


def host_gone(bench: Bench) -> Figures:
    """Seconds from kill -9 of one of two hosts, for good, until every inbox has all that was published since."""
    bus, batches, after = bench.bus(), 24, 20
    try:
        for slot in (1, 2):
            bus.start(slot, SHUTONG_HOST=f"host-{slot}")
            bus.wait_until_it_has_joined(slot)
        counts = dict.fromkeys(INBOXES, 0)
        with LaneReader(bus.admin, INBOXES) as reader:
            for batch in range(batches):
                bus.publish(range(batch * 40, batch * 40 + 40))
                if batch == after:
                    wait(lambda: _arrived(reader, counts) > 0, 30)
                    bus.kill(2)
                    killed = time.monotonic()
                time.sleep(0.03)
            wait(lambda: _arrived(reader, counts) >= batches * 40, 60)
            again = time.monotonic() - killed
            if reader.batch(1.0) or set(counts.values()) != {batches * 40}:
                sys.exit(f"a host gone: {counts}, published {batches * 40}")
    finally:
        bus.stop()
    return {"again": again}


def _arrived(reader: LaneReader, counts: dict[str, int]) -> int:
    """How many the inbox that has least has by now."""
    for record in reader.batch(0.02):
        counts[record.lane] += 1
    return min(counts.values())


def _flow(bus: Bus, stop: threading.Event) -> None:
    at = 1
    while not stop.wait(0.05):
        bus.publish(range(at, at := at + 20))


def latency(bench: Bench, rate: int, seconds: int = 10) -> Figures:
    """Milliseconds from publishing to readable by a receiver, both stages, events evenly at this rate."""
    bus = bench.bus()
    taken = list[float]()
    people = [f"341502{1950 + number % 50}0101{number // 50:03}" for number in range(2000)]
    people = [number + check_character(number) for number in people]
    # Encoding and decoding thousands of events a second is no small load: all is ready but the time and the position.
    meta = Meta("0" * _DIGITS, "u", 0, "health.core", "health.population", 0, 1 << 20, "live")
    rows = [(key_of(number), RESIDENT_CODEC.encode(Event(meta, resident(number), None))) for number in people]
    spot, head = len(long_bytes(1 << 20)), rows[0][1].split(long_bytes(1 << 20), 1)[0]
    assert head[_ID] == b"0" * _DIGITS
    assert all(event.startswith(head[:_ID.start]) and event[len(head):].startswith(long_bytes(1 << 20)) for _, event in rows)

    def publish() -> None:
        began, front = time.monotonic(), len(head)
        with Publisher(bus.admin, linger_ms=20) as publisher:
            for seq in range(rate * seconds):
                key, event = rows[seq % len(rows)]
                publisher.send(RAW, key, b"".join((event[:6], b"%019d" % time.time_ns(), event[_ID.stop:front],
                                                   long_bytes((1 << 20) + seq), event[front + spot:])))
                if seq % 50 == 49:
                    time.sleep(max(began + (seq + 1) / rate - time.monotonic(), 0))

    try:
        bus.start(1)
        bus.publish(range(-1, 0))
        bus.inbox(1)
        publishing = threading.Thread(target=publish)
        publishing.start()
        with LaneReader(bus.admin, [INBOX], "end") as reader:
            until = time.monotonic() + seconds + 20
            while len(taken) < rate * seconds and time.monotonic() < until:
                records, now = reader.batch(0.1), time.time_ns()
                taken += [(now - int((record.value or b"")[_ID])) / 1e6 for record in records]
        publishing.join()
    finally:
        bus.stop()
    if len(taken) != rate * seconds:
        sys.exit(f"latency: {len(taken)} of {rate * seconds} events arrived")
    taken = sorted(taken[rate:])
    return {"p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}


def password_of(bus: Bus) -> str:
    """The administrator's."""
    assert bus.admin.kafka_password is not None
    return bus.admin.kafka_password.get_secret_value()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transport_bench", description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=5000, help="events a second while latency is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder) / "kafka", die_with_parent=True) as kafka:
        bench = Bench(kafka, Path(folder), options.events)
        subjects = ("plain", "copy", "noop", "one", "route", "both")
        all_figures: dict[str, list[Figures]] = {what: [] for what in subjects}
        for _ in range(options.rounds):
            for what in subjects:
                all_figures[what].append(bench.run(what))
        middle = {what: {name: statistics.median(figures[name] for figures in rounds) for name in ("rate", "cpu", "rss", "grown")}
                  for what, rounds in all_figures.items()}
        print(f"{'':34}{'events/s':>10}{'CPU µs':>9}{'RSS MB':>8}   median of {options.rounds} × {options.events} events")
        for what, title in (("plain", "plain librdkafka consume"), ("noop", "no-op agent, exactly-once"),
                            ("copy", "loop that copies the bytes 4 times"), ("one", "one stage, dirty raw → 4 outputs"),
                            ("route", "route alone, clean → 4 outputs"),
                            ("both", "both stages, raw → clean → 4")):
            figures = middle[what]
            print(f"{title:34}{figures['rate']:10,.0f}{figures['cpu']:9.1f}{figures['rss']:8.0f}")
        print(f"load of the machine: {', '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} cores")
        begun, gone, late = starts(bench), host_gone(bench), latency(bench, options.rate)
    say("no-op / plain consume, events/s", middle["noop"]["rate"] / middle["plain"]["rate"], "≥", 0.4)
    say("one stage / copy loop, CPU", middle["one"]["cpu"] / middle["copy"]["cpu"], "≤", 1.7)
    say("both stages / copy loop, CPU", middle["both"]["cpu"] / middle["copy"]["cpu"], "≤", 2.6)
    say("start to first event, s", begun["start"], "≤", 4)
    say("kill -9 to next event, s", begun["killed"], "≤", 8)
    say("a host gone for good to all inboxes, s", gone["again"], "≤", 12)
    say("memory of a worker, MB", middle["both"]["rss"], "≤", 300)
    say("its growth over the second half, MB", middle["both"]["grown"], "≤", 15)
    say(f"publish → readable at {options.rate}/s, p50 ms", late["p50"], "≤", 200)
    say(f"publish → readable at {options.rate}/s, p99 ms", late["p99"], "≤", 400)
    return 0


if __name__ == "__main__":
    sys.exit(main())
