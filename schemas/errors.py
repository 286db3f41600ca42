"""What went wrong, sorted by what the caller does next.

BusError
├── RejectError   this input is bad         refuse it with all its findings, go on with the next
├── RetryError    the world is not ready    keep the offset, wait `after` seconds, make the same call
└── HaltError     we are wrong              stop with the offset uncommitted; a person is needed
"""

from schemas.text import Text

__all__ = ["BusError", "HaltError", "RejectError", "RetryError"]


class BusError(Exception):
    """Carries the problem and `advice`: what the reader can do. No message holds a record's value or a secret."""

    def __init__(self, problem: Text, *, advice: Text) -> None:
        super().__init__(problem, advice)
        self.problem = problem
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.problem} → {self.advice}"


class RejectError(BusError):
    """This input is bad: refuse it, go on with the next. `code` is the reason code of the quarantine."""

    def __init__(self, code: str, problem: Text, *, advice: Text) -> None:
        super().__init__(problem, advice=advice)
        self.code = code


class RetryError(BusError):
    """The world is not ready: wait `after` seconds and make the same call."""

    def __init__(self, problem: Text, *, advice: Text, after: float = 1.0) -> None:
        super().__init__(problem, advice=advice)
        self.after = after


class HaltError(BusError):
    """We are wrong: stop with nothing committed. A person is needed."""
