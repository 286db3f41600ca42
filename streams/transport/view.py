"""What the transport needs to know of a plan: lanes to read, which of them are new, how to remember their rows.

`work` is what handlers get and the transport never looks into; so a benchmark or a test brings a plan of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from streams.chunk import Holders, Record

__all__ = ["Kind", "Recollection", "View"]

Kind = Literal["raw", "clean"]


class Recollection(Protocol):
    """Who holds which record, learnt again from the records of a clean partition up to its committed offset."""

    def learn(self, records: Iterable[Record]) -> None:
        """Take in the next records, oldest first."""
        ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """The bytes its rows take so far, by dataset."""
        ...

    @property
    def rows(self) -> Mapping[bytes, Holders]:
        """What a predecessor remembered at that offset."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """One version of the plan as the transport sees it."""

    version: int
    lanes: Mapping[str, Kind]
    #: Lanes that no worker has committed on: a partition without a commit starts at 0.
    new: frozenset[str] = frozenset()
    work: Any = None
    #: A fresh recollection for a lane, None when nothing of that lane is remembered.
    recollection: Callable[[str], Recollection | None] = field(default=lambda lane: None)
    #: The work once these schema ids, or any on these lanes, are no longer waited for.
    without: Callable[[Any, frozenset[int | str]], Any] = field(default=lambda work, unknown: work)
    #: Whether the work holds a lane that a worker held under a version.
    held: Callable[[Any, str, int], bool] = field(default=lambda work, lane, version: False)

    def holds(self, lane: str, by_worker: int) -> bool:
        """Whether what a worker held under that version still waits for a person."""
        return self.held(self.work, lane, by_worker)

    def giving_up(self, unknown: frozenset[int | str]) -> "View":
        """The same version, no longer waiting for these schema ids, or for any on these lanes."""
        return replace(self, work=self.without(self.work, unknown))
