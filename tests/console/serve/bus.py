"""A small city applied to the session's Kafka under a prefix of its own, with a home, for tests of a serve that writes."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from confluent_kafka.schema_registry import SchemaRegistryClient
from pydantic import SecretStr

from console.serve.settings import ServeSettings
from governance.apply import Applied, apply, password_file
from schemas.control import Plan
from tests.console.serve.conftest import eventually, running
from trial.kafka import ADMIN, LocalKafka
from trial.kafka.ports import draw_port
from wire.control import ControlReader
from wire.secret import read_secret
from wire.settings import KafkaSettings

FILES = {
    "city.toml": '[node]\nid = "luan"\ncode = "341500"\ntitle = "六安市"\n',
    "departments/health.toml": 'title = "卫健委"\nroles = ["provider"]\nstreams = ["health.population"]\n',
    "departments/old-town.toml": 'title = "老城"\nroles = ["provider"]\n',
    "departments/tax.toml": 'title = "税务局"\nroles = ["subscriber", "provider"]\n',
    "departments/police.toml": 'title = "公安局"\nroles = ["subscriber"]\n',
    "datasets/health.resident.toml": 'standard = "resident"\n',
    "subscriptions/tax.health.resident.toml": 'fields = ["resident_id", "name"]\npurpose = "核验"\n',
    "subscriptions/police.health.resident.toml": 'fields = ["name"]\npurpose = "核验"\n',
}


def declare(folder: Path, **files: str) -> Path:
    """A city directory of these files; in their names `__` stands for `/` and `_` for `.`."""
    for name, text in {**FILES, **{f"{name.replace('__', '/').replace('_', '.')}.toml": text for name, text in files.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


class SmallBus:
    """The city, its home, and the settings to reach it."""

    def __init__(self, kafka: LocalKafka, home: Path) -> None:
        self.home = home
        self.admin = KafkaSettings(bootstrap=kafka.bootstrap, kafka_user=ADMIN, kafka_password=SecretStr(kafka.password(ADMIN)),
                                   prefix=f"t{secrets.token_hex(4)}.")
        self.city = declare(home / "city")
        self.secrets = home / "secrets"
        self.serve = ServeSettings(**{**self.admin.model_dump(), "kafka_user": self.admin.names.user("serve"), "kafka_password": None,
                                      "kafka_password_file": password_file(self.secrets, "serve")},
                                   serve_address=f"127.0.0.1:{draw_port()}", ledger_address="127.0.0.1:1", home=home)

    @property
    def url(self) -> str:
        return f"http://{self.serve.serve_address}"

    def apply(self, secrets_folder: Path | None = None) -> Applied:
        return apply(self.admin, self.city, secrets_folder or self.secrets)

    def plan(self) -> Plan:
        with ControlReader(self.admin) as reader:
            return reader.load()

    def password(self, role: str) -> str:
        return read_secret(password_file(self.secrets, role)).get_secret_value()

    def client(self, role: str = "control") -> SchemaRegistryClient:
        """A client with no memory of others."""
        return SchemaRegistryClient({"url": f"{self.url}/registry", "basic.auth.user.info": f"{role}:{self.password(role)}"})

    def http(self, role: str = "control") -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, auth=(role, self.password(role)))

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    @contextmanager
    def served(self) -> Iterator["SmallBus"]:
        """A serve in this process, ready."""
        with running(self.serve):
            eventually(self.ready)
            yield self


class ServeProcess:
    """`shutong serve` in a process of its own, to be killed."""

    def __init__(self, bus: SmallBus) -> None:
        self.bus = bus
        known = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        settings = bus.serve
        self._env = known | {
            "SHUTONG_BOOTSTRAP": settings.bootstrap, "SHUTONG_KAFKA_USER": settings.kafka_user, "SHUTONG_PREFIX": settings.prefix,
            "SHUTONG_KAFKA_PASSWORD_FILE": str(settings.kafka_password_file), "SHUTONG_HOME": str(bus.home),
            "SHUTONG_SERVE_ADDRESS": settings.serve_address, "SHUTONG_LEDGER_ADDRESS": "127.0.0.1:1"}
        self.log = bus.home / "serve.log"

    def __enter__(self) -> "ServeProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "console", "serve"], env=self._env, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.bus.ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
