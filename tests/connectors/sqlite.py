"""A department's table in SQLite and a desk whose time passes only when the source waits: for tests without a server."""

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from connectors.base import Cursor, Finding, Progress, RowChange
from connectors.canonical import canonical_for
from connectors.shape import Shape
from connectors.sources.sql_table import SqlTableConfig, SqlTableSource
from schemas.control import Dataset
from tests.connectors.conftest import PEOPLE

DATASET = Dataset(id="health.person", title="人员", provider="health", key=("id",), row_schema=PEOPLE, event_schema=1)
BEGIN = dt.datetime(2026, 5, 1, 8)


class Table:
    """The table `people`, or another; `mark` is the type of its watermark."""

    def __init__(self, path: Path, mark: str = "timestamp", key: str = "id") -> None:
        self.url = f"sqlite:///{path}"
        self.path = path
        self.do("pragma journal_mode=wal")
        self.do(f"create table people (id text not null, name text not null, note text, updated_at {mark}, primary key ({key}))")

    def do(self, command: str, *values: Any) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.path, isolation_level=None) as connection:
            found = connection.execute(command, values).fetchall()
        connection.close()
        return found

    def put(self, key: str, mark: Any, name: str = "甲") -> None:
        """Insert or change a row; numbers are seconds behind BEGIN where the watermark is a time."""
        self.do("insert or replace into people (id, name, updated_at) values (?, ?, ?)", key, name, mark)

    def reading(self, dataset: Dataset = DATASET, **more: Any) -> "Reading":
        return Reading(self, dataset, more)


def at(seconds: float) -> str:
    """So many seconds behind BEGIN, as SQLite keeps a time."""
    return (BEGIN + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")


class Clock:
    """Stands for the module `time` in the source; moved by the desk alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_780_000_000 + self.now


class Reading:
    """Runs of a source over one table, each from the cursor where the last one ended. It is the desk of its runs."""

    def __init__(self, table: Table, dataset: Dataset, more: dict[str, Any]) -> None:
        shape = Shape(dataset, canonical_for(dataset))
        config = {"dataset": dataset.id, "table": "people", "url": table.url, "watermark": "updated_at", "rows_per_second": 0}
        self._shape = shape
        self._make: Callable[..., SqlTableSource] = lambda **other: SqlTableSource(
            SqlTableConfig.model_validate({**config, **more, **other}), shape)  # fmt: skip
        self.clock = Clock()
        self.cursor = Cursor()
        self.changes: list[RowChange] = []
        self.sizes: list[int] = []
        #: Whether the bus has cleaned all that was read, and so the clean lane holds it.
        self.cleaned = False
        self.findings: tuple[Finding, ...] = ()
        #: Called between two pages.
        self.between: Callable[[], None] = lambda: None
        self._until = 0.0
        self._while: Callable[[float], None] = lambda now: None

    def run(
        self, seconds: float, happens: Callable[[float], None] = lambda now: None, *, batches: int = 0, **other: Any
    ) -> list[RowChange]:
        """So long, or so many batches; `happens` hears the time whenever the source waits. The changes of this run."""
        self._until, self._while = self.clock.now + seconds, happens
        source, first = self._make(**other), len(self.changes)
        try:
            for number, batch in enumerate(source.read(self.cursor, self), 1):
                self.changes += batch.changes
                self.sizes.append(len(batch.changes))
                self.cursor = batch.cursor
                if number == batches:
                    break
        finally:
            source.close()
        return self.changes[first:]

    def stop(self) -> None:
        """The run shall end now."""
        self._until = self.clock.now

    def check(self, **other: Any) -> list[Finding]:
        source = self._make(**other)
        try:
            return list(source.check())
        finally:
            source.close()

    def wait(self, seconds: float) -> bool:
        self.clock.now += seconds
        if seconds:
            self._while(self.clock.now)
        else:
            self.between()
        return self.clock.now < self._until

    def report(self, progress: Progress) -> None:
        self.findings = progress.findings

    def everything_is_clean(self) -> bool:
        return self.cleaned

    def remember_published(self) -> None: ...

    def published_keys(self) -> Iterator[bytes]:
        keys: set[bytes] = set()
        for change in self.changes:
            if change.row is None:
                keys.discard(change.key)
            else:
                keys.add(self._shape.record_key([change.row[field] for field in self._shape.key_fields]))
        return iter(keys)


def ids(changes: list[RowChange], op: str = "") -> list[str]:
    return [change.row["id"] for change in changes if change.row and op in ("", change.op)]
