import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import HaltError, RetryError
from wire import probe, publisher
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


class Refused:
    """A client whose user is refused: its caller waits, the reason comes by the side door. One call is one refusal."""

    def __init__(self, config) -> None:
        self._tell = config["error_cb"]
        self.calls = 0

    def list_topics(self, topic, timeout):
        self.flush(timeout)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def flush(self, timeout):
        self.calls += 1
        assert self.calls <= 3, "it goes on waiting"
        self._tell(KafkaError(KafkaError._AUTHENTICATION))
        return 1

    def poll(self, timeout): ...

    def purge(self): ...

    def produce(self, topic, value, key, **more): ...


@pytest.fixture
def refused(monkeypatch):
    made = []
    for module, name in ((probe, "AdminClient"), (publisher, "Producer")):
        monkeypatch.setattr(module, name, lambda config: made.append(Refused(config)) or made[-1])
    return made


@pytest.mark.parametrize("act", [
    lambda: answers(NOWHERE, timeout=3600),
    lambda: wait_for_kafka(NOWHERE, timeout=3600),
    lambda: Publisher(NOWHERE).flush(3600),
], ids=["answers", "wait", "flush"])  # fmt: skip
def test_a_refused_login_is_not_waited_out(refused, act):
    with pytest.raises(HaltError, match="worker"):
        act()
    assert [client.calls for client in refused] == [3]


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
def test_a_wrong_password_halts_and_is_not_shown(admin, act):
    wrong = admin.as_role("worker", "geheim")
    with pytest.raises(HaltError, match=wrong.kafka_user) as refused:
        act(wrong)
    assert "geheim" not in f"{refused.value.problem} {refused.value.advice} {refused.value.__cause__}"
    assert "SHUTONG_SECURITY" in refused.value.advice.en


def _send(settings: KafkaSettings) -> None:
    with Publisher(settings) as publisher:
        publisher.send("raw.health", b"k", b"v")
