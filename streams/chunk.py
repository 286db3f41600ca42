"""What goes into a handler and what comes out: `Chunk`, `Handled`, `PartitionChange`. For the transport and the agents.

A handler is a pure function `(chunk, plan, memory, now_ms) -> Handled`: it changes nothing, so the caller may keep the
result with a commit or drop it with an abort (I-5, I-7).
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from schemas.tally import TallyBook
from streams.stopline import Window

__all__ = ["Chunk", "Handled", "Headers", "Holders", "Mark", "Output", "Part", "PartitionChange", "PartitionId",
           "Record"]

#: offset, timestamp in milliseconds, key, value
Record: TypeAlias = tuple[int, int, bytes | None, bytes | None]
PartitionId: TypeAlias = tuple[str, int]
Headers: TypeAlias = list[tuple[str, bytes]]
#: epoch and seq of the last event of a stream that moved its mark
Mark: TypeAlias = tuple[int, int]
#: ids of the scoped subscriptions that hold a record, sorted
Holders: TypeAlias = tuple[str, ...]
#: lane, value, key, partition (-1: by key), timestamp in milliseconds, headers
Output: TypeAlias = tuple[str, bytes | None, bytes, int, int, Headers | None]


class Part(NamedTuple):
    """Records of one partition in the order of their offsets."""

    lane: str
    partition: int
    records: list[Record]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One Faust event: records of several partitions, all of raw or all of clean lanes, read in one generation."""

    kind: Literal["raw", "clean"]
    generation: int
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class PartitionChange:
    """What handling moved in one partition. `rows` names who holds a record from now on; None: the record is gone.

    `held`: the plan version under which the partition was held, 0 if it is not, None if nothing is said of it.
    `met`: hashes of the keys of what was handled, for the guard over replays.
    """

    next_offset: int
    plan_version: int
    marks: Mapping[int, Mark] = field(default_factory=dict)
    rows: Mapping[bytes, Holders | None] = field(default_factory=dict)
    held: int | None = None
    window: Window | None = None
    met: "array[int] | None" = field(default=None, compare=False)


@dataclass(slots=True)
class Handled:
    """All that one chunk leads to. In a partition named in `waiting` nothing from that offset on was handled: its
    schema id is unknown to this plan, or its lane is held; ask again with a newer plan, or with one that has given the id up."""

    outputs: list[Output] = field(default_factory=list)
    changes: dict[PartitionId, PartitionChange] = field(default_factory=dict)
    tallies: TallyBook = field(default_factory=TallyBook)
    waiting: dict[PartitionId, int] = field(default_factory=dict)
    #: the schema id each of them waits for; one that is held at a stop-line waits for none
    unknown: dict[PartitionId, int] = field(default_factory=dict)
