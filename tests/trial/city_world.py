"""The trial city in memory: raw lanes of every kind of event, handled by the bus's own pure functions, tables included.

The oracle must find nothing in it; a test spoils one thing and the oracle must name it.
"""

import copy
import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from governance.city import read_city
from governance.compile import compile_change
from schemas.codec import EventCodec, bus_schema, encode_tallies
from schemas.control import Plan
from schemas.envelope import Event, Meta, Op, kafka_key, marker_key
from schemas.tally import FindingTally, Tally, TallyBook
from streams.chunk import Chunk, Handled, Part
from streams.clean import clean
from streams.memory import Memory
from streams.plan import WorkingPlan, working_plan
from streams.route import route
from trial.city.luan import DIRECTORY
from trial.city.places import villages
from trial.city.residents import Population, Resident
from trial.oracle import Record
from trial.oracle.books import Told, found_by, told_by
from trial.oracle.quality import Found
from trial.oracle.records import partition_of

SECRET = b"of the city in memory"
NOW = 1_767_323_100_000
POLICE = "police.health.resident"
RESIDENT, VILLAGE = "health.resident", "civil.village"
POPULATION, CLINIC, REGISTER = "health.population", "health.clinic", "civil.register"
UNKNOWN = 987_654
Row = dict[str, Any]


def city_plan() -> Plan:
    """The plan that applying the trial city's directory to an empty bus gives."""
    change = compile_change(Plan(), {}, read_city(DIRECTORY), lanes_with_data=frozenset())
    by_id: dict[str, Any] = {kind: {item.id: item for item in change.objects[f"bus.{kind}"]}
                             for kind in ("departments", "nodes", "datasets", "subscriptions")}
    schemas: dict[int, Any] = {item.number: item for item in change.objects["bus.schemas"]}  # type: ignore[attr-defined]
    return Plan(version=change.version, schemas=schemas, lanes=change.lanes, **by_id)


PLAN = city_plan()
CODECS = {number: EventCodec(schema.text, number) for number, schema in PLAN.schemas.items()}


def codec_of(name: str) -> EventCodec:
    """The codec of a dataset's events, or of what a subscription delivers."""
    return CODECS[PLAN.datasets[name].event_schema if name in PLAN.datasets else PLAN.subscriptions[name].output_schema]


@dataclass
class World:
    """Lanes with their records, and the departments' tables as they must be at the end."""

    lanes: dict[str, list[Record]] = field(default_factory=dict)
    tallies: list[Tally] = field(default_factory=list)
    findings: list[FindingTally] = field(default_factory=list)
    #: stream -> rows of its table, by Kafka key
    tables: dict[str, dict[bytes, Row]] = field(default_factory=dict)
    #: the table of the police's residents, by column _key
    sink: dict[str, Row] = field(default_factory=dict)

    def copy(self) -> "World":
        """A world that can be spoiled without harm to this one."""
        return copy.deepcopy(self)

    def put(self, lane: str, partition: int | None, timestamp: int, key: bytes | None, value: bytes | None,
            headers: Any = None) -> Record:
        """Append a record where Kafka would."""
        records = self.lanes.setdefault(lane, [])
        number = partition_of(key or b"", PLAN.lanes[lane].partitions) if partition is None else partition
        offset = 1 + max((record.offset for record in records if record.partition == number), default=-1)
        records.append(Record(lane, number, offset, timestamp, key, value, headers or []))
        return records[-1]

    def read(self, lane: str) -> Iterator[Record]:
        """What a reader of the lane sees."""
        return iter(self.lanes.get(lane, ()))

    def told(self) -> Iterator[Told]:
        """What these tallies tell, as the bus writes them."""
        return told_by(json.loads(bus_schema("tallies")), self.tally_lane())

    def found(self) -> Iterator[Found]:
        """The same of what they found."""
        return found_by(json.loads(bus_schema("tallies")), self.tally_lane())

    def tally_lane(self) -> list[Record]:
        """The tallies on their lane, with what was found."""
        return [Record("bus.tallies", 0, 0, NOW, None, encode_tallies("w", 0, self.tallies, self.findings))]

    def ledger(self, moment: str) -> list[Told]:
        """The sums a ledger of these tallies tells of one day, or of each minute."""
        sums: dict[tuple[str, ...], list[int]] = {}
        for tally in self.tallies:
            at = dt.datetime.fromtimestamp(tally.key.at, dt.timezone(dt.timedelta(hours=8))).strftime(moment)
            key = (at, tally.key.stage, tally.key.cause, tally.key.dept, tally.key.dataset, tally.key.subscriber)
            counts = sums.setdefault(key, [0, 0, 0])
            counts[:] = counts[0] + tally.records, counts[1] + tally.bytes, counts[2] + tally.fixed
        return [Told(*key, *counts) for key, counts in sums.items()]  # type: ignore[arg-type]

    def store(self, subscription: str) -> None:
        """What a sink makes of the inbox as it is now."""
        rows = self.sink = {}
        for record in self.read(f"deliver.{PLAN.subscriptions[subscription].subscriber}"):
            value, key = record.value or b"", (record.key or b"").decode()
            if int.from_bytes(value[1:5], "big") == PLAN.subscriptions[subscription].output_schema:
                event = codec_of(subscription).decode(value)
                if event.row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = {"_key": key, **event.row}


class Writing:
    """Puts events on raw as connectors and a rude program would."""

    def __init__(self, seed: int) -> None:
        self.world = World()
        self.random = random.Random(seed)
        self._people = Population(seed)
        self._seqs: Counter[str] = Counter()
        self._clock = NOW

    def event(self, stream: str, op: Op, row: Row | None, *, key: str = "", before: Row | None = None, epoch: int = 0,
              seq: int | None = None, cause: Any = "live", spoil: Callable[[bytes], bytes] = bytes) -> bytes:
        """One event of a stream; its value."""
        dataset = VILLAGE if stream == REGISTER else RESIDENT
        if seq is None:
            self._seqs[stream] += 1
        position = self._seqs[stream] if seq is None else seq
        field_of_key = PLAN.datasets[dataset].key[0]
        text = key or str((row or {})[field_of_key])
        meta = Meta(f"{self.random.getrandbits(64):016x}", op, self._clock - 40, stream, stream, epoch, position, cause)
        value = spoil(codec_of(dataset).encode(Event(meta, row, before)))
        self.raw(f"raw.{dataset.split('.')[0]}", kafka_key(dataset, text), value)
        if stream != CLINIC and spoil is bytes:
            rows = self.world.tables.setdefault(stream, {})
            rows.pop(kafka_key(dataset, text), None)
            if row is not None:
                rows[kafka_key(dataset, text)] = row
        return value

    def raw(self, lane: str, key: bytes | None, value: bytes | None, partition: int | None = None) -> Record:
        """Any bytes."""
        self._clock += 7
        return self.world.put(lane, partition, self._clock, key, value)

    def resident(self, **changes: Any) -> Row:
        """A clean resident, but for the changes."""
        return {**self._people.draw()._asdict(), "updated_at": self._clock, **changes}


def village_row(number: int) -> Row:
    """A row of the village register."""
    one = villages()[number]
    return {"code": one.code, "name": one.name, "street_code": one.street_code, "street": one.street,
            "area_code": one.area_code, "area": one.area, "city": "六安市", "updated_at": NOW}


def city_world(seed: int = 7, people: int = 120) -> World:
    """A city that did a little of everything."""
    writing = Writing(seed)
    for number in range(40):
        writing.event(REGISTER, "r", village_row(number * 40), cause="snapshot")
    residents = [writing.resident() for _ in range(people)]
    for row in residents:
        writing.event(POPULATION, "r", row, cause="snapshot")
    _spoilt(writing)
    _changes(writing, residents)
    _rude(writing)
    for number in range(5):
        writing.event(REGISTER, "u", {**village_row(number * 40), "name": f"{villages()[number * 40].name}　"})
    writing.event(REGISTER, "d", None, key=village_row(200)["code"])
    handle(writing.world)
    writing.world.store(POLICE)
    return writing.world


def _spoilt(writing: Writing) -> None:
    """Rows that are repaired, and rows that are rejected, with one and with several reasons."""
    spelt = writing.resident(phone="+86 138-1234-5678")
    writing.event(POPULATION, "c", {**spelt, "birth_date": spelt["birth_date"].replace("-", "年", 1).replace("-", "月") + "日"})
    writing.event(POPULATION, "c", writing.resident(address="金安路１２号 ", name="王明\u3000"))
    writing.event(POPULATION, "c", writing.resident(birth_date="1999-02-30"))
    writing.event(POPULATION, "c", writing.resident(status="unknown", sex="7", phone="1"))
    writing.event(POPULATION, "c", writing.resident(division=""))
    other = writing.resident(division="110105")
    writing.event(POPULATION, "c", other)
    writing.event(POPULATION, "u", {**other, "sex": "12".replace(other["sex"], "")})
    number = writing.resident()["resident_id"]
    writing.event(POPULATION, "c", writing.resident(resident_id=number[:17] + ("1" if number[17] != "1" else "2")))


def _changes(writing: Writing, residents: list[Row]) -> None:
    """People who move, leave a scope, come back, change their number, and are deleted."""
    for index, row in enumerate(residents):
        match index % 5:
            case 0:
                writing.event(POPULATION, "u", {**row, "status": "moved"})
                writing.event(POPULATION, "u", {**row, "status": "registered", "phone": None})
            case 1:
                for division in ("341522", "341502", "341524"):
                    writing.event(POPULATION, "u", {**row, "division": division})
            case 2:
                writing.event(POPULATION, "u", {**row, "status": "registered", "birth_date": row["birth_date"].replace("-", "/")})
            case 3:
                writing.event(POPULATION, "d", None, key=row["resident_id"])


def _rude(writing: Writing) -> None:
    """Repeats, jumps, old epochs, foreign streams and schemas, broken bytes, tombstones, markers, rows before."""
    first, second = writing.resident(), writing.resident()
    again = writing.event(CLINIC, "c", first)
    writing.raw("raw.health", kafka_key(RESIDENT, first["resident_id"]), again)
    writing.event(CLINIC, "c", second, seq=-1)
    writing.event(CLINIC, "u", {**first, "status": "moved"}, before={**first, "phone": "139 0000 1111"}, epoch=2, seq=4)
    writing.event(CLINIC, "u", first, epoch=1, seq=9)
    writing.event(CLINIC, "u", first, epoch=2, seq=5 + (1 << 41))
    writing.event(CLINIC, "d", None, key=second["resident_id"], before=second, epoch=3, seq=1)
    writing.event(CLINIC, "d", None, key=writing.resident()["resident_id"], epoch=3, seq=2)
    stranger = writing.resident()
    writing.event(CLINIC, "u", stranger, before={**stranger, "status": "unknown"}, epoch=3, seq=3)
    good = codec_of(RESIDENT).encode(Event(Meta("x", "c", NOW, CLINIC, CLINIC, 9, 9), writing.resident()))
    for value in (b"", b"noise" * 9, good[:-3], good + b"\0", b"\1" + good[1:], b"\0" + UNKNOWN.to_bytes(4, "big") + good[5:]):
        writing.raw("raw.health", b"bytes", value)
    writing.raw("raw.health", kafka_key(RESIDENT, "x"), good)
    writing.raw("raw.health", kafka_key(RESIDENT, "x"), None)
    village = Event(Meta("y", "c", NOW, CLINIC, CLINIC, 9, 9), village_row(3))
    writing.raw("raw.health", kafka_key(VILLAGE, village_row(3)["code"]), codec_of(VILLAGE).encode(village))
    foreign = Event(Meta("z", "c", NOW, REGISTER, REGISTER, 0, 1), stranger)
    writing.raw("raw.health", kafka_key(RESIDENT, stranger["resident_id"]), codec_of(RESIDENT).encode(foreign))
    for seq, partition, row in ((-1, 0, None), (10_000, 0, None), (10_000, 1, None), (10_000, 1, None), (10_001, 1, stranger)):
        marker = Event(Meta("m", "m", NOW, POPULATION, POPULATION, 0, seq), row)
        writing.raw("raw.health", marker_key(RESIDENT), codec_of(RESIDENT).encode(marker), partition)
    unclean = Resident(**{name: stranger[name] for name in Resident._fields})._replace(resident_id=f" {stranger['resident_id']}")
    writing.event(CLINIC, "c", {**unclean._asdict(), "updated_at": NOW}, epoch=3, seq=4)


def compiled() -> WorkingPlan:
    """The plan as a worker has it."""
    return working_plan(PLAN, SECRET, [UNKNOWN])


def handle(world: World, plan: WorkingPlan | None = None) -> None:
    """clean and route over everything, with the bus's own functions."""
    run(world, PLAN, plan or compiled(), Memory())


def run(world: World, plan: Plan, work: WorkingPlan, memory: Memory | None = None) -> None:
    """The same under any plan."""
    for stage in ("raw", "clean"):
        _stage(world, plan, work, stage, memory if memory is not None else Memory())


def _stage(world: World, plan: Plan, work: WorkingPlan, stage: Any, memory: Memory) -> None:
    for lane in work.lanes(stage):
        for partition in range(plan.lanes[lane].partitions):
            memory.restore(lane, partition, "")
            records = [(one.offset, one.timestamp, one.key, one.value) for one in world.read(lane) if one.partition == partition]
            for start in range(0, len(records), 50):
                chunk = Chunk(stage, 1, [Part(lane, partition, records[start:start + 50])])
                handled = (clean if stage == "raw" else route)(chunk, work, memory, NOW + 60_000)
                assert not handled.waiting
                memory.apply(handled.changes)
                _write(world, plan, handled)


def _write(world: World, plan: Plan, handled: Handled) -> None:
    for lane, value, key, partition, timestamp, headers in handled.outputs:
        number = partition if partition >= 0 else partition_of(key or b"", plan.lanes[lane].partitions)
        world.put(lane, number, timestamp, key, value, headers)
    book = TallyBook()
    book.merge(handled.tallies)
    world.tallies += list(book)
    world.findings += book.findings()
