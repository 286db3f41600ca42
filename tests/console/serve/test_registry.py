"""The registry of a real serve over real Kafka: who may do what, that nothing acknowledged is lost, and that the plan's own is safe.

What any registry promises is in tests/contract/test_registry.py.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient

from console.serve.settings import ServeSettings
from console.serve.watching import Trouble
from governance.registry.changes import register
from governance.registry.registered import Candidate, Registered
from governance.settling import control_turn
from schemas.text import Text
from tests.console.serve.bus import ServeProcess, SmallBus, declare
from tests.console.serve.conftest import Serving, eventually, running
from tests.contract.test_registry import avro, refused, unique
from trial.kafka import LocalKafka
from trial.kafka.ports import draw_port
from wire.control import ControlWriter

pytestmark = pytest.mark.kafka
EVENT, OUTPUT = "health.ResidentEvent", "tax.health.ResidentEvent"


@pytest.fixture(scope="module")
def small(kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallBus]:
    """One city and one serve for the tests that leave both as they are."""
    bus = SmallBus(kafka, tmp_path_factory.mktemp("small"))
    bus.apply()
    with bus.served():
        yield bus


@pytest.fixture
def own(kafka: LocalKafka, tmp_path: Path) -> SmallBus:
    """A city of this test's own, applied, without a serve."""
    bus = SmallBus(kafka, tmp_path)
    bus.apply()
    return bus


def wider(small: SmallBus, field: str) -> Schema:
    """The event of the residents with one more field, in the row and nowhere else."""
    event = json.loads(small.client().get_latest_version(EVENT).schema.schema_str or "")
    row = next(part for part in event["fields"] if part["name"] == "row")["type"][1]
    row["fields"].append(json.loads(field))
    return Schema(json.dumps(event), "AVRO")


def test_the_schemas_of_the_plan_are_there_under_their_ids(small: SmallBus) -> None:
    plan, client = small.plan(), small.client("subscriber.tax")
    assert set(client.get_subjects()) >= {EVENT, OUTPUT, "police.health.ResidentEvent"}
    for subject, number in ((EVENT, plan.datasets["health.resident"].event_schema),
                            (OUTPUT, plan.subscriptions["tax.health.resident"].output_schema)):
        found = client.get_latest_version(subject)
        assert (found.schema_id, found.schema.schema_str) == (number, plan.schemas[number].text)


@pytest.mark.parametrize("role", ["worker", "connect", "ledger", "serve", "provider.health", "provider.old-town", "subscriber.tax",
                                  "subscriber.police"])
def test_every_role_reads_and_none_writes_what_is_not_its_own(small: SmallBus, role: str) -> None:
    client = small.client(role)
    assert client.get_latest_version(EVENT)
    for subject in ("police.Thing", "raw.health-value", OUTPUT):
        assert refused(lambda: client.register_schema(subject, unique())) == (403, 40301)  # noqa: B023
        assert refused(lambda: client.delete_subject(subject)) == (403, 40301)  # noqa: B023
        assert refused(lambda: client.set_compatibility(subject, "NONE")) == (403, 40301)  # noqa: B023
    assert refused(lambda: client.set_compatibility(level="NONE")) == (403, 40301)
    with small.http(role) as http:
        assert http.put("/registry/mode", json={"mode": "READWRITE"}).status_code == 403
        assert http.delete("/registry/config").status_code == 403
        assert http.post("/api/apply", json={"files": {}}).status_code == 403


def test_a_provider_registers_and_deletes_its_own(small: SmallBus) -> None:
    client = small.client("provider.old-town")
    assert client.register_schema("old_town.Thing", avro("Thing", a="string"))
    client.set_compatibility("old_town.Thing", "NONE")
    assert client.register_schema("old_town.Thing", avro("Thing", a="int"))
    assert client.delete_subject("old_town.Thing") == [1, 2]
    assert client.delete_subject("old_town.Thing", permanent=True) == [1, 2]


def test_nobody_comes_in_without_the_password_of_a_role_and_cannot_tell_which_roles_there_are(small: SmallBus) -> None:
    good = small.password("provider.health")
    answers = []
    for auth in (None, ("provider.health", ""), ("provider.health", good + "x"), ("provider.nobody", good), ("control", good), ("", ""),
                 ("../secrets/provider.health", good), ("provider.health\x00", good)):
        answer = httpx.get(f"{small.url}/registry/subjects", auth=auth, trust_env=False)
        answers.append((answer.status_code, answer.text, answer.headers["www-authenticate"]))
    assert set(answers) == {(401, answers[0][1], 'Basic realm="shutong"')}
    for header in ("Bearer x", "Basic", "Basic %%%", "Basic " + "A" * 9999, "Digest a"):
        assert httpx.get(f"{small.url}/registry/subjects", headers={"Authorization": header}, trust_env=False).status_code == 401


def test_an_event_goes_on_only_with_what_reads_all_before(small: SmallBus) -> None:
    client = small.client("provider.health")
    status, _ = refused(lambda: client.register_schema(EVENT, wider(small, '{"name": "extra", "type": "string"}')))
    assert status == 409
    assert refused(lambda: client.set_compatibility(EVENT, "NONE")) == (422, 42205)
    assert refused(lambda: client.delete_version(EVENT, 1)) == (422, 42206)
    assert refused(lambda: client.delete_subject(EVENT)) == (422, 42206)
    number = client.register_schema(EVENT, wider(small, '{"name": "extra", "type": "string", "default": ""}'))
    assert small.plan().datasets["health.resident"].event_schema != number, "what the bus works by is decided by apply"
    assert client.delete_version(EVENT, 2) == 2
    assert refused(lambda: small.client().delete_subject(OUTPUT)) == (422, 42206)


def test_a_worker_is_told_of_a_registration_as_of_any_change_of_the_plan(small: SmallBus) -> None:
    before = small.plan()
    number = small.client("provider.health").register_schema("health.Told", unique())
    after = small.plan()
    assert after.version == before.version + 1
    assert after.schemas[number].subject == "health.Told"
    assert (after.datasets, after.subscriptions, after.lanes) == (before.datasets, before.subscriptions, before.lanes)


def test_what_is_registered_already_is_answered_without_a_version_of_the_plan(small: SmallBus) -> None:
    client, schema = small.client(), unique()
    number = client.register_schema("bureau.Again", schema)
    before = small.plan().version
    assert {small.client().register_schema("bureau.Again", schema) for _ in range(5)} == {number}
    assert small.plan().version == before


@pytest.mark.parametrize(("body", "number"), [
    ({"schema": '{"type": "object"}', "schemaType": "JSON"}, 42201), ({"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"}, 42201),
    ({"schema": 7}, 42201), ({"schema": '"int"', "references": [{"name": "x"}]}, 42201),
    ({"schema": '"int"', "ruleSet": {"domainRules": []}}, 42205), ({"schema": '"int"', "id": 5}, 42205),
    ({"schema": json.dumps({"type": "enum", "name": "E", "symbols": ["S" * 1_100_000]})}, 42209)])
def test_what_is_not_kept_is_refused_in_words_and_never_dropped_silently(small: SmallBus, body: object, number: int) -> None:
    with small.http() as http:
        answer = http.post("/registry/subjects/bureau.Odd/versions", json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (422, number)
        assert len(answer.json()["message"]) > 20


def test_requests_that_say_nothing_are_refused_in_the_same_shape(small: SmallBus) -> None:
    with small.http() as http:
        path = "/registry/subjects/bureau.Odd/versions"
        for status, answer in ((415, http.post(path, content="schema=1", headers={"Content-Type": "application/x-www-form-urlencoded"})),
                               (415, http.post(path, content='{"schema": "int"}', headers={"Content-Type": "text/plain"})),
                               (400, http.post(path, content="{", headers={"Content-Type": "application/json"})),
                               (422, http.post(path, json=[1])), (413, http.post(path, json={"schema": "x" * (5 << 20)})),
                               (404, http.get("/registry/nowhere")), (405, http.put("/registry/subjects")),
                               (400, http.get("/registry/subjects?offset=x"))):
            assert answer.status_code == status, answer.text
            assert answer.json()["error_code"] == status
            assert answer.json()["message"]


def test_lists_come_in_pages(small: SmallBus) -> None:
    client = small.client()
    for at in range(3):
        client.register_schema(f"bureau.paged.S{at}", avro(f"S{at}", a="int"))
    assert small.client().get_subjects(subject_prefix="bureau.paged.", offset=1, limit=1) == ["bureau.paged.S1"]
    with small.http() as http:
        listed = http.get("/registry/schemas?subjectPrefix=bureau.paged.&latestOnly=true").json()
        assert [(row["subject"], row["version"]) for row in listed] == [(f"bureau.paged.S{at}", 1) for at in range(3)]


def test_what_was_acknowledged_is_there_after_a_kill_in_the_middle_of_it(own: SmallBus) -> None:
    """kill -9 three times while many register; whoever got an id finds just that schema under it ever after."""
    told: dict[int, str] = {}
    lock, over = threading.Lock(), threading.Event()

    def register(worker: int) -> None:
        at = 0
        with own.http() as http:
            while not over.is_set():
                text = str(avro(f"T{worker}x{at}", a="string").schema_str)
                try:
                    answer = http.post(f"/registry/subjects/bureau.W{worker}/versions", json={"schema": text})
                except httpx.HTTPError:
                    time.sleep(0.05)
                    continue
                if answer.status_code != 200:
                    assert answer.status_code == 500
                    continue
                with lock:
                    assert told.setdefault(answer.json()["id"], text) == text, "an id is never given twice"
                at += 1

    with ServeProcess(own) as serve:
        own.client().set_compatibility(level="NONE")
        with ThreadPoolExecutor(6) as pool:
            workers = [pool.submit(register, worker) for worker in range(6)]
            try:
                for _ in range(3):
                    seen = len(told)
                    eventually(lambda: len(told) > seen + 10)  # noqa: B023
                    serve.kill()
                    serve.start()
                seen = len(told)
                eventually(lambda: len(told) > seen + 10)
            finally:
                over.set()
            for worker in workers:
                worker.result()
        for number, text in told.items():
            assert json.loads(own.client().get_schema(number).schema_str or "") == json.loads(text)
    plan = own.plan()
    assert set(told) <= set(plan.schemas)
    assert len(told) > 40
    assert sorted(plan.schemas) == list(range(1, max(plan.schemas) + 1)), "ids are given in turn, none is left out"
    assert own.apply().written is False, "and the city is as it was"


def test_ids_go_on_after_a_restart_also_when_the_last_was_deleted_for_good(own: SmallBus) -> None:
    with own.served():
        client, kept = own.client(), unique()
        first = client.register_schema("bureau.Kept", kept)
        last = client.register_schema("bureau.Gone", unique())
        client.delete_subject("bureau.Gone")
        client.delete_subject("bureau.Gone", permanent=True)
    with own.served():
        client = own.client()
        assert client.register_schema("bureau.Kept", kept) == first
        assert client.register_schema("bureau.New", unique()) == last + 1
        assert refused(lambda: own.client().get_schema(last)) == (404, 40403)


def test_a_serve_whose_writer_was_fenced_goes_on_from_what_the_other_wrote(own: SmallBus) -> None:
    with own.served(), own.http() as http:
        def register(subject: str) -> int:
            """At once: nobody asks twice."""
            answer = http.post(f"/registry/subjects/{subject}/versions", json={"schema": unique().schema_str})
            assert answer.status_code == 200, answer.text
            return int(answer.json()["id"])

        first = register("bureau.First")
        with ControlWriter(own.admin):
            assert register("bureau.Second") == first + 1
        declare(own.city, subscriptions__tax_health_resident='fields = ["resident_id", "name"]\npurpose = "新的目的"\n',
                departments__edu='title = "教育局"\nroles = ["provider"]\n')
        assert own.apply().written
        assert register("bureau.Third") == first + 2
        assert own.plan().subscriptions["tax.health.resident"].purpose == "新的目的"
        eventually(lambda: httpx.get(f"{own.url}/registry/subjects", auth=("provider.edu", own.password("provider.edu")),
                                     trust_env=False).status_code == 200)  # a role that is new comes in as soon as the plan has it


def test_what_another_writer_registered_can_be_built_on_as_soon_as_it_shows(own: SmallBus) -> None:
    with own.served():
        own.client().register_schema("bureau.First", unique())  # from here on serve has a writer, which knows no more than this
        with ControlWriter(own.admin) as other:
            place = Candidate('{"type":"fixed","name":"n.Place","size":3}')
            other.write(register(Registered(other.plan), "bureau.Place", place).objects)
        eventually(lambda: "bureau.Place" in own.client().get_subjects())
        whole = Schema('{"type":"array","items":"n.Place"}', "AVRO", [SchemaReference("n.Place", "bureau.Place", 1)])
        assert own.client().register_schema("bureau.Places", whole)


def test_a_registration_waits_for_an_apply_of_its_home_and_does_not_fence_it(own: SmallBus) -> None:
    with own.served(), ThreadPoolExecutor(1) as pool:
        own.client().register_schema("bureau.First", unique())
        with control_turn(own.secrets), ControlWriter(own.admin) as writer:
            waiting = pool.submit(own.client().register_schema, "bureau.Second", unique())
            time.sleep(1)
            assert not waiting.done()
            writer.write(lanes=writer.plan.lanes)
        assert waiting.result(60)


def test_two_serves_of_one_bus_give_one_row_of_ids(own: SmallBus) -> None:
    other = ServeSettings(**{**own.serve.model_dump(), "serve_address": f"127.0.0.1:{draw_port()}"})
    with own.served(), running(other):
        eventually(lambda: httpx.get(f"http://{other.serve_address}/readyz", trust_env=False).status_code == 200)
        user = f"control:{own.password('control')}"
        urls = [f"{own.url}/registry", f"http://{other.serve_address}/registry"]
        schema = unique()

        def register(at: int) -> int:
            client = SchemaRegistryClient({"url": urls[at % 2], "basic.auth.user.info": user})
            return client.register_schema("bureau.Same" if at < 4 else f"bureau.Other{at}", schema if at < 4 else unique())

        with ThreadPoolExecutor(4) as pool:
            numbers = list(pool.map(register, range(12)))
        assert len(set(numbers[:4])) == 1
        assert len(set(numbers)) == 9


def test_a_role_that_was_revoked_is_out(own: SmallBus) -> None:
    with own.served():
        client = own.client("subscriber.police")
        assert client.get_subjects()
        (own.city / "subscriptions/police.health.resident.toml").unlink()
        own.apply()
        eventually(lambda: httpx.get(f"{own.url}/registry/subjects", auth=("subscriber.police", own.password("subscriber.police")),
                                     trust_env=False).status_code == 401)


def test_no_password_and_no_schema_text_is_in_the_log(own: SmallBus) -> None:
    with ServeProcess(own) as serve:
        own.client().register_schema("bureau.Logged", avro("Logged", doc="SECRETDOC", a="string"))
        httpx.get(f"{own.url}/registry/subjects", auth=("control", "a-wrong-word"), trust_env=False)
    log = serve.log.read_text()
    assert own.password("control") not in log
    assert not re.search("SECRETDOC|a-wrong-word|Basic ", log)
    assert "Subject bureau.Logged, by control" in log


def test_a_serve_goes_on_after_kafka_was_killed_and_started_again(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "kafka", die_with_parent=True) as broker:
        bus = SmallBus(broker, tmp_path)
        bus.apply()
        with bus.served():
            first = bus.client().register_schema("bureau.First", unique())
            broker.kill()
            with bus.http() as http:
                assert http.get("/registry/subjects").status_code == 200
                answer = http.post("/registry/subjects/bureau.Away/versions", json={"schema": '"int"'})
                assert (answer.status_code, answer.json()["error_code"]) == (500, 50001)
            broker.start()
            schema = unique()

            def registered() -> int:
                with bus.http() as http:
                    answer = http.post("/registry/subjects/bureau.Second/versions", json={"schema": schema.schema_str})
                return answer.json()["id"] if answer.status_code == 200 else 0

            assert eventually(registered, 90) > first
            assert bus.client().get_schema(first)


def test_while_kafka_is_away_a_change_is_refused_at_once_and_reading_goes_on(page: Serving) -> None:
    """Confluent's 50001 with status 500, which its clients try again."""
    page.fill()
    secrets = page.settings.secrets
    secrets.mkdir(parents=True)
    for role in ("control", "provider.health"):
        file = secrets / f"{role}.password"
        file.write_text("word\n")
        file.chmod(0o600)
    auth = ("control", "word")
    assert page.get("/registry/subjects", auth=auth).json() == []
    page.board.kafka.trouble = Trouble(Text("Kafka 不在", "Kafka is away"), Text("启动它", "start it"))
    assert page.get("/registry/subjects", auth=auth).status_code == 200
    answer = page.http.post("/registry/subjects/a.B/versions", json={"schema": '"int"'}, auth=auth)
    assert (answer.status_code, answer.json()["error_code"]) == (500, 50001)
    assert "Kafka is away" in answer.json()["message"]


def test_before_the_plan_was_read_nobody_is_turned_away_as_unknown(page: Serving) -> None:
    answer = page.get("/registry/subjects", auth=("control", "word"))
    assert (answer.status_code, answer.json()["error_code"]) == (500, 50001)
