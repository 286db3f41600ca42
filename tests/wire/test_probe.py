import time

import pytest

from schemas.errors import HaltError, RetryError
from wire.admin import Provisioner
from wire.probe import answers, wait_for_kafka
from wire.publisher import Publisher, TransactionalPublisher
from wire.reading import LaneReader
from wire.settings import KafkaSettings

NOWHERE = KafkaSettings(bootstrap="127.0.0.1:1", kafka_user="worker", kafka_password="geheim")


def test_a_broker_that_is_not_there_is_a_reason_to_try_again():
    with pytest.raises(RetryError, match=r"127\.0\.0\.1:1") as told:
        answers(NOWHERE, timeout=0.5)
    assert "SHUTONG_BOOTSTRAP" in told.value.advice.zh
    assert "SHUTONG_BOOTSTRAP" in told.value.advice.en
    assert "geheim" not in str(told.value)
    with pytest.raises(RetryError):
        TransactionalPublisher(NOWHERE, "connect.a", timeout=0.5)


@pytest.mark.kafka
def test_a_broker_that_is_there_answers(admin, join):
    wait_for_kafka(admin)
    wait_for_kafka(join("subscriber.tax"))


@pytest.mark.kafka
@pytest.mark.parametrize("act", [
    answers,
    lambda settings: LaneReader(settings, ["bus.plan"]),
    lambda settings: TransactionalPublisher(settings, "connect.a"),
    lambda settings: Provisioner(settings).grant(["worker"]),
    lambda settings: _send(settings),
], ids=["probe", "read", "transaction", "provision", "publish"])  # fmt: skip
def test_a_wrong_password_halts_soon_and_is_not_shown(admin, act):
    wrong = admin.as_role("worker", "geheim")
    started = time.monotonic()
    with pytest.raises(HaltError, match=wrong.kafka_user) as refused:
        act(wrong)
    assert time.monotonic() - started < 8
    assert "geheim" not in f"{refused.value.problem} {refused.value.advice} {refused.value.__cause__}"
    assert "SHUTONG_SECURITY" in refused.value.advice.en


def _send(settings: KafkaSettings) -> None:
    with Publisher(settings) as publisher:
        publisher.send("raw.health", b"k", b"v")
