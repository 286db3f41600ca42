"""What would become of a letter's event if it went out once more: asked of `clean` itself, so that both say the same.

Pure: a plan and a letter in, the event as it would be sent and what would be said of it out.
"""

from dataclasses import replace
from typing import Final, Literal, NamedTuple

from schemas.codec import decode_letter
from schemas.codec.frame import prefix
from schemas.codec.scanner import Scanned, stamp, stream_prefix
from schemas.control import Plan
from schemas.envelope import CAUSES
from schemas.errors import RejectError
from schemas.lanes import room_for
from schemas.letter import Finding, Letter
from schemas.names import Names
from schemas.replay import REPLAY, Standing, first_stood
from streams.chunk import Chunk, Part
from streams.clean import clean
from streams.letters import about
from streams.memory import Memory
from streams.plan import Source, working_plan
from streams.versions import Carried, carried_over

__all__ = ["Candidate", "Outcome", "Rehearsal"]

#: What becomes of a letter. `passes`: its event goes out; `fails`: clean would turn it away again; `waits`: for the
#: workers to have handled a newer letter of the same record; `held`: for a person to release its lane; `superseded` and
#: `closed`: nothing goes out any more. The others can't be replayed: its `subscription` alone was refused, it is a `marker`,
#: it can't be read (`unreadable`), its bytes are `gone`, its provider has no stream for it (`unregistered`).
Outcome = Literal["passes", "fails", "waits", "held", "superseded", "closed", "subscription", "marker", "unreadable", "gone",
                  "unregistered"]

_CAUSE: Final = bytes((2 * CAUSES.index(REPLAY),))


class Candidate(NamedTuple):
    """An event that may go out: as read, the key it would travel under, and the offset where it was first turned away."""

    source: Source
    event: Scanned
    key: bytes | None
    origin: int

    @property
    def has_record(self) -> bool:
        """Whether an event of the same record can be newer."""
        return not self.source.log


class Rehearsal:
    """Judges letters by one plan."""

    def __init__(self, plan: Plan) -> None:
        # No subscription is asked anything here, so the masking secret is not needed.
        self._work = working_plan(replace(plan, subscriptions={}), b"")

    def scan(self, value: bytes) -> Scanned | None:
        """The event in a value; None if it is of no schema of the plan. RejectError if it is damaged."""
        source = self._work.sources.get(value[:5])
        return source.scan(value) if source is not None else None

    def present(self, value: bytes) -> Carried | None:
        """The event as the present version of its dataset has it, which is what a repair is made of; None if it cannot be read."""
        source = self._work.sources.get(value[:5])
        if source is None:
            return None
        try:
            if value[:5] != prefix(source.schema_id):
                return carried_over(value, source.schema_id, source.scan)
            source.scan(value)
        except RejectError:
            return None
        return Carried(value, whole=True)

    def registered(self, letter: Letter) -> bool:
        """Whether its provider has the stream that replays come on."""
        return REPLAY in self._work.streams.get(Names.provider_of(letter.lane), {})

    def candidate(self, letter: Letter, value: bytes, *, repaired: bool) -> Candidate | None:
        """The event in `value`, the letter's own or its repair; None if it cannot be read.

        A repaired event travels under the key its row gives, any other under the key it came with.
        """
        source = self._work.sources.get(value[:5])
        if source is None:
            return None
        try:
            event = source.scan(value)
        except RejectError:
            return None
        key = letter.key
        shown = event.row if event.row is not None else event.before
        if repaired and shown is not None:
            key = source.record_key(shown)
        standing = first_stood(event.epoch, event.seq, letter.offset) if event.stream == REPLAY else None
        return Candidate(source, event, key, standing.origin if standing else letter.offset)

    def outgoing(self, candidate: Candidate, guard: int) -> bytes:
        """The event as it is sent: its id, time, op and source as ever, on the stream `replay`."""
        event = candidate.event
        epoch, seq = Standing(candidate.origin, guard).position
        return stamp(candidate.source.schema_id, event.head, stream_prefix(REPLAY, epoch), seq, _CAUSE + event.tail[1:],
                     event.row, event.before)

    def findings(self, letter: Letter, candidate: Candidate, arriving: int, guard: int = 0) -> tuple[Finding, ...]:
        """Why the event would be turned away, did it arrive then (ms); empty if it would pass.

        Nothing is said here of newer events. A stream that is not its provider's is none through quarantine either.
        """
        provider = Names.provider_of(letter.lane)
        if candidate.event.stream not in self._work.streams.get(provider, {}):
            return about("foreign_stream")
        guard = max(guard, candidate.origin + 1)
        value = self.outgoing(candidate, guard)
        if len(value) + len(candidate.key or b"") > room_for(letter.lane):
            return about("too_large")
        memory = Memory()
        memory.restore(letter.lane, letter.partition, "", offset=guard)
        part = Part(letter.lane, letter.partition, [(guard, arriving, candidate.key, value)])
        for lane, written, *_ in clean(Chunk("raw", 0, [part]), self._work, memory, arriving).outputs:
            if lane == Names.dead(provider) and written is not None:
                return decode_letter(written).findings
        return ()
