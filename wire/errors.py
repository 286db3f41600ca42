"""What Kafka answers, as the bus's errors: RetryError when the world is not ready, HaltError when a person is needed.

A client that may not log in only ever says "timed out" to its caller; the reason comes by the side door (`error_cb`).
So each client of this room has a `Watch` there, which turns both together into one clear sentence. A client whose calls
do not fail when Kafka is away, since there may be nothing to read, has one that is `aloud`: it logs the outage.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TypeVar

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text
from wire.outage import AWAY, Outage
from wire.settings import KafkaSettings

__all__ = ["Fenced", "Watch", "is_fenced", "is_moving", "is_patient"]

T = TypeVar("T")

_SILENT = {
    KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._WAIT_COORD, KafkaError._NOENT,
    KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT,
    KafkaError.REQUEST_TIMED_OUT, KafkaError.NETWORK_EXCEPTION,
}  # fmt: skip
_LOGIN = {
    KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError._SSL,
}  # fmt: skip
_RIGHTS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Text("通道", "lane"),
    KafkaError.GROUP_AUTHORIZATION_FAILED: Text("消费组", "group"),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Text("集群", "cluster"),
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: Text("事务标识", "transactional id"),
}
_UNKNOWN = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_OF_ID = _FENCED | {KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED}
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
_GONE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}

#: The leader of a partition is not where it was said to be, or not there yet: a lane made a moment ago, a broker gone.
_MOVING = {
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE,
}  # fmt: skip

#: A broker that has just started: it looks for its coordinators and reads their lanes. The client marks none as retriable.
_STARTING = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_CONTROLLER, KafkaError.BROKER_NOT_AVAILABLE, KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
}  # fmt: skip

#: Client and broker disagree about the state of a transaction after a restart, as when a commit was done and its answer
#: lost. Fatal for that client; whoever begins again with a new one finds what is committed.
_LOST_TRACK = {
    KafkaError.INVALID_TXN_STATE, KafkaError.INVALID_PRODUCER_ID_MAPPING, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    KafkaError.UNKNOWN_PRODUCER_ID,
}  # fmt: skip

#: A user made a moment ago may be refused once while the brokers learn of it; three times running is no accident.
_REFUSALS = 3
#: A client that is refused knocks again within a second; what is further apart than this belongs to different troubles.
_RUNNING = 10.0
_SLICE = 0.5


class Fenced(HaltError):
    """Our transactional id is no longer ours."""


class Watch:
    """Stands at one client's side door (`error_cb`) and explains what its calls fail with. `owner`: its transactional id."""

    def __init__(self, settings: KafkaSettings, owner: str = "", *, aloud: bool = False) -> None:
        self._settings = settings
        self._outage = Outage(settings.bootstrap) if aloud else None
        self._owner = owner
        self._refusals: deque[float] = deque(maxlen=_REFUSALS)
        self._fatal: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        if error.code() in _LOGIN:
            self._refusals.append(time.monotonic())
        if self._outage is not None and error.code() in AWAY:
            self._outage.hear(error)
        if error.fatal() or error.code() in _RIGHTS:
            self._fatal = error

    def check(self) -> None:
        """Raise at once what waiting will not mend: a login that is refused, a fatal error of the client."""
        if self._refused(_REFUSALS):
            raise self._no_login()
        if self._fatal is not None:
            raise self.explain(self._fatal)

    def explain(self, error: KafkaError | KafkaException | SystemError, subject: str = "") -> BusError:
        """The error of the bus for what a call gave; `subject` is the lane, group or id it was about."""
        cause = _cause(error) or self._fatal
        if cause is None:
            return _unexpected("SystemError", subject)
        code = cause.code()
        if code in _LOGIN or (code in _SILENT and self._refused(1)):
            return self._no_login()
        if code in _SILENT:
            return self.silent()
        if code in _OF_ID:
            subject = self._owner or subject
        if code in _RIGHTS:
            return self._no_right(_RIGHTS[code], subject)
        return _of_topic(code, subject) or _of_broker(cause, subject)

    def fail(self, error: KafkaError | KafkaException | SystemError, subject: str = "") -> NoReturn:
        """Raise `explain(error)` without the client's own words in the chain."""
        raise self.explain(error, subject) from None

    def patiently(self, call: Callable[[float], T], timeout: float, subject: str = "",
                  serve: Callable[[float], object] = lambda wait: None) -> T:  # fmt: skip
        """Make a call that takes a timeout, in slices, again while its failure is one that passes.

        `serve` lets a client that does not do so by itself come to the side door: its `poll`.
        """
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                return call(max(min(_SLICE, left), 0.05))
            except KafkaException as error:
                with suppress(KafkaException):  # a fatal one is told to the side door first
                    serve(0)
                self.check()
                if left <= 0 or not is_patient(error.args[0]):
                    self.fail(error, subject)

    def silent(self) -> RetryError:
        """Kafka gave no answer in time."""
        at = self._settings.bootstrap
        return RetryError(
            Text(f"Kafka {at} 没有应答", f"Kafka at {at} does not answer"),
            advice=Text("确认它已启动、地址 SHUTONG_BOOTSTRAP 正确；系统会自动重试",
                        "see that it runs and that SHUTONG_BOOTSTRAP is its address; this is tried again"),
            after=2,
        )  # fmt: skip

    def _refused(self, times: int) -> bool:
        since = time.monotonic() - _RUNNING
        return sum(at >= since for at in self._refusals) >= times

    def _no_login(self) -> HaltError:
        user, at, how = self._settings.kafka_user or "-", self._settings.bootstrap, self._settings.security
        return HaltError(
            Text(f"Kafka {at} 拒绝用户 {user} 登录（{how}）", f"Kafka at {at} refuses to let user {user} in ({how})"),
            advice=Text("检查用户名、口令文件、SHUTONG_SECURITY 与 CA 证书；用户可能已被撤销",
                        "check the user, its password file, SHUTONG_SECURITY and the CA; it may have been revoked"),
        )  # fmt: skip

    def _no_right(self, kind: Text, subject: str) -> HaltError:
        user, name = self._settings.kafka_user or "-", f" {subject}" if subject else ""
        return HaltError(
            Text(f"用户 {user} 无权使用{kind.zh}{name}", f"user {user} has no right to the {kind.en}{name}"),
            advice=Text("请管理员执行 shutong apply 授权，或确认授权未被撤销",
                        "ask the bureau to run `shutong apply`, or whether the grant was revoked"),
        )  # fmt: skip


def is_fenced(error: KafkaError) -> bool:
    """Whether another process took our transactional id."""
    return error.code() in _FENCED


def is_patient(error: KafkaError) -> bool:
    """Whether the same call may succeed a moment later."""
    return not error.fatal() and (error.retriable() or error.code() in _SILENT | _MOVING | _STARTING)


def is_moving(error: KafkaError) -> bool:
    """Whether a partition's leader has yet to be found; soon it will be."""
    return error.code() in _MOVING


def _cause(error: KafkaError | KafkaException | SystemError) -> KafkaError | None:
    """A callback's exception may come wrapped in a SystemError; what Kafka said is then its cause."""
    seen: BaseException | None = error if isinstance(error, BaseException) else None
    while seen is not None and not isinstance(seen, KafkaException):
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, KafkaException):
        first = seen.args[0]
        return first if isinstance(first, KafkaError) else None
    return error if isinstance(error, KafkaError) else None


def _of_topic(code: int, subject: str) -> BusError | None:
    if code in _UNKNOWN:
        return RetryError(
            Text(f"Kafka 上没有通道 {subject}", f"Kafka has no lane {subject}"),
            advice=Text("先执行 shutong apply 建立通道；检查名称与 SHUTONG_PREFIX",
                        "make it with `shutong apply` first; check the name and SHUTONG_PREFIX"),
            after=2,
        )  # fmt: skip
    if code in _TOO_LARGE:
        return HaltError(
            Text(f"Kafka 拒收通道 {subject} 中过大的记录", f"Kafka refused a record too large for lane {subject}"),
            advice=Text("通道上限小于通道表所定：执行 shutong apply 恢复配置",
                        "the topic allows less than the lane table says: `shutong apply` restores its configuration"),
        )  # fmt: skip
    if code in _GONE:
        return HaltError(
            Text(f"通道 {subject} 中要读的位置已不存在", f"the position to read from is no longer on lane {subject}"),
            advice=Text("保留期已过，或通道被重建：请从头读取，或联系管理员补发",
                        "retention passed it, or the topic is new: read from the beginning, or ask for a re-send"),
        )  # fmt: skip
    return None


def _of_broker(error: KafkaError, subject: str) -> BusError:
    if is_fenced(error):
        return Fenced(
            Text(f"另一个进程接管了事务标识 {subject}，本进程已被隔离",
                 f"another process took over the transactional id {subject}: this one is fenced"),
            advice=Text("同一标识只能运行一个进程；保留其中一个",
                        "only one process may run under one id; keep one of them"),
        )  # fmt: skip
    if is_patient(error) or error.code() in _LOST_TRACK:
        return RetryError(
            Text(f"Kafka 暂时不能完成请求（{error.name()}）", f"Kafka cannot do this just now ({error.name()})"),
            advice=Text("系统会自动重试；若持续出现，请检查 Kafka 节点",
                        "it is tried again; if it lasts, look at the brokers"),
        )  # fmt: skip
    return _unexpected(error.name(), subject)


def _unexpected(name: str, subject: str) -> HaltError:
    about = f" {subject}" if subject else ""
    return HaltError(
        Text(f"Kafka 拒绝了请求{about}（{name}）", f"Kafka refused a request{about} ({name})"),
        advice=Text("查看 Kafka 节点日志中同一时刻的记录", "read the broker's log of this moment"),
    )
