"""Findings and letters: what a rule says of a field, and what lies in quarantine. Their bytes are the codec's.

Both carry people's data, so neither shows it when printed: a `repr` tells the field and the reason, never a value.
"""

from typing import Literal, NamedTuple

__all__ = ["Finding", "Letter", "Severity"]

Severity = Literal["fix", "suspect", "reject"]


class Finding(NamedTuple):
    """What is said of one field (`field` is empty: of the whole event). `after` is what a fix gave or proposes.

    On the wire a value too long to travel is empty.
    """

    field: str
    reason: str
    severity: Severity
    before: str = ""
    after: str = ""

    def __repr__(self) -> str:
        return f"Finding(field={self.field!r}, reason={self.reason!r}, severity={self.severity!r})"


class Letter(NamedTuple):
    """One rejected event: where it stood, every reason, and its key and value as they came."""

    lane: str
    partition: int
    offset: int
    arrived: int
    handled: int
    dataset: str
    subscription: str
    stream: str
    epoch: int
    seq: int
    findings: tuple[Finding, ...]
    rules_version: str
    plan_version: int
    key: bytes | None
    value: bytes | None

    def __repr__(self) -> str:
        reasons = ", ".join(finding.reason for finding in self.findings)
        return f"Letter({self.lane}/{self.partition}/{self.offset}, dataset={self.dataset!r}, reasons=[{reasons}])"
