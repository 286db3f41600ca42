"""Who holds which record, read back from a clean partition up to its committed offset: the lane is its changelog."""

from collections.abc import Iterable

from streams.chunk import Holders, Record
from streams.memory import DEFAULT_LIMIT, no_room, row_cost
from streams.plan import WorkingPlan

__all__ = ["Recollection"]


class Recollection:
    """Learns the rows of one clean partition from its records in order; a HaltError once they pass the limit."""

    def __init__(self, plan: WorkingPlan, limit: int = DEFAULT_LIMIT) -> None:
        self._sources = plan.sources
        self._limit = limit
        self._bytes = 0
        self.rows: dict[bytes, Holders] = {}

    def learn(self, records: Iterable[Record]) -> None:
        """Take in the next records, oldest first."""
        for _, _, key, value in records:
            if key is None:
                continue
            if value is None:
                self._forget(key)
                continue
            source = self._sources.get(value[:5])
            if source is None or not source.outlets.scoped:
                continue
            event = source.scan(value)
            if event.row is not None:
                self._remember(key, source.outlets.holders(event.row), source.dataset)
            elif event.op != "m":
                self._forget(key)

    def _remember(self, key: bytes, holders: Holders, dataset: str) -> None:
        if key not in self.rows:
            self._bytes += row_cost(key)
            if self._bytes > self._limit:
                raise no_room(self._bytes, self._limit, dataset, self._bytes)
        self.rows[key] = holders

    def _forget(self, key: bytes) -> None:
        if self.rows.pop(key, None) is not None:
            self._bytes -= row_cost(key)
