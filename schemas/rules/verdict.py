"""What a rule says of one value: nothing, a fix, a doubt, or that it cannot stay."""

from typing import Final, Literal, NamedTuple

__all__ = ["ALWAYS", "KEEP", "Verdict", "fix", "reject", "suspect"]

#: Earlier than any arrival.
ALWAYS: Final = -(1 << 62)


class Verdict(NamedTuple):
    """One rule's word on one value. It holds for records that arrived at `since` (ms) or later; an earlier one is
    rejected for `late`, so that a date not yet reached is judged by the record's arrival and not by our clock."""

    severity: Literal["", "fix", "suspect", "reject"] = ""
    reason: str = ""
    value: str = ""
    since: int = ALWAYS
    late: str = ""

    def at(self, arrived: int) -> "Verdict":
        """The word on a record that arrived then."""
        if arrived < self.since:
            return Verdict("reject", self.late)
        return Verdict(self.severity, self.reason, self.value) if self.late else self


#: Nothing to say.
KEEP: Final = Verdict()


def fix(value: str, reason: str) -> Verdict:
    """The value is meant right and written wrong: it becomes `value`."""
    return Verdict("fix", reason, value)


def suspect(reason: str) -> Verdict:
    """The value goes on as it is; a person may want to look."""
    return Verdict("suspect", reason)


def reject(reason: str) -> Verdict:
    """The value cannot stay: the record goes to quarantine."""
    return Verdict("reject", reason)
