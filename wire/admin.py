"""Make on Kafka what the lane table and the plan ask for: lanes, users, rights. Run again, it changes what differs.

Needs an administrator, or the `control` role. Every method waits until the brokers act on what it did and says what
that was; nothing done is an empty list.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import confluent_kafka.admin
from confluent_kafka import KafkaError, KafkaException
from pydantic import SecretStr

from schemas.errors import HaltError, RetryError
from schemas.lanes import lane_kind
from schemas.text import Text
from wire.cluster import Cluster
from wire.grants import Grants
from wire.rights import BUREAU, BUS_LANES, Right, check_role, rights
from wire.settings import KafkaSettings

__all__ = ["BUREAU", "BUS_LANES", "Done", "Provisioner"]

#: The client's admin module does not export by name what it offers; so mypy sees it as untyped.
kafka: Any = confluent_kafka.admin

_ITERATIONS = 4096


class Done(NamedTuple):
    """One thing the provisioner did."""

    name: str
    what: Text


class Provisioner:
    """Lanes, users and rights under our prefix."""

    def __init__(self, settings: KafkaSettings, timeout: float = 30) -> None:
        self._names = settings.names
        self._timeout = timeout
        self._cluster = Cluster(settings, timeout)
        self._admin = self._cluster.admin
        self._grants = Grants(settings, self._cluster)

    def ensure_lanes(self, lanes: Mapping[str, int],
                     overrides: Mapping[str, Mapping[str, str]] | None = None) -> list[Done]:  # fmt: skip
        """Make the lanes (name: partitions) that are missing, all in one call, and set right those that differ.

        `overrides` changes a lane's row of the table (`retention.ms` of a log dataset). A partition count stays.
        """
        wanted = {lane: lane_kind(lane).topic_config() | dict((overrides or {}).get(lane, {})) for lane in lanes}
        there = self._cluster.existing(lanes)
        for lane, partitions in there.items():
            if partitions != lanes[lane]:
                raise _other_count(lane, partitions, lanes[lane])
        done = self._correct({lane: wanted[lane] for lane in there})
        missing = [lane for lane in lanes if lane not in there]
        return done + self._make({lane: lanes[lane] for lane in missing}, wanted)

    def users(self, roles: Iterable[str]) -> set[str]:
        """Those of the roles whose user can log in: it has a password on Kafka, whatever files say."""
        asked = {self._names.user(role): role for role in roles}
        if not asked:
            return set()
        self._must_be_administrator()
        return {asked[user] for user in self._with_password(list(asked))}

    def ensure_users(self, passwords: Mapping[str, SecretStr]) -> list[Done]:
        """Make the SCRAM users of these roles, or give them these passwords. Open connections stay."""
        users = {self._names.user(role): role for role in passwords}
        for role in passwords:
            check_role(role)
        if not users:
            return []
        how = kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        futures = self._admin.alter_user_scram_credentials([
            kafka.UserScramCredentialUpsertion(user, how, passwords[role].get_secret_value().encode())
            for user, role in users.items()
        ])  # fmt: skip
        for user, future in futures.items():
            self._cluster.result(future, user)
        self._wait(lambda: self._with_password(list(users)) == set(users))
        return [Done(role, Text("设置了用户口令", "set the user's password")) for role in passwords]

    def grant(self, roles: Iterable[str]) -> list[Done]:
        """Give the users of these roles the rights of the lane table, and take away any others they have."""
        done: list[Done] = []
        for role in roles:
            wanted, has = rights(role, self._names), self._grants.of(role)
            self._grants.give(role, wanted - has)
            self._grants.take(role, has - wanted)
            self._wait(partial(self._agrees, role, wanted))
            if wanted - has:
                done.append(_granted(role, len(wanted - has)))
            if has - wanted:
                done.append(_taken(role, len(has - wanted)))
        return done

    def revoke(self, role: str) -> list[Done]:
        """Take away every right and the password: open connections can do nothing more, new ones are refused."""
        check_role(role)
        done: list[Done] = []
        if has := self._grants.of(role):
            self._grants.take_all(role)
            self._wait(partial(self._agrees, role, set()))
            done.append(_taken(role, len(has)))
        if self._forget(self._names.user(role)):
            done.append(Done(role, Text("删除了用户口令", "deleted the user's password")))
        return done

    def _must_be_administrator(self) -> None:
        """A HaltError where we may not ask about users: the client library would crash on Kafka's refusal."""
        described = self._admin.describe_cluster(include_authorized_operations=True, request_timeout=self._timeout)
        if kafka.AclOperation.DESCRIBE not in (self._cluster.result(described).authorized_operations or ()):
            self._cluster.watch.fail(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED))

    def _with_password(self, users: list[str]) -> set[str]:
        """Those of the users that have a credential. Only where a call before proved that we are an administrator."""
        described: Any = self._admin.describe_user_scram_credentials
        found: set[str] = set()
        for user, future in described(users).items():
            error = self._cluster.error_of(future)
            if error is not None and error.args[0].name() == "RESOURCE_NOT_FOUND":
                continue
            credentials = self._cluster.result(future, user).scram_credential_infos
            if any(each.mechanism == kafka.ScramMechanism.SCRAM_SHA_512 for each in credentials):
                found.add(user)
        return found

    def _agrees(self, role: str, wanted: set[Right]) -> bool:
        return self._grants.of(role) == wanted

    def _make(self, lanes: Mapping[str, int], wanted: Mapping[str, dict[str, str]]) -> list[Done]:
        if not lanes:
            return []
        topics = [kafka.NewTopic(self._names.topic(lane), partitions, config=wanted[lane])
                  for lane, partitions in lanes.items()]  # fmt: skip
        for topic, future in self._admin.create_topics(topics, operation_timeout=self._timeout).items():
            try:
                self._cluster.result(future, self._names.lane(topic))
            except HaltError:
                # Somebody else may have made it between our look and our call; the wait below sees whether it is there.
                if not _exists_already(future.exception()):
                    raise
        self._wait(lambda: self._cluster.led(lanes))
        return [Done(lane, Text(f"建立通道，{partitions} 个分区", f"made the lane, {partitions} partitions"))
                for lane, partitions in lanes.items()]  # fmt: skip

    def _correct(self, wanted: Mapping[str, dict[str, str]]) -> list[Done]:
        if not wanted:
            return []
        asked = [kafka.ConfigResource(kafka.ResourceType.TOPIC, self._names.topic(lane)) for lane in wanted]
        wrong: dict[str, dict[str, str]] = {}
        for resource, future in self._admin.describe_configs(asked).items():
            lane = self._names.lane(resource.name)
            has = {name: entry.value for name, entry in self._cluster.result(future, lane).items()}
            if differs := {name: value for name, value in wanted[lane].items() if has.get(name) != value}:
                wrong[lane] = differs
        self._alter(wrong)
        return [Done(lane, Text(f"改正配置：{'、'.join(names)}", f"corrected: {', '.join(names)}"))
                for lane, names in wrong.items()]  # fmt: skip

    def _alter(self, wrong: Mapping[str, Mapping[str, str]]) -> None:
        resources = [
            kafka.ConfigResource(kafka.ResourceType.TOPIC, self._names.topic(lane), incremental_configs=_set(values))
            for lane, values in wrong.items()
        ]
        if resources:
            for resource, future in self._admin.incremental_alter_configs(resources).items():
                self._cluster.result(future, self._names.lane(resource.name))

    def _forget(self, user: str) -> bool:
        deletion = kafka.UserScramCredentialDeletion(user, kafka.ScramMechanism.SCRAM_SHA_512)
        for future in self._admin.alter_user_scram_credentials([deletion]).values():
            error = self._cluster.error_of(future)
            if error is not None and error.args[0].name() == "RESOURCE_NOT_FOUND":
                return False
            self._cluster.result(future, user)
        return True

    def _wait(self, usable: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._timeout
        while not usable():
            if time.monotonic() > deadline:
                raise RetryError(
                    Text("Kafka 还没有让改动生效", "Kafka has not yet put the change into force"),
                    advice=Text("稍后再执行 shutong apply", "run `shutong apply` again in a moment"),
                )
            time.sleep(0.02)


def _set(values: Mapping[str, str]) -> list[Any]:
    how = kafka.AlterConfigOpType.SET
    return [kafka.ConfigEntry(name, value, incremental_operation=how) for name, value in values.items()]


def _exists_already(error: BaseException | None) -> bool:
    return isinstance(error, KafkaException) and error.args[0].name() == "TOPIC_ALREADY_EXISTS"


def _granted(role: str, count: int) -> Done:
    return Done(role, Text(f"授予 {count} 项权限", f"granted {count} rights"))


def _taken(role: str, count: int) -> Done:
    return Done(role, Text(f"收回 {count} 项权限", f"took away {count} rights"))


def _other_count(lane: str, has: int, wanted: int) -> HaltError:
    return HaltError(
        Text(f"通道 {lane} 有 {has} 个分区，要求 {wanted} 个",
             f"lane {lane} has {has} partitions, {wanted} are asked for"),
        advice=Text("通道的分区数在登记时固定，不能更改：按现有分区数登记，或新建通道",
                    "a lane's partition count never changes: register the present one, or make another lane"),
    )  # fmt: skip
