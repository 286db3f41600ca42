"""sql_table: a table of a department's database. A snapshot by key (`r`), updates by watermark (`u`), deletes by keys (`d`).

A watermark does not tell a new row from a changed one, so both are `u`. Rows committed late are found by looking back;
what a watermark cannot tell (deletes, rows loaded with old marks) by reconciliation with the clean lane. What was missing
there is read as `r`, once: if it is missing again it was refused, and the quarantine shows it.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

from connectors.base import Batch, Cursor, Desk, Finding, Progress, RowChange, Source
from connectors.database import open_engine
from connectors.fitting import Misfit
from connectors.page import Packed, Page, Refused, packed
from connectors.shape import Shape
from connectors.sources.ahead import pages
from connectors.sources.pace import Pace
from connectors.sources.reconcile import Difference, compare, is_alarming
from connectors.sources.sql_check import JUMPS, find_problems
from connectors.sources.sql_config import SqlTableConfig
from connectors.sources.sql_query import Row, SourceTable
from connectors.sources.sql_state import State
from connectors.sources.watermark import Watermark, jumps
from connectors.sources.window import digest, digest_of_values
from schemas.envelope import Cause
from schemas.errors import HaltError, RejectError
from schemas.text import Text

__all__ = ["SqlTableConfig", "SqlTableSource"]

#: A sweep that found nothing rests so many times as long as it took: a large quiet window costs about two percent.
_SWEEP_REST = 50
#: A batch takes no further row once it has so many bytes; a transaction takes a few batches.
_BATCH_BYTES = 4 << 20
#: So many rows that reconciliation missed are asked for at once.
_MISSING = 200

_ALARM = Finding(
    "many-deletes",
    blocks=False,
    problem=Text(
        "对账发现过半记录已不在表中，未发送删除",
        "reconciliation found more than half of the records gone: no delete was sent",
    ),
    advice=Text(
        "确认表、库和读取权限无误；若确要删除，设置 allow_many_deletes=true",
        "see that table, database and rights are the right ones; if they shall go, set allow_many_deletes=true",
    ),
)


class SqlTableSource(Source[SqlTableConfig]):
    kind = "sql_table"
    config_type = SqlTableConfig

    def __init__(self, config: SqlTableConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self._engine = open_engine(config)

    def check(self) -> Iterator[Finding]:
        """Table, columns, types, keys and watermark, against the dataset."""
        return find_problems(self._engine, self.config, self.shape)

    def close(self) -> None:
        self._engine.dispose()

    def read(self, after: Cursor, desk: Desk) -> Iterator[Batch]:
        table = SourceTable(
            self._engine,
            self.config.table,
            self.config.mapping(self.shape),
            self.shape.key_fields,
            self.config.watermark,
        )
        return _Reading(self.config, self.shape, table, State(after), desk).batches()


class _Reading:
    """One run: the snapshot if it is not over, then polls and reconciliations for ever."""

    def __init__(self, config: SqlTableConfig, shape: Shape, table: SourceTable, state: State, desk: Desk) -> None:
        self.config = config
        self.shape = shape
        self.table = table
        self.state = state
        self.desk = desk
        self.pace = Pace(config.rows_per_second, desk)
        self._findings: tuple[Finding, ...] = ()
        self._jumped: tuple[Finding, ...] = ()
        self._next_sweep = 0.0
        self._warm_until = 0.0
        self._next_reconcile = time.monotonic() + min(config.reconcile_seconds, 10)
        self._asked = False
        if state.table not in ("", config.table):
            raise HaltError(
                Text("游标属于另一张表", "the cursor belongs to another table"),
                advice=Text("为新的表使用新的连接器名称", "give the connector of another table another id"),
            )
        if table.watermark is not None and self._is_lost(table.watermark):
            state.begin_anew()
        state.watermark = table.watermark_name

    def _is_lost(self, watermark: Watermark) -> bool:
        """Whether the highest mark is of another watermark, or far above what the table has: no place to go on from."""
        if self.state.watermark not in (None, self.table.watermark_name):
            return True
        high, top = self.state.high, self.table.top_mark() if watermark.kind == "number" else None
        return high is not None and top is not None and jumps(watermark, top, high, self.config.look_back)

    def batches(self) -> Iterator[Batch]:
        if self.state.phase == "snapshot":
            yield from self._snapshot()
            self._report()
        while self.state.phase == "live":
            began = time.monotonic()
            moved = False
            if self.table.watermark is not None:
                for batch in self._poll():
                    moved = True
                    yield batch
            took = time.monotonic() - began
            yield from self._reconcile()
            yield Batch((), self.state.cursor())
            self._report()
            # A poll that takes long and finds nothing is not made more often: the database has other work than ours.
            if not self.desk.wait(self.config.poll_seconds if moved else max(self.config.poll_seconds, 4 * took)):
                return

    # ---- snapshot

    def _snapshot(self) -> Iterator[Batch]:
        state = self.state
        if state.last is None:
            self._begin()
        complete = False
        for page, more in pages(self.table.page_by_key, self.table.key_of, state.last, self.config.page_rows, self.pace):
            complete = not more
            self._report()
            for rows, marks, packs in self._parts(page):
                for row, pack, mark in zip(rows, packs, marks, strict=True):
                    if mark is not None and (state.floor is None or mark >= state.floor):
                        state.window.note(*self._ids(row, pack, mark), mark)
                state.done += len(rows)
                state.last = self.table.key_of(rows[-1])
                yield Batch(self._page("r", "snapshot", rows, marks, packs), state.cursor())
        if complete:
            state.phase, state.last = "live", None
            yield Batch((), state.cursor())

    def _begin(self) -> None:
        """From where polling goes on when the snapshot is over: what changes meanwhile lies behind it."""
        state = self.state
        state.table = self.config.table
        state.total = self.table.count()
        if self.table.watermark is not None:
            top, bound = self.table.top_mark(), self._bound()
            # A mark that is a clock error is no place to go on from: the clock itself is.
            state.high = state.swept = self.table.clock() if top is not None and bound is not None and top > bound else top
            state.floor = None if state.high is None else state.high - self.table.watermark.span(self.config.look_back)

    # ---- updates by watermark

    def _poll(self) -> Iterator[Batch]:
        began, sweeping = time.monotonic(), time.monotonic() >= self._next_sweep
        floor, high = self._floor(sweeping), self.state.high
        moved = complete = False
        fetch = partial(self.table.page_by_mark, floor)
        for page, more in pages(fetch, self._place, None, self.config.page_rows, self.pace):
            complete = not more
            for rows, marks, packs in self._parts(page):
                news = [at for at, mark in enumerate(marks) if self._is_news(rows[at], packs[at], mark)]
                self._raise_high(marks)
                if news:
                    moved = True
                    yield Batch(self._page("u", "live", rows, marks, packs, news), self.state.cursor())
        now = time.monotonic()
        if moved:
            self._warm_until = now + max(2.0, self.config.look_back / 60)
        if sweeping and complete:  # one that was stopped on its way has swept nothing
            self.state.swept = high
            self._expire()
            rest = min(_SWEEP_REST * (now - began), self.config.look_back / 4)
            self._next_sweep = now + max(self.config.sweep_seconds, rest)

    def _floor(self, sweeping: bool) -> int | None:
        """The whole look-back in a sweep, so that late commits are found; a short one while the table is being changed;
        else only what is higher than all that was seen, so that a quiet table costs next to nothing.

        A row committed since the last sweep is at most a look-back older than what was the highest when that began."""
        watermark, high, swept = self.table.watermark, self.state.high, self.state.swept
        assert watermark is not None
        if high is None:
            return None
        if sweeping:
            return None if swept is None else swept - watermark.span(self.config.look_back)
        if time.monotonic() < self._warm_until:
            return high - watermark.span(self.config.look_back / 60)
        return high + 1

    def _bound(self) -> int | None:
        """Marks beyond this are clock errors: they are sent, but do not move the position."""
        now = self.table.clock()
        if now is None or self.table.watermark is None:
            return None
        return now + self.table.watermark.span(self.config.clock_ahead)

    def _place(self, row: Row) -> tuple[int, Row]:
        """Where the page behind this row begins."""
        mark = self.table.mark_of(row)
        assert mark is not None
        return mark, self.table.key_of(row)

    def _raise_high(self, marks: Sequence[int | None]) -> None:
        """To the highest mark of a page that is no clock error."""
        high = self.state.high
        bound: int | None = None
        for mark in reversed(marks):
            if mark is None or (high is not None and mark <= high):
                return
            bound = self._bound() if bound is None else bound
            if bound is None or mark <= bound:
                assert self.table.watermark is not None
                if high is not None and jumps(self.table.watermark, high, mark, self.config.look_back):
                    self._jumped = (JUMPS,)
                self.state.high = mark
                return

    def _is_news(self, row: Row, pack: Packed, mark: int | None) -> bool:
        key, content = self._ids(row, pack, mark)
        if self.state.window.holds(key, content):
            return False
        self.state.window.note(key, content, mark or 0)
        return True

    def _expire(self) -> None:
        """What lies below the next sweep is never read again."""
        floor = self._floor(sweeping=True)
        if floor is not None:
            self.state.window.expire(floor)

    # ---- deletes and missing rows by reconciliation

    def _reconcile(self) -> Iterator[Batch]:
        # What a log's lane no longer keeps, and what its table no longer has, was not deleted: it is past.
        if (not self.config.reconcile_seconds or self.shape.dataset.kind == "log"
                or time.monotonic() < self._next_reconcile):
            return
        if not self._asked:
            self.desk.remember_published()
            self._asked = True
        if not self.desk.everything_is_clean():
            return
        self._asked = False
        found = compare(self.table, self.shape, self.desk.published_keys(), self.config.page_rows, self.pace)
        self._next_reconcile = time.monotonic() + self.config.reconcile_seconds
        if found is None:
            return
        self._findings = (_ALARM,) if is_alarming(found) and not self.config.allow_many_deletes else ()
        yield from self._missing(found.missing)
        if not self._findings:
            yield from self._gone(found)

    def _gone(self, found: Difference) -> Iterator[Batch]:
        gone = sorted(found.gone)
        for at in range(0, len(gone), self.config.page_rows):
            now = int(time.time() * 1000)
            some = gone[at : at + self.config.page_rows]
            for key in some:
                self.state.window.forget(digest(key), self.state.high or 0)
            yield Batch([RowChange("d", None, now, "live", key) for key in some], self.state.cursor())

    def _missing(self, keys: Sequence[Row]) -> Iterator[Batch]:
        refused: dict[int, int] = {}
        for at in range(0, len(keys), _MISSING):
            for rows, marks, packs in self._parts(self.table.rows_of(keys[at : at + _MISSING])):
                news = []
                for number, mark in enumerate(marks):
                    key, content = self._ids(rows[number], packs[number], mark)
                    refused[key] = content
                    if self.state.refused.get(key) != content and not self.state.window.holds(key, content):
                        self.state.window.note(key, content, mark or self.state.high or 0)
                        news.append(number)
                if news:
                    yield Batch(self._page("r", "snapshot", rows, marks, packs, news), self.state.cursor())
        self.state.refuse(refused)

    # ---- telling

    def _parts(self, page: Sequence[Row]) -> Iterator[tuple[Sequence[Row], list[int | None], list[Packed]]]:
        """The rows of a page, their marks, and the rows in bytes: cut where a batch would become large."""
        packs: list[Packed] = []
        pack, fields = self.shape.pack, self.table.fields
        whole, width = fields == self.shape.fields, len(fields)
        first = size = 0
        for end, row in enumerate(page, 1):
            try:
                one: Packed = pack(row[:width]) if whole else packed(self.shape, dict(zip(fields, row, strict=False)))
            except (Misfit, RejectError):
                one = packed(self.shape, dict(zip(fields, row, strict=False)))
            packs.append(one)
            size += 0 if isinstance(one, Refused) else len(one[1] or b"")
            if size >= _BATCH_BYTES or end == len(page):
                rows = page[first:end]
                yield rows, [self.table.mark_of(row) for row in rows], packs
                first, size, packs = end, 0, []

    def _ids(self, row: Row, pack: Packed, mark: int | None) -> tuple[int, int]:
        """Digests of key and content; the mark is content, so touching a row sends it again."""
        if isinstance(pack, Refused) or pack[1] is None:
            return self._key(row), digest_of_values(row)
        return digest(pack[0]), digest(b"%s %d" % (pack[1], mark or 0))

    def _key(self, row: Row) -> int:
        key = self.table.key_of(row)
        try:
            return digest(self.shape.record_key(key))
        except Misfit:
            return digest_of_values(key)

    def _page(
        self,
        op: Literal["r", "u"],
        cause: Cause,
        rows: Sequence[Row],
        marks: Sequence[int | None],
        packs: Sequence[Packed],
        some: Sequence[int] | None = None,
    ) -> Page:
        """The rows, or those of them that `some` counts up."""
        if some is not None and len(some) < len(rows):
            rows, marks, packs = [rows[at] for at in some], [marks[at] for at in some], [packs[at] for at in some]
        moments = self.table.moments(marks, int(time.time() * 1000))
        return Page(op, cause, self.table.fields, rows, moments, packs)

    def _report(self) -> None:
        self.desk.report(Progress(self.state.phase, self.state.done, self.state.total, (*self._findings, *self._jumped)))
