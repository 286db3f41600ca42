"""The change event in Python: `Meta` (the envelope) and `Event`, as connectors, the slow path and the SDK see them.

The hot path works on encoded bytes and never builds these; both forms say the same, and a property test holds that.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

__all__ = ["CAUSES", "OPS", "Cause", "Event", "Meta", "Op", "kafka_key", "key_text", "marker_key"]

Op = Literal["c", "u", "d", "r", "m"]
Cause = Literal["live", "snapshot", "resend", "replay"]

#: Debezium's letters (create, update, delete, read) and m, a marker. The order is that of the Avro enum.
OPS: tuple[Op, ...] = ("c", "u", "d", "r", "m")
CAUSES: tuple[Cause, ...] = ("live", "snapshot", "resend", "replay")

Row = Mapping[str, Any]


class Meta(NamedTuple):
    """The envelope of one event. `at` is milliseconds since 1970 UTC; `seq` is -1 if the writer gives no position."""

    id: str
    op: Op
    at: int
    source: str
    stream: str
    epoch: int = 0
    seq: int = -1
    cause: Cause = "live"
    path: str = ""


class Event(NamedTuple):
    """One change of one record. `row` is None on a delete and on a marker; `before` only where the source gave it."""

    meta: Meta
    row: Row | None
    before: Row | None = None


def key_text(values: Sequence[Any]) -> str:
    """The record key as text: the value itself, or a compact JSON array for a composite key."""
    if len(values) == 1:
        return str(values[0])
    return json.dumps([str(value) for value in values], ensure_ascii=False, separators=(",", ":"))


def kafka_key(dataset: str, text: str) -> bytes:
    """`<provider>.<dataset>/<record key>`, the Kafka key of every event of that record."""
    return f"{dataset}/{text}".encode()


def marker_key(dataset: str) -> bytes:
    """The Kafka key of a dataset's markers: no record has an empty key."""
    return kafka_key(dataset, "")
