"""The ACLs of one role's user on Kafka: which it has, give some, take some. For the provisioner."""

from collections.abc import Iterable
from typing import Any

import confluent_kafka.admin

from wire.cluster import Cluster
from wire.rights import Right
from wire.settings import KafkaSettings

__all__ = ["Grants"]

#: The client's admin module does not export by name what it offers, so mypy sees it as untyped.
kafka: Any = confluent_kafka.admin


class Grants:
    """ACLs by role. Ours allow, from any host; what else a person added (a denial, one host) only `take_all` touches."""

    def __init__(self, settings: KafkaSettings, cluster: Cluster) -> None:
        self._names = settings.names
        self._cluster = cluster

    def of(self, role: str) -> set[Right]:
        """The rights the user of a role has now."""
        found = self._cluster.result(self._cluster.admin.describe_acls(self._any(role)), role)
        return {
            Right(acl.restype.name, acl.name, acl.resource_pattern_type.name, acl.operation.name)
            for acl in found
            if acl.permission_type == kafka.AclPermissionType.ALLOW and acl.host == "*"
        }

    def give(self, role: str, added: Iterable[Right]) -> None:
        """Allow these from any host."""
        bindings = [
            kafka.AclBinding(*_resource(right), self._principal(role), "*", *_allowed(right)) for right in sorted(added)
        ]
        if bindings:
            self._done(role, self._cluster.admin.create_acls(bindings))

    def take(self, role: str, taken: Iterable[Right]) -> None:
        """Take these away."""
        filters = [
            kafka.AclBindingFilter(*_resource(right), self._principal(role), "*", *_allowed(right))
            for right in sorted(taken)
        ]
        if filters:
            self._done(role, self._cluster.admin.delete_acls(filters))

    def take_all(self, role: str) -> None:
        """Take away whatever the user of a role has."""
        self._done(role, self._cluster.admin.delete_acls([self._any(role)]))

    def _principal(self, role: str) -> str:
        return f"User:{self._names.user(role)}"

    def _any(self, role: str) -> Any:
        resource = (kafka.ResourceType.ANY, None, kafka.ResourcePatternType.ANY)
        allowed = (kafka.AclOperation.ANY, kafka.AclPermissionType.ANY)
        return kafka.AclBindingFilter(*resource, self._principal(role), None, *allowed)

    def _done(self, role: str, futures: dict[Any, Any]) -> None:
        for future in futures.values():
            self._cluster.result(future, role)


def _resource(right: Right) -> tuple[Any, ...]:
    return kafka.ResourceType[right.kind], right.name, kafka.ResourcePatternType[right.pattern]


def _allowed(right: Right) -> tuple[Any, ...]:
    return kafka.AclOperation[right.operation], kafka.AclPermissionType.ALLOW
