"""Many rows of one operation, already in bytes: what a list of `RowChange` says, without an object a row.

A source that reads tables gives its changes as a `Page`; the runner sends the bytes, whoever else looks sees row changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple, overload

from connectors.base import RowChange
from connectors.fitting import Misfit
from connectors.rejects import key_hash
from connectors.shape import Shape
from schemas.envelope import Cause, Op
from schemas.errors import RejectError

__all__ = ["Page", "Ready", "Refused", "packed", "ready"]


@dataclass(frozen=True)
class Refused:
    """A row that fits into no event: where a person finds it, and `[field:]reason`."""

    place: str
    reason: str


#: Kafka key and encoded row (None for a delete), or why there is none.
Packed = tuple[bytes, bytes | None] | Refused


class Ready(NamedTuple):
    """One change ready to be framed and sent."""

    op: Op
    cause: Cause
    at: int
    place: str
    packed: Packed


class Page(Sequence[RowChange]):
    """Rows of one table, packed."""

    def __init__(
        self,
        op: Op,
        cause: Cause,
        fields: Sequence[str],
        rows: Sequence[Sequence[Any]],
        moments: Sequence[int],
        packed: Sequence[Packed],
    ) -> None:
        self.op: Op = op
        self.cause: Cause = cause
        self.moments = moments
        self.packed = packed
        self._fields = fields
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> RowChange: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[RowChange]: ...
    def __getitem__(self, at: int | slice) -> RowChange | Sequence[RowChange]:
        if isinstance(at, slice):
            return [self[number] for number in range(len(self))[at]]
        row = dict(zip(self._fields, self._rows[at], strict=False))
        return RowChange(self.op, row, self.moments[at], self.cause)


def packed(shape: Shape, row: Mapping[str, Any], place: str = "") -> Packed:
    """A row in bytes, or why not: by its place, else by the hash of its key."""
    try:
        return shape.pack([row.get(field) for field in shape.fields])
    except Misfit as misfit:
        return Refused(place or _name(shape, row), f"{misfit.field}:{misfit.reason}")
    except RejectError as error:
        return Refused(place or _name(shape, row), error.code)


def ready(shape: Shape, changes: Sequence[RowChange]) -> Iterator[Ready | tuple[Op, Cause, int, str, Packed]]:
    """Changes of either form, one after another. Plain tuples for the many."""
    if isinstance(changes, Page):
        return zip(repeat(changes.op), repeat(changes.cause), changes.moments, repeat(""), changes.packed)
    return (Ready(one.op, one.cause, one.at, one.place, _packed(shape, one)) for one in changes)


def _packed(shape: Shape, change: RowChange) -> Packed:
    if change.flaw:
        return Refused(change.place, change.flaw)
    return (change.key, None) if change.row is None else packed(shape, change.row, change.place)


def _name(shape: Shape, row: Mapping[str, Any]) -> str:
    """A row that does not fit by the hash of its key, if at least that fits."""
    try:
        return key_hash(shape.record_key([row.get(field) for field in shape.key_fields]))
    except Misfit:
        return "-"
