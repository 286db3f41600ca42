"""Who holds which record, read back from a clean partition up to its committed offset: the lane is its changelog."""

from collections.abc import Iterable

from streams.chunk import Holders, Record
from streams.memory import dataset_of, row_cost
from streams.plan import WorkingPlan
from streams.versions import UnresolvedError

__all__ = ["Recollection"]


class Recollection:
    """Learns the rows of one clean partition from its records in order. `sizes` are their bytes by dataset."""

    def __init__(self, plan: WorkingPlan) -> None:
        self._sources = plan.sources
        self.rows: dict[bytes, Holders] = {}
        self.sizes: dict[str, int] = {}

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
            try:
                event = source.scan(value)
            except UnresolvedError as error:
                event = error.event  # who is in scope can be told all the same
            if event.row is not None:
                self._remember(key, source.outlets.holders(event.row), source.dataset)
            elif event.op != "m":
                self._forget(key)

    def _remember(self, key: bytes, holders: Holders, dataset: str) -> None:
        if key not in self.rows:
            self.sizes[dataset] = self.sizes.get(dataset, 0) + row_cost(key)
        self.rows[key] = holders

    def _forget(self, key: bytes) -> None:
        if self.rows.pop(key, None) is not None:
            self.sizes[dataset_of(key)] -= row_cost(key)
