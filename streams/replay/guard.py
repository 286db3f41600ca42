"""What clean asks of an event on the stream `replay`: that it is the replayer's, and that its record had no newer event.

The replayer looked at everything below the event's guard; what came between the guard and the event only clean can see.
A lane does not tell who wrote to it: a provider that writes so itself, on its own lane and of its own records, gains nothing
by it that its own streams do not give. What the replayer never writes is turned away; governance and our connectors let
nobody have a stream of that name.
"""

from collections.abc import Sequence

from schemas.codec.scanner import Scanned
from schemas.replay import REPLAY, first_stood
from streams.chunk import Record
from streams.replay.recent import RecentKeys

__all__ = ["Guard"]


class Guard:
    """Looks after the replays among the records of one partition's share of a chunk, in their order."""

    def __init__(self, recent: RecentKeys, records: Sequence[Record]) -> None:
        self._recent = recent
        self._records = records
        #: guard -> keys met from there on, and how many of our records are among them
        self._met: dict[int, tuple[set[int] | None, int]] = {}

    def why_not(self, event: Scanned, offset: int, key: bytes | None, *, log: bool) -> str:
        """The reason to turn a replay away; "" if it may pass. An event of a log is its own record and has no newer one."""
        standing = first_stood(event.epoch, event.seq, offset)
        if standing is None or event.cause != REPLAY or event.op == "m":
            return "foreign_stream"
        if log:
            return ""
        met = self._keys_between(standing.guard, offset)
        return "replay_raced" if met is None or hash(key) in met else ""

    def _keys_between(self, guard: int, offset: int) -> set[int] | None:
        """Hashes of the keys met from the guard up to this offset of ours."""
        met, taken = self._met.get(guard) or (self._recent.beyond(guard), 0)
        while met is not None and (record := self._records[taken])[0] < offset:
            if record[0] >= guard:
                met.add(hash(record[2]))
            taken += 1
        self._met[guard] = met, taken
        return met
