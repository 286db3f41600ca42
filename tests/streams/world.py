"""A small city for the handler tests: one provider with residents, a second provider, four subscribers, and record lanes."""

from collections.abc import Iterable
from typing import Any

from schemas.codec import EventCodec
from schemas.contract import event_schema, event_subject, output_schema, output_subject
from schemas.control import Condition, Dataset, Department, LaneState, Mask, Node, Plan, SchemaText, Subscription
from schemas.datasets import standard_dataset
from schemas.envelope import Event, Meta, kafka_key
from streams.chunk import Chunk, Part, Record
from streams.memory import Memory
from streams.plan import WorkingPlan, working_plan

SECRET = b"of the test city"
NOW = 1_767_323_100_000
RESIDENT, VILLAGE = "health.resident", "civil.village"
STREAM = "health.population"
FIELDS = ("resident_id", "name", "phone", "division", "status")

SUBSCRIPTIONS: dict[str, dict[str, Any]] = {
    "tax.health.resident": {"fields": FIELDS},
    "medical.health.resident": {
        "fields": ("resident_id", "name", "birth_date", "phone", "address"),
        "masks": {"resident_id": Mask(kind="hmac"), "name": Mask(kind="null"), "birth_date": Mask(kind="year"),
                  "phone": Mask(kind="keep_last", n=4)}},
    "police.health.resident": {
        "fields": ("resident_id", "name", "status"),
        "scope": (Condition(field="status", op="in", values=("registered", "moved")),
                  Condition(field="division", op="prefix", values=("3415",)))},
    "school.health.resident": {
        "fields": ("resident_id", "division"), "scope": (Condition(field="division", op="eq", values=("341502",)),)},
    "province.health.resident": {"fields": FIELDS, "node": "anhui"},
}


def dataset(standard: str, dataset_id: str, number: int) -> Dataset:
    """A standard dataset as one provider's own."""
    return standard_dataset(standard).declare(dataset_id, number)


def city(version: int = 1, subscriptions: dict[str, dict[str, Any]] | None = None,
         revoked: Iterable[str] = ()) -> Plan:
    """The plan of the test city."""
    datasets = {item.id: item for item in (dataset("resident", RESIDENT, 1), dataset("village", VILLAGE, 2))}
    schemas = {item.event_schema: SchemaText(id=str(item.event_schema), number=item.event_schema,
                                             subject=event_subject(item.id),
                                             text=event_schema(item.id, item.row_schema))
               for item in datasets.values()}
    agreed = {}
    for number, (name, told) in enumerate((SUBSCRIPTIONS if subscriptions is None else subscriptions).items(), start=100):
        subscriber, dataset_id = name.split(".", 1)
        agreed[name] = item = Subscription(
            id=name, subscriber=subscriber, dataset=dataset_id, purpose="test", output_schema=number,
            state="revoked" if name in revoked else "live", **told)
        schemas[number] = SchemaText(id=str(number), number=number, subject=output_subject(item),
                                     text=output_schema(datasets[dataset_id], item))
    return Plan(
        version=version, schemas=schemas, datasets=datasets, subscriptions=agreed,
        departments={"health": Department(id="health", title="卫健委", roles=("provider",), streams={STREAM: 1, "other": 3, "replay": 4}),
                     "civil": Department(id="civil", title="民政局", roles=("provider",), streams={"civil.register": 2, "replay": 5})},
        nodes={"luan": Node(id="luan", code="341500", title="六安", kind="self"),
               "anhui": Node(id="anhui", code="340000", title="安徽", kind="upper")},
        lanes={lane: LaneState(partitions=2) for lane in ("raw.health", "clean.health", "raw.civil", "clean.civil")})


def compiled(plan: Plan | None = None, given_up: Iterable[int | str] = ()) -> WorkingPlan:
    """The plan ready for work."""
    return working_plan(plan or city(), SECRET, given_up)


def memory(*places: tuple[str, int], limit: int = 64 << 20) -> Memory:
    """A fresh memory of these partitions."""
    fresh = Memory(limit)
    for lane, partition in places:
        fresh.restore(lane, partition, "")
    return fresh


RESIDENT_CODEC = EventCodec(city().schemas[1].text, 1)
VILLAGE_CODEC = EventCodec(city().schemas[2].text, 2)

#: Numbers of Lu'an with right check characters, of people born too long ago to be anybody's.
PEOPLE = ("341502184912310027", "34150318800101001X", "341502184912310123")


def resident(number: str = PEOPLE[0], **changes: Any) -> dict[str, Any]:
    """A row no rule has anything to say about, but for the changes."""
    return {**standard_dataset("resident").examples[0], "division": "341502", "phone": "13812345678", "resident_id": number,
            "birth_date": f"{number[6:10]}-{number[10:12]}-{number[12:14]}", "sex": "1" if int(number[16]) % 2 else "2", **changes}


def key_of(number: str) -> bytes:
    """The Kafka key of a resident."""
    return kafka_key(RESIDENT, number)


def value(op: str = "c", row: dict[str, Any] | None = None, before: dict[str, Any] | None = None, *, seq: int = -1,
          epoch: int = 0, stream: str = STREAM, cause: str = "live", codec: EventCodec = RESIDENT_CODEC) -> bytes:
    """The bytes of an event."""
    meta = Meta(f"id-{epoch}-{seq}", op, NOW - 5000, "health.core", stream, epoch, seq, cause)  # type: ignore[arg-type]
    return codec.encode(Event(meta, row, before))


def chunk(lane: str, records: list[Record], partition: int = 0) -> Chunk:
    """One part as a chunk."""
    return Chunk("raw" if lane.startswith("raw.") else "clean", 1, [Part(lane, partition, records)])
