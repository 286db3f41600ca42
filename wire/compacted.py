"""Compacted lanes as tables: each key's newest value, kept up to date. For cursors, worker status, connectors."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from wire.reading import LaneReader, Record
from wire.settings import KafkaSettings

__all__ = ["CompactedReader", "read_compacted"]


class CompactedReader:
    """The tables of some lanes. `load` once, then `poll`; a tombstone takes its key out."""

    def __init__(self, settings: KafkaSettings, lanes: Iterable[str]) -> None:
        names = list(lanes)
        self.tables: dict[str, dict[bytes, bytes]] = {lane: {} for lane in names}
        self._reader = LaneReader(settings, names)

    def load(self, patience: float = 30) -> dict[str, dict[bytes, bytes]]:
        """The tables, read to the end as it was at the call (I-4)."""
        for batch in self._reader.to_end(patience):
            self._apply(batch)
        return self.tables

    def poll(self, timeout: float = 0) -> list[Record]:
        """What has come since, already applied to `tables`."""
        batch = self._reader.batch(timeout)
        self._apply(batch)
        return batch

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _apply(self, batch: list[Record]) -> None:
        for record in batch:
            table = self.tables[record.lane]
            if record.value is None:
                table.pop(record.key or b"", None)
            else:
                table[record.key or b""] = record.value


def read_compacted(settings: KafkaSettings, lane: str) -> dict[bytes, bytes]:
    """The table of one lane as it is now."""
    with CompactedReader(settings, [lane]) as reader:
        return reader.load()[lane]
