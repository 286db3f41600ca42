"""What the oracle reads: records of lanes, the fingerprint two equal ones share, and the order they must stand in."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

__all__ = ["Order", "Problems", "Record", "difference", "digest", "fingerprint", "is_marker", "partition_of"]

_EXAMPLES = 20
#: Bytes before the Avro part; the most bytes a length takes; op m as Avro writes it.
_FRAME, _LENGTH, _M = 5, 10, 8


class Record(NamedTuple):
    """One record as a reader of committed data sees it; `timestamp` in milliseconds."""

    lane: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, Any]] | None = None

    @property
    def place(self) -> str:
        """Where it stands: all that may be told of it."""
        return f"{self.lane}/{self.partition}/{self.offset}"


def is_marker(record: Record) -> bool:
    """Whether a record on raw is a marker, which nothing counts: its key's only slash is its last byte, and its op, found
    behind the id and nothing else looked at, is m."""
    key, value = record.key, record.value
    if not key or value is None or key.find(b"/") != len(key) - 1:
        return False
    length = 0
    for at, byte in enumerate(value[_FRAME:_FRAME + _LENGTH]):
        length |= (byte & 127) << 7 * at
        if byte < 128:
            op = _FRAME + at + 1 + (length >> 1 ^ -(length & 1))
            return _FRAME < op < len(value) and value[op] == _M
    return False


def fingerprint(timestamp: int, key: bytes | None, value: bytes | None) -> bytes:
    """Three short digests side by side, so that a difference can be named by its part."""
    return (timestamp.to_bytes(8, "big", signed=True) + blake2b(key or b"", digest_size=6).digest()
            + blake2b(value or b"", digest_size=10).digest())


def digest(data: bytes) -> bytes:
    """A short digest of what need not be kept."""
    return blake2b(data, digest_size=10).digest()


def difference(expected: bytes, found: bytes) -> str:
    """Which part of two fingerprints differs."""
    parts = (("timestamp", slice(0, 8)), ("key", slice(8, 14)), ("value", slice(14, 24)))
    return " and ".join(name for name, part in parts if expected[part] != found[part])


class Problems:
    """Counts of what is wrong, by kind, with the first examples of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self.examples: list[str] = []

    def add(self, kind: str, example: str, count: int = 1) -> None:
        """Count a problem. `example` names places, fields and parts."""
        self.counts[kind] += count
        self._told[kind] += 1
        if self._told[kind] <= _EXAMPLES:
            self.examples.append(f"{kind}: {example}")

    def merge(self, other: "Problems") -> None:
        """Take over what another inquiry found."""
        self.counts.update(other.counts)
        self._told.update(other._told)
        self.examples += other.examples


class Order:
    """Whether positions of each stream rise within each partition."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], int] = {}

    def follows(self, partition: int, stream: str, position: int) -> bool:
        """Note a position; False when a later one was seen before it."""
        if position < self._last.get((partition, stream), -1):
            return False
        self._last[partition, stream] = position
        return True


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's murmur2 partitioner."""
    return 0 if partitions == 1 else (_murmur2(key) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    mask, mixer = 0xFFFFFFFF, 0x5BD1E995
    result = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at:at + 4], "little") * mixer & mask
        part = (part ^ part >> 24) * mixer & mask
        result = result * mixer & mask ^ part
    if whole < len(data):
        result = (result ^ int.from_bytes(data[whole:], "little")) * mixer & mask
    result = (result ^ result >> 13) * mixer & mask
    return result ^ result >> 15
