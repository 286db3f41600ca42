"""Every name the bus uses on Kafka, from one place: topics, groups, users, transactional ids.

A *lane* is the logical name (`raw.health`); a *topic* is what Kafka sees (`<prefix>raw.health`). The prefix is empty in
production and random in a test, so that many buses share one broker. Segments are `[a-z][a-z0-9-]*` joined by `.`.
"""

import re
from dataclasses import dataclass

__all__ = ["TALLIES", "Names", "avro_name", "is_name"]

_NAME = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*")

TALLIES = "bus.tallies"


def is_name(text: str) -> bool:
    """Whether `text` is made of segments `[a-z][a-z0-9-]*` joined by dots."""
    return _NAME.fullmatch(text) is not None


def avro_name(segment: str) -> str:
    """A segment as an Avro name: `-` becomes `_`."""
    return segment.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Names:
    """Names under one prefix. The prefix ends in `.` or is empty."""

    prefix: str = ""

    def topic(self, lane: str) -> str:
        """The Kafka topic of a lane."""
        return self.prefix + lane

    def lane(self, topic: str) -> str:
        """The lane of a Kafka topic; the inverse of `topic`."""
        return topic.removeprefix(self.prefix)

    def group(self, role: str) -> str:
        """The consumer group of a role: `worker`, `connect`, `subscriber.tax`."""
        return f"{self.prefix}shutong.{role}"

    def user(self, role: str) -> str:
        """The SCRAM user of a role: `worker`, `connect`, `control`, `provider.health`, `subscriber.tax`."""
        return f"{self.prefix}{role}"

    def transactional_id(self, role: str, who: str = "") -> str:
        """`worker` + `host-slot`, `connect` + instance, `bus.control` alone (one at a time, fenced)."""
        return f"{self.prefix}{role}{'.' if who else ''}{who}"

    @staticmethod
    def raw(provider: str) -> str:
        return f"raw.{provider}"

    @staticmethod
    def clean(provider: str) -> str:
        return f"clean.{provider}"

    @staticmethod
    def clean_log(provider: str) -> str:
        return f"clean-log.{provider}"

    @staticmethod
    def dead(provider: str) -> str:
        return f"dead.{provider}"

    @staticmethod
    def deliver(subscriber: str) -> str:
        return f"deliver.{subscriber}"

    @staticmethod
    def provider_of(lane: str) -> str:
        """The department a raw, clean or dead lane belongs to: its second segment."""
        return lane.split(".")[1]
