"""Where the sql_table source stands: its cursor in Python. One owner, changed between batches, told as an immutable Cursor."""

from collections.abc import Mapping
from typing import Any, Literal

from connectors.base import Cursor
from connectors.sources.sql_query import Row
from connectors.sources.sql_value import from_json, to_json
from connectors.sources.window import Window, pack, unpack

__all__ = ["State"]

_REFUSED_PER_PART = 50_000


class State:
    """Phase, the last key of the snapshot, the highest watermark, now and when the last sweep began, the window, and what the
    bus is known to refuse."""

    def __init__(self, cursor: Cursor) -> None:
        told = cursor.position
        self.table: str = told.get("table", "")
        #: Which watermark the numbers are of; None where the cursor does not tell.
        self.watermark: str | None = told.get("watermark")
        self.phase: Literal["snapshot", "live"] = told.get("phase", "snapshot")
        self.last: Row | None = tuple(from_json(value) for value in told["last"]) if told.get("last") else None
        self.done: int = told.get("done", 0)
        self.total: int = told.get("total", 0)
        self.high: int | None = told.get("high")
        self.swept: int | None = told.get("swept", self.high)
        self.floor: int | None = told.get("floor")
        self.window = Window.restore(told.get("highs", {}), cursor.parts)
        self.refused: dict[int, int] = {}
        for name in cursor.parts:
            if name.startswith("m"):
                self.refused.update(unpack(cursor.parts[name]))
        self._refused_parts = {name: data for name, data in cursor.parts.items() if name.startswith("m")}

    def begin_anew(self) -> None:
        """A new snapshot: the numbers we have say nothing of this table's rows."""
        self.phase, self.last, self.done, self.total = "snapshot", None, 0, 0
        self.high = self.swept = self.floor = None
        self.window = Window()

    def refuse(self, refused: dict[int, int]) -> None:
        """These rows were sent and are not on the clean lane: not again until they change."""
        if refused == self.refused:
            return
        self.refused = refused
        pairs = sorted(refused.items())
        self._refused_parts = {
            f"m{at // _REFUSED_PER_PART}": pack(pairs[at : at + _REFUSED_PER_PART])
            for at in range(0, len(pairs), _REFUSED_PER_PART)
        }

    def cursor(self) -> Cursor:
        """The cursor that resumes here."""
        position: Mapping[str, Any] = {
            "table": self.table,
            "watermark": self.watermark,
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "high": self.high,
            "swept": self.swept,
            "floor": self.floor,
            "highs": self.window.highs(),
            "last": [to_json(value) for value in self.last] if self.last is not None else None,
        }
        return Cursor(position, {**self.window.parts(), **self._refused_parts})
