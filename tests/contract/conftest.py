"""The registries that the conformance suite runs against: ours over real Kafka, and Apicurio where somebody runs one."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from tests.console.serve.bus import SmallBus
from trial.kafka import LocalKafka

#: The address of a Confluent-compatible API of Apicurio, with user and password in it if it wants them.
APICURIO = os.environ.get("APICURIO_REGISTRY", "")


@dataclass(frozen=True)
class Registry:
    """One registry: where it is, and somebody who may do everything there."""

    url: str
    user: str = ""
    password: str = ""

    def client(self) -> SchemaRegistryClient:
        """One with no memory of what another was told."""
        return SchemaRegistryClient({"url": self.url, **({"basic.auth.user.info": f"{self.user}:{self.password}"} if self.user else {})})

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        """One request, as it comes over the wire."""
        with httpx.Client(timeout=60, trust_env=False, auth=(self.user, self.password) if self.user else None) as http:
            return http.request(method, f"{self.url}{path}", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def ours(kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    bus = SmallBus(kafka, tmp_path_factory.mktemp("registry"))
    bus.apply()
    with bus.served():
        yield Registry(f"{bus.url}/registry", "control", bus.password("control"))


@pytest.fixture(params=[pytest.param("serve", marks=pytest.mark.kafka), *(["apicurio"] if APICURIO else [])])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    """Every test of the suite gets each of them in turn; a global level it sets is taken back."""
    if request.param == "serve":
        yield request.getfixturevalue("ours")
        return
    address = httpx.URL(APICURIO)
    apicurio = Registry(str(address.copy_with(userinfo=b"")).rstrip("/"), address.username, address.password)
    apicurio.client().set_compatibility(level="BACKWARD")  # without a level of all it enforces none
    yield apicurio


@pytest.fixture
def subject() -> str:
    """A name that no other test uses."""
    return f"bureau.t{secrets.token_hex(6)}.Thing"
