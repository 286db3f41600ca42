"""Findings and letters: what a rule says of a field, and what lies in quarantine. Their bytes are the codec's.

Both carry people's data, so neither shows it when printed: a `repr` tells the field and the reason, never a value.
"""

from typing import Literal, NamedTuple

__all__ = ["Finding", "Letter", "LetterState", "Severity"]

LetterState = Literal["open", "repaired", "closed"]
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
    """One rejected event: where it stood, every reason, and its key and value as they came.

    It is open until `closed` says why no more. While it is open `repaired` may hold what is to go out in its place; when it
    is closed nobody's data is left in it.
    """

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
    #: the event with a person's repairs, under the schema of its dataset
    repaired: bytes | None = None
    #: `replayed`, `superseded` by a newer event of its record, `dropped`; "" while it is open
    closed: str = ""
    #: when it was repaired or closed last (ms; 0: never), by whom, and what they gave as the reason
    changed: int = 0
    by: str = ""
    why: str = ""
    #: the offset the event went to, on the lane and partition it came from; -1: it did not
    replayed: int = -1

    @property
    def place(self) -> str:
        """What a person calls it, and its key: where the event stands, and the subscription if routing turned it away."""
        place = f"{self.lane}/{self.partition}/{self.offset}"
        return f"{place}/{self.subscription}" if self.subscription else place

    @property
    def going(self) -> bytes | None:
        """The event as it would go out: its repair, or as it came."""
        return self.value if self.repaired is None else self.repaired

    @property
    def state(self) -> LetterState:
        """`closed`, `repaired`, or just `open`."""
        return "closed" if self.closed else "repaired" if self.repaired is not None else "open"

    def __repr__(self) -> str:
        reasons = ", ".join(finding.reason for finding in self.findings)
        return f"Letter({self.lane}/{self.partition}/{self.offset}, dataset={self.dataset!r}, reasons=[{reasons}])"
