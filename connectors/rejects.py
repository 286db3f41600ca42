"""Rows that fit into no event: counted by field and reason, the latest named by their place or their key's hash.

Never a value. They stay with the department and are sent when they are corrected; status and log show them.
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256

from connectors.base import Finding
from schemas.text import Text

__all__ = ["Rejects", "key_hash"]

_LATEST = 20


def key_hash(key: bytes) -> str:
    """A record named without naming it: the first 4 hex digits of the SHA-256 of its Kafka key.

    Whoever holds the table finds the row by it, among few. With more digits whoever does not hold it could try all resident
    numbers; with a secret in it nobody could find the row.
    """
    return sha256(key).hexdigest()[:4] if key else "-"


@dataclass(frozen=True)
class Rejects:
    """How many, why, and which lately. Immutable: it changes with the cursor, in one transaction."""

    count: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    latest: tuple[tuple[str, str], ...] = ()

    def plus(self, found: list[tuple[str, str]]) -> "Rejects":
        """With these (place or key hash, `field:reason`) added."""
        if not found:
            return self
        reasons = dict(self.reasons)
        for _, reason in found:
            reasons[reason] = reasons.get(reason, 0) + 1
        latest = (*self.latest, *found[-_LATEST:])[-_LATEST:]
        return Rejects(self.count + len(found), reasons, latest)

    def finding(self) -> Finding | None:
        """What the status says of them."""
        if not self.count:
            return None
        why = ", ".join(f"{reason} × {number}" for reason, number in sorted(self.reasons.items(), key=lambda one: -one[1])[:5])
        where = ", ".join(place for place, _ in self.latest[-3:])
        return Finding(
            "refused-rows",
            Text(f"{self.count} 行不符合数据资源，未发送（{why}；最近：{where}）",
                 f"{self.count} rows do not fit the dataset and were not sent ({why}; latest: {where})"),
            Text("在源头更正；更正后自动发送", "correct them at their origin; they are sent then"),
            blocks=False,
        )  # fmt: skip

    def to_json(self) -> bytes:
        return json.dumps({"count": self.count, "reasons": self.reasons, "latest": self.latest}).encode()

    @classmethod
    def from_json(cls, data: bytes | None) -> "Rejects":
        if data is None:
            return cls()
        told = json.loads(data)
        return cls(told["count"], told["reasons"], tuple((key, reason) for key, reason in told["latest"]))
