from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import HaltError, RetryError
from wire.cluster import Cluster
from wire.settings import KafkaSettings

NOWHERE = KafkaSettings(bootstrap="127.0.0.1:1", security="PLAINTEXT")


@pytest.fixture
def asked() -> "Future[Any]":
    """As the client makes it: it runs, so nobody can cancel it."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


@pytest.mark.parametrize("ask", [Cluster.result, Cluster.error_of])
def test_a_call_that_is_never_answered_ends_as_silence(asked, ask):
    cluster = Cluster(NOWHERE, timeout=0.1)
    with pytest.raises(RetryError, match="没有应答"):
        ask(cluster, asked)


@pytest.mark.parametrize("ask", [Cluster.result, Cluster.error_of])
def test_a_refused_login_is_not_waited_out(asked, ask):
    cluster = Cluster(NOWHERE, timeout=30)
    for _ in range(3):
        cluster.watch(KafkaError(KafkaError._AUTHENTICATION))
    with pytest.raises(HaltError, match="登录"):
        ask(cluster, asked)


def test_what_kafka_says_is_given_to_who_expects_it_and_raised_to_who_does_not(asked):
    cluster = Cluster(NOWHERE, timeout=0.1)
    said = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    asked.set_exception(said)
    assert cluster.error_of(asked) is said
    with pytest.raises(RetryError, match=r"raw\.a"):
        cluster.result(asked, "raw.a")


@pytest.mark.parametrize("ask", [
    lambda cluster: cluster.places(["raw.a"]),
    lambda cluster: cluster.ends([("raw.a", 0)]),
    lambda cluster: cluster.committed("worker", ["raw.a"]),
], ids=["places", "ends", "committed"])  # fmt: skip
def test_each_question_ends_when_nobody_answers(ask):
    with pytest.raises(RetryError, match=r"127\.0\.0\.1:1"):
        ask(Cluster(NOWHERE, timeout=0.3))
