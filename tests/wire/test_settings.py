import pytest
from pydantic import ValidationError

from schemas.errors import HaltError
from wire.settings import KafkaSettings


def test_the_environment_says_where_kafka_is_and_who_we_are(monkeypatch):
    monkeypatch.setenv("SHUTONG_BOOTSTRAP", "127.0.0.1:1234")
    monkeypatch.setenv("SHUTONG_KAFKA_USER", "t1.subscriber.tax")
    monkeypatch.setenv("SHUTONG_KAFKA_PASSWORD", "geheim")
    monkeypatch.setenv("SHUTONG_PREFIX", "t1.")
    settings = KafkaSettings()
    client = settings.client()
    assert client["bootstrap.servers"] == "127.0.0.1:1234"
    assert client["sasl.username"] == "t1.subscriber.tax"
    assert client["sasl.password"] == "geheim"
    assert client["sasl.mechanism"] == "SCRAM-SHA-512"
    assert settings.role == "subscriber.tax"
    assert settings.consumer_config(settings.role)["group.id"] == "t1.shutong.subscriber.tax"


def test_no_text_about_the_settings_shows_the_password():
    settings = KafkaSettings(kafka_user="worker", kafka_password="geheim")
    assert "geheim" not in f"{settings} {settings!r} {settings.model_dump()}"
    with pytest.raises(ValidationError) as refused:
        KafkaSettings(kafka_user="worker", kafka_password=["geheim"], security="NONE")
    assert "geheim" not in str(refused.value)


def test_the_password_may_come_from_a_file_that_only_its_owner_reads(tmp_path):
    file = tmp_path / "worker.password"
    file.write_text("geheim\n")
    settings = KafkaSettings(kafka_user="worker", kafka_password_file=file)
    file.chmod(0o640)
    with pytest.raises(HaltError) as refused:
        settings.client()
    assert f"chmod 600 {file}" in refused.value.advice.zh
    assert f"chmod 600 {file}" in refused.value.advice.en
    assert "geheim" not in str(refused.value)
    file.chmod(0o600)
    assert settings.client()["sasl.password"] == "geheim"


@pytest.mark.parametrize("given", [{}, {"kafka_password": "a", "kafka_password_file": "/b"}])
def test_the_password_is_given_in_exactly_one_place(given):
    with pytest.raises(HaltError, match="SHUTONG_KAFKA_PASSWORD_FILE"):
        KafkaSettings(kafka_user="worker", **given).client()


def test_a_user_is_needed_where_kafka_asks_who_comes():
    with pytest.raises(HaltError, match="SHUTONG_KAFKA_USER"):
        KafkaSettings(kafka_password="geheim").client()
    assert "sasl.username" not in KafkaSettings(security="PLAINTEXT").client()


@pytest.mark.parametrize("prefix", ["t1", "T1.", "t 1.", ".", "t1.."])
def test_a_prefix_is_segments_with_a_dot_behind_each(prefix):
    with pytest.raises(ValidationError, match="prefix"):
        KafkaSettings(prefix=prefix)


def test_another_roles_settings_keep_all_but_user_and_password(tmp_path):
    settings = KafkaSettings(prefix="t1.", kafka_user="admin", kafka_password_file=tmp_path / "none", bootstrap="h:1")
    theirs = settings.as_role("provider.health", "geheim").client()
    assert (theirs["sasl.username"], theirs["sasl.password"]) == ("t1.provider.health", "geheim")
    assert theirs["bootstrap.servers"] == "h:1"


def test_what_must_hold_for_every_client_is_set():
    settings = KafkaSettings(kafka_user="worker", kafka_password="geheim")
    writer = settings.transactional_config("worker.host-0")
    assert writer["partitioner"] == settings.publisher_config()["partitioner"] == "murmur2_random"
    assert writer["transaction.timeout.ms"] == 10_000
    assert writer["message.max.bytes"] >= 5 * (1 << 20) // 2
    reader = settings.consumer_config("worker", session_timeout_ms=6000)
    assert reader["isolation.level"] == settings.reader_config()["isolation.level"] == "read_committed"
    assert reader["auto.offset.reset"] == "error"
    assert reader["session.timeout.ms"] == 6000
