"""The commands against a running bus: a real `shutong up` with the trial city's first snapshot through."""

import csv
import io
import json
import re
import shlex
import shutil
import time
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from console.commands.through_serve import ThroughServe, applier
from console.connection import connect
from governance.apply import password_file
from tests.console.conftest import Ran, Up
from trial.city.dirt import DirtyPopulation
from trial.city.home import RESIDENTS, SEED
from trial.city.luan import DIRECTORY
from trial.city.places import villages
from wire.secret import read_secret

pytestmark = pytest.mark.kafka
Shutong = Callable[..., Ran]

ROOT = Path(__file__).parents[2]
_NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?![\dXx])")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d(-?)\d{4}\1\d{4}(?!\d)")
_DOOR = re.compile(r"[0-9０-９]+号[0-9０-９]+栋[0-9０-９]+室")


@cache
def residents() -> dict[str, set[str]]:
    """What the trial city's register says of its residents, by kind; of two characters a name cannot be told from a word."""
    people = DirtyPopulation(SEED)
    rows = [row for row, _ in islice(iter(people.draw, None), RESIDENTS)]
    return {"number": {row.resident_id.upper() for row in rows}, "phone": {re.sub(r"^\+86|\D", "", row.phone) for row in rows if row.phone},
            "name": {name for row in rows if len(name := row.name.strip()) == 3},
            "address": {door[0] for row in rows if (door := _DOOR.search(row.address))}}


def personal(text: str) -> set[str]:
    """Which kinds of personal data of the city's residents stand in a text."""
    found = {"number": {number[0].upper() for number in _NUMBER.finditer(text)},
             "phone": {phone[0].replace("-", "") for phone in _PHONE.finditer(text)},
             "name": {text[at:at + 3] for at in range(len(text) - 2)},
             "address": {door[0] for door in _DOOR.finditer(text)}}
    return {kind for kind, known in residents().items() if known & found[kind]}


@pytest.fixture
def ask(shutong: Shutong, live_bus: Up) -> Callable[..., list[dict[str, object]]]:
    """The rows of a command, as JSON."""
    def rows(*words: str) -> list[dict[str, object]]:
        ran = shutong(*words, "-o", "json", "--home", str(live_bus.home))
        assert ran.code == 0, ran.err
        return json.loads(ran.out)
    return rows


def readme_commands(readme: str) -> list[str]:
    text = (ROOT / readme).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("shutong ")]


@pytest.mark.parametrize("command", readme_commands("README.md"))
def test_a_command_of_the_readme_runs(command: str, shutong: Shutong, live_bus: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SHUTONG_HOME", str(live_bus.home))
    ran = shutong(*shlex.split(command)[1:])
    assert ran.code == 0, ran.err
    assert ran.said().strip()
    assert "✗" not in ran.err


def test_status_shows_every_process_and_what_it_says_of_itself(ask: Callable[..., list[dict[str, object]]]) -> None:
    rows = {row["program"]: row for row in ask("status")}
    assert {"up", "kafka", "postgresql", "worker 1", "connect", "ledger", "serve"} <= set(rows)
    assert rows["worker 1"]["state"] == "running"
    assert isinstance(rows["worker 1"]["lag_records"], int)
    assert "4 running" in str(rows["connect"]["state"])


def test_datasets_and_subscriptions_are_those_of_the_city(ask: Callable[..., list[dict[str, object]]]) -> None:
    assert {row["id"] for row in ask("dataset", "list")} == {path.stem for path in (DIRECTORY / "datasets").glob("*.toml")}
    assert {row["id"] for row in ask("subscription", "list")} == {path.stem for path in (DIRECTORY / "subscriptions").glob("*.toml")}
    fields = {row["field"]: row for row in ask("dataset", "show", "health.resident")}
    assert fields["resident_id"]["key"] is True
    assert (fields["resident_id"]["element"], fields["resident_id"]["level"]) == ("resident-id", "important")
    assert fields["sex"]["code_list"] == "GB/T 2261.1"


def test_what_is_not_registered_is_said_with_what_is(shutong: Shutong, live_bus: Up) -> None:
    for words, known in ((("dataset", "show", "x.y"), "health.resident"), (("subscription", "show", "x.y.z"), "tax.health.resident"),
                         (("tail", "raw.nobody"), "raw.health"), (("quarantine", "list", "--provider", "nobody"), "health"),
                         (("quarantine", "show", "raw.health/0/99999999"), "quarantine list")):
        ran = shutong(*words, "--home", str(live_bus.home))
        assert (ran.code, ran.out) == (1, "")
        assert known in ran.err


def test_tail_shows_events_masked_and_not_more_than_asked(shutong: Shutong, live_bus: Up) -> None:
    ran = shutong("tail", "raw.health", "--from", "beginning", "-n", "50", "-o", "json", "--home", str(live_bus.home))
    assert ran.code == 0
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert len(events) == 50
    rows = [event["row"] for event in events if event.get("row")]
    assert len(rows) >= 40
    assert all(row["resident_id"].endswith("***") for row in rows if row["resident_id"])
    assert personal(ran.out) == set()
    table = shutong("tail", "raw.health", "--from", "0", "-n", "5", "--home", str(live_bus.home))
    assert personal(table.out) == set()
    form = shutong("tail", "clean.civil", "-n", "3", "-o", "csv", "--home", str(live_bus.home))
    assert len(list(csv.DictReader(io.StringIO(form.out)))) == 3


def test_tail_shows_every_kind_of_lane(shutong: Shutong, live_bus: Up) -> None:
    for lane, what in (("raw.civil", "event"), ("clean.health", "event"), ("deliver.medical", "event"), ("dead.health", "letter"),
                       ("bus.tallies", "tallies")):
        ran = shutong("tail", lane, "--from", "beginning", "-n", "3", "-o", "json", "--home", str(live_bus.home))
        kinds = {json.loads(line)["what"] for line in ran.out.splitlines()}
        assert what in kinds, (lane, ran.out[:300], ran.err)
        assert "undecodable" not in kinds


def test_personal_data_are_shown_only_where_an_administrator_allows_it(shutong: Shutong, live_bus: Up,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("tail", "raw.health", "-n", "20", "--show-personal", "-o", "json", "--home", str(live_bus.home))
    refused = shutong(*words)
    assert (refused.code, refused.out) == (1, "")
    assert "SHUTONG_ALLOW_PERSONAL" in refused.err
    monkeypatch.setenv("SHUTONG_ALLOW_PERSONAL", "1")
    allowed = shutong(*words)
    assert allowed.code == 0
    assert personal(allowed.out) == {"number", "phone", "name", "address"}


def test_quarantine_groups_what_was_rejected_and_shows_one_with_advice(ask: Callable[..., list[dict[str, object]]], shutong: Shutong,
                                                                       live_bus: Up) -> None:
    groups = ask("quarantine", "list")
    assert groups
    assert all(group["problem"] not in ("", "未知的原因") for group in groups)
    reason = str(groups[0]["reason"])
    assert {row["reason"] for row in ask("quarantine", "list", "--reason", reason)} == {reason}
    ran = shutong("quarantine", "show", str(groups[0]["latest"]), "-o", "json", "--home", str(live_bus.home))
    assert ran.code == 0
    letter = json.loads(ran.out)
    assert reason in {finding["reason"] for finding in letter["findings"]}
    assert all(finding["advice"] for finding in letter["findings"])
    assert personal(ran.out) == set()
    assert "bytes" not in letter
    table = shutong("--lang", "en", "quarantine", "show", str(groups[0]["latest"]), "--home", str(live_bus.home))
    assert "what to do" in table.out
    assert personal(table.out) == set()


#: Values no rule has a word on, whoever's they are.
GOOD = {"phone": "13900000000", "division": "341502", "status": "registered", "name": "王明", "address": "安徽省六安市金安区示例路1号"}


def test_a_letter_is_rehearsed_repaired_and_replayed_once(ask: Callable[..., list[dict[str, Any]]], shutong: Shutong, live_bus: Up) -> None:
    home = ("--home", str(live_bus.home))
    letter = next(group["latest"] for group in ask("quarantine", "list", "--dataset", "health.resident") if group["field"] in GOOD)
    ran = shutong("quarantine", "replay", letter, "--dry-run", "-o", "json", *home)
    (foretold,) = json.loads(ran.out)
    assert (ran.code, foretold["outcome"], bool(foretold["findings"])) == (0, "fails", True)
    assert shutong("quarantine", "replay", letter, *home).code == 3
    assert shutong("quarantine", "repair", letter, "--set", "status=still wrong", *home).code == 3
    assert shutong("quarantine", "repair", letter, "--set", "nome=x", *home).code == 3
    sets = [word for name, value in GOOD.items() for word in ("--set", f"{name}={value}")]
    ran = shutong("quarantine", "repair", letter, *sets, "--by", "tester", "-o", "json", *home)
    assert (ran.code, json.loads(ran.out)[0]["outcome"]) == (0, "repaired"), ran.out + ran.err
    shown = shutong("quarantine", "show", letter, "-o", "json", *home)
    assert json.loads(shown.out)["state"] == "repaired"
    assert {change["field"] for change in json.loads(shown.out)["repaired"]} <= GOOD.keys()
    assert personal(shown.out) == set()
    replayed = shutong("--lang", "en", "quarantine", "replay", letter, *home)
    assert replayed.code == 0, replayed.err
    assert "passes" in replayed.out
    shown = shutong("quarantine", "show", letter, "-o", "json", *home)
    closed = json.loads(shown.out)
    assert (closed["state"], closed["event"]) == ("replayed", {})
    lane, partition, offset = closed["replayed_to"].split("/")
    ran = shutong("tail", lane, "--from", offset, "-o", "json", *home)
    place = int(partition), int(offset)
    event = next(each for each in map(json.loads, ran.out.splitlines()) if (each["partition"], each["offset"]) == place)
    assert (event["meta"]["stream"], event["meta"]["cause"]) == ("replay", "replay")
    (again,) = json.loads(shutong("quarantine", "replay", letter, "-o", "json", *home).out)
    assert again["outcome"] == "closed"
    assert any(group["closed"] == "replayed" for group in ask("quarantine", "list", "--closed"))
    assert not any(group["latest"] == letter for group in ask("quarantine", "list"))
    deadline = time.monotonic() + 60
    while not (rows := [row for row in ask("ledger", "volume", "--by", "stage,cause", "--since", "2020-01-01")
                        if row["cause"] == "replay" and row["stage"] == "cleaned"]):
        assert time.monotonic() < deadline, "the ledger never heard of it"
        time.sleep(0.5)
    assert rows[0]["records"] >= 1
    assert shutong("ledger", "books", *home).code == 0, "the books balance with it"


def test_a_letter_is_given_up_with_a_reason(ask: Callable[..., list[dict[str, Any]]], shutong: Shutong, live_bus: Up) -> None:
    home = ("--home", str(live_bus.home))
    letter = ask("quarantine", "list")[-1]["latest"]
    assert shutong("quarantine", "drop", letter, *home).code == 2
    assert shutong("quarantine", "drop", letter, "--why", "made up", *home).code == 0
    shown = json.loads(shutong("quarantine", "show", letter, "-o", "json", *home).out)
    assert (shown["state"], shown["why"], shown["event"]) == ("dropped", "made up", {})


def test_who_names_no_letters_is_asked_which(shutong: Shutong, live_bus: Up) -> None:
    for words in (("replay",), ("drop", "--why", "x"), ("repair", "--rekey"), ("repair", "--all"), ("replay", "nothing"),
                  ("repair", "raw.health/0/1", "raw.health/0/2", "--edit", "x.json")):
        assert shutong("quarantine", *words, "--home", str(live_bus.home)).code == 2, words
    unknown = shutong("quarantine", "replay", "raw.health/0/987654321", "--home", str(live_bus.home))
    assert (unknown.code, "987654321" in unknown.err) == (1, True)


def test_an_id_that_is_none_is_a_wrong_use(shutong: Shutong, live_bus: Up) -> None:
    for words in (("quarantine", "show", "17"), ("tail", "raw.health", "--from", "noon")):
        assert shutong(*words, "--home", str(live_bus.home)).code == 2


def test_the_ledger_counts_what_arrived(ask: Callable[..., list[dict[str, object]]]) -> None:
    deadline = time.monotonic() + 60
    while True:
        rows = ask("ledger", "volume", "--by", "stage,dataset", "--stage", "arrived", "--since", "2020-01-01")
        arrived = {row["dataset"]: row["records"] for row in rows}
        if arrived.get("civil.village", 0) >= len(list(villages())) and arrived.get("health.resident", 0) >= 9_000:
            return
        assert time.monotonic() < deadline, arrived
        time.sleep(0.5)


def test_the_quality_of_what_arrived_has_its_counts_and_its_reasons(ask: Callable[..., list[dict[str, object]]]) -> None:
    """Of a first snapshot: nothing live, so nothing is said of time; what was repaired or rejected lowers the figure."""
    deadline = time.monotonic() + 60
    while True:
        rows = {row["dataset"]: row for row in ask("quality", "--days", "2")}
        if "health.resident" in rows and int(str(rows["health.resident"]["validity_flawed"])):
            break
        assert time.monotonic() < deadline, rows
        time.sleep(0.5)
    row = rows["health.resident"]
    assert 0 < float(str(row["validity"])) < 1
    assert row["timeliness"] is None
    reasons = ask("quality", "health.resident", "--by", "reason", "--days", "2")
    assert {str(one["dimension"]) for one in reasons} >= {"validity"}
    assert all(one["problem"] for one in reasons)


def test_applying_the_same_city_again_changes_nothing(shutong: Shutong, live_bus: Up) -> None:
    for more in (("--dry-run",), ("--yes",), ()):
        ran = shutong("--lang", "en", "apply", str(DIRECTORY), *more, "--home", str(live_bus.home))
        assert (ran.code, ran.out) == (0, ""), more
        assert "nothing to change" in ran.err


def test_a_city_in_error_is_refused_with_every_problem(shutong: Shutong, live_bus: Up, tmp_path: Path) -> None:
    city = shutil.copytree(DIRECTORY, tmp_path / "city")
    file = city / "subscriptions" / "tax.health.resident.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"name"', '"nome"'), encoding="utf-8")
    ran = shutong("apply", str(city), "--yes", "--home", str(live_bus.home))
    assert ran.code == 1
    assert "nome" in ran.err
    assert ran.err.startswith("✗ ")


def test_a_second_up_in_the_same_home_is_refused_and_harms_nothing(live_bus: Up) -> None:
    second = Up(live_bus.home)
    assert second.process.wait(60) == 1
    assert f"✗ a bus already runs under {live_bus.home} (pid {live_bus.process.pid})" in second.said()
    assert "shutong down" in second.said()
    assert live_bus.process.poll() is None
    assert (live_bus.home / "connection.json").exists()


def test_what_up_announced_answers(live_bus: Up) -> None:
    for address in (live_bus.serve, live_bus.ledger):
        assert f"http://{address}/" in live_bus.said()
        assert httpx.get(f"http://{address}/healthz", timeout=10, trust_env=False).status_code == 200


def test_no_log_of_any_process_holds_personal_data(live_bus: Up) -> None:
    logs = sorted((live_bus.home / "logs").glob("*.log"))
    assert {log.stem for log in logs} == {"worker-1", "connect", "ledger", "serve"}
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert personal(text) == set(), log.name
        assert "Traceback" not in text, text[-2000:]


def test_an_apply_of_a_bus_that_is_up_goes_through_its_serve(shutong: Shutong, live_bus: Up) -> None:
    settings = connect(live_bus.home)
    assert isinstance(applier(live_bus.home, settings, DIRECTORY), ThroughServe)
    ran = shutong("--lang", "en", "apply", str(DIRECTORY), "--yes", "--home", str(live_bus.home))
    assert (ran.code, ran.out) == (0, "")
    assert "nothing to change" in ran.err


def test_the_registry_of_a_bus_that_is_up_is_open_to_its_roles(live_bus: Up) -> None:
    password = read_secret(password_file(live_bus.home / "secrets", "provider.health")).get_secret_value()
    client = SchemaRegistryClient({"url": f"http://{live_bus.serve}/registry", "basic.auth.user.info": f"provider.health:{password}"})
    assert {"health.ResidentEvent", "tax.health.ResidentEvent"} <= set(client.get_subjects())
    schema = Schema('{"type": "record", "name": "Draft", "namespace": "health", "fields": []}', "AVRO")
    number = client.register_schema("health.Draft", schema)
    assert client.get_latest_version("health.Draft").schema_id == number
