"""Which Kafka error means what: abort and begin again, wait, or end the process with the right code (I-7)."""

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.names import Names
from streams.transport.exits import BROKEN, FENCED, HALTED
from streams.transport.producer import Aborted, TransactionalProducer

OUTPUT = ("deliver.a", b"v", b"k", -1, 1, None)
ABORTABLE = KafkaError(KafkaError._STATE, "x", False, False, True)


class Ended(Exception):
    """The process would have ended with this code."""


def end(code: int, why: object) -> NoReturn:
    raise Ended(code)


class Client:
    """confluent's producer: each call takes the next error of its list, if there is one."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.on_delivery: Callable[[KafkaError, Any], None] = config["on_delivery"]
        self.errors: dict[str, list[KafkaError]] = {}
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> None:
            self.calls.append(name)
            if self.errors.get(name):
                raise KafkaException(self.errors[name].pop(0))

        return call


class Message:
    def topic(self) -> str:
        return "p.deliver.a"


@pytest.fixture
def client() -> list[Client]:
    return []


@pytest.fixture
def producer(client: list[Client]) -> TransactionalProducer:
    def make(config: dict[str, Any]) -> Client:
        client.append(Client(config))
        return client[0]

    return TransactionalProducer({}, Names("p."), end, make)


@pytest.mark.parametrize(("error", "code"), [
    (KafkaError(KafkaError._FENCED), FENCED), (KafkaError(KafkaError.PRODUCER_FENCED), FENCED),
    (KafkaError(KafkaError.INVALID_PRODUCER_EPOCH), FENCED), (KafkaError(KafkaError._FATAL, "x", True), FENCED),
    (KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "x", False, False, True), HALTED),
    (KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED), HALTED),
    (KafkaError(KafkaError._INVALID_ARG), BROKEN), (KafkaError(KafkaError.INVALID_TXN_STATE), BROKEN)])
@pytest.mark.parametrize("call", ["produce", "commit", "abort"])
def test_what_cannot_be_aborted_ends_the_process(producer: TransactionalProducer, client: list[Client], error: KafkaError,
                                                 code: int, call: str) -> None:
    name = {"produce": "produce", "commit": "commit_transaction", "abort": "abort_transaction"}[call]
    client[0].errors[name] = [error]
    with pytest.raises(Ended, match=str(code)):
        {"produce": lambda: producer.produce([OUTPUT]), "commit": lambda: producer.commit([], None),
         "abort": producer.abort}[call]()


@pytest.mark.parametrize("name", ["send_offsets_to_transaction", "commit_transaction"])
def test_a_commit_that_fails_abortably_is_left_to_be_aborted(producer: TransactionalProducer, client: list[Client],
                                                             name: str) -> None:
    client[0].errors[name] = [KafkaError(KafkaError.ILLEGAL_GENERATION, "x", False, False, True)]
    with pytest.raises(Aborted, match="ILLEGAL_GENERATION"):
        producer.commit([(("raw.a", 0), 5, "")], None)
    assert "abort_transaction" not in client[0].calls
    assert "begin_transaction" not in client[0].calls
    producer.abort()
    assert client[0].calls[-2:] == ["abort_transaction", "begin_transaction"]


def test_an_abort_that_cannot_be_done_ends_the_process(producer: TransactionalProducer, client: list[Client]) -> None:
    client[0].errors["abort_transaction"] = [ABORTABLE]
    with pytest.raises(Ended, match=str(BROKEN)):
        producer.abort()


def test_what_may_be_tried_again_is(producer: TransactionalProducer, client: list[Client]) -> None:
    client[0].errors["commit_transaction"] = [KafkaError(KafkaError._TIMED_OUT, "x", False, True)] * 2
    producer.commit([], None)
    assert client[0].calls.count("commit_transaction") == 3
    assert producer.call == 0, "nothing is under way"


def test_an_abort_names_the_first_record_that_was_not_taken_and_the_next_transaction_forgets_it(
        producer: TransactionalProducer, client: list[Client]) -> None:
    client[0].on_delivery(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), Message())
    client[0].on_delivery(KafkaError(KafkaError._MSG_TIMED_OUT), Message())
    client[0].errors["produce"] = [ABORTABLE] * 2
    with pytest.raises(Aborted, match=r"^deliver\.a: MSG_SIZE_TOO_LARGE$"):
        producer.produce([OUTPUT])
    producer.abort()
    client[0].on_delivery(KafkaError(KafkaError._PURGE_QUEUE), Message())
    with pytest.raises(Aborted, match=r"^_STATE$"):
        producer.produce([OUTPUT])
