"""What clean and route cost per event, in microseconds of CPU: residents, a tenth of them dirty, to four subscribers.

Run it as `python -m benchmarks.handlers_bench [events]`. No broker: chunks in, outputs out, next to a plain loop that copies
the bytes four times. The outputs are compared with the slow way of the tests before a time is shown.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from benchmarks.measure import say
from schemas.codec import EventCodec, encode_tallies
from schemas.codec.frame import prefix
from schemas.contract import event_schema, event_subject
from schemas.control import Condition, Plan, SchemaText, Subscription
from schemas.datasets import standard_dataset
from schemas.envelope import kafka_key
from schemas.tally import TallyBook
from streams.chunk import Chunk, Handled, Output, Part, Record
from streams.clean import clean
from streams.memory import Memory
from streams.plan import WorkingPlan
from streams.route import route
from tests.streams.slow import SlowRouter
from tests.streams.world import (
    FIELDS,
    NOW,
    RESIDENT_CODEC,
    SECRET,
    SUBSCRIPTIONS,
    VILLAGE_CODEC,
    city,
    compiled,
    dataset,
    key_of,
    resident,
    value,
)

Handler: TypeAlias = Callable[[Chunk, WorkingPlan, Memory, int], Handled]

CHUNK = 250
ROUNDS = 7
RAW, CLEAN = "raw.health", "clean.health"
#: Fields cut, one with a changing scope; and one that sees the key masked, whose hashes alone cost 3 us an event.
PLAIN: dict[str, dict[str, Any]] = {
    name: told for name, told in SUBSCRIPTIONS.items() if name.split(".")[0] in ("tax", "police", "province")
} | {"social.health.resident": {"fields": ("resident_id", "name", "address")}}
MASKED = {name: told for name, told in SUBSCRIPTIONS.items() if not name.startswith("school.")}
DATASETS = (10, 100, 1000, 5000)
COUNTIES = ("341502", "341503", "341504", "341522", "341523", "341524", "341525", "340104")


def check_character(number: str) -> str:
    """The last character of a resident's number (ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(number)) % 11]


def raw_records(count: int) -> Iterator[Record]:
    """Snapshot-like events, arrival times shared by fifty; one in ten is dirty in one of five ways."""
    draw = random.Random(7)
    for seq in range(count):
        number = f"{COUNTIES[seq % 8]}{1950 + seq % 50}0101{seq // 8 % 1000:03}"
        number += check_character(number)
        row = resident(number, division=COUNTIES[seq // 3 % 8], phone=f"138{seq:08}",
                       status="moved" if seq % 5 else "deceased", birth_date=f"{1950 + seq % 50}-01-01")
        dirt = draw.randrange(50)
        if dirt == 0:
            row["name"] = "　示　例 "
        elif dirt == 1:
            row["phone"] = "１３８-0000 0000"
        elif dirt == 2:
            row["sex"] = "7"
        data = value("u" if draw.random() < 0.5 else "c", row, seq=max(seq - 20, 0) if dirt == 3 else seq)
        yield seq, NOW - 3000 + seq // 50, key_of(number), data[:-3] if dirt == 4 else data


def chunks(lane: str, records: list[Record]) -> list[Chunk]:
    """The records in chunks as the transport cuts them."""
    kind: Any = lane.split(".")[0]
    return [Chunk(kind, 1, [Part(lane, 0, records[at:at + CHUNK])]) for at in range(0, len(records), CHUNK)]


def fresh() -> Memory:
    """A memory of both lanes, nothing in it."""
    memory = Memory()
    for lane in (RAW, CLEAN, "clean.civil"):
        memory.restore(lane, 0, "")
    return memory


def outputs_of(handler: Handler, work: list[Chunk], plan: WorkingPlan) -> list[Output]:
    """All outputs, as a worker produces them."""
    memory, outputs = fresh(), []
    for chunk in work:
        handled = handler(chunk, plan, memory, NOW)
        memory.apply(handled.changes)
        outputs += handled.outputs
    return outputs


def copy_loop(chunk: Chunk, plan: WorkingPlan, memory: Memory, now_ms: int) -> Handled:
    """The plain loop: each value copied to four lanes, nothing read, nothing counted."""
    handled = Handled()
    give = handled.outputs.append
    for part in chunk.parts:
        for _, at, key, data in part.records:
            for lane in ("deliver.a", "deliver.b", "deliver.c", "deliver.d"):
                give((lane, bytes(memoryview(data or b"")), key or b"", -1, at, None))
    return handled


def costs(runs: Sequence[tuple[Handler, list[Chunk], WorkingPlan]]) -> list[float]:
    """CPU microseconds per event of each, the best of rounds taken in turn; memory noted and committed, results dropped."""
    best = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for number, (handler, work, plan) in enumerate(runs):
            memory, began = fresh(), time.process_time()
            for chunk in work:
                memory.apply(handler(chunk, plan, memory, NOW).changes)
            spent = (time.process_time() - began) / sum(len(chunk.parts[0].records) for chunk in work)
            best[number] = min(best[number], spent * 1e6)
    return best


def clean_lane(outputs: list[Output]) -> list[Record]:
    """What clean wrote, as records of its lane."""
    return [(offset, at, key, data)
            for offset, (_, data, key, _, at, _) in enumerate(one for one in outputs if one[0] == CLEAN)]


def check_routed(outputs: list[Output], records: list[Record], plan: Plan) -> None:
    """Stop unless the slow way says the same of each record."""
    codecs = {number: EventCodec(schema.text, number) for number, schema in plan.schemas.items()}
    slow = SlowRouter(plan, SECRET, {1: RESIDENT_CODEC})
    expected = sorted((output for record in records for output in slow.route(CLEAN, 0, record)), key=repr)
    given = sorted(((lane, key, codecs[int.from_bytes(data[1:5], "big")].decode(data))
                    for lane, data, key, *_ in outputs if data is not None), key=repr)
    if given != expected:
        sys.exit("the outputs are wrong; no time is shown")


def wide(subscribers: int) -> Plan:
    """One dataset with so many subscribers: fields cut for all rows, every fourth one with the scope of one county."""
    scopes = [(Condition(field="division", op="eq", values=(county,)),) for county in COUNTIES]
    return city(subscriptions={
        f"s-{number}.health.resident": {"fields": FIELDS} | ({"scope": scopes[number // 4 % 8]} if number % 4 == 3 else {})
        for number in range(subscribers)})


def deep(datasets: int) -> Plan:
    """So many datasets of one provider, each with one subscriber."""
    plan = city()
    made = [dataset("village", f"civil.village-{number}", 1000 + number) for number in range(datasets)]
    agreed = [Subscription(id=f"tax.{item.id}", subscriber="tax", dataset=item.id, fields=("code", "name"), purpose="test",
                           output_schema=100_000 + item.event_schema) for item in made]
    schemas = {item.event_schema: SchemaText(id=str(item.event_schema), number=item.event_schema,
                                             subject=event_subject(item.id), text=event_schema(item.id, item.row_schema))
               for item in made}
    return Plan(version=1, departments=plan.departments, nodes=plan.nodes, lanes=plan.lanes, schemas=schemas,
                datasets={item.id: item for item in made}, subscriptions={item.id: item for item in agreed})


def spread(datasets: int) -> list[Chunk]:
    """One second of 5,000 events, evenly over so many datasets, all on one lane."""
    row = dict(standard_dataset("village").examples[0])
    data = value("u", row, codec=VILLAGE_CODEC, seq=1)[5:]
    return chunks("clean.civil", [
        (seq, NOW + seq // 50, kafka_key(f"civil.village-{seq % datasets}", row["code"]), prefix(1000 + seq % datasets) + data)
        for seq in range(5000)])


def with_tallies(chunk: Chunk, plan: WorkingPlan, memory: Memory, now_ms: int) -> Handled:
    """route, and its counts in the bytes that go to the books with the commit; a second's commits are five."""
    handled = route(chunk, plan, memory, now_ms)
    _OPEN.merge(handled.tallies)
    if chunk.parts[0].records[-1][0] % 1000 == 999:
        encode_tallies("bench", 1, _OPEN)
        _OPEN.__init__()  # type: ignore[misc]
    return handled


_OPEN = TallyBook()


def main(events: int = 20_000) -> None:
    """Check, measure in turn, show."""
    records = list(raw_records(events))
    agreed, hidden = city(subscriptions=PLAIN), city(subscriptions=MASKED)
    plan = compiled(agreed)
    cleaned = outputs_of(clean, chunks(RAW, records), plan)
    onward = clean_lane(cleaned)
    raw, work = chunks(RAW, records), chunks(CLEAN, onward)
    check_routed(outputs_of(route, work, plan), onward, agreed)
    check_routed(outputs_of(route, work, compiled(hidden)), onward, hidden)
    copy, first, second, masked = costs([(copy_loop, raw, plan), (clean, raw, plan), (route, work, plan),
                                         (route, work, compiled(hidden))])
    print(f"{events} events, {len(onward)} reach clean; CPU us per event, best of {ROUNDS}")
    print(f"copy the bytes 4 times  {copy:6.2f}")
    print(f"clean                   {first:6.2f}")
    print(f"route to 4              {second:6.2f}   one of them masked {masked:6.2f}")
    print(f"both                    {first + second:6.2f}")
    grow(work[:20])


def grow(work: list[Chunk]) -> None:
    """More subscribers, and more datasets, at the same rate."""
    one, *more = (compiled(wide(count)) for count in (1, 4, 16, 64))
    outputs = [len(outputs_of(route, work, plan)) for plan in (one, *more)]
    spent = costs([(route, work, plan) for plan in (one, *more)])
    events = sum(len(chunk.parts[0].records) for chunk in work)
    for count, given, cost in zip((1, 4, 16, 64), outputs, spent, strict=True):
        print(f"{count:4} subscribers         {cost:6.2f}   {given / events:5.1f} outputs an event, {cost * events / given:5.2f} each")
    check_spread(DATASETS[-1])
    by_datasets = costs([(with_tallies, spread(count), compiled(deep(count))) for count in DATASETS])
    for count, cost in zip(DATASETS, by_datasets, strict=True):
        print(f"{count:4} datasets            {cost:6.2f}   with the bytes of their tallies")
    a_subscriber = [(spent[high] - spent[low]) * events / (outputs[high] - outputs[low]) for low, high in ((0, 2), (2, 3))]
    say("one more output among 64 subscribers / among 16", a_subscriber[1] / a_subscriber[0], "≤", 1.3)
    say("5,000 datasets / 10, route and tallies alone", by_datasets[-1] / by_datasets[0], "≤", 1.3)


def check_spread(datasets: int) -> None:
    """Stop unless each event reaches the one subscriber of its dataset."""
    given = [(output[0], output[2]) for output in outputs_of(route, spread(datasets), compiled(deep(datasets)))]
    if given != [("deliver.tax", record[2]) for chunk in spread(datasets) for record in chunk.parts[0].records]:
        sys.exit("the outputs are wrong; no time is shown")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
