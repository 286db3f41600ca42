"""What a schema registry promises Confluent's clients: one suite for ours and for Apicurio 3, which can stand in for it.

Ours runs always. For Apicurio start one and name its compatible API, with user and password in the address if it wants them:
    APICURIO_REGISTRY=http://127.0.0.1:8080/apis/ccompat/v7 python -m pytest tests/contract/test_registry.py
"""

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.contract.conftest import Registry

VND = "application/vnd.schemaregistry.v1+json"
STRING, INT = "string", "int"
OPTIONAL = ["null", "string"]


def record(name: str = "Thing", doc: str = "", **fields: object) -> str:
    """A record with these fields; one with a default is given as (type, default)."""
    made = [{"name": field, "type": kind[0], "default": kind[1]} if isinstance(kind, tuple) else {"name": field, "type": kind}
            for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "bureau", **({"doc": doc} if doc else {}), "fields": made})


def avro(*given: object, **fields: object) -> Schema:
    return Schema(record(*given, **fields), "AVRO")  # type: ignore[arg-type]


def unique() -> Schema:
    """A schema that nobody registered before."""
    return avro(f"T{secrets.token_hex(8)}", a=STRING)


def refused(call: Callable[[], object]) -> tuple[int, int]:
    """HTTP's status and the error number with which a call is refused."""
    with pytest.raises(SchemaRegistryError) as caught:
        call()
    assert caught.value.error_message
    return caught.value.http_status_code, caught.value.error_code


@pytest.fixture
def client(registry: Registry) -> SchemaRegistryClient:
    return registry.client()


def test_one_schema_is_one_id_and_one_version_however_often_it_is_registered(registry: Registry, subject: str) -> None:
    schema = unique()
    number = registry.client().register_schema(subject, schema)
    assert number == registry.client().register_schema(subject, schema)
    spaced = Schema(json.dumps(json.loads(schema.schema_str or ""), indent=4), "AVRO")
    assert number == registry.client().register_schema(subject, spaced)
    assert registry.client().get_versions(subject) == [1]


def test_one_schema_under_two_subjects_is_one_id(registry: Registry, subject: str) -> None:
    schema, client = unique(), registry.client()
    assert client.register_schema(subject, schema) == client.register_schema(f"{subject}2", schema)
    number = client.register_schema(subject, schema)
    assert set(registry.client().get_subjects_by_schema_id(number)) == {subject, f"{subject}2"}
    places = registry.client().get_schema_versions(number)
    assert {(place.subject, place.version) for place in places} == {(subject, 1), (f"{subject}2", 1)}


def test_another_schema_is_another_id_and_the_next_version(registry: Registry, subject: str) -> None:
    client = registry.client()
    first = client.register_schema(subject, avro(subject.split(".")[1], a=STRING))
    second = client.register_schema(subject, avro(subject.split(".")[1], a=STRING, b=(OPTIONAL, None)))
    assert second != first
    assert client.get_versions(subject) == [1, 2]
    assert subject in client.get_subjects()
    assert client.get_subjects(subject_prefix=subject) == [subject]


def test_a_schema_is_found_by_id_version_and_text(registry: Registry, subject: str) -> None:
    schema = unique()
    number = registry.client().register_schema(subject, schema)
    client = registry.client()
    wanted = json.loads(schema.schema_str or "")
    assert json.loads(client.get_schema(number).schema_str or "") == wanted
    for version in (1, "latest"):
        found = registry.client().get_version(subject, version)  # type: ignore[arg-type]
        assert (found.subject, found.version, found.schema_id) == (subject, 1, number)
        assert json.loads(found.schema.schema_str or "") == wanted
    assert registry.client().get_latest_version(subject).schema_id == number
    looked_up = registry.client().lookup_schema(subject, schema)
    assert (looked_up.subject, looked_up.version, looked_up.schema_id) == (subject, 1, number)
    assert registry.ask("GET", f"/subjects/{subject}/versions/1/schema").json() == wanted
    assert registry.ask("GET", f"/schemas/ids/{number}/schema").json() == wanted
    assert registry.ask("GET", f"/subjects/{subject}/versions/-1").json()["version"] == 1


def test_answers_have_confluents_shapes(registry: Registry, subject: str) -> None:
    schema = unique()
    answer = registry.ask("POST", f"/subjects/{subject}/versions", json={"schema": schema.schema_str}, headers={"Content-Type": VND})
    assert answer.status_code == 200
    number = answer.json()["id"]
    assert isinstance(number, int)
    found = registry.ask("GET", f"/subjects/{subject}/versions/1").json()
    assert {"subject": subject, "version": 1, "id": number}.items() <= found.items()
    assert isinstance(found["schema"], str)
    assert isinstance(registry.ask("GET", f"/schemas/ids/{number}").json()["schema"], str)
    assert registry.ask("GET", f"/subjects/{subject}/versions").json() == [1]
    assert "AVRO" in registry.ask("GET", "/schemas/types").json()
    assert registry.ask("PUT", f"/config/{subject}", json={"compatibility": "FULL"}).json()["compatibility"] == "FULL"
    assert registry.ask("GET", f"/config/{subject}").json() == {"compatibilityLevel": "FULL"}
    assert registry.ask("GET", "/mode").json() == {"mode": "READWRITE"}
    missing = registry.ask("GET", "/subjects/nobody.knows.it/versions")
    assert missing.status_code == 404
    assert missing.json()["error_code"] == 40401
    assert isinstance(missing.json()["message"], str)
    assert registry.ask("DELETE", f"/subjects/{subject}/versions/1").json() == 1
    assert registry.ask("DELETE", f"/subjects/{subject}?permanent=true").json() == [1]


def test_the_content_types_of_confluents_clients_are_taken(registry: Registry, subject: str) -> None:
    body = json.dumps({"schema": unique().schema_str})
    for kind in (VND, "application/vnd.schemaregistry+json", "application/json"):
        answer = registry.ask("POST", f"/subjects/{subject}/versions", content=body, headers={"Content-Type": kind, "Accept": VND})
        assert answer.status_code == 200, kind
        assert answer.headers["content-type"].startswith("application/")


def test_what_is_not_there_has_its_own_number(client: SchemaRegistryClient, subject: str) -> None:
    assert refused(lambda: client.get_versions(subject)) == (404, 40401)
    assert refused(lambda: client.get_latest_version(subject)) == (404, 40401)
    assert refused(lambda: client.lookup_schema(subject, avro(a=STRING))) == (404, 40401)
    assert refused(lambda: client.delete_subject(subject)) == (404, 40401)
    assert refused(lambda: client.get_schema(1_999_999_999)) == (404, 40403)
    client.register_schema(subject, unique())
    assert refused(lambda: client.get_version(subject, 9)) == (404, 40402)
    assert refused(lambda: client.delete_version(subject, 9)) == (404, 40402)
    assert refused(lambda: client.lookup_schema(subject, avro("Other", z=INT))) == (404, 40403)


@pytest.mark.parametrize("text", ["", "no json", "{}", '{"type": "nope"}', '"unknown.Name"', "[]", "17",
                                  '{"type": "record", "name": "9"}', record(a="bureau.Missing"), record(a=(INT, "x"))])
def test_what_is_no_avro_schema_is_refused(registry: Registry, subject: str, text: str) -> None:
    assert refused(lambda: registry.client().register_schema(subject, Schema(text, "AVRO"))) == (422, 42201)
    assert refused(lambda: registry.client().get_versions(subject)) == (404, 40401)


@pytest.mark.parametrize("version", ["0", "-2", "x", "2147483648"])
def test_what_is_no_version_is_refused(registry: Registry, subject: str, version: str) -> None:
    registry.client().register_schema(subject, unique())
    answer = registry.ask("GET", f"/subjects/{subject}/versions/{version}")
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42202)


ADDED = {"b": STRING}
ADDED_OPTIONAL = {"b": (OPTIONAL, None)}

#: level -> for each next version: does it pass? Each is offered to a subject with versions {a}, {a, b with a default}.
NEXT = {
    "adds a field with a default": {"a": STRING, "b": (OPTIONAL, None), "c": (OPTIONAL, None)},
    "adds a field without one": {"a": STRING, "b": (OPTIONAL, None), "c": STRING},
    "drops the one with a default": {"a": STRING},
    "drops the one without": {"b": (OPTIONAL, None)},
    "needs what only the first lacks": {"a": STRING, "b": OPTIONAL},
    "changes a type": {"a": INT, "b": (OPTIONAL, None)},
}
PASSES = {
    "NONE": set(NEXT),
    "BACKWARD": {"adds a field with a default", "drops the one with a default", "drops the one without",
                 "needs what only the first lacks"},
    "BACKWARD_TRANSITIVE": {"adds a field with a default", "drops the one with a default", "drops the one without"},
    "FORWARD": {"adds a field with a default", "adds a field without one", "drops the one with a default",
                "needs what only the first lacks"},
    "FORWARD_TRANSITIVE": {"adds a field with a default", "adds a field without one", "drops the one with a default",
                           "needs what only the first lacks"},
    "FULL": {"adds a field with a default", "drops the one with a default", "needs what only the first lacks"},
    "FULL_TRANSITIVE": {"adds a field with a default", "drops the one with a default"},
}


@pytest.mark.parametrize("level", PASSES)
def test_a_level_lets_pass_what_it_says_and_a_registration_agrees_with_the_check(registry: Registry, subject: str, level: str) -> None:
    client = registry.client()
    client.register_schema(subject, avro(a=STRING))
    client.register_schema(subject, avro(a=STRING, b=(OPTIONAL, None)))
    assert client.set_compatibility(subject, level)["compatibility"] == level  # type: ignore[index]
    assert client.get_compatibility(subject) == level
    for what, fields in NEXT.items():
        schema, passes = avro(**fields), what in PASSES[level]
        assert client.test_compatibility_all_versions(subject, schema) == passes, what
        there = registry.client()
        there.set_compatibility(f"{subject}.{len(what)}", level)
        there.register_schema(f"{subject}.{len(what)}", avro(a=STRING))
        there.set_compatibility(f"{subject}.{len(what)}", "NONE")
        there.register_schema(f"{subject}.{len(what)}", avro(a=STRING, b=(OPTIONAL, None)))
        there.set_compatibility(f"{subject}.{len(what)}", level)
        if passes:
            there.register_schema(f"{subject}.{len(what)}", schema)
        else:
            status, number = refused(lambda: there.register_schema(f"{subject}.{len(what)}", schema))  # noqa: B023
            assert (status, number // 100 if number > 1000 else number) == (409, 409), what


def test_a_check_looks_at_the_version_it_is_asked_about(registry: Registry, subject: str) -> None:
    client = registry.client()
    client.set_compatibility(subject, "BACKWARD")
    client.register_schema(subject, avro(a=STRING))
    client.register_schema(subject, avro(a=STRING, b=(OPTIONAL, None)))
    needs_b = avro(a=STRING, b=OPTIONAL)
    assert client.test_compatibility(subject, needs_b, "latest")
    assert client.test_compatibility(subject, needs_b, 2)
    assert not client.test_compatibility(subject, needs_b, 1)
    assert refused(lambda: client.test_compatibility(subject, needs_b, 9)) == (404, 40402)
    told = registry.ask("POST", f"/compatibility/subjects/{subject}/versions/1?verbose=true", json={"schema": needs_b.schema_str}).json()
    assert told["is_compatible"] is False
    assert "b" in " ".join(told["messages"])


def test_levels_are_kept_for_one_subject_and_for_all(registry: Registry, subject: str) -> None:
    client = registry.client()
    assert refused(lambda: client.get_compatibility(subject)) == (404, 40408)
    before = client.get_compatibility()
    assert registry.ask("GET", f"/config/{subject}?defaultToGlobal=true").json() == {"compatibilityLevel": before}
    client.set_compatibility(level="FORWARD")
    try:
        assert registry.client().get_compatibility() == "FORWARD"
        client.register_schema(subject, avro(a=STRING, b=STRING))
        assert not client.test_compatibility(subject, avro(a=STRING)), "the level of all applies"
        client.set_compatibility(subject, "BACKWARD")
        assert registry.client().get_compatibility(subject) == "BACKWARD"
        assert client.test_compatibility(subject, avro(a=STRING)), "its own applies"
        assert registry.ask("DELETE", f"/config/{subject}").status_code == 200
        assert refused(lambda: client.get_compatibility(subject)) == (404, 40408)
    finally:
        client.set_compatibility(level=before)
    assert refused(lambda: client.set_compatibility(subject, "SIDEWAYS")) == (422, 42203)


def test_what_is_deleted_softly_is_out_of_sight_and_its_id_still_readable(registry: Registry, subject: str) -> None:
    client, schema = registry.client(), avro(subject.split(".")[1], a=STRING)
    number = client.register_schema(subject, schema)
    client.register_schema(subject, avro(subject.split(".")[1], a=STRING, b=(OPTIONAL, None)))
    assert client.delete_version(subject, 1) == 1
    assert registry.client().get_versions(subject) == [2]
    assert registry.client().get_versions(subject, deleted=True) == [1, 2]
    assert refused(lambda: registry.client().get_version(subject, 1)) == (404, 40402)
    assert registry.client().get_version(subject, 1, deleted=True).schema_id == number
    assert registry.client().get_schema(number).schema_str
    assert refused(lambda: client.delete_version(subject, 1)) == (404, 40406)
    assert registry.client().register_schema(subject, schema) == number, "the same schema, the same id"
    assert registry.client().get_versions(subject) == [2, 3], "and a version of its own"


def test_a_subject_is_deleted_softly_first_then_for_good(registry: Registry, subject: str) -> None:
    client = registry.client()
    client.register_schema(subject, avro(subject.split(".")[1], a=STRING))
    client.register_schema(subject, avro(subject.split(".")[1], a=STRING, b=(OPTIONAL, None)))
    assert refused(lambda: client.delete_subject(subject, permanent=True)) == (404, 40405)
    assert client.delete_subject(subject) == [1, 2]
    assert refused(lambda: client.delete_subject(subject)) == (404, 40404)
    assert subject not in registry.client().get_subjects()
    assert subject in registry.client().get_subjects(deleted=True)
    assert refused(lambda: registry.client().get_latest_version(subject)) == (404, 40401)
    assert client.delete_subject(subject, permanent=True) == [1, 2]
    assert subject not in registry.client().get_subjects(deleted=True)
    assert refused(lambda: client.delete_subject(subject, permanent=True)) == (404, 40401)


def test_a_version_is_deleted_softly_first_then_for_good(registry: Registry, subject: str) -> None:
    client = registry.client()
    number = client.register_schema(subject, avro(subject.split(".")[1], a=STRING))
    client.register_schema(subject, avro(subject.split(".")[1], a=STRING, b=(OPTIONAL, None)))
    assert refused(lambda: client.delete_version(subject, 1, permanent=True)) == (404, 40407)
    client.delete_version(subject, 1)
    assert client.delete_version(subject, 1, permanent=True) == 1
    assert registry.client().get_versions(subject, deleted=True) == [2]
    assert refused(lambda: registry.client().get_schema(number)) == (404, 40403)


def test_an_id_is_not_given_again_after_its_schema_was_deleted_for_good(registry: Registry, subject: str) -> None:
    client = registry.client()
    gone = client.register_schema(subject, unique())
    client.delete_subject(subject)
    client.delete_subject(subject, permanent=True)
    assert registry.client().register_schema(subject, unique()) > gone


def test_a_schema_may_be_made_of_others(registry: Registry, subject: str) -> None:
    client = registry.client()
    place, person = f"Place{secrets.token_hex(4)}", f"Person{secrets.token_hex(4)}"
    client.register_schema(f"{subject}.place", avro(place, town=STRING))
    reference = SchemaReference(f"bureau.{place}", f"{subject}.place", 1)
    whole = Schema(record(person, home=f"bureau.{place}"), "AVRO", [reference])
    number = client.register_schema(f"{subject}.person", whole)
    assert registry.client().get_schema(number).references == [reference]
    assert registry.client().get_latest_version(f"{subject}.person").schema.references == [reference]
    assert registry.client().lookup_schema(f"{subject}.person", whole).schema_id == number
    assert registry.client().get_referenced_by(f"{subject}.place", 1) == [number]
    assert refused(lambda: client.delete_subject(f"{subject}.place")) == (422, 42206)
    assert refused(lambda: client.delete_version(f"{subject}.place", 1)) == (422, 42206)
    client.delete_subject(f"{subject}.person")
    assert client.delete_subject(f"{subject}.place") == [1]


def test_a_reference_that_leads_nowhere_is_refused(registry: Registry, subject: str) -> None:
    lost = Schema(record(home="bureau.Place"), "AVRO", [SchemaReference("bureau.Place", f"{subject}.nowhere", 1)])
    assert refused(lambda: registry.client().register_schema(subject, lost)) == (422, 42201)


def test_compatibility_looks_into_what_is_referenced(registry: Registry, subject: str) -> None:
    client = registry.client()
    place, person = f"Place{secrets.token_hex(4)}", f"Person{secrets.token_hex(4)}"
    client.set_compatibility(f"{subject}.place", "NONE")
    client.set_compatibility(f"{subject}.person", "BACKWARD")
    client.register_schema(f"{subject}.place", avro(place, town=STRING))
    client.register_schema(f"{subject}.place", avro(place, town=STRING, street=STRING))
    client.register_schema(f"{subject}.place", avro(place, town=STRING, street=(STRING, "")))
    made = [Schema(record(person, home=f"bureau.{place}"), "AVRO", [SchemaReference(f"bureau.{place}", f"{subject}.place", version)])
            for version in (1, 2, 3)]
    client.register_schema(f"{subject}.person", made[0])
    assert refused(lambda: client.register_schema(f"{subject}.person", made[1]))[0] == 409
    assert client.register_schema(f"{subject}.person", made[2])


def test_schemas_that_differ_in_spelling_only_are_one_when_normalised(registry: Registry, subject: str) -> None:
    name = f"T{secrets.token_hex(6)}"
    plain = Schema(json.dumps({"type": "record", "name": name, "namespace": "bureau", "fields": [{"name": "a", "type": "string"}]}), "AVRO")
    other = Schema(json.dumps({"type": "record", "name": f"bureau.{name}", "fields": [{"type": {"type": "string"}, "name": "a"}]}), "AVRO")
    number = registry.client().register_schema(subject, plain, normalize_schemas=True)
    assert registry.client().register_schema(subject, other, normalize_schemas=True) == number
    assert registry.client().lookup_schema(subject, other, normalize_schemas=True).schema_id == number
    assert registry.client().get_versions(subject) == [1]


def test_many_who_register_one_schema_at_once_get_one_id(registry: Registry, subject: str) -> None:
    schema = unique()
    with ThreadPoolExecutor(12) as pool:
        numbers = list(pool.map(lambda at: registry.client().register_schema(f"{subject}.{at % 3}", schema), range(24)))
    assert len(set(numbers)) == 1
    assert all(registry.client().get_versions(f"{subject}.{at}") == [1] for at in range(3))


def test_many_who_register_different_schemas_at_once_get_different_ids(registry: Registry, subject: str) -> None:
    with ThreadPoolExecutor(12) as pool:
        numbers = list(pool.map(lambda at: registry.client().register_schema(f"{subject}.{at}", unique()), range(24)))
    assert len(set(numbers)) == 24


def round_trip(registry: Registry, text: str, value: dict[str, object], references: list[SchemaReference], **config: object) -> object:
    context = SerializationContext(f"t{secrets.token_hex(6)}", MessageField.VALUE)
    schema = Schema(text, "AVRO", references) if references else text
    writer = AvroSerializer(registry.client(), schema, conf=config or None)  # type: ignore[arg-type]
    return AvroDeserializer(registry.client())(writer(value, context), context)


def test_a_serialiser_registers_by_itself_and_a_deserialiser_reads_it(registry: Registry) -> None:
    value = {"a": "甲", "b": None}
    assert round_trip(registry, record(f"T{secrets.token_hex(6)}", a=STRING, b=(OPTIONAL, None)), value, []) == value


def test_a_serialiser_that_does_not_register_needs_the_schema_to_be_there(registry: Registry) -> None:
    with pytest.raises(SchemaRegistryError):
        round_trip(registry, record(f"T{secrets.token_hex(6)}", a=STRING), {"a": "x"}, [], **{"auto.register.schemas": False})


def test_a_serialiser_and_a_deserialiser_follow_references(registry: Registry, subject: str) -> None:
    place, person = f"Place{secrets.token_hex(4)}", f"Person{secrets.token_hex(4)}"
    registry.client().register_schema(f"{subject}.place", avro(place, town=STRING))
    value = {"home": {"town": "六安"}}
    references = [SchemaReference(f"bureau.{place}", f"{subject}.place", 1)]
    assert round_trip(registry, record(person, home=f"bureau.{place}"), value, references) == value
