"""A whole bus on one machine: local Kafka, the city applied to it, and every process under the supervisor.

For `up`, the demo and the tests. Everything lives under one home directory; a second bus under the same home is refused.
With SHUTONG_BOOTSTRAP set, that Kafka is used instead of a local one.
"""

import fcntl
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from connectors.settings import ConnectSettings
from console.connection import CONNECTION, exactly, remember
from console.own_serve import note_begun
from console.serve.settings import ServeSettings
from console.supervisor import Program, Supervisor, python
from console.word import leave_word, word_in
from governance.apply import Applied, apply, password_file
from governance.city import read_city
from governance.settling import settle
from ledger.settings import LedgerSettings
from schemas.errors import HaltError
from schemas.text import Text
from streams.settings import WorkerSettings
from trial.kafka import ADMIN, LocalKafka, jars
from wire.cluster import Cluster
from wire.compacted import read_compacted
from wire.probe import wait_for_kafka
from wire.secret import read_secret, write_secret
from wire.settings import KafkaSettings

__all__ = ["BUREAU_PROGRAMS", "LocalBus", "running_pid"]

Told = Callable[[str, Text], None]

#: program -> the Kafka role it runs as
BUREAU_PROGRAMS = {"ledger": "ledger", "worker": "worker", "connect": "connect", "serve": "serve"}
#: What a child process inherits of ours: enough to find files and speak a language, nothing secret.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SHUTONG_LANG", "PYTHONPATH", "TMPDIR")
_SETTINGS: dict[str, type[KafkaSettings]] = {"ledger": LedgerSettings, "worker": WorkerSettings, "connect": ConnectSettings,
                                             "serve": ServeSettings}
_LOCK = "up.lock"


class LocalBus:
    """Owns the broker and the processes of one home. `start` in order, `stop` in reverse; both may be repeated."""

    def __init__(self, home: Path, told: Told, *, ledger: str = "127.0.0.1:8701", serve: str = "127.0.0.1:8700",
                 workers: int = 2, environment: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None) -> None:
        """`environment` goes to `connect` alone: where the departments' databases are, and how they let us in. Of `settings`,
        the operator's environment, each process gets the ones its role knows; a rehearsal has none."""
        self.home = home.resolve()
        self.secrets = self.home / "secrets"
        self.addresses = {"ledger": ledger, "serve": serve}
        self._workers = workers
        self._connect_environment = dict(environment or {})
        self._settings = dict(settings or {})
        self._told = told
        self._given = KafkaSettings() if os.environ.get("SHUTONG_BOOTSTRAP") else None
        self._kafka = LocalKafka(self.home / "kafka", die_with_parent=True) if self._given is None else None
        self._lock: int | None = None
        self._fetching = False
        self.supervisor = Supervisor(self.home / "logs", told)

    @property
    def admin(self) -> KafkaSettings:
        """Settings of the administrator: for provisioning, and for the readers of a trial."""
        if self._kafka is None:
            assert self._given is not None
            return self._given
        return exactly(bootstrap=self._kafka.bootstrap, kafka_user=ADMIN, kafka_password=SecretStr(self._kafka.password(ADMIN)))

    @property
    def hmac_secret(self) -> Path:
        """The file of the masking secret: drawn before Kafka's first start and kept as long as the home, or the one that
        SHUTONG_SECRET_FILE names for a Kafka that is elsewhere."""
        named = self._settings.get("SHUTONG_SECRET_FILE") if self._kafka is None else None
        return Path(named).resolve() if named else self.secrets / "hmac.secret"

    def lend(self, environment: Mapping[str, str]) -> None:
        """What `connect` finds in its environment besides: known once the departments' databases run."""
        self._connect_environment = dict(environment)

    def take_home(self) -> None:
        """Make the home ours: a HaltError when a bus runs there, or where it cannot be, or when a port is taken."""
        if self._lock is not None:
            return
        try:
            self._lock = _lock(self.home)
        except OSError as error:
            raise HaltError(Text(f"目录 {self.home} 不可用（{error.strerror}）",
                                 f"the directory {self.home} is of no use ({error.strerror})"),
                            advice=Text("检查路径、权限和磁盘空间，或用 --home 换一个目录",
                                        "check path, rights and disk, or choose another directory with --home")) from None
        for name, address in self.addresses.items():
            _check_free(name, address)

    def start_kafka(self, *, unused: bool = False) -> None:
        """Take the home, start the broker (or wait for the one that is configured), leave word for other terminals.

        `unused`: a configured Kafka on which a bus lives already is refused."""
        self.take_home()
        if self._kafka is not None:
            self._keep_secret(used=(self._kafka.home / "data").exists())
            jars.fetch(progress=self._fetched)
            self._told("kafka", Text("正在启动 Apache Kafka", "starting Apache Kafka"))
            self._kafka.start()
            wait_for_kafka(self.admin)
        else:
            self._told("kafka", Text(f"等待 {self.admin.bootstrap} 应答", f"waiting for {self.admin.bootstrap} to answer"))
            wait_for_kafka(self.admin)
            used = _has_plan(self.admin)
            if unused and used:
                raise _in_use(self.admin)
            self._keep_secret(used)
        remember(self.home, self._client(ADMIN), self.addresses["ledger"], self.addresses["serve"])
        self._told("kafka", Text(f"在 {self.admin.bootstrap}", f"at {self.admin.bootstrap}"))

    def apply(self, city: Path) -> Applied:
        """Bring the bus to what the city directory declares. Without databases lent, `connect` gets what its connectors name."""
        self._told("apply", Text(f"登记 {city.name}：通道、用户、权限、方案", f"applying {city.name}: lanes, users, rights, plan"))
        applied = apply(self.admin, city, self.secrets)
        if not self._connect_environment:
            self._connect_environment = _named(city, self._settings)
        if lost := [role for role in BUREAU_PROGRAMS.values() if role in applied.elsewhere]:
            raise _lost(self.secrets, lost)
        return applied

    def start_processes(self) -> None:
        """The recorder first, so that it sees the books fill; then workers, connectors and the page."""
        for name, role in BUREAU_PROGRAMS.items():
            if name == "worker":
                for slot in range(1, self._workers + 1):
                    self.supervisor.start(self.program(f"worker-{slot}", role, "worker", "--slot", str(slot)))
            else:
                self.supervisor.start(self.program(name, role, name))

    def program(self, name: str, role: str, *arguments: str) -> Program:
        """A process of the bus as its role. The bus's own secrets reach it as files; one that the operator's environment gave,
        and the departments' passwords, reach only the role that needs them."""
        own = self._connect_environment if role == "connect" else {}
        if role == "serve":
            own = {"SHUTONG_REPLAY_PASSWORD_FILE": str(password_file(self.secrets, "replay"))}
        return Program(name, python("-m", "console", *arguments), self.environment(role) | own)

    def environment(self, role: str) -> dict[str, str]:
        """What a process of this role finds in its environment."""
        kafka = {f"SHUTONG_{key.upper()}": value for key, value in self._client(role).items()}
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        return inherited | self._known(role) | kafka | {
            "SHUTONG_HOME": str(self.home), "SHUTONG_SECRET_FILE": str(self.hmac_secret),
            "SHUTONG_LEDGER_ADDRESS": self.addresses["ledger"], "SHUTONG_SERVE_ADDRESS": self.addresses["serve"]}

    def mend(self) -> None:
        """Start our broker again if it ended: the processes wait for it and go on. They themselves are the supervisor's."""
        if self._kafka is not None and self._lock is not None and not self._kafka.running:
            self._told("kafka", Text("意外结束；用原有数据重新启动，各进程等待后自动继续",
                                     "ended unexpectedly; it starts again with its data, the processes wait for it and go on"))
            self._kafka.start()
            self._told("kafka", Text(f"在 {self.admin.bootstrap}", f"at {self.admin.bootstrap}"))

    def settle(self) -> list[str]:
        """Clear `new` of lanes the workers have committed on; the lanes that are still new."""
        return settle(self.admin, self.secrets, partial(note_begun, self.home, self.admin))

    def end_processes(self) -> None:
        """Stop the processes, then the broker; the home stays ours."""
        self.supervisor.stop()
        if self._lock is None:
            return
        if self._kafka is not None and self._kafka.running:
            self._kafka.stop()
        (self.home / CONNECTION).unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop the processes, then the broker, and give the home back. Touches nothing in a home that is not ours."""
        self.end_processes()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _known(self, role: str) -> dict[str, str]:
        """The operator's settings of a role. How it reaches Kafka and with which secret it masks is ours to say."""
        fields = _SETTINGS[role].model_fields.keys() - KafkaSettings.model_fields.keys() - {"secret", "secret_file"}
        names = {f"SHUTONG_{field.upper()}" for field in fields}
        return {name: value for name, value in self._settings.items() if name in names and value}

    def _client(self, role: str) -> dict[str, str]:
        """How a role reaches Kafka, as settings that hold no secret."""
        if self._kafka is not None:
            folder = self._kafka.home / "secrets" if role == ADMIN else self.secrets
            return {"bootstrap": self._kafka.bootstrap, "kafka_user": role, "kafka_password_file": str(password_file(folder, role))}
        given = self.admin
        files = {"ca_file": given.ca_file}
        if role == ADMIN:
            user, files["kafka_password_file"] = given.kafka_user, given.kafka_password_file
        else:
            user, files["kafka_password_file"] = given.names.user(role), password_file(self.secrets, role)
        return {"bootstrap": given.bootstrap, "security": given.security, "prefix": given.prefix, "kafka_user": user,
                **{name: str(path.resolve()) for name, path in files.items() if path is not None}}

    def _keep_secret(self, used: bool) -> None:
        """Draw the masking secret of a new bus. That of one in use cannot be drawn again: no masked key would be the same."""
        path = self.hmac_secret
        if used and not path.exists():
            raise HaltError(
                Text(f"脱敏密钥 {path} 不见了，而总线已有数据：另取一个，所有脱敏后的键都会变，删除传不到，同一人会出现两次",
                     f"the masking secret {path} is gone but the bus has data: with another one every masked key would change, "
                     "deletes would reach nobody and persons appear twice"),
                advice=Text("从备份恢复这个文件（权限 600）" + ("，或用 SHUTONG_SECRET_FILE 指出它" if self._kafka is None else ""),
                            "put the file back from a backup (mode 600)"
                            + (", or name it with SHUTONG_SECRET_FILE" if self._kafka is None else "")))
        if not path.exists():
            write_secret(path, SecretStr(secrets.token_hex(32)))
        read_secret(path)

    def _fetched(self, done: int, total: int) -> None:
        """Tell of a first fetch now and then; a full cache is not worth a word."""
        if (done < total and not done % 8) or (done == total and self._fetching):
            self._told("kafka", Text(f"正在取得 Apache Kafka：{done}/{total} 个文件", f"fetching Apache Kafka: {done} of {total} files"))
        self._fetching = done < total


def _lock(home: Path) -> int:
    """The lock of a home, with our pid in it. What lies there is for its owner only."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "logs").mkdir(mode=0o700, exist_ok=True)
    lock = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        pid = running_pid(home)
        raise HaltError(Text(f"{home} 下已有一个总线在运行（进程 {pid}）", f"a bus already runs under {home} (pid {pid})"),
                        advice=Text("先执行 shutong down，或用 --home 换一个目录",
                                    "run shutong down first, or choose another directory with --home")) from None
    try:
        leave_word(lock, {"pid": os.getpid()})
    except OSError:
        os.close(lock)  # a full disk: the home is nobody's
        raise
    return lock


def _check_free(name: str, address: str) -> None:
    """A HaltError when something else listens there: a child that cannot would only be restarted for ever."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host.strip("[]"), int(port)), family=family):
            return
    except (OSError, ValueError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "host:port"
        variable = f"SHUTONG_{name.upper()}_ADDRESS"
        raise HaltError(Text(f"{name} 的地址 {address} 不能用（{why}）", f"the address {address} of {name} cannot be had ({why})"),
                        advice=Text(f"停止占用它的程序，或用 {variable} 换一个地址",
                                    f"stop the program that has it, or choose another with {variable}")) from None


def _has_plan(settings: KafkaSettings) -> bool:
    """Whether a bus lives on this Kafka, under this prefix."""
    return bool(Cluster(settings).existing(["bus.plan"])) and bool(read_compacted(settings, "bus.plan"))


def _in_use(settings: KafkaSettings) -> HaltError:
    return HaltError(
        Text(f"{settings.bootstrap} 上已有一个总线，演练不会写入它",
             f"a bus lives at {settings.bootstrap}; a rehearsal does not write to it"),
        advice=Text("去掉环境变量 SHUTONG_BOOTSTRAP，演练就用自带的 Kafka；或用 SHUTONG_PREFIX 另取名字空间",
                    "unset SHUTONG_BOOTSTRAP and the rehearsal runs a Kafka of its own; or take other names with SHUTONG_PREFIX"))


def _named(city: Path, given: Mapping[str, str]) -> dict[str, str]:
    """What the connectors of a city look for in their environment, and PostgreSQL's own variables."""
    wanted = {str(each.config["password_env"]) for each in read_city(city).connectors.values() if each.config.get("password_env")}
    return {name: value for name, value in given.items() if name in wanted or name.startswith("PG")}


def _lost(folder: Path, roles: list[str]) -> HaltError:
    """Their processes could not log in, and new passwords would lock out those that run elsewhere."""
    return HaltError(Text(f"Kafka 已有用户 {'、'.join(roles)}，而 {folder} 中没有其口令文件",
                          f"Kafka has the users {', '.join(roles)}, but their password files are not in {folder}"),
                     advice=Text("从最初启动的目录复制；确已遗失时先在 Kafka 上删除这些用户的口令，或换一个 --home",
                                 "copy them from the home they were made in; if they are lost, delete these users' passwords on "
                                 "Kafka first, or choose another --home"))


def running_pid(home: Path) -> int | None:
    """The process that holds this home, if one does."""
    try:
        return int((word_in(home / _LOCK) or {})["pid"])
    except (ValueError, KeyError):
        return None
