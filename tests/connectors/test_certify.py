"""The three connectors pass the suite, and one that loses, repeats or proves too little does not."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from connectors.base import (
    Batch,
    ConnectorConfig,
    Cursor,
    Delivered,
    Desk,
    Finding,
    Positions,
    RowChange,
    Sink,
    SinkShape,
    Source,
    SourceConfig,
)
from connectors.canonical import canonical_for
from connectors.certify import SinkContract, SourceContract
from connectors.shape import Shape
from connectors.sinks.sql_table import SqlTableSink, SqlTableSinkConfig
from connectors.sources.file import FileConfig, FileSource
from connectors.sources.sql_table import SqlTableConfig, SqlTableSource
from schemas.control import Dataset
from schemas.errors import HaltError
from tests.connectors.conftest import PEOPLE, Database
from tests.connectors.test_file import HEADER, put, rows
from tests.connectors.test_runner import TABLE, people

DATASET = Dataset(id="health.person", title="人员", provider="health", key=("id",), row_schema=PEOPLE, event_schema=1)
SHAPE = Shape(DATASET, canonical_for(DATASET))


class TestSqlTableSource(SourceContract):
    @pytest.fixture(autouse=True)
    def _system(self, database: Database) -> None:
        database.do(TABLE)
        people(database, 0, 95)
        self.config = SqlTableConfig.model_validate(
            {"dataset": "health.person", "table": "people", "watermark": "updated_at", "page_rows": 20, "poll_seconds": 0.01}
            | database.address)  # fmt: skip

    def make(self) -> Source[Any]:
        return SqlTableSource(self.config, SHAPE)

    def expected(self) -> Sequence[bytes]:
        return [b"health.person/p%06d" % n for n in range(95)]


class TestFileSource(SourceContract):
    @pytest.fixture(autouse=True)
    def _system(self, tmp_path: Path) -> None:
        for number in range(3):
            put(tmp_path, f"{number}.csv", HEADER + rows(number * 30, 30))
        self.config = FileConfig(dataset="health.person", folder=tmp_path, page_rows=20, settle_seconds=0, poll_seconds=0.01)

    def make(self) -> Source[Any]:
        return FileSource(self.config, SHAPE)

    def expected(self) -> Sequence[bytes]:
        return [b"health.person/p%05d" % n for n in range(90)]


class TestSqlTableSink(SinkContract):
    @pytest.fixture(autouse=True)
    def _system(self, database: Database) -> None:
        self.database = database
        database.do("""create table people ("_key" text primary key, id text, name text check (name <> 'refused'), note text,
                       updated_at timestamptz)""")
        self.config = SqlTableSinkConfig.model_validate({"dataset": "health.person", "table": "people"} | database.address)

    def make(self) -> SqlTableSink:
        return SqlTableSink(self.config, SinkShape("police.people", json.loads(PEOPLE)))

    def row(self, number: int) -> Mapping[str, Any]:
        moment = dt.datetime(2026, 5, 1, 0, 0, number, tzinfo=dt.UTC)
        return {"id": f"p{number}", "name": f"人{number}", "note": None, "updated_at": moment}

    def unstorable(self) -> Mapping[str, Any]:
        return {**self.row(0), "name": "refused"}

    def stored(self) -> Mapping[bytes, Mapping[str, Any]]:
        found = self.database.ask('select "_key", id, name, note, updated_at from people')
        return {key.encode(): dict(zip(("id", "name", "note", "updated_at"), row, strict=True)) for key, *row in found}

    def test_of_two_first_writers_in_the_same_moment_one_stores(self) -> None:
        """There are no positions yet, so none to be locked; the trigger keeps the first one's transaction open."""
        self.database.do("""create function slow() returns trigger language plpgsql as
                            $$ begin perform pg_sleep(0.5); return new; end $$""")
        self.database.do("create trigger slow after insert or update on people for each row execute function slow()")
        sinks = [self.make(), self.make()]
        for sink in sinks:
            sink.open()
        with ThreadPoolExecutor(2) as both:
            writes = [both.submit(sink.write, [Delivered(b"a/1", self.row(1))], {(self.LANE, 0): 1}) for sink in sinks]
        for sink in sinks:
            sink.close()
        assert [type(write.exception()) for write in writes if write.exception()] == [HaltError]


class Torn(Sink[ConnectorConfig]):
    """A receiving system in memory. With a fault it commits at some points what belongs together."""

    kind = "torn"
    config_type = ConnectorConfig

    def __init__(self, system: dict[str, dict[Any, Any]], fault: str) -> None:
        super().__init__(ConnectorConfig(dataset="health.person"), SinkShape("police.people", json.loads(PEOPLE)))
        self._system = system
        self._fault = fault
        self._known: Positions = {}

    def check(self) -> Iterator[Finding]:
        return iter(())

    def open(self) -> Positions:
        self._known = dict(self._system["positions"])
        return self._known

    def write(self, changes: Sequence[Delivered], positions: Positions) -> None:
        if self._system["positions"] != self._known:
            raise RuntimeError("somebody else wrote")
        if self._fault == "positions first":
            self._system["positions"] = {**self._known, **positions}
        rows = dict(self._system["rows"])
        for change in changes:
            if change.row is None:
                rows.pop(change.key, None)
            elif change.row["name"] == "refused":
                raise ValueError("refused")
            else:
                rows[change.key] = change.row
            if self._fault == "row by row":
                self._system["rows"] = dict(rows)
        if self._fault == "rows first":
            self._system["rows"] = rows
        self._known = {**self._known, **positions}
        self._system |= {"rows": rows, "positions": dict(self._known)}


def sink_contract(fault: str) -> SinkContract:
    system: dict[str, dict[Any, Any]] = {"rows": {}, "positions": {}}

    class Certified(SinkContract):
        def make(self) -> Sink[Any]:
            return Torn(system, fault)

        def row(self, number: int) -> Mapping[str, Any]:
            return {"name": f"人{number}"}

        def unstorable(self) -> Mapping[str, Any]:
            return {"name": "refused"}

        def stored(self) -> Mapping[bytes, Mapping[str, Any]]:
            return system["rows"]

    return Certified()


class Hostile(Source[SourceConfig]):
    """Wrong in one way at a time."""

    kind = "hostile"
    config_type = SourceConfig

    def __init__(self, fault: str) -> None:
        super().__init__(SourceConfig(dataset="health.person"), SHAPE)
        self._fault = fault

    def check(self) -> Iterator[Finding]:
        return iter(())

    def read(self, after: Cursor, desk: Desk) -> Iterator[Batch]:
        at = after.position.get("at", 0)
        shared: dict[str, Any] = {}
        for first in range(at, 100, 10):
            numbers = range(first, first + 10)
            if self._fault == "loses" and at and first == at:
                numbers = numbers[1:]
            if self._fault == "repeats" and at and first == at:
                numbers = range(first - 1, first + 10)
            shared = shared if self._fault == "shares" else {}
            shared["at"] = first + 10
            row = {"name": "x", "updated_at": dt.datetime(2026, 5, 1)}
            yield Batch([RowChange("r", row | {"id": f"p{n:05}"}) for n in numbers], Cursor(shared))


def contract(fault: str, count: int = 100) -> SourceContract:
    class Certified(SourceContract):
        def make(self) -> Source[Any]:
            return Hostile(fault)

        def expected(self) -> Sequence[bytes]:
            return [b"health.person/p%05d" % n for n in range(count)]

    return Certified()


def failures(tried: SourceContract | SinkContract, which: str = "test_") -> set[str]:
    failed = set()
    for name in (name for name in dir(tried) if name.startswith(which)):
        try:
            getattr(tried, name)()
        except AssertionError:
            failed.add(name)
    return failed


def test_an_honest_source_passes_and_a_hostile_one_does_not() -> None:
    assert failures(contract("")) == set()
    assert failures(contract("loses")) == {"test_it_goes_on_behind_every_cursor_it_gave"}
    assert failures(contract("repeats")) == {"test_it_goes_on_behind_every_cursor_it_gave"}
    assert "test_a_cursor_is_not_changed_after_it_was_given" in failures(contract("shares"))


@pytest.mark.parametrize("fault", ["", "row by row", "rows first", "positions first"])
def test_a_sink_that_commits_at_once_passes_and_one_that_commits_apart_does_not(fault: str) -> None:
    names = [name for name in dir(SinkContract) if name.startswith("test_")]
    failed = {name for name in names if name in failures(sink_contract(fault), name)}
    assert failed == ({"test_what_fails_on_its_way_leaves_neither_rows_nor_positions"} if fault else set())


def test_too_few_rows_prove_nothing() -> None:
    tried = contract("", count=5)
    with pytest.raises(AssertionError, match="5 rows prove nothing"):
        tried.test_every_row_is_read_once()
