"""Events of a dataset's earlier versions, read as its present one has them: lagging publishers, and what lies on the lanes.

For the plan, and for repairs. Everything behind the scan is the present version's: rules, key, outlets, and the schema id that
goes on.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from schemas.codec.frame import undecodable
from schemas.codec.scanner import EventScanner, Pieces, Scanned, stamp, stream_prefix
from schemas.errors import RejectError
from schemas.evolution import compile_resolution

__all__ = ["Carried", "UnresolvedError", "carried_over", "reading_older"]


class UnresolvedError(RejectError):
    """An event that could be read, whose row the present version has no value for. In `event` that field is blank."""

    def __init__(self, event: Scanned) -> None:
        told = undecodable()
        super().__init__(told.code, told.problem, advice=told.advice)
        self.event = event


def reading_older(present: str, text: str, schema_id: int) -> Callable[[bytes], Scanned]:
    """The scan of events under an older event schema `text`; UnresolvedError where a row cannot be carried over.

    A row before that cannot be is left out, as one is that was never let through. Compiled when the first such event comes:
    a dataset may have many versions, and most are never met again.
    """
    @cache
    def compiled() -> tuple[Callable[[bytes], Scanned], Callable[[Pieces], tuple[Pieces, bool]]]:
        return EventScanner(text, schema_id).scan, compile_resolution(present, text)

    def read(value: bytes) -> Scanned:
        scan, resolve = compiled()
        event = scan(value)
        row, before = event.row, event.before
        if before is not None:
            known, whole = resolve(before)
            before = known if whole else None
        if row is None:
            return event._replace(before=before)
        row, whole = resolve(row)
        event = event._replace(row=row, before=before)
        if not whole:
            raise UnresolvedError(event)
        return event

    return read


class Carried(NamedTuple):
    """An event in the bytes of another version. Where its row is not `whole`, it is left out."""

    value: bytes
    whole: bool


def carried_over(value: bytes, schema_id: int, read: Callable[[bytes], Scanned]) -> Carried:
    """An older event as one of the version with this schema id, by the scan that reads it so; RejectError if it is damaged."""
    try:
        event, whole = read(value), True
    except UnresolvedError as error:
        event, whole = error.event._replace(row=None), False
    position = stream_prefix(event.stream, event.epoch)
    return Carried(stamp(schema_id, event.head, position, event.seq, event.tail, event.row, event.before), whole)
