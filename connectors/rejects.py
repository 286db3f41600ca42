"""Rows that fit into no event: counted by field and reason, the latest named by the hash of their key. Never a value.

They stay in the department's table and are sent when they are corrected; the status shows them, `check` finds most before.
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256

__all__ = ["Rejects", "key_hash"]

_LATEST = 20


def key_hash(key: bytes) -> str:
    """A record named without naming it: the first 16 hex digits of the SHA-256 of its Kafka key."""
    return sha256(key).hexdigest()[:16] if key else "-"


@dataclass(frozen=True)
class Rejects:
    """How many, why, and which lately. Immutable: it changes with the cursor, in one transaction."""

    count: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    latest: tuple[tuple[str, str], ...] = ()

    def plus(self, found: list[tuple[bytes, str]]) -> "Rejects":
        """With these (Kafka key or nothing, `field:reason`) added."""
        if not found:
            return self
        reasons = dict(self.reasons)
        for _, reason in found:
            reasons[reason] = reasons.get(reason, 0) + 1
        latest = (*self.latest, *((key_hash(key), reason) for key, reason in found[-_LATEST:]))[-_LATEST:]
        return Rejects(self.count + len(found), reasons, latest)

    def to_json(self) -> bytes:
        return json.dumps({"count": self.count, "reasons": self.reasons, "latest": self.latest}).encode()

    @classmethod
    def from_json(cls, data: bytes | None) -> "Rejects":
        if data is None:
            return cls()
        told = json.loads(data)
        return cls(told["count"], told["reasons"], tuple((key, reason) for key, reason in told["latest"]))
