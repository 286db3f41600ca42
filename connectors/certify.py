"""The suite every connector passes: inherit a contract in a test module, say how to make yours, run pytest. No Kafka needed.

It stands in for the runner: it takes a source apart at every cursor it yields, and stops a sink between writes. What it is
given must be large enough to prove something; otherwise it fails and says so.
"""

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import Batch, Cursor, Delivered, Progress, RowChange, Sink, Source

__all__ = ["SinkContract", "SourceContract"]

_LARGEST_PART = 900_000
_ENDLESS = 10_000


class _Desk:
    """Lets a source wait a few times without anything new, then tells it to stop. The bus has cleaned nothing."""

    _WAITS = 3

    def __init__(self) -> None:
        self._left = self._WAITS

    def read(self, source: Source[Any], after: Cursor) -> Iterator[Batch]:
        """What the source gives. A wait between two batches is its rate limit, or none at all; only idle ones are counted."""
        for batch in source.read(after, self):
            if batch.changes:
                self._left = self._WAITS
            yield batch

    def wait(self, seconds: float) -> bool:
        self._left -= seconds > 0
        return self._left > 0

    def report(self, progress: Progress) -> None:
        pass

    def everything_is_clean(self) -> bool:
        return False

    def remember_published(self) -> None:
        pass

    def published_keys(self) -> Iterator[bytes]:
        return iter(())


class SourceContract(ABC):
    """A source over a system that holds at least `LEAST_ROWS` good rows and is read in at least `LEAST_BATCHES` batches."""

    LEAST_ROWS = 30
    LEAST_BATCHES = 3

    @abstractmethod
    def make(self) -> Source[Any]:
        """The source, anew, over the same system."""

    @abstractmethod
    def expected(self) -> Sequence[bytes]:
        """The Kafka key of every row the system holds."""

    def test_check_finds_nothing_that_blocks(self) -> None:
        source = self.make()
        try:
            assert not [str(finding) for finding in source.check() if finding.blocks]
        finally:
            source.close()

    def test_every_row_is_read_once(self) -> None:
        assert Counter(self._keys(self._read(Cursor()))) == Counter(self._enough())

    def test_it_goes_on_behind_every_cursor_it_gave(self) -> None:
        batches = self._read(Cursor())
        full = [number for number, batch in enumerate(batches) if batch.changes]
        assert len(full) >= self.LEAST_BATCHES, f"{len(full)} batches prove nothing: give it {self.LEAST_BATCHES}, by smaller pages"
        wanted = Counter(self._enough())
        for number in range(len(batches)):
            rest = self._read(self._stored(batches[number].cursor))
            assert Counter(self._keys([*batches[: number + 1], *rest])) == wanted, f"cut behind batch {number}"

    def test_what_was_read_is_not_read_again(self) -> None:
        batches = self._read(Cursor())
        assert batches, "nothing was read"
        assert self._keys(self._read(self._stored(batches[-1].cursor))) == []

    def test_a_cursor_is_not_changed_after_it_was_given(self) -> None:
        source = self.make()
        try:
            given = [(batch.cursor, self._stored(batch.cursor)) for batch in _Desk().read(source, Cursor())]
        finally:
            source.close()
        for cursor, copy in given:
            assert self._stored(cursor) == copy

    def _enough(self) -> Sequence[bytes]:
        keys = self.expected()
        assert len(set(keys)) >= self.LEAST_ROWS, f"{len(set(keys))} rows prove nothing: give it {self.LEAST_ROWS}"
        return keys

    def _read(self, after: Cursor) -> list[Batch]:
        source = self.make()
        batches: list[Batch] = []
        try:
            for batch in _Desk().read(source, after):
                batches.append(batch)
                assert len(batches) < _ENDLESS, "it does not end when it is told to stop"
        finally:
            source.close()
        return batches

    def _stored(self, cursor: Cursor) -> Cursor:
        """The cursor as it comes back from Kafka."""
        assert all(len(part) <= _LARGEST_PART for part in cursor.parts.values()), "a part is too large"
        return Cursor(json.loads(json.dumps(dict(cursor.position))), {name: bytes(part) for name, part in cursor.parts.items()})

    def _keys(self, batches: Sequence[Batch]) -> list[bytes]:
        shape = self.make().shape

        def key(change: RowChange) -> bytes:
            assert change.row is not None or change.op == "d", "a change without a row is a delete"
            return change.key if change.row is None else shape.key_of(shape.fit(change.row))

        return [key(change) for batch in batches for change in batch.changes if not change.flaw]


class _Unreadable(Mapping[tuple[str, int], int]):
    """Positions that fail whoever reads them: what was stored before that is there, what is not committed is not."""

    def __init__(self, positions: Mapping[tuple[str, int], int]) -> None:
        self._positions = positions

    def __getitem__(self, place: tuple[str, int]) -> int:
        raise ConnectionError("the process ended here")

    def __iter__(self) -> Iterator[tuple[str, int]]:
        raise ConnectionError("the process ended here")

    def __len__(self) -> int:
        return len(self._positions)


class SinkContract(ABC):
    """A sink over a receiving system that is empty when a test begins."""

    LANE = "deliver.anyone"

    @abstractmethod
    def make(self) -> Sink[Any]:
        """The sink, anew, over the same system."""

    @abstractmethod
    def row(self, number: int) -> Mapping[str, Any]:
        """A row it takes; another number gives another row."""

    @abstractmethod
    def stored(self) -> Mapping[bytes, Mapping[str, Any]]:
        """What the receiving system holds now, by Kafka key, with the delivered fields alone."""

    @abstractmethod
    def unstorable(self) -> Mapping[str, Any]:
        """A row that the receiving system itself refuses when it is written."""

    def test_rows_and_positions_are_stored_and_found_again(self) -> None:
        self._write([Delivered(b"a/%d" % n, self.row(n)) for n in range(50)], {(self.LANE, 0): 50, (self.LANE, 1): 7})
        assert self.stored() == {b"a/%d" % n: self.row(n) for n in range(50)}
        assert self._positions() == {(self.LANE, 0): 50, (self.LANE, 1): 7}

    def test_of_several_changes_of_a_key_the_last_one_counts(self) -> None:
        gone = Delivered(b"a/1", None)
        self._write([Delivered(b"a/1", self.row(1)), gone, Delivered(b"a/1", self.row(2))], {(self.LANE, 0): 3})
        assert self.stored() == {b"a/1": self.row(2)}
        self._write([Delivered(b"a/1", self.row(3)), gone, Delivered(b"a/2", None)], {(self.LANE, 0): 6})
        assert self.stored() == {}

    def test_positions_move_without_rows(self) -> None:
        self._write([], {(self.LANE, 0): 9})
        assert self._positions() == {(self.LANE, 0): 9}

    def test_a_second_writer_cannot_store_what_the_first_has_stored(self) -> None:
        first, second = self.make(), self.make()
        try:
            first.open()
            second.open()
            first.write([Delivered(b"a/1", self.row(1))], {(self.LANE, 0): 1})
            try:
                second.write([Delivered(b"a/1", self.row(2))], {(self.LANE, 0): 1})
            except Exception:
                pass
            else:
                raise AssertionError("two writers stored the same deliveries")
            assert self.stored() == {b"a/1": self.row(1)}
        finally:
            first.close()
            second.close()

    def test_what_fails_on_its_way_leaves_neither_rows_nor_positions(self) -> None:
        """Wherever it fails: at a row behind good ones, or between the rows and the positions."""
        good = [Delivered(b"a/%d" % n, self.row(n)) for n in range(5)]
        self._write_fails([*good, Delivered(b"a/9", self.unstorable())], {(self.LANE, 0): 6})
        self._write_fails([*good, Delivered(b"a/9", self.unstorable()), *good], {(self.LANE, 0): 11})
        self._write_fails(good, _Unreadable({(self.LANE, 0): 5}))
        self._write(good, {(self.LANE, 0): 5})
        assert self.stored() == {b"a/%d" % n: self.row(n) for n in range(5)}

    def _write_fails(self, changes: Sequence[Delivered], positions: Mapping[tuple[str, int], int]) -> None:
        before = self._positions()
        try:
            self._write(changes, positions)
        except AssertionError:
            raise
        except Exception as error:
            how = type(error).__name__
        else:
            raise AssertionError("what cannot be stored was taken")
        assert self.stored() == {}, f"rows are left by a write that failed ({how})"
        assert self._positions() == before, f"positions are left by a write that failed ({how})"

    def _write(self, changes: Sequence[Delivered], positions: Mapping[tuple[str, int], int]) -> None:
        sink = self.make()
        try:
            assert not [str(finding) for finding in sink.check() if finding.blocks]
            sink.open()
            sink.write(changes, positions)
        finally:
            sink.close()

    def _positions(self) -> dict[tuple[str, int], int]:
        sink = self.make()
        try:
            return dict(sink.open())
        finally:
            sink.close()
