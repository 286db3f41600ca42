"""Confluent's serializers for Python, with the registry in memory that comes with them: events and nested rows in both directions."""

from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.codec import EventCodec, EventScanner, millis, stream_prefix
from schemas.contract import compile_subscription, event_schema, event_subject, output_subject
from schemas.datasets import standard_dataset
from schemas.envelope import Event, Meta
from schemas.errors import RejectError
from tests.interop.visits import CUT, DELIVERED, EVENT, VISITS, events

RESIDENT = standard_dataset("resident").declare("health.resident", 1)
RESIDENTS = [Event(Meta(f"{number}", "c", 1_767_323_045_000, "hr.core", "health.population", 1, number), dict(row))
             for number, row in enumerate(standard_dataset("resident").examples)]
CONTEXT = SerializationContext("raw.health", MessageField.VALUE)
CASES = [pytest.param(event_subject(VISITS.id), EVENT, events(40), id="nested"),
         pytest.param(event_subject(RESIDENT.id), event_schema(RESIDENT.id, RESIDENT.row_schema), RESIDENTS, id="flat")]


@pytest.fixture
def registry() -> SchemaRegistryClient:
    return SchemaRegistryClient.new_client({"url": "mock://bus"})


def datum(event: Event) -> dict[str, Any]:
    """The event as Confluent's side has it."""
    return {"meta": event.meta._asdict(), "row": event.row, "before": event.before}


def event_of(told: dict[str, Any]) -> Event:
    return Event(Meta(**told["meta"] | {"at": millis(told["meta"]["at"])}), told["row"], told.get("before"))


@pytest.mark.parametrize(("subject", "text", "some"), CASES)
def test_confluents_deserializer_reads_our_events(registry: SchemaRegistryClient, subject: str, text: str, some: list[Event]) -> None:
    codec = EventCodec(text, registry.register_schema(subject, Schema(text, "AVRO")))
    deserialize = AvroDeserializer(registry)
    for event in some:
        told = deserialize(codec.encode(event), CONTEXT)
        assert event_of(told) == codec.decode(codec.encode(event))


@pytest.mark.parametrize(("subject", "text", "some"), CASES)
def test_we_read_the_events_of_confluents_serializer_on_the_fast_path(registry: SchemaRegistryClient, subject: str, text: str,
                                                                       some: list[Event]) -> None:
    number = registry.register_schema(subject, Schema(text, "AVRO"))
    serialize = AvroSerializer(registry, text, conf={"auto.register.schemas": False, "use.latest.version": False,
                                                     "subject.name.strategy": lambda context, name: subject})
    codec, scanner = EventCodec(text, number), EventScanner(text, number)
    for event in some:
        value = serialize(datum(event), CONTEXT)
        assert value == codec.encode(event)
        scanned = scanner.scan(value)
        assert scanner.meta(scanned) == event.meta
        assert scanned.row is not None
        assert scanner.decode_row(scanned.row) == codec.decode(value).row
        assert (scanned.before is None) == (event.before is None)
    assert scanner.rewritten == 0
    with pytest.raises(RejectError):
        EventScanner(text, number + 1).scan(value)


def test_confluents_deserializer_reads_what_a_subscriber_is_delivered(registry: SchemaRegistryClient) -> None:
    number = registry.register_schema(output_subject(CUT), Schema(DELIVERED, "AVRO"))
    item = CUT.model_copy(update={"output_schema": number})
    codec, scanner = EventCodec(EVENT, 1), EventScanner(EVENT, 1)
    delivery = compile_subscription(item, VISITS, scanner, "341500", b"secret")
    deserialize = AvroDeserializer(registry)
    for event in events(40):
        scanned = scanner.scan(codec.encode(event))
        told = deserialize(delivery.value(scanned, scanned.op, scanned.row, stream_prefix("clean.health/0", 0), 7), CONTEXT)
        assert list(told["row"]) == list(CUT.fields)
        row = codec.decode(codec.encode(event)).row
        assert row is not None
        assert {name: told["row"][name] for name in ("visit", "fee", "plan", "drugs")} == {
            name: row[name] for name in ("visit", "fee", "plan", "drugs")}
        assert told["meta"]["seq"] == 7
        assert "before" not in told
