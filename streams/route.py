"""route: clean → deliver. Each clean value and each live subscription of its dataset meet exactly one fate.

Scope is judged on the row and on who held the record before (I-12): who comes to hold it reads it, who loses it gets a
delete, and nobody else hears of it. Pure: the same arguments give the same `Handled`.
"""

from schemas.codec import long_bytes, unframe
from schemas.codec.scanner import Pieces, Scanned, stream_prefix
from schemas.envelope import Op
from schemas.errors import HaltError, RejectError
from schemas.letter import Letter
from schemas.text import Text
from streams.chunk import Chunk, Handled, Holders, Part, PartitionChange, Record
from streams.counting import DeliveryCounts, Group
from streams.letters import about, letter_output
from streams.memory import Memory
from streams.outlets import Outlet, Outlets
from streams.plan import Source, WorkingPlan, check_version
from streams.versions import UnresolvedError

__all__ = ["changes_for", "route"]


def route(chunk: Chunk, plan: WorkingPlan, memory: Memory, now_ms: int) -> Handled:
    """What a chunk of clean records leads to.

    RetryError while the plan is older than a partition (I-18), HaltError when what is to be remembered has no room.
    """
    check_version(chunk, plan, memory)
    handled = Handled()
    counts = DeliveryCounts()
    for part in chunk.parts:
        _Routing(part, plan, memory, now_ms, handled, counts).run()
    memory.check_room(handled.changes)
    counts.write(handled.tallies, now_ms)
    return handled


def changes_for(op: Op, before: Holders | None, now: Holders) -> list[tuple[str, Op]]:
    """What each scoped subscription is told. `before` is None where nobody knows who held the record."""
    if before is None or before is now:
        return [(name, op) for name in now]
    entering: Op = "r" if op == "u" else op
    told = [(name, op if name in before else entering) for name in now]
    gone: Op = "d"
    return told + [(name, gone) for name in before if name not in now]


class _Routing:
    """One partition's share of a chunk on its way through `route`."""

    def __init__(self, part: Part, plan: WorkingPlan, memory: Memory, now_ms: int, handled: Handled,
                 counts: DeliveryCounts) -> None:
        self.part, self.plan, self.now_ms, self.handled = part, plan, now_ms, handled
        self.counts = counts
        self.stream = stream_prefix(f"{part.lane}/{part.partition}", 0)
        self.outputs = handled.outputs
        self.known_rows = memory.of(part.lane, part.partition).rows
        self.rows: dict[bytes, Holders | None] = {}
        #: the record at hand is of an earlier version, and the present one has no value for its row
        self.withheld = False

    def run(self) -> None:
        """Handle the records in order, up to the first whose schema id is unknown."""
        sources, deliver = self.plan.sources, self.deliver
        next_offset = -1
        for record in self.part.records:
            offset, _, key, value = record
            if value is None:
                self.forget(key)
            elif key is None:
                raise self.broken(offset)
            else:
                source = sources.get(value[:5])
                if source is None:
                    self.wait(offset, value)
                    break
                try:
                    event = source.scan(value)
                except UnresolvedError as error:
                    self.withheld = True
                    deliver(record, key, value, source, error.event)
                    self.withheld = False
                except RejectError as error:
                    raise self.broken(offset) from error
                else:
                    if event[0] != "m":
                        deliver(record, key, value, source, event)
            next_offset = offset + 1
        if next_offset >= 0:
            self.handled.changes[self.part.lane, self.part.partition] = PartitionChange(
                next_offset, self.plan.version, {}, self.rows)

    def forget(self, key: bytes | None) -> None:
        """A tombstone: the record is gone, as its delete has said before."""
        if key is not None and (key in self.rows or key in self.known_rows):
            self.rows[key] = None

    def wait(self, offset: int, value: bytes) -> None:
        """Stop before a schema id that another worker's newer plan knows."""
        try:
            self.handled.unknown[self.part.lane, self.part.partition] = unframe(value)
        except RejectError as error:
            raise self.broken(offset) from error
        self.handled.waiting[self.part.lane, self.part.partition] = offset

    def broken(self, offset: int) -> HaltError:
        """The error for bytes no worker can have written: only workers write clean lanes."""
        place = f"{self.part.lane}/{self.part.partition}/{offset}"
        return HaltError(Text(f"标准通道上的 {place} 无法解码", f"{place} on a clean lane cannot be decoded"),
                         advice=Text("检查谁有权写这条通道", "find out who could write to this lane"))

    def deliver(self, record: Record, key: bytes, data: bytes, source: Source, event: Scanned) -> None:
        """Tell every live subscription what this record is to it."""
        op, _, _, _, cause, head, tail, row, before = event
        offset, arrived, _, _ = record
        outlets = source.outlets
        group = self.counts.group(source, arrived, cause, source.division(row if row is not None else before))
        group.records += 1
        start = b""
        if row is None or len(data) + len(key) > outlets.safe:
            for outlet in outlets.open:
                self.tell(outlet, op, record, key, source, event, group)
        else:
            # What `tell` would do, in one go: the record as it is for every open outlet, each of which has room.
            start = b"".join((head, self.stream, long_bytes(offset)))
            shared, sizes, give = start + tail + b"\2", group.sizes, self.outputs.append
            for cut, ways in outlets.cuts:
                body = b"".join(cut(row))
                for number, lane, prefix, passed in ways:
                    value = prefix + shared + body if passed is None else b"".join((prefix, start, passed(tail), b"\2", body))
                    give((lane, value, key, -1, arrived, None))
                    sizes[number] += len(value)
            if outlets.masked:
                self.give_masked(record, key, outlets, event, row, group)
            group.openly += 1
            group.key_bytes += len(key)
        if outlets.scoped:
            self.deliver_scoped(start, record, key, source, event, group)

    def give_masked(self, record: Record, key: bytes, outlets: Outlets, event: Scanned, row: Pieces, group: Group) -> None:
        """The same for those who see the key masked."""
        offset, arrived, _, _ = record
        for number, outlet in enumerate(outlets.masked, start=len(outlets.plain)):
            hidden, value = outlet.key(key), outlet.value(event, event.op, row, self.stream, offset)
            self.outputs.append((outlet.lane, value, hidden, -1, arrived, None))
            group.sizes[number] += len(value) + len(hidden)

    def deliver_scoped(self, start: bytes, record: Record, key: bytes, source: Source, event: Scanned,
                       group: Group) -> None:
        """Tell the scoped subscriptions, and remember who holds the record now; an event of a log nobody held before."""
        op, _, _, _, _, _, tail, row, was = event
        outlets, scoped = source.outlets, source.outlets.scoped
        now = None if row is None else outlets.holders(row)
        before = None
        if not source.log:
            held = self.rows[key] if key in self.rows else self.known_rows.get(key)
            if held is not now:
                self.rows[key] = now
            before = outlets.holders(was) if held is None and was is not None else held
        for name, change in changes_for(op, before, now or ()):
            if name not in scoped:
                continue  # revoked since
            outlet = scoped[name]
            if change == op and start and outlet.plain and row is not None:
                passed = outlet.passed
                value = b"".join((outlet.prefix, start, tail if passed is None else passed(tail), b"\2", *outlet.cut(row)))
                self.outputs.append((outlet.lane, value, key, -1, record[1], None))
                group.give(name, len(value) + len(key))
            else:
                self.tell(outlet, change, record, key, source, event, group)

    def tell(self, outlet: Outlet, op: Op, record: Record, key: bytes, source: Source, event: Scanned,
             group: Group) -> None:
        """One output for one subscription, or a letter where it does not fit its lane, or its row cannot be read any more."""
        if self.withheld and op != "d":
            self.refuse(outlet, record, source, event, "undecodable")
            group.refuse(outlet.id)
            return
        value = outlet.value(event, op, None if op == "d" else event.row, self.stream, record[0])
        key = outlet.key(key)
        size = len(value) + len(key)
        if size > outlet.room:
            self.refuse(outlet, record, source, event, "too_large")
            group.refuse(outlet.id)
        else:
            self.outputs.append((outlet.lane, value, key, -1, record[1], None))
            group.give(outlet.id, size)

    def refuse(self, outlet: Outlet, record: Record, source: Source, event: Scanned, why: str) -> None:
        """A letter for the one subscription that cannot be given this record."""
        offset, arrived, key, value = record
        self.handled.outputs.append(letter_output(Letter(
            self.part.lane, self.part.partition, offset, arrived, self.now_ms, source.dataset, outlet.id, event.stream,
            event.epoch, event.seq, about(why), source.rules_version, self.plan.version, key, value)))
