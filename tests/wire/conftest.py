"""Kafka as the administrator of one test's bus, and the users a test makes there."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from trial.kafka import LocalKafka
from wire.admin import Provisioner
from wire.settings import KafkaSettings

#: A role in, the settings of its new user out.
Join = Callable[[str], KafkaSettings]


@pytest.fixture
def admin(kafka: LocalKafka, prefix: str) -> KafkaSettings:
    password = SecretStr(kafka.password("admin"))
    return KafkaSettings(bootstrap=kafka.bootstrap, kafka_user="admin", kafka_password=password, prefix=prefix)


@pytest.fixture
def provisioner(admin: KafkaSettings) -> Provisioner:
    return Provisioner(admin)


@pytest.fixture
def join(admin: KafkaSettings, provisioner: Provisioner) -> Join:
    def make(role: str) -> KafkaSettings:
        password = SecretStr(f"secret of {role}")
        provisioner.ensure_users({role: password})
        provisioner.grant([role])
        return admin.as_role(role, password)

    return make
