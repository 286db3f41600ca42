"""clean: raw → clean. Each value on a raw lane meets exactly one fate: cleaned, duplicate or quarantined (I-11).

The order of the checks is the order in which trust grows: can it be read, is it the writer's own (I-17), is it new
(I-10) or, replayed, overtaken by nothing newer, is it right (rules), does it fit. Pure: the same arguments give the same
`Handled`.
"""

import json
from collections.abc import Mapping
from typing import Final

from schemas.codec import unframe
from schemas.codec.scanner import Pieces, Scanned, stamp, stream_prefix
from schemas.errors import RejectError
from schemas.lanes import room_for
from schemas.letter import Finding, Letter
from schemas.names import Names
from schemas.replay import REPLAY
from schemas.rules import Judgement
from schemas.value import is_value
from streams.chunk import Chunk, Handled, Mark, Part, PartitionChange, Record
from streams.counting import FateCounts, FindingCounts
from streams.letters import about, brief, letter_output
from streams.memory import Memory
from streams.plan import Source, WorkingPlan, check_version
from streams.replay.guard import Guard
from streams.replay.recent import hashes
from streams.stopline import Window

__all__ = ["LARGEST_STEP", "clean"]

#: How far a stream's position may move at once.
LARGEST_STEP: Final = 1 << 40


def clean(chunk: Chunk, plan: WorkingPlan, memory: Memory, now_ms: int) -> Handled:
    """What a chunk of raw records leads to; a RetryError while the plan is older than one of its partitions (I-18)."""
    check_version(chunk, plan, memory)
    handled = Handled()
    for part in chunk.parts:
        _Cleaning(part, plan, memory, now_ms, handled).run()
    return handled


def place(marks: dict[int, Mark], number: int, epoch: int, seq: int) -> str:
    """Move the mark of a stream: "" if the position is new or not given, else the fate or reason."""
    if seq < 0:
        return ""
    mark = marks.get(number)
    if mark is not None:
        if (epoch, seq) <= mark:
            return "duplicate"
        if epoch == mark[0] and seq - mark[1] > LARGEST_STEP:
            return "position_jump"
    marks[number] = (epoch, seq)
    return ""


def distrust(event: Scanned, source: Source, key: bytes | None, provider: str, streams: Mapping[str, int]) -> str:
    """Why a lane does not take this event as its provider's own (I-17); "" if it does."""
    op, row = event.op, event.row
    if source.provider != provider:
        return "foreign_schema"
    if event.stream not in streams:
        return "foreign_stream"
    if source.log and op in ("u", "d"):
        return "log_op"
    if op == "m":
        return "key_mismatch" if key != source.marker else "row_unexpected" if row is not None else ""
    if op == "d":
        if row is not None:
            return "row_unexpected"
        row = event.before
    elif row is None:
        return "row_missing"
    if key is None:
        return "key_mismatch"
    # A record whose key is an empty text would travel as a marker, which no reader takes for a record.
    right = source.parses_key(key) if row is None else source.record_key(row) == key != source.marker
    return "" if right else "key_mismatch"


class _Cleaning:
    """One partition's share of a chunk on its way through `clean`."""

    def __init__(self, part: Part, plan: WorkingPlan, memory: Memory, now_ms: int, handled: Handled) -> None:
        self.part, self.plan, self.now_ms, self.handled = part, plan, now_ms, handled
        self.provider = Names.provider_of(part.lane)
        self.room = room_for(Names.clean(self.provider))
        self.stream = stream_prefix(f"{part.lane}/{part.partition}", 0)
        mine = memory.of(part.lane, part.partition)
        self.known = mine.marks
        self.guard = Guard(mine.recent, part.records)
        self.marks = dict(self.known)
        self.counts = FateCounts(self.provider)
        self.found = FindingCounts(self.provider)
        self.letters = 0
        self.stopped = plan.holds(part.lane, memory.held(part.lane))
        self.held = None if not mine.held else mine.held if self.stopped else 0
        line = plan.stop_lines.get(self.provider)
        known = mine.window if mine.window is not None and mine.window.line == line and self.held is None else None
        self.window = known.copy() if known else Window(line) if line else None

    def run(self) -> None:
        """Handle the records in order, up to the first whose schema id must be waited for, or up to the stop-line."""
        if self.stopped:
            self.handled.waiting[self.part.lane, self.part.partition] = self.part.records[0][0]
            return
        sources, streams = self.plan.sources, self.plan.streams.get(self.provider, {})
        provider, marks = self.provider, self.marks
        next_offset, window, letters = -1, self.window, 0
        for record in self.part.records:
            offset, arrived, key, value = record
            if value is not None:
                source = sources.get(value[:5])
                if source is None:
                    if self.waits(record, value):
                        break
                else:
                    try:
                        event = source.scan(value)
                    except RejectError as error:
                        self.unreadable(record, error.code)
                    else:
                        why = (distrust(event, source, key, provider, streams)
                               or (place(marks, streams[event.stream], event.epoch, event.seq) if event.stream != REPLAY
                                   else self.guard.why_not(event, offset, key, log=source.log)))
                        if why:
                            self.turn_away(record, source, event, why)
                        elif event.op == "m":
                            self.forward(record, source, event)
                        else:
                            self.judge(record, source, event)
            next_offset = offset + 1
            if window is not None and is_value(key, value):
                crossed, letters = window.crossed(arrived, self.letters > letters), self.letters
                if crossed:
                    self.held, self.window = self.plan.version, None
                    self.handled.waiting[self.part.lane, self.part.partition] = next_offset
                    break
        if next_offset >= 0:
            self.keep(next_offset)

    def keep(self, next_offset: int) -> None:
        """Note what moved, and count."""
        moved = {number: mark for number, mark in self.marks.items() if self.known.get(number) != mark}
        met = hashes([key for offset, _, key, _ in self.part.records if offset < next_offset])
        self.handled.changes[self.part.lane, self.part.partition] = PartitionChange(
            next_offset, self.plan.version, moved, held=self.held, window=self.window, met=met)
        self.counts.write(self.handled.tallies, self.now_ms)
        self.found.write(self.handled.tallies)

    def waits(self, record: Record, value: bytes) -> bool:
        """Whether the partition stops here: the plan does not know this schema id yet, and waits for it."""
        try:
            number = unframe(value)
        except RejectError as error:
            self.unreadable(record, error.code)
            return False
        if not self.plan.waits_for(number, self.part.lane):
            self.unreadable(record, "unknown_schema")
            return False
        self.handled.waiting[self.part.lane, self.part.partition] = record[0]
        self.handled.unknown[self.part.lane, self.part.partition] = number
        return True

    def judge(self, record: Record, source: Source, event: Scanned) -> None:
        """Run the rules and send the record on, or into quarantine."""
        offset, arrived, key, value = record
        assert key is not None  # distrust() has seen to it
        assert value is not None
        row, before, told, fixed = event.row, event.before, b"", False
        findings: tuple[Finding, ...] = ()
        if row is not None:
            row, fixed, rejected, findings = source.judge(row, arrived)
            if rejected:
                self.quarantine(record, source, event, findings, row)
                return
            if findings:
                told = _told(findings)
        if before is not None:
            before = _as_it_was(source.judge(before, arrived))
        out = stamp(source.schema_id, event.head, self.stream, offset, event.tail, row, before)
        if len(out) + len(key) + len(told) > self.room:
            self.quarantine(record, source, event, about("too_large"), row)
            return
        outputs = self.handled.outputs
        outputs.append((source.lane, out, key, -1, arrived, [("findings", told)] if told else None))
        if event.op == "d":
            outputs.append((source.lane, None, key, -1, arrived, None))
        self.counts.add("cleaned", source.dataset, arrived, event.cause,
                        source.division(row if row is not None else before), len(value) + len(key), fixed)
        noted = source.timing(event.head, arrived) if event.cause == "live" else ""
        if noted or findings:
            self.found.add(source.dataset, arrived, event.cause, findings, noted)

    def forward(self, record: Record, source: Source, event: Scanned) -> None:
        """A marker goes to the partition of the same number; it is no record and is not counted."""
        offset, arrived, key, _ = record
        assert key is not None  # it was compared with the marker's key
        out = stamp(source.schema_id, event.head, self.stream, offset, event.tail, None, None)
        self.handled.outputs.append((source.lane, out, key, self.part.partition, arrived, None))

    def turn_away(self, record: Record, source: Source, event: Scanned, why: str) -> None:
        """A repeat is dropped; what the lane does not trust goes to quarantine."""
        if why == "duplicate":
            self.count(record, source, event, why, event.row)
        else:
            self.quarantine(record, source, event, about(why), event.row)

    def quarantine(self, record: Record, source: Source, event: Scanned, findings: tuple[Finding, ...],
                   row: Pieces | None) -> None:
        """A letter with the original bytes and all reasons."""
        self.send(record, source.dataset, findings, event.stream, event.epoch, event.seq, source.rules_version)
        if self.count(record, source, event, "quarantined", row):
            noted = source.timing(event.head, record[1]) if event.cause == "live" else ""
            self.found.add(source.dataset, record[1], event.cause, findings, noted)

    def unreadable(self, record: Record, reason: str) -> None:
        """Bytes that tell nothing of where they belong."""
        _, arrived, key, value = record
        self.send(record, "", about(reason), "", 0, -1, "")
        if is_value(key, value):
            self.counts.add("quarantined", "", arrived, "live", "", len(value or b"") + len(key or b""))
            self.found.add("", arrived, "live", about(reason))

    def send(self, record: Record, dataset: str, findings: tuple[Finding, ...], stream: str, epoch: int, seq: int,
             rules_version: str) -> None:
        """Put the letter among the outputs."""
        self.letters += 1
        offset, arrived, key, value = record
        self.handled.outputs.append(letter_output(Letter(
            self.part.lane, self.part.partition, offset, arrived, self.now_ms, dataset, "", stream, epoch, seq,
            findings, rules_version, self.plan.version, key, value)))

    def count(self, record: Record, source: Source, event: Scanned, fate: str, row: Pieces | None) -> bool:
        """Count a value that goes no further; whether it is one, for a marker is none."""
        _, arrived, key, value = record
        if not is_value(key, value):
            return False
        division = source.division(row if row is not None else event.before)
        self.counts.add(fate, source.dataset, arrived, event.cause, division, len(value or b"") + len(key or b""))
        return True


def _as_it_was(judgement: Judgement) -> Pieces | None:
    """`before` as the row went to clean at the time: repaired the same way, absent if it was never let through."""
    return None if judgement.rejected else judgement.row


def _told(findings: tuple[Finding, ...]) -> bytes:
    """The findings of a record that went on, for the one header the bus uses; in brief, as the record itself has the values."""
    return json.dumps([finding._asdict() for finding in brief(findings)], ensure_ascii=False, separators=(",", ":")).encode()
