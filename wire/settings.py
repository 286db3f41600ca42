"""How every process of the bus speaks to Kafka: address, security, and all client settings that matter, in one place.

Read from the environment (`SHUTONG_BOOTSTRAP`, `SHUTONG_KAFKA_USER`, …). Rooms with settings of their own inherit from
`KafkaSettings`. The dictionaries are librdkafka's; `more` overrides by keyword with `_` for `.`.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import HaltError
from schemas.lanes import LARGEST_MESSAGE
from schemas.names import Names, is_name
from schemas.text import Text
from wire.secret import read_secret

__all__ = ["TRANSACTION_TIMEOUT", "Config", "KafkaSettings"]

Config = dict[str, Any]

#: Seconds after which the broker ends the open transaction of a writer that is silent (I-8).
TRANSACTION_TIMEOUT = 10.0


class KafkaSettings(BaseSettings):
    """Where Kafka is and as whom we speak to it. `kafka_user` is the name Kafka knows: prefix included."""

    model_config = SettingsConfigDict(
        env_prefix="SHUTONG_", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    bootstrap: str = "127.0.0.1:9092"
    security: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"
    kafka_user: str = ""
    kafka_password: SecretStr | None = None
    kafka_password_file: Path | None = None
    ca_file: Path | None = None
    prefix: str = ""

    @field_validator("prefix")
    @classmethod
    def _prefix_ends_in_a_dot(cls, prefix: str) -> str:
        if prefix and not (prefix.endswith(".") and is_name(prefix[:-1])):
            raise ValueError("a prefix is empty, or segments [a-z][a-z0-9-]* each with a dot behind it")
        return prefix

    @property
    def names(self) -> Names:
        """The names of topics, groups, users and transactional ids under our prefix."""
        return Names(self.prefix)

    @property
    def role(self) -> str:
        """The role we speak as: our user name without the prefix (`worker`, `subscriber.tax`, `admin`)."""
        return self.kafka_user.removeprefix(self.prefix) or "anonymous"

    def as_role(self, role: str, password: SecretStr | str) -> Self:
        """The same Kafka, spoken to as the SCRAM user of another role."""
        secret = password if isinstance(password, SecretStr) else SecretStr(password)
        user = self.names.user(role)
        return self.model_copy(update={"kafka_user": user, "kafka_password": secret, "kafka_password_file": None})

    def client(self, **more: Any) -> Config:
        """What every client needs."""
        config: Config = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security,
            "client.id": f"shutong.{self.role}",
            # A second transaction right behind the first is told to try again; the default waits 100 ms.
            "retry.backoff.ms": 10,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "message.max.bytes": LARGEST_MESSAGE,
            "log.connection.close": False,
            # What the client would print to stderr reaches the caller as an error of the bus.
            "log_level": 2,
        }
        if self.security != "PLAINTEXT":
            config |= {
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": self._user(),
                "sasl.password": self._password().get_secret_value(),
            }
        if self.security == "SASL_SSL" and self.ca_file is not None:
            config["ssl.ca.location"] = str(self.ca_file)
        return _override(config, more)

    def consumer_config(self, group: str, **more: Any) -> Config:
        """A member of a role's group: read_committed, nothing committed or reset by itself."""
        config = self.client() | {
            "group.id": self.names.group(group),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "allow.auto.create.topics": False,
            "partition.assignment.strategy": "roundrobin",
            "session.timeout.ms": 8000,
            "heartbeat.interval.ms": 1000,
            "fetch.queue.backoff.ms": 10,
            "fetch.wait.max.ms": 100,
            "fetch.error.backoff.ms": 50,
            "queued.max.messages.kbytes": 32768,
        }
        return _override(config, more)

    def reader_config(self, **more: Any) -> Config:
        """An assign-only reader. Its group is never joined, but the client asks after it: one our role may see."""
        config = self.consumer_config(f"{self.role}.reader") | {"enable.partition.eof": True, "fetch.wait.max.ms": 500}
        return _override(config, more)

    def publisher_config(self, **more: Any) -> Config:
        """An idempotent producer: acks=all, murmur2 like Java's, large batches. Only failures are reported."""
        config = self.client() | {
            "enable.idempotence": True,
            "acks": "all",
            # Java's, Debezium's and aiokafka's choice; librdkafka's own differs, and order per key would be lost.
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 20,
            "batch.size": 1 << 20,
            "queue.buffering.max.kbytes": 65536,
            "delivery.report.only.error": True,
            "message.timeout.ms": 60000,
            # A lane is made before it is named: one that is not there is an error soon, not after the timeout.
            "topic.metadata.propagation.max.ms": 5000,
        }
        return _override(config, more)

    def transactional_config(self, transactional_id: str, **more: Any) -> Config:
        """A transactional producer under this full id (`Names.transactional_id`), short-lived if it falls silent."""
        config = self.publisher_config() | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(TRANSACTION_TIMEOUT * 1000),
            "message.timeout.ms": int(TRANSACTION_TIMEOUT * 1000),
            "linger.ms": 10,
        }
        return _override(config, more)

    def _user(self) -> str:
        if not self.kafka_user:
            raise HaltError(
                Text("没有设置 Kafka 用户", "no Kafka user is set"),
                advice=Text("设置 SHUTONG_KAFKA_USER 和 SHUTONG_KAFKA_PASSWORD_FILE",
                            "set SHUTONG_KAFKA_USER and SHUTONG_KAFKA_PASSWORD_FILE"),
            )  # fmt: skip
        return self.kafka_user

    def _password(self) -> SecretStr:
        if (self.kafka_password is None) == (self.kafka_password_file is None):
            raise HaltError(
                Text("Kafka 口令必须且只能给一处", "the Kafka password must be given in exactly one place"),
                advice=Text("设置 SHUTONG_KAFKA_PASSWORD_FILE（权限 600）或 SHUTONG_KAFKA_PASSWORD 之一",
                            "set one of SHUTONG_KAFKA_PASSWORD_FILE (mode 600) and SHUTONG_KAFKA_PASSWORD"),
            )  # fmt: skip
        if self.kafka_password_file is not None:
            return read_secret(self.kafka_password_file)
        assert self.kafka_password is not None
        return self.kafka_password


def _override(config: Config, more: Config) -> Config:
    return config | {name.replace("_", ".") if name != "error_cb" else name: value for name, value in more.items()}
