"""What a rule says of one value: nothing, a fix, a doubt, or that it cannot stay."""

from typing import Final, Literal, NamedTuple

__all__ = ["ALWAYS", "KEEP", "NEVER", "Grade", "Verdict", "doubt", "fix", "reject", "suspect"]

#: How hard a rule is on what it cannot mend, where the dataset may say.
Grade = Literal["suspect", "reject"]

#: Earlier than any arrival.
ALWAYS: Final = -(1 << 62)
#: Later than any arrival.
NEVER: Final = 1 << 62


class Verdict(NamedTuple):
    """One rule's word on one value. A fix whose `value` is None takes the value away: null where the field takes null,
    and where it does not, the judge rejects it for the same reason. The word holds for records that arrived at `since`
    (ms) or later; an earlier one is rejected for `late`, so that a date not yet reached is judged by the record's arrival
    and not by our clock. A suspect's `value` is a proposal; nothing is changed."""

    severity: Literal["", "fix", "suspect", "reject"] = ""
    reason: str = ""
    value: str | None = ""
    since: int = ALWAYS
    late: str = ""

    @property
    def quiet_from(self) -> int:
        """The arrival (ms) from which on it says nothing."""
        return NEVER if self.severity else self.since

    def at(self, arrived: int) -> "Verdict":
        """The word on a record that arrived then."""
        if arrived < self.since:
            return Verdict("reject", self.late)
        return Verdict(self.severity, self.reason, self.value) if self.late else self


#: Nothing to say.
KEEP: Final = Verdict()


def fix(value: str | None, reason: str) -> Verdict:
    """The value is meant right and written wrong: it becomes `value`. None: it says nothing, so it becomes null."""
    return Verdict("fix", reason, value)


def suspect(reason: str, proposed: str = "") -> Verdict:
    """The value goes on as it is; a person may want to look. `proposed` is what it may have been meant to be."""
    return Verdict("suspect", reason, proposed)


def reject(reason: str) -> Verdict:
    """The value cannot stay: the record goes to quarantine."""
    return Verdict("reject", reason)


def doubt(grade: Grade, reason: str) -> Verdict:
    """Suspect or reject, as the dataset wants it."""
    return Verdict(grade, reason)
