import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import HaltError, RetryError
from wire import errors
from wire.errors import Fenced, Watch, is_fenced, is_moving, is_patient
from wire.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap="kafka:9092", kafka_user="worker", security="SASL_SSL")
REFUSED = KafkaError(KafkaError._AUTHENTICATION)
TIMED_OUT = KafkaError(KafkaError._TIMED_OUT)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(errors.time, "monotonic", clock)
    return clock


@pytest.fixture
def watch(clock):
    return Watch(SETTINGS)


#: What Kafka says -> what the caller gets, and a word that the sentence has.
MEANINGS = [
    ("_TIMED_OUT", RetryError, "does not answer"), ("_TIMED_OUT_QUEUE", RetryError, "does not answer"),
    ("_MSG_TIMED_OUT", RetryError, "does not answer"), ("_TRANSPORT", RetryError, "does not answer"),
    ("_ALL_BROKERS_DOWN", RetryError, "does not answer"), ("_RESOLVE", RetryError, "does not answer"),
    ("_WAIT_COORD", RetryError, "does not answer"), ("_NOENT", RetryError, "does not answer"),
    ("_PURGE_QUEUE", RetryError, "does not answer"), ("_PURGE_INFLIGHT", RetryError, "does not answer"),
    ("REQUEST_TIMED_OUT", RetryError, "does not answer"), ("NETWORK_EXCEPTION", RetryError, "does not answer"),
    ("_AUTHENTICATION", HaltError, "let user worker in"), ("SASL_AUTHENTICATION_FAILED", HaltError, "let user worker in"),
    ("UNSUPPORTED_SASL_MECHANISM", HaltError, "let user worker in"), ("_SSL", HaltError, "let user worker in"),
    ("TOPIC_AUTHORIZATION_FAILED", HaltError, "right to the lane a.b"),
    ("GROUP_AUTHORIZATION_FAILED", HaltError, "right to the group a.b"),
    ("CLUSTER_AUTHORIZATION_FAILED", HaltError, "right to the cluster a.b"),
    ("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", HaltError, "right to the transactional id a.b"),
    ("UNKNOWN_TOPIC_OR_PART", RetryError, "no lane a.b"), ("_UNKNOWN_TOPIC", RetryError, "no lane a.b"),
    ("_UNKNOWN_PARTITION", RetryError, "no lane a.b"),
    ("MSG_SIZE_TOO_LARGE", HaltError, "too large for lane a.b"), ("RECORD_LIST_TOO_LARGE", HaltError, "too large for lane a.b"),
    ("_AUTO_OFFSET_RESET", HaltError, "no longer on lane a.b"), ("OFFSET_OUT_OF_RANGE", HaltError, "no longer on lane a.b"),
    ("_FENCED", Fenced, "id a.b: this one is fenced"), ("PRODUCER_FENCED", Fenced, "id a.b: this one is fenced"),
    ("INVALID_PRODUCER_EPOCH", Fenced, "id a.b: this one is fenced"),
    ("NOT_LEADER_FOR_PARTITION", RetryError, "just now"), ("LEADER_NOT_AVAILABLE", RetryError, "just now"),
    ("FENCED_LEADER_EPOCH", RetryError, "just now"), ("UNKNOWN_LEADER_EPOCH", RetryError, "just now"),
    ("OFFSET_NOT_AVAILABLE", RetryError, "just now"), ("COORDINATOR_LOAD_IN_PROGRESS", RetryError, "just now"),
    ("COORDINATOR_NOT_AVAILABLE", RetryError, "just now"), ("NOT_COORDINATOR", RetryError, "just now"),
    ("NOT_CONTROLLER", RetryError, "just now"), ("BROKER_NOT_AVAILABLE", RetryError, "just now"),
    ("REPLICA_NOT_AVAILABLE", RetryError, "just now"), ("UNSTABLE_OFFSET_COMMIT", RetryError, "just now"),
    ("INVALID_TXN_STATE", RetryError, "just now"), ("INVALID_PRODUCER_ID_MAPPING", RetryError, "just now"),
    ("OUT_OF_ORDER_SEQUENCE_NUMBER", RetryError, "just now"), ("UNKNOWN_PRODUCER_ID", RetryError, "just now"),
    ("POLICY_VIOLATION", HaltError, "refused a request a.b"), ("_STATE", HaltError, "refused a request a.b"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "words"), MEANINGS, ids=[name for name, *_ in MEANINGS])
def test_what_kafka_says_is_sorted_by_what_the_caller_does_next(watch, name, kind, words):
    error = KafkaError(getattr(KafkaError, name))
    for given in (error, KafkaException(error)):
        told = watch.explain(given, "a.b")
        assert type(told) is kind
        assert words in told.problem.en


def test_every_code_we_sort_is_in_the_table():
    sorted_ = {code for name, codes in vars(errors).items() if name.isupper() and isinstance(codes, set | dict) for code in codes}
    assert sorted_ <= {getattr(KafkaError, name) for name, *_ in MEANINGS}


def codes(test):
    return {name for name, *_ in MEANINGS if test(KafkaError(getattr(KafkaError, name)))}


def test_who_is_fenced_who_waits_and_whose_leader_moves():
    assert codes(is_fenced) == {"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"}
    moving = {"NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH",
              "OFFSET_NOT_AVAILABLE"}  # fmt: skip
    assert codes(is_moving) == moving
    lost = {"INVALID_TXN_STATE", "INVALID_PRODUCER_ID_MAPPING", "OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID"}
    unmade = {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"}
    retry = {name for name, kind, _ in MEANINGS if kind is RetryError}
    assert codes(is_patient) == retry - lost - unmade
    assert is_patient(KafkaError(KafkaError.POLICY_VIOLATION, "", False, True)), "the client says that it may be tried again"
    assert not is_patient(KafkaError(KafkaError._TIMED_OUT, "", True)), "fatal"


def test_a_login_refused_three_times_running_is_no_accident(watch, clock):
    for at in (0, 1):
        clock.now = at
        watch(REFUSED)
        watch.check()
    clock.now = 2
    watch(REFUSED)
    with pytest.raises(HaltError, match="拒绝用户 worker 登录"):
        watch.check()


def test_a_timeout_of_a_client_that_is_being_refused_is_the_refusal(watch):
    assert type(watch.explain(TIMED_OUT)) is RetryError
    watch(REFUSED)
    assert type(watch.explain(TIMED_OUT)) is HaltError


def test_a_refusal_of_long_ago_explains_nothing(watch, clock):
    """A user made a moment ago was refused once; hours later Kafka is away for a minute."""
    watch(REFUSED)
    clock.now = 3600
    assert type(watch.explain(TIMED_OUT)) is RetryError
    for error in (REFUSED, KafkaError(KafkaError._SSL), REFUSED):
        clock.now += 86400
        watch(error)
        watch.check()


def test_a_fenced_client_says_which_id_was_taken(clock):
    watch = Watch(SETTINGS, "connect.police.people")
    watch(KafkaError(KafkaError._FENCED, "", True))
    with pytest.raises(HaltError, match=r"connect\.police\.people"):
        watch.check()
    watch = Watch(SETTINGS, "connect.police.people")
    watch(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(HaltError) as refused:
        watch.check()
    assert "connect.police.people" not in refused.value.problem.en, "the id is no lane"


def test_a_call_is_made_again_while_its_failure_passes_and_no_longer(watch, clock):
    def away(wait):
        clock.now += wait
        raise KafkaException(TIMED_OUT)

    with pytest.raises(RetryError, match="没有应答"):
        watch.patiently(away, 30)
    assert 30 <= clock.now < 31

    def refused(wait):
        watch(REFUSED)
        away(wait)

    with pytest.raises(HaltError):
        watch.patiently(refused, 30)
    assert clock.now < 40, "not waited out"

    def wrong(wait):
        raise KafkaException(KafkaError(KafkaError.POLICY_VIOLATION))

    now = clock.now = 3600.0
    with pytest.raises(HaltError, match=r"raw\.a"):
        watch.patiently(wrong, 30, "raw.a")
    assert clock.now == now
