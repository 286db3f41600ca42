"""What a sink's table must hold at the end, and what a source's table must hold for raw to be right."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from trial.oracle.records import Problems, digest

__all__ = ["SinkTable", "SourceState", "digest_of"]

Row = Mapping[str, Any]


def digest_of(values: Iterable[Any]) -> bytes:
    """A short digest of column values that are equal where the rows are."""
    return blake2b(repr(tuple(values)).encode(), digest_size=12).digest()


class SinkTable:
    """The state one subscription's table must end in: the last row of every key that was not deleted."""

    def __init__(self, name: str, fields: tuple[str, ...]) -> None:
        self._name = name
        self._fields = fields
        #: digest of the key -> digest of the row: what is kept tells of nobody
        self._rows: dict[bytes, bytes] = {}

    def apply(self, key: bytes, row: Row | None) -> None:
        """One delivered event, in order."""
        if row is None:
            self._rows.pop(digest(key), None)
        else:
            self._rows[digest(key)] = digest_of(row[name] for name in self._fields)

    def compare(self, rows: Iterable[Row], plain: Callable[[str, Any], Any], problems: Problems) -> None:
        """Compare with the table. Rows are told apart by column `_key`; `plain` gives a column's value as Avro has it."""
        missing = dict(self._rows)
        for count, row in enumerate(rows):
            expected = missing.pop(digest(row["_key"].encode()), None)
            if expected is None:
                problems.add("wrong_content", f"{self._name} row {count} should not be there")
            elif expected != digest_of(plain(name, row[name]) for name in self._fields):
                problems.add("wrong_content", f"{self._name} row {count} has other content")
        if missing:
            problems.add("lost", f"{self._name} lacks rows", len(missing))


class SourceState:
    """The last state of every record that one stream put on raw, to be compared with the table it came from."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}

    def apply(self, key: bytes, row: Row | None) -> None:
        """One event, in the order of its key."""
        if row is None:
            self._rows.pop(digest(key), None)
        else:
            self._rows[digest(key)] = digest_of(row.values())

    def compare(self, name: str, rows: Iterable[tuple[bytes, Row]], problems: Problems) -> None:
        """Compare with the table: Kafka key and row as Avro has it, fields in the dataset's order."""
        missing = dict(self._rows)
        for count, (key, row) in enumerate(rows):
            expected = missing.pop(digest(key), None)
            if expected is None:
                problems.add("lost", f"{name} row {count} is not on raw")
            elif expected != digest_of(row.values()):
                problems.add("wrong_content", f"{name} row {count} is on raw with other content")
        if missing:
            problems.add("lost", f"{name} lost rows whose delete is not on raw", len(missing))
