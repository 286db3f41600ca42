"""The newest good event of records that letters are about, learnt from the clean lane: has one been superseded?

An event's true place is its offset on raw; that of one that was replayed is where it was first turned away, which its
closed letter tells.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from schemas.codec.scanner import Scanned
from schemas.errors import RejectError
from streams.replay.box import RawPlace

__all__ = ["CleanRecord", "Newest"]

class CleanRecord(Protocol):
    """What is read of a record on a clean lane."""

    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(slots=True)
class _Met:
    """What the clean lane holds of one record."""

    #: raw partition -> the greatest true offset of a good event from there, and the latest arrival
    places: dict[str, int] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    #: the last thing met was a delete, so a tombstone says nothing new
    deleted: bool = False
    #: the arrival of a delete of which only the tombstone is left
    gone: int = -1


class Newest:
    """Takes clean records in, in order; `supersedes` says whether a letter's event has a newer one.

    `origin`: the offset where the event at a place on raw first stood. `scan` reads a value; None: of no known schema.
    """

    def __init__(self, wanted: Collection[bytes], origin: Callable[[RawPlace], int],
                 scan: Callable[[bytes], Scanned | None]) -> None:
        self._met: dict[bytes, _Met] = {key: _Met() for key in wanted}
        self._origin = origin
        self._scan = scan

    def learn(self, records: Iterable[CleanRecord]) -> None:
        """The next records of clean lanes, in the order of each partition."""
        for record in records:
            met = self._met.get(record.key or b"")
            if met is None:
                continue
            if record.value is None:
                if not met.deleted:
                    met.gone = max(met.gone, record.timestamp)
                met.deleted = False
            else:
                self._event(met, record.value, record.timestamp)

    def supersedes(self, key: bytes, lane: str, partition: int, origin: int, arrived: int) -> bool:
        """Whether the record has a good event newer than the one that stood at this offset and arrived then.

        Within a raw partition offsets tell; of an event from elsewhere, and of a delete that only a tombstone is left of,
        the arrival does. What arrived in the same millisecond counts as newer then: no deleted record comes back.
        """
        met = self._met[key]
        here = f"{lane}/{partition}"
        return (met.places.get(here, -1) > origin or met.gone >= arrived
                or any(at >= arrived for stream, at in met.arrivals.items() if stream != here))

    def _event(self, met: _Met, value: bytes, arrived: int) -> None:
        event = self._read(value)
        if event is None:
            # Of a schema the plan no longer has: all that is known of it is when it came.
            met.deleted, met.gone = False, max(met.gone, arrived)
            return
        lane, _, number = event.stream.rpartition("/")
        place = self._origin((lane, int(number), event.seq))
        met.places[event.stream] = max(place, met.places.get(event.stream, -1))
        met.arrivals[event.stream] = max(arrived, met.arrivals.get(event.stream, -1))
        met.deleted = event.op == "d"

    def _read(self, value: bytes) -> Scanned | None:
        try:
            return self._scan(value)
        except RejectError:
            return None
