"""A thousand events a second spread over sixty providers and sixty inboxes: how late they are when every lane is touched.

Run it as `python -m benchmarks.spread_bench [--parties N] [--rate N] [--seconds N]`. Each provider has one dataset, which four
subscribers receive; both stages run in one worker. Every delivery must arrive, once, before a figure is shown; the first seconds
of the broker are not counted.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.measure import say
from schemas.codec import EventCodec
from schemas.contract import event_schema, event_subject, output_schema, output_subject
from schemas.control import Department, LaneState, Node, Plan, SchemaText, Subscription
from schemas.envelope import Event, Meta, kafka_key
from tests.streams.transport.bus import Bus, person
from tests.streams.world import FIELDS, dataset, resident
from trial.kafka import LocalKafka
from wire.publisher import Publisher
from wire.reading import LaneReader

_OUTPUTS = 4
#: Seconds that are not counted: a broker that has just started is slow with its first transactions on 180 lanes.
_WARM = 6


def spread_city(parties: int) -> Plan:
    """As many providers as subscribers; provider n gives to subscribers n to n + 3."""
    providers, subscribers = [f"p{number}" for number in range(parties)], [f"s{number}" for number in range(parties)]
    datasets = {item.id: item for item in (dataset("resident", f"{name}.resident", number)
                                           for number, name in enumerate(providers, start=1))}
    schemas = {item.event_schema: SchemaText(id=str(item.event_schema), number=item.event_schema,
                                             subject=event_subject(item.id), text=event_schema(item.id, item.row_schema))
               for item in datasets.values()}
    agreed = {}
    for number, item in enumerate(datasets.values()):
        for step in range(_OUTPUTS):
            schema = 1000 + number * _OUTPUTS + step
            subscriber = subscribers[(number + step) % parties]
            told = agreed[f"{subscriber}.{item.id}"] = Subscription(
                id=f"{subscriber}.{item.id}", subscriber=subscriber, dataset=item.id, purpose="benchmark", fields=FIELDS,
                output_schema=schema, state="live")
            schemas[schema] = SchemaText(id=str(schema), number=schema, subject=output_subject(told),
                                         text=output_schema(item, told))
    return Plan(version=1, schemas=schemas, datasets=datasets, subscriptions=agreed,
                departments={name: Department(id=name, title=name, roles=("provider",), streams={f"{name}.live": 1})
                             for name in providers},
                nodes={"luan": Node(id="luan", code="341500", title="六安", kind="self")},
                lanes={f"{kind}.{name}": LaneState(partitions=1) for kind in ("raw", "clean") for name in providers})


class Publishing(threading.Thread):
    """Sends `count` events, evenly at this rate, provider after provider; the id of each says when it was sent."""

    def __init__(self, bus: Bus, parties: int, rate: int, count: int) -> None:
        super().__init__()
        self._bus, self._rate, self._count = bus, rate, count
        self._codecs = [EventCodec(bus.plan.schemas[number].text, number) for number in range(1, parties + 1)]

    def run(self) -> None:
        began, parties = time.monotonic(), len(self._codecs)
        with Publisher(self._bus.admin, linger_ms=20) as publisher:
            for seq in range(self._count):
                number, who = seq % parties, person(seq % 2000)
                meta = Meta(str(time.time_ns()), "u", 0, "hr.core", f"p{number}.live", 0, seq, "live")
                publisher.send(f"raw.p{number}", kafka_key(f"p{number}.resident", who),
                               self._codecs[number].encode(Event(meta, resident(who), None)))
                if seq % 20 == 19:
                    time.sleep(max(began + (seq + 1) / self._rate - time.monotonic(), 0))


def measure(bus: Bus, parties: int, rate: int, seconds: int) -> tuple[list[float], Counter[bytes]]:
    """Milliseconds from sending to readable of every delivery, and how often each was read, by its whole bytes."""
    taken, seen = list[float](), Counter[bytes]()
    inboxes = [f"deliver.s{number}" for number in range(parties)]
    bus.start(1)
    bus.wait_until_it_runs(1)
    with LaneReader(bus.admin, inboxes, "beginning") as reader:
        publishing = Publishing(bus, parties, rate, rate * seconds)
        publishing.start()
        until, wanted = time.monotonic() + seconds + 30, rate * seconds * _OUTPUTS
        while len(taken) < wanted and time.monotonic() < until:
            records, now = reader.batch(0.1), time.time_ns()
            for record in records:
                value = record.value or b""
                taken.append((now - int(value[6:25])) / 1e6)
                seen[value] += 1
        publishing.join()
    return taken, seen


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spread_bench", description=__doc__)
    parser.add_argument("--parties", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20, help=f"the first {_WARM} are not counted")
    options = parser.parse_args()
    lanes = {f"{kind}.p{number}": 1 for kind in ("raw", "clean", "dead") for number in range(options.parties)}
    lanes |= {f"deliver.s{number}": 1 for number in range(options.parties)}
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder) / "kafka", die_with_parent=True) as kafka:
        bus = Bus(kafka, "spread.", Path(folder), plan=spread_city(options.parties), lanes=lanes)
        try:
            taken, seen = measure(bus, options.parties, options.rate, options.seconds)
        finally:
            bus.stop()
    wanted = options.rate * options.seconds * _OUTPUTS
    if len(taken) != wanted or len(seen) != wanted:
        sys.exit(f"{len(taken)} deliveries, {len(seen)} of them different, of {wanted}: no figure is shown")
    taken = sorted(taken[options.rate * _OUTPUTS * _WARM:])
    say(f"{options.parties} × {options.parties} lanes at {options.rate}/s, p50 ms", taken[len(taken) // 2], "≤", 500)
    say(f"{options.parties} × {options.parties} lanes at {options.rate}/s, p99 ms", taken[len(taken) * 99 // 100], "≤", 800)
    return 0


if __name__ == "__main__":
    sys.exit(main())
