"""`shutong schema` against a small bus on real Kafka, without any serve: the plan says it all."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.apply import password_file
from governance.registry import changes
from governance.registry.registered import Candidate, Registered
from tests.console.conftest import Ran
from tests.console.serve.bus import SmallBus
from trial.kafka import LocalKafka
from wire.control import ControlWriter

pytestmark = pytest.mark.kafka
EVENT = "health.ResidentEvent"


@pytest.fixture(scope="module")
def bus(kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> SmallBus:
    """A city, and one subject of its own of which the first version was deleted."""
    bus = SmallBus(kafka, tmp_path_factory.mktemp("schema"))
    bus.apply()
    with ControlWriter(bus.admin) as writer:
        for step in (lambda known: changes.register(known, "bureau.Own", Candidate('{"type":"fixed","name":"F","size":1}')),
                     lambda known: changes.set_level(known, "bureau.Own", "NONE"),
                     lambda known: changes.register(known, "bureau.Own", Candidate('{"type":"fixed","name":"F","size":2}')),
                     lambda known: changes.delete_version(known, "bureau.Own", 1)):
            writer.write(step(Registered(writer.plan)).objects)
    return bus


@pytest.fixture
def ask(shutong: Callable[..., Ran], bus: SmallBus, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    for name, value in (("BOOTSTRAP", bus.admin.bootstrap), ("PREFIX", bus.admin.prefix), ("KAFKA_USER", bus.admin.names.user("serve")),
                        ("KAFKA_PASSWORD_FILE", str(password_file(bus.secrets, "serve")))):
        monkeypatch.setenv(f"SHUTONG_{name}", value)
    return lambda *words: shutong("--lang", "en", "schema", *words, "--home", str(bus.home))


def test_subjects_are_listed_with_what_uses_them(ask: Callable[..., Ran]) -> None:
    rows = {row["subject"]: row for row in json.loads(ask("list", "-o", "json").out)}
    assert set(rows) == {EVENT, "tax.health.ResidentEvent", "police.health.ResidentEvent", "bureau.Own"}
    assert (rows[EVENT]["version"], rows[EVENT]["used_by"], rows[EVENT]["level"]) == (1, "dataset health.resident", "BACKWARD_TRANSITIVE")
    assert rows["tax.health.ResidentEvent"]["used_by"] == "subscription tax.health.resident"
    assert (rows["bureau.Own"]["version"], rows["bureau.Own"]["level"], rows["bureau.Own"]["used_by"]) == (2, "NONE", "")
    deleted = list(csv.DictReader(io.StringIO(ask("list", "--deleted", "-o", "csv").out)))
    assert [(row["version"], row["deleted"]) for row in deleted if row["subject"] == "bureau.Own"] == [("1", "true"), ("2", "false")]


def test_a_schema_is_shown_by_subject_and_version(ask: Callable[..., Ran], bus: SmallBus) -> None:
    plan = bus.plan()
    assert json.loads(ask("show", EVENT).out) == json.loads(plan.schemas[plan.datasets["health.resident"].event_schema].text)
    assert json.loads(ask("show", "bureau.Own", "--version", "2").out)["size"] == 2
    for words, said in (((EVENT, "--version", "9"), "Version 9 not found"), (("no.Body",), "Subject 'no.Body' not found"),
                        ((EVENT, "--version", "x"), "not a valid version id")):
        ran = ask("show", *words)
        assert (ran.code, ran.out) == (1, "")
        assert said in ran.err


def test_a_check_says_what_a_registration_would(ask: Callable[..., Ran], bus: SmallBus, tmp_path: Path) -> None:
    plan, file = bus.plan(), tmp_path / "event.avsc"
    event = json.loads(plan.schemas[plan.datasets["health.resident"].event_schema].text)
    row = next(part for part in event["fields"] if part["name"] == "row")["type"][1]
    row["fields"].append({"name": "extra", "type": "string"})
    file.write_text(json.dumps(event))
    ran = ask("check", EVENT, str(file))
    assert ran.code == 3
    assert "extra" in ran.err
    row["fields"][-1]["default"] = ""
    file.write_text(json.dumps(event), encoding="utf-8-sig")
    assert (ran := ask("check", EVENT, str(file))).code == 0
    assert "BACKWARD_TRANSITIVE" in ran.err
    file.write_text('{"type": "record", "name": "n.T", "fields": [{"name": "f", "type": "F"}]}')
    assert ask("check", "bureau.Next", str(file)).code == 1
    assert ask("check", "bureau.Next", str(file), "--reference", "F=bureau.Own:2").code == 0
    assert ask("check", "bureau.Next", str(file), "--reference", "F=bureau.Own:1").code == 1, "that version was deleted"
    assert ask("check", "bureau.Next", str(file), "--reference", "F").code == 2
    file.write_bytes(b"\xff\xfe")
    assert ask("check", EVENT, str(file)).code == 1
    assert bus.plan() == plan, "a check changes nothing"
