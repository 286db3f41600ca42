"""Which scoped subscriptions hold a row, found by looking its field values up, not by trying one scope after another.

Each subscription stands in a table under one condition of its scope; its other conditions are asked only of the few
rows found there. What rows with the same scope fields gave is kept, so most rows cost one lookup.
"""

from collections.abc import Callable, Hashable, Sequence
from operator import itemgetter
from typing import Final, Protocol

from schemas.codec.scanner import Pieces
from schemas.control import Condition, Subscription
from streams.chunk import Holders

__all__ = ["Scopes"]

#: Combinations of scope fields whose holders are kept, and the bytes one may take.
_KEPT: Final = 16_384
_KEPT_SIZE: Final = 200

#: A subscription in a table, and what else must hold (None: nothing else).
_Entry = tuple[str, Callable[[Pieces], bool] | None]


class Fields(Protocol):
    """What scopes need of a scanner: where the fields lie and how a slice reads as text."""

    index: dict[str, int]

    def text(self, number: int, piece: bytes) -> str | None:
        """The field's value as text; None for null."""


class _Table:
    """The subscriptions found by one field: by its whole value, or by its first characters."""

    def __init__(self) -> None:
        self.exact: dict[str, list[_Entry]] = {}
        self.prefixes: dict[int, dict[str, list[_Entry]]] = {}

    def add(self, condition: Condition, entry: _Entry) -> None:
        for value in dict.fromkeys(condition.values):
            table = self.prefixes.setdefault(len(value), {}) if condition.op == "prefix" else self.exact
            table.setdefault(value, []).append(entry)

    def find(self, text: str) -> list[_Entry]:
        found = list(self.exact.get(text, ()))
        for length, table in self.prefixes.items():
            if length <= len(text):
                found += table.get(text[:length], ())
        return found


class Scopes:
    """The scopes of one dataset's live subscriptions. Each comes with its test of a whole row."""

    def __init__(self, scanner: Fields, scoped: Sequence[tuple[Subscription, Callable[[Pieces], bool]]]) -> None:
        self._text = scanner.text
        self._tables: dict[int, _Table] = {}
        self._kept: dict[Hashable, Holders] = {}
        self._shared: dict[Holders, Holders] = {}
        names = {condition.field for subscription, _ in scoped for condition in subscription.scope}
        self._fields = sorted(scanner.index[name] for name in names)
        self._reads: Callable[[Pieces], Hashable] = itemgetter(*self._fields) if self._fields else len
        for subscription, holds in scoped:
            self._add(scanner, subscription, holds)

    def _add(self, scanner: Fields, subscription: Subscription, holds: Callable[[Pieces], bool]) -> None:
        chosen = min(subscription.scope, key=lambda condition: condition.op == "prefix")
        table = self._tables.setdefault(scanner.index[chosen.field], _Table())
        table.add(chosen, (subscription.id, holds if len(subscription.scope) > 1 else None))

    def holders(self, row: Pieces) -> Holders:
        """The subscriptions whose scope holds for this row. Equal answers are one object."""
        kept = self._reads(row)
        found = self._kept.get(kept)
        if found is None:
            found = self._find(row)
            if sum(len(row[field]) for field in self._fields) <= _KEPT_SIZE:
                if len(self._kept) >= _KEPT:
                    self._kept.clear()
                self._kept[kept] = found
        return found

    def _find(self, row: Pieces) -> Holders:
        found: set[str] = set()
        for field, table in self._tables.items():
            text = self._text(field, row[field])
            if text is not None:
                found.update(name for name, holds in table.find(text) if holds is None or holds(row))
        holders = tuple(sorted(found))
        return self._shared.setdefault(holders, holders)
