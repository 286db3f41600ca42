"""A whole bus on one machine: what its processes are given, what a stray variable cannot change, and who may read its home."""

import os
import secrets
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.settings import ConnectSettings
from console import machine
from console.connection import CONNECTION, connect, remember
from console.machine import LocalBus
from console.serve.settings import ServeSettings
from governance.apply import Applied
from ledger.settings import LedgerSettings
from schemas.errors import HaltError
from streams.settings import WorkerSettings
from trial.city.luan import DIRECTORY
from trial.kafka import LocalKafka
from trial.kafka.home import Home, Running
from trial.kafka.ports import draw_port
from trial.running import RunningCity
from wire.admin import BUS_LANES, Provisioner
from wire.control import ControlWriter
from wire.probe import answers
from wire.secret import read_secret, write_secret
from wire.settings import KafkaSettings

Bus = Callable[..., LocalBus]
ROLES = {"worker": WorkerSettings, "connect": ConnectSettings, "ledger": LedgerSettings, "serve": ServeSettings}


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """A bus of this test's home, as `up` makes one: the settings of the shell go to the processes that know them."""
    def make(home: str = "home", **more: object) -> LocalBus:
        addresses = {"ledger": f"127.0.0.1:{draw_port()}", "serve": f"127.0.0.1:{draw_port()}"}
        return LocalBus(tmp_path / home, lambda name, what: None, **addresses, **{"settings": os.environ, **more})  # type: ignore[arg-type]
    return make


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The shell of an operator whose Kafka is elsewhere; the file of the password."""
    password = tmp_path / "admin.word"
    write_secret(password, SecretStr("a-word"))
    for name, value in {"BOOTSTRAP": "kafka.city:9093", "SECURITY": "SASL_SSL", "CA_FILE": str(tmp_path / "ca.pem"), "PREFIX": "t1.",
                        "KAFKA_USER": "chief", "KAFKA_PASSWORD_FILE": str(password)}.items():
        monkeypatch.setenv(f"SHUTONG_{name}", value)
    return password


def settings_in(environment: dict[str, str], kind: type[KafkaSettings], monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    """What a process would read there."""
    with monkeypatch.context() as child:
        for name in [name for name in os.environ if name.startswith("SHUTONG_")]:
            child.delenv(name)
        for name, value in environment.items():
            child.setenv(name, value)
        return kind()


def test_every_process_reaches_the_configured_kafka_as_its_role(bus: Bus, configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bus()
    for role, kind in ROLES.items():
        found = settings_in(one.environment(role), kind, monkeypatch)
        assert (found.bootstrap, found.security, found.prefix) == ("kafka.city:9093", "SASL_SSL", "t1.")
        assert found.ca_file == configured.parent / "ca.pem"
        assert (found.kafka_user, found.kafka_password_file) == (f"t1.{role}", one.secrets / f"{role}.password")


@pytest.fixture
def local(bus: Bus) -> LocalBus:
    """A bus whose own Kafka ran before."""
    one = bus()
    kafka = Home(one.home / "kafka")
    kafka.secrets.mkdir(parents=True)
    write_secret(kafka.secrets / "admin.password", SecretStr("of-this-home"))
    kafka.remember(Running(1, 0.0, 23456, 23457))
    return one


def test_a_process_gets_the_settings_it_knows_and_nothing_else(bus: Bus, local: LocalBus, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CLICKHOUSE": "http://shutong@house:8123/books", "CLICKHOUSE_PASSWORD_FILE": "/a/file", "MEMORY_LIMIT": "4711",
                        "SERVE_HOSTS": "bus.city", "STRAY": "x", "SECRET": "y"}.items():
        monkeypatch.setenv(f"SHUTONG_{name}", value)
    monkeypatch.setenv("STRANGER", "z")
    given = {role: bus().environment(role) for role in ROLES}
    known = {"CLICKHOUSE": "ledger", "CLICKHOUSE_PASSWORD_FILE": "ledger", "MEMORY_LIMIT": "worker", "SERVE_HOSTS": "serve",
             "STRAY": "", "SECRET": ""}
    for name, role in known.items():
        assert {each for each in ROLES if f"SHUTONG_{name}" in given[each]} == ({role} if role else set()), name
    assert not any("STRANGER" in each for each in given.values())
    rehearsal = bus(settings=None)
    assert not any("SHUTONG_CLICKHOUSE" in rehearsal.environment(role) for role in ROLES)


def test_a_local_kafka_is_reached_whatever_the_shell_has_set_for_another(local: LocalBus, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(local.home, local._client("admin"), "l", "s")
    for name, value in {"KAFKA_PASSWORD_FILE": "/tmp/x", "KAFKA_PASSWORD": "y", "PREFIX": "t1.", "SECURITY": "SASL_SSL",
                        "CA_FILE": "/ca", "KAFKA_USER": "chief"}.items():
        monkeypatch.setenv(f"SHUTONG_{name}", value)
    for settings in (local.admin, connect(local.home)):
        client = settings.client()
        assert (client["bootstrap.servers"], client["security.protocol"]) == ("127.0.0.1:23456", "SASL_PLAINTEXT")
        assert (client["sasl.username"], client["sasl.password"]) == ("admin", "of-this-home")
        assert settings.prefix == ""


def test_another_terminal_speaks_to_the_configured_kafka_as_its_own_user(
        bus: Bus, configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bus()
    one.home.mkdir()
    remember(one.home, one._client("admin"), "l", "s")
    for name in [name for name in os.environ if name.startswith("SHUTONG_")]:
        monkeypatch.delenv(name)
    client = connect(one.home).client()
    assert (client["sasl.username"], client["sasl.password"]) == ("chief", "a-word")
    assert client["ssl.ca.location"] == str(configured.parent / "ca.pem")


def test_a_password_that_stands_in_no_file_is_asked_of_the_other_terminal(
        bus: Bus, configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHUTONG_KAFKA_PASSWORD_FILE")
    monkeypatch.setenv("SHUTONG_KAFKA_PASSWORD", "in-the-shell")
    one = bus()
    one.home.mkdir()
    remember(one.home, one._client("admin"), "l", "s")
    assert "in-the-shell" not in (one.home / CONNECTION).read_text()
    monkeypatch.delenv("SHUTONG_BOOTSTRAP")
    assert connect(one.home).client()["sasl.password"] == "in-the-shell"


def test_connect_alone_gets_what_the_connectors_of_an_own_city_name(bus: Bus, local: LocalBus, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    city = shutil.copytree(DIRECTORY, tmp_path / "city")
    file = city / "connectors" / "health.population.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("HEALTH_PASSWORD", "HR_PASSWORD"), encoding="utf-8")
    for name in ("HR_PASSWORD", "PGSSLMODE", "HEALTH_PASSWORD", "OTHER_PASSWORD"):
        monkeypatch.setenv(name, f"of {name}")
    monkeypatch.setattr(machine, "apply", lambda *named: Applied(1, [], True))
    one = bus()
    one.apply(city)
    assert {name for name in ("HR_PASSWORD", "PGSSLMODE", "HEALTH_PASSWORD", "OTHER_PASSWORD")
            if name in one.program("connect", "connect", "connect").env} == {"HR_PASSWORD", "PGSSLMODE"}
    assert not {"HR_PASSWORD", "PGSSLMODE"} & one.program("ledger", "ledger", "ledger").env.keys()
    trial = bus()
    trial.lend({"PGHOST": "127.0.0.1"})
    trial.apply(city)
    assert not {"HR_PASSWORD", "PGSSLMODE"} & trial.program("connect", "connect", "connect").env.keys()


def test_a_lost_masking_secret_is_not_drawn_again_where_there_are_data(local: LocalBus) -> None:
    (local.home / "kafka" / "data").mkdir()
    with local, pytest.raises(HaltError) as refused:
        local.start_kafka()
    assert "hmac.secret" in refused.value.problem.zh
    assert "hmac.secret" in refused.value.problem.en
    assert "备份" in refused.value.advice.zh
    assert "backup" in refused.value.advice.en
    assert not local.hmac_secret.exists()


def test_only_its_owner_reads_what_lies_in_a_home(bus: Bus) -> None:
    one = bus()
    before = os.umask(0o022)
    try:
        with one:
            one.take_home()
            Home(one.home / "kafka").prepare()
    finally:
        os.umask(before)
    for folder in (one.home, one.home / "logs", one.home / "kafka"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_an_older_home_of_kafka_is_closed_to_others_at_its_next_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Home(tmp_path).prepare()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_an_address_of_ipv6_is_had_unless_it_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        address = f"[::1]:{other.getsockname()[1]}"
        bus = LocalBus(tmp_path / "home", lambda name, what: None, ledger="127.0.0.1:0", serve=address)
        with bus, pytest.raises(HaltError, match="in use"):
            bus.take_home()
    with LocalBus(tmp_path / "home", lambda name, what: None, ledger="127.0.0.1:0", serve=address) as bus:
        bus.take_home()


@pytest.mark.kafka
def test_a_kafka_that_is_elsewhere_is_no_place_for_a_rehearsal_once_a_bus_lives_there(
        bus: Bus, kafka: LocalKafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BOOTSTRAP": kafka.bootstrap, "PREFIX": prefix, "KAFKA_USER": "admin",
                        "KAFKA_PASSWORD_FILE": str(kafka.home / "secrets" / "admin.password")}.items():
        monkeypatch.setenv(f"SHUTONG_{name}", value)
    with bus() as first:
        first.start_kafka(unused=True)
        assert read_secret(first.hmac_secret)
        Provisioner(first.admin).ensure_lanes(BUS_LANES)
        answers(connect(first.home))
    with bus("again") as still:
        still.start_kafka(unused=True)
        with ControlWriter(still.admin) as writer:
            writer.write(lanes={})
    city = RunningCity(tmp_path / "rehearsal", lambda name, what: None)
    try:
        city.start_departments()
        with pytest.raises(HaltError) as refused:
            city.start_kafka()
    finally:
        city.stop()
    assert kafka.bootstrap in refused.value.problem.zh
    assert "SHUTONG_BOOTSTRAP" in refused.value.advice.en
    with bus("lost") as lost, pytest.raises(HaltError, match=r"hmac\.secret"):
        lost.start_kafka()
    secret = tmp_path / "kept.secret"
    write_secret(secret, SecretStr(secrets.token_hex(32)))
    monkeypatch.setenv("SHUTONG_SECRET_FILE", str(secret))
    with bus("kept") as kept:
        kept.start_kafka()
        assert kept.environment("worker")["SHUTONG_SECRET_FILE"] == str(secret)
