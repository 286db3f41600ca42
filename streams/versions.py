"""Events of a dataset's earlier versions, read as its present one has them: lagging publishers, and what lies on the lanes.

For the plan. Everything behind the scan is the present version's: rules, key, outlets, and the schema id that goes on.
"""

from collections.abc import Callable

from schemas.codec.scanner import EventScanner, Scanned
from schemas.errors import RejectError
from schemas.evolution import compile_resolution

__all__ = ["UnresolvedError", "reading_older"]


class UnresolvedError(RejectError):
    """An event that could be read, whose row the present version has no value for. `event` is what it says beside its rows."""

    def __init__(self, event: Scanned, cause: RejectError) -> None:
        super().__init__(cause.code, cause.problem, advice=cause.advice)
        self.event = event._replace(row=None, before=None)


def reading_older(present: str, text: str, schema_id: int) -> Callable[[bytes], Scanned]:
    """The scan of events under an older event schema `text`; UnresolvedError where a row cannot be carried over.

    A row before that cannot be is left out, as one is that was never let through.
    """
    scan, resolve = EventScanner(text, schema_id).scan, compile_resolution(present, text)

    def read(value: bytes) -> Scanned:
        event = scan(value)
        row, before = event.row, event.before
        if row is not None:
            try:
                row = resolve(row)
            except RejectError as error:
                raise UnresolvedError(event, error) from None
        if before is not None:
            try:
                before = resolve(before)
            except RejectError:
                before = None
        return event._replace(row=row, before=before)

    return read
