"""The edge's tests: a department's real PostgreSQL, a bus of this test alone, and instances running on it."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from connectors.board import Board
from connectors.settings import ConnectSettings
from connectors.worker import InstanceThread
from schemas.codec import EventCodec
from schemas.connector_status import ConnectorStatus
from schemas.contract import event_schema, output_schema
from schemas.control import (
    ConnectorInstance,
    Dataset,
    DatasetVersion,
    Department,
    LaneState,
    Node,
    Plan,
    SchemaText,
    Subscription,
)
from schemas.envelope import Event
from schemas.lanes import clean_lane
from trial.city.postgres import LocalPostgres
from trial.kafka import LocalKafka
from wire.admin import BUS_LANES, Provisioner
from wire.compacted import read_compacted
from wire.control import ControlWriter
from wire.publisher import TransactionalPublisher
from wire.reading import read_all
from wire.settings import KafkaSettings


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """One server for the session; each test makes its own database."""
    server = LocalPostgres(tmp_path_factory.mktemp("postgres"))
    try:
        yield server.start()
    finally:
        server.stop()


class Database:
    """A database of one test: SQL for the test, and the address with its password for a connector."""

    def __init__(self, server: LocalPostgres, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        server.make_database(name)
        self.url = f"postgresql+psycopg://{name}@127.0.0.1:{server.port}/{name}"
        self.password_env = f"PASSWORD_{name.upper()}"
        monkeypatch.setenv(self.password_env, server.password(name))
        self._name = name
        self.reconnect(server)

    def reconnect(self, server: LocalPostgres) -> None:
        name = self._name
        self.open_url = server.url(name).replace("+psycopg", "")
        self._connection = psycopg.connect(self.open_url, autocommit=True)

    @property
    def address(self) -> dict[str, str]:
        return {"url": self.url, "password_env": self.password_env}

    def do(self, command: str, *values: Any) -> None:
        self._connection.execute(command, values or None)

    def many(self, command: str, rows: list[tuple[Any, ...]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(command, rows)

    def ask(self, command: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(command, values or None).fetchall()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def database(postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    made = Database(postgres, f"d{secrets.token_hex(4)}", monkeypatch)
    yield made
    made.close()


ROOT = Path(__file__).parents[2]

PEOPLE = """{"type": "record", "name": "Person", "doc": "人员", "fields": [
  {"name": "id", "type": "string", "title": "编号"}, {"name": "name", "type": "string", "title": "姓名"},
  {"name": "note", "type": ["null", "string"], "default": null, "title": "备注"},
  {"name": "updated_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"""


class Bus:
    """Lanes, a plan with one dataset `health.person` and one subscriber, and what lies on the lanes, decoded."""

    def __init__(self, kafka: LocalKafka, prefix: str, row_schema: str = PEOPLE, partitions: int = 2) -> None:
        admin = KafkaSettings(
            bootstrap=kafka.bootstrap, prefix=prefix, kafka_user="admin", kafka_password=kafka.password("admin")
        )
        self.admin = admin
        self.lanes = dict.fromkeys(("raw.health", "clean.health", "clean-log.health", "deliver.police"), partitions)
        provisioner = Provisioner(admin)
        provisioner.ensure_lanes({**BUS_LANES, **self.lanes})
        provisioner.ensure_users({"connect": SecretStr("connect-word")})
        provisioner.grant(["connect"])
        self.settings = admin.as_role("connect", "connect-word")
        self.dataset = Dataset(
            id="health.person", title="人员", provider="health", key=("id",), row_schema=row_schema, event_schema=1
        )
        self.subscription = Subscription(
            id="police.health.person",
            subscriber="police",
            dataset="health.person",
            purpose="test",
            fields=("id", "name", "note", "updated_at"),
            output_schema=2,
        )
        self._shape()
        self.earlier: list[SchemaText] = []
        self._writer: ControlWriter | None = None
        self._cleaned: dict[tuple[str, int], int] = {}

    @property
    def writer(self) -> ControlWriter:
        if self._writer is None:
            self._writer = ControlWriter(self.admin)
        return self._writer

    def plan(self, *instances: ConnectorInstance) -> Plan:
        """Write the plan with these instances, as `apply` does."""
        return self.writer.write(
            [
                Node(id="luan", code="341500", title="六安", kind="self"),
                Department(id="health", title="卫健委", roles=("provider",), streams={"health.people": 1}),
                Department(id="police", title="公安局", roles=("subscriber",)),
                *self.earlier,
                *self._texts(),
                self.dataset,
                self.subscription,
                *instances,
            ],
            lanes={lane: LaneState(partitions=count, new=False) for lane, count in self.lanes.items()},
        )

    def _texts(self) -> list[SchemaText]:
        event, output = self.dataset.event_schema, self.subscription.output_schema
        return [SchemaText(id=str(event), number=event, subject="health.PersonEvent", text=self.event_text),
                SchemaText(id=str(output), number=output, subject="police.health.PersonEvent", text=self.output_text)]

    def begin(self, row_schema: str, *fields: str) -> None:
        """Another shape than people have, and what is granted of it, before there is a plan."""
        self.dataset = self.dataset.model_copy(update={"row_schema": row_schema})
        self.subscription = self.subscription.model_copy(update={"fields": fields})
        self._shape()

    def _shape(self) -> None:
        event, output = self.dataset.event_schema, self.subscription.output_schema
        self.event_text = event_schema(self.dataset.id, self.dataset.row_schema)
        self.output_text = output_schema(self.dataset, self.subscription)
        self.codec, self.output_codec = EventCodec(self.event_text, event), EventCodec(self.output_text, output)

    def evolve(self, row_schema: str, key: tuple[str, ...] = ("id",)) -> None:
        """The next version of the dataset, and of what is delivered, as `apply` registers them; not in the plan yet."""
        self.earlier += self._texts()
        was, number = self.dataset, 10 * (self.dataset.version + 1)
        versions = (*was.versions, DatasetVersion(version=was.version, event_schema=was.event_schema))
        self.dataset = was.model_copy(update={"row_schema": row_schema, "event_schema": number, "version": was.version + 1,
                                              "versions": versions, "key": key})
        self.subscription = self.subscription.model_copy(update={"output_schema": number + 1})
        self._shape()

    def raw(self) -> list[Event]:
        """Every event on raw, by partition and offset."""
        return [self.codec.decode(record.value) for record in read_all(self.admin, ["raw.health"]) if record.value]

    def clean_up(self) -> None:
        """What the workers do, here by hand: raw as it stands goes to clean, and their position behind it is committed."""
        names = self.admin.names
        ends: dict[int, int] = {}
        at = 0
        with (
            TransactionalPublisher(self.admin, names.transactional_id("worker", "test")) as publisher,
            publisher.transaction(),
        ):
            for record in read_all(self.admin, ["raw.health"], self._cleaned):
                event = self.codec.decode(record.value or b"")
                publisher.send(clean_lane(self.dataset), record.key, record.value, partition=record.partition)
                if event.meta.op == "d":
                    publisher.send("clean.health", record.key, None, partition=record.partition)
                ends[record.partition] = record.offset + 1
                at += 1
        self._cleaned.update({("raw.health", number): end for number, end in ends.items()})
        consumer = Consumer(self.admin.consumer_config("worker"))
        if ends:
            consumer.commit(
                offsets=[TopicPartition(names.topic("raw.health"), number, end) for number, end in ends.items()],
                asynchronous=False,
            )
        consumer.close()

    def deliver(self, *events: tuple[str, Event]) -> None:
        """What route does: events for the subscriber, by record key."""
        who = self.admin.names.transactional_id("worker", "route")
        with TransactionalPublisher(self.admin, who) as publisher, publisher.transaction():
            for key, event in events:
                publisher.send("deliver.police", (key if "/" in key else f"health.person/{key}").encode(), self.output_codec.encode(event))

    def status(self, instance: str) -> ConnectorStatus:
        return ConnectorStatus.model_validate_json(
            read_compacted(self.admin, "bus.cursors")[f"status/{instance}".encode()]
        )

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@pytest.fixture
def bus(kafka: LocalKafka, prefix: str) -> Iterator[Bus]:
    made = Bus(kafka, prefix)
    yield made
    made.close()


class Running:
    """Instances running in this process, each in its thread."""

    def __init__(self, bus: Bus) -> None:
        self._settings = ConnectSettings.model_validate(
            bus.settings.model_dump() | {"connect_retry_seconds": 0.2, "connect_retry_most_seconds": 0.5, "connect_halt_seconds": 0.5}
        )
        self.threads: dict[str, InstanceThread] = {}

    def follow(self, plan: Plan, instance: ConnectorInstance) -> Board:
        thread = self.threads.setdefault(instance.id, InstanceThread(self._settings, instance))
        thread.follow(plan, instance)
        return thread.board

    def stop(self) -> None:
        for thread in self.threads.values():
            thread.stop(10)
        self.threads.clear()


@pytest.fixture
def running(bus: Bus) -> Iterator[Running]:
    made = Running(bus)
    yield made
    made.stop()


def eventually(holds: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait until it holds; what it gave. Fails with its last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {seconds} s: {answer!r}")
        time.sleep(0.05)
    return answer


def connect(bus: Bus, processes: "list[subprocess.Popen[bytes]]") -> "subprocess.Popen[bytes]":
    """The real process, as the operator starts it."""
    settings = bus.settings
    assert settings.kafka_password is not None
    environment = os.environ | {
        "SHUTONG_BOOTSTRAP": settings.bootstrap, "SHUTONG_PREFIX": settings.prefix, "SHUTONG_KAFKA_USER": settings.kafka_user,
        "SHUTONG_KAFKA_PASSWORD": settings.kafka_password.get_secret_value(), "SHUTONG_CONNECT_STATUS_SECONDS": "0.2",
        "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "connectors.process"], cwd=ROOT, env=environment)
    processes.append(process)
    return process


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Killed at the end."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()
