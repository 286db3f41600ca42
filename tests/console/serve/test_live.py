"""serve on real Kafka with serve's own rights, beside a real ledger: what it says is what is there, also when something goes away."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from console.serve.settings import ServeSettings
from ledger.client import LedgerClient
from ledger.shanghai import day_of
from schemas.codec import encode_letter, encode_tallies
from schemas.control import ControlObject, Dataset, Department, LaneState, Node
from schemas.letter import Finding, Letter
from schemas.status import LaneLag
from schemas.tally import FindingKey, TallyBook, TallyKey
from tests.console.serve.conftest import PERSONAL, connector, eventually, instance, running, worker
from trial.kafka import LocalKafka
from trial.kafka.ports import draw_port
from wire.admin import BUS_LANES, Provisioner
from wire.control import ControlWriter
from wire.publisher import Publisher
from wire.settings import KafkaSettings

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[3]
LANES = {"raw.health": 2, "clean.health": 2, "dead.health": 1}
PASSWORD = "of-this-test"


class City:
    """A small bus: lanes, users, a plan, and whatever a test lets its processes say."""

    def __init__(self, kafka: LocalKafka) -> None:
        self.admin = KafkaSettings(bootstrap=kafka.bootstrap, prefix=f"t{secrets.token_hex(4)}.", kafka_user="admin",
                                   kafka_password=kafka.password("admin"))
        provisioner = Provisioner(self.admin)
        provisioner.ensure_lanes({**BUS_LANES, **LANES})
        provisioner.ensure_users({"serve": SecretStr(PASSWORD), "ledger": SecretStr(PASSWORD)})
        provisioner.grant(["serve", "ledger"])
        self.publisher = Publisher(self.admin)
        self._silent = threading.Event()

    def settings(self, **more: Any) -> ServeSettings:
        own = {"serve_address": f"127.0.0.1:{draw_port()}", "ledger_address": "127.0.0.1:1", "serve_refresh_seconds": 0.2}
        return ServeSettings(**{**self.admin.as_role("serve", PASSWORD).model_dump(), **own, **more})

    def plan(self) -> None:
        dataset = Dataset(id="health.resident", title="居民", title_en="resident", provider="health", key=("id",),
                          row_schema='{"type": "record", "name": "Resident", "fields": []}', event_schema=1)
        objects: list[ControlObject] = [Node(id="luan", code="341500", title="六安市", kind="self"), dataset,
                                        Department(id="health", title="卫生健康委", roles=("provider",)), instance("health.people"),
                                        instance("police.people", "sink")]
        with ControlWriter(self.admin) as writer:
            writer.write(objects, lanes={lane: LaneState(partitions=count) for lane, count in LANES.items()})

    def say(self, lane: str, key: str, value: bytes | None, partition: int = -1) -> None:
        self.publisher.send(lane, key.encode(), value, partition=partition)
        self.publisher.flush()

    def heartbeat(self, records: int, seconds: float, partitions: int = 2) -> None:
        lag = LaneLag(partitions=partitions, records=records, seconds=seconds)
        self.say("bus.workers", "host-1", worker(1, raw_health=lag, clean_health=lag).to_json())

    def count(self, at: int, found: int = 0, **stages: int) -> None:
        """A transaction of a worker that counted so many in that second, and found a bad phone in some."""
        book = TallyBook()
        for stage, records in stages.items():
            subscriber = "tax" if stage == "delivered" else ""
            book.add(TallyKey(at, stage, "live", "health", "health.resident", subscriber, ""), records=records, size=records * 100)
        if found:
            key = FindingKey(at, "live", "health", "health.resident", "validity")
            for each in (key, key._replace(field="phone", reason="phone", severity="reject")):
                book.add_finding(each, found)
        self.say("bus.tallies", "", encode_tallies("host-1", 1, book, book.findings()))

    def letter(self, offset: int, *reasons: str) -> None:
        now = int(time.time() * 1000)
        findings = tuple(Finding("id_number", reason, "reject") for reason in reasons)
        letter = Letter("raw.health", 0, offset, now, now, "health.resident", "", "health.people", 1, offset, findings, "1", 1,
                        f"health.resident/{PERSONAL}".encode(), PERSONAL.encode())
        self.say("dead.health", f"raw.health/0/{offset}", encode_letter(letter))

    def commit(self, lane: str, partition: int, offset: int) -> None:
        consumer = Consumer(self.admin.consumer_config("worker"))
        consumer.commit(offsets=[TopicPartition(self.admin.names.topic(lane), partition, offset)], asynchronous=False)
        consumer.close()


    def delete(self, lane: str, before: int) -> None:
        """What retention does: the records of partition 0 below an offset are gone."""
        admin, part = AdminClient(self.admin.client()), TopicPartition(self.admin.names.topic(lane), 0, before)
        admin.delete_records([part])[part].result(20)


@pytest.fixture(scope="module")
def city(kafka: LocalKafka) -> Iterator[City]:
    made = City(kafka)
    made.plan()
    yield made
    made.publisher.close()


def environment(settings: KafkaSettings, **more: str) -> dict[str, str]:
    assert settings.kafka_password is not None
    return os.environ | {"SHUTONG_BOOTSTRAP": settings.bootstrap, "SHUTONG_PREFIX": settings.prefix, "PYTHONPATH": str(ROOT),
                         "SHUTONG_KAFKA_USER": settings.kafka_user, "SHUTONG_LANG": "en",
                         "SHUTONG_KAFKA_PASSWORD": settings.kafka_password.get_secret_value()} | more


@contextmanager
def ledger(city: City, home: Path, address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The real ledger process."""
    own = environment(city.admin.as_role("ledger", PASSWORD), SHUTONG_HOME=str(home), SHUTONG_LEDGER_ADDRESS=address)
    process = subprocess.Popen([sys.executable, "-m", "ledger.process"], cwd=ROOT, env=own)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)


class Asking:
    """One who asks serve."""

    def __init__(self, settings: ServeSettings) -> None:
        self.http = httpx.Client(base_url=f"http://{settings.serve_address}", timeout=10, trust_env=False, verify=False)

    def snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/snapshot").json()
        return found

    def state(self, origin: str) -> str:
        return next(str(each["state"]) for each in self.snapshot()["origins"] if each["name"] == origin)

    def lane(self, lane: str) -> dict[str, Any]:
        return next((each for each in self.snapshot()["lanes"] if each["lane"] == lane), {})

    def ready(self) -> int:
        return self.http.get("/readyz").status_code


def test_a_bus_without_a_plan_is_not_ready_and_the_advice_is_to_apply_one(kafka: LocalKafka) -> None:
    bare = City(kafka)
    settings = bare.settings()
    with running(settings):
        ask = Asking(settings)
        eventually(lambda: ask.state("kafka") == "fresh")
        answer = ask.http.get("/readyz")
        assert answer.status_code == 503
        assert "shutong apply" in answer.json()["reasons"][0]["advice"]["en"]
        bare.plan()
        eventually(lambda: ask.ready() == 200)
        assert ask.snapshot()["node"] == ["六安市", "六安市"]
    bare.publisher.close()


def test_status_lag_and_quarantine_are_those_on_kafka(city: City) -> None:
    settings = city.settings()
    with running(settings):
        ask = Asking(settings)
        city.say("bus.cursors", "health.people", b'{"not": "a status"}')
        city.say("bus.cursors", "status/health.people", connector("health.people", rows=812).to_json())
        lane = eventually(lambda: city.heartbeat(7, 2.5) or ((told := ask.lane("raw.health")).get("records") == 7 and told))
        assert (lane["basis"], lane["seconds"]) == ("workers", 2.5)
        eventually(lambda: any(each["rows"] == 812 for each in ask.snapshot()["connectors"]))
        states = {each["instance"]: each["state"] for each in ask.snapshot()["connectors"]}
        assert states == {"health.people": "running", "police.people": "missing"}

        for offset in range(4):
            city.letter(offset, "key_mismatch", *(["id_check"] if offset == 3 else []))
        reasons = eventually(lambda: len(ask.snapshot()["reasons"]) == 2 and ask.snapshot()["reasons"])
        assert [(each["reason"], each["records"]) for each in reasons] == [("key_mismatch", 4), ("id_check", 1)]
        city.say("dead.health", "raw.health/0/1", None)
        eventually(lambda: ask.snapshot()["letters"] == 3)
        city.delete("dead.health", 3)
        eventually(lambda: ask.snapshot()["letters"] == 1)
        for path in ("/snapshot", "/metrics", "/"):
            assert PERSONAL not in ask.http.get(path).text


def test_without_workers_the_lag_is_what_lies_beyond_their_commits(city: City) -> None:
    settings = city.settings()
    with running(settings):
        ask = Asking(settings)
        city.say("bus.workers", "host-1", None)
        eventually(lambda: ask.lane("raw.health").get("basis") == "offsets")
        before = ask.lane("raw.health")["records"]
        assert before == 0
        for number in range(30):
            city.say("raw.health", f"k{number}", b"x", partition=number % 2)
        eventually(lambda: ask.lane("raw.health")["records"] == 30)
        assert ask.lane("raw.health")["at_least"] is False
        city.commit("raw.health", 0, 11)
        eventually(lambda: ask.lane("raw.health")["records"] == 19)
        first = ask.lane("raw.health")["seconds"]
        eventually(lambda: ask.lane("raw.health")["seconds"] > first)
        city.commit("raw.health", 0, 15)
        city.commit("raw.health", 1, 15)
        eventually(lambda: ask.lane("raw.health")["records"] == 0)
        shown = eventually(lambda: city.heartbeat(1, 0.1, partitions=1) or ((now := ask.snapshot())["workers"] and now))
        assert [each["basis"] for each in shown["lanes"] if each["lane"] == "raw.health"] == ["offsets"], "a partition has no worker"


def ask_of_one_day(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks the ledger for today asks for this day: a test that runs over midnight sees what it counted."""
    def of_this_day(ask: Callable[..., object]) -> Callable[..., object]:
        return lambda self, first=day, last=day, **more: ask(self, first, last, **more)

    for question in ("volume", "peaks", "books", "latency", "quality", "findings"):
        monkeypatch.setattr(LedgerClient, question, of_this_day(getattr(LedgerClient, question)))


def test_figures_are_the_ledgers_and_outlive_it(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    ask_of_one_day(day_of(now), monkeypatch)
    address = f"127.0.0.1:{draw_port()}"
    settings = city.settings(ledger_address=address)
    with running(settings):
        ask = Asking(settings)
        eventually(lambda: ask.state("ledger") == "away")
        assert ask.snapshot()["volume"] is None
        with ledger(city, tmp_path, address):
            city.count(now, found=10, arrived=100, cleaned=90, quarantined=10, delivered=270)
            city.count(now, arrived=5, cleaned=5, delivered=15)
            eventually(lambda: (ask.snapshot()["volume"] or {}).get("exchange") == 285, 60)
            eventually(lambda: ask.snapshot()["peaks"] and ask.snapshot()["books"], 30)
            shown = ask.snapshot()
            assert shown["volume"]["stages"] == {"arrived": 105, "cleaned": 95, "quarantined": 10, "delivered": 285}
            assert [each["records"] for each in shown["quarantine_today"]] == [10]
            assert [each["width"] for each in shown["peaks"]] == ["second", "minute", "hour"]
            assert {each["dataset"] for each in shown["peaks"]} == {"health.resident"}
            assert len(shown["minutes"]) == 60
            assert sum(each["exchange"] for each in shown["minutes"]) == 285
            # Asked apart from the volume: it may be some looks older.
            eventually(lambda: [(each["records"], each["figures"]["validity"]["flawed"], each["figures"]["timeliness"]["of"])
                                for each in ask.snapshot()["quality"]] == [(105, 10, 105)])
            assert [(each["reason"], each["records"]) for each in ask.snapshot()["quality"][0]["worst"]] == [("phone", 10)]
            eventually(lambda: ask.snapshot()["recorder"]["recorded"] == 2)
        eventually(lambda: ask.state("ledger") == "stale", 40)
        shown = ask.snapshot()
        assert shown["volume"]["exchange"] == 285
        assert "ledger_stale" in [each["code"] for each in shown["attention"]]
        assert ask.ready() == 200
        with ledger(city, tmp_path, address):
            eventually(lambda: ask.state("ledger") == "fresh", 60)
            assert ask.snapshot()["volume"]["exchange"] == 285


def test_kafka_that_goes_away_makes_it_unready_and_it_recovers_by_itself(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "kafka", die_with_parent=True) as kafka:
        city = City(kafka)
        city.plan()
        settings = city.settings()
        with running(settings):
            ask = Asking(settings)
            eventually(lambda: ask.ready() == 200)
            kafka.kill()
            eventually(lambda: ask.ready() == 503, 40)
            reason = ask.http.get("/readyz").json()["reasons"][0]
            assert reason["advice"]["zh"]
            assert ask.state("kafka") == "stale"
            assert ask.http.get("/").status_code == ask.http.get("/metrics").status_code == ask.http.get("/healthz").status_code == 200
            kafka.start()
            eventually(lambda: ask.ready() == 200, 60)
            assert ask.snapshot()["plan_version"] == 1


def test_a_refused_login_is_told_with_advice_and_the_process_lives(city: City) -> None:
    settings = city.settings(kafka_password="not-the-password")
    with running(settings):
        ask = Asking(settings)
        eventually(lambda: ask.state("kafka") == "away")
        assert ask.ready() == 503
        reason = ask.http.get("/readyz").json()["reasons"][0]
        assert "SHUTONG_SECURITY" in reason["advice"]["en"]
        assert "not-the-password" not in json.dumps(reason)
        assert ask.http.get("/healthz").status_code == 200


def test_the_command_serves_and_ends_at_once_when_asked_though_a_page_follows(city: City) -> None:
    settings = city.settings()
    own = environment(city.admin.as_role("serve", PASSWORD), SHUTONG_SERVE_ADDRESS=settings.serve_address)
    command = [sys.executable, "-m", "console", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=own, stderr=subprocess.PIPE)
    try:
        ask = Asking(settings)

        def answers() -> bool:
            try:
                return ask.ready() == 200
            except httpx.TransportError:
                return False

        eventually(answers, 60)
        second = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode != 0
        assert "SHUTONG_SERVE_ADDRESS" in second.stderr
        with ask.http.stream("GET", "/events") as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data: "))
            process.send_signal(signal.SIGTERM)
            assert list(lines) is not None
        assert process.wait(15) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()


def test_it_holds_no_writer_of_any_kind() -> None:
    for path in sorted((ROOT / "console" / "serve").glob("*.py")):
        assert "Publisher" not in (source := path.read_text(encoding="utf-8")), path
        assert "ControlWriter" not in source, path
