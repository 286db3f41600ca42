"""Which unknown schema ids are waited for, and for how long: pure bookkeeping of one version of the plan (§5, I-11).

An id is waited for once per worker. A lane whose publisher sends one after the other is held a few times, then no longer.
"""

import logging
from collections import Counter
from typing import Final

__all__ = ["PATIENCE", "Patience"]

#: Seconds an unknown schema id is waited for.
PATIENCE: Final = 5.0
#: Ids a lane is held for while the plan stands still; then none is waited for there.
_A_LANE: Final = 4

logger = logging.getLogger(__name__)


class Patience:
    """A new one with each version of the plan: what was given up is asked for again."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._lanes: dict[int, str] = {}
        self._held: Counter[str] = Counter()

    def new(self, lane: str, unknown: frozenset[int]) -> frozenset[int]:
        """This lane waits for these ids: those for which the time begins now."""
        new = unknown - self._lanes.keys()
        self._lanes |= dict.fromkeys(new, lane)
        return new

    def over(self, schema: int) -> frozenset[int | str]:
        """The time of an id is over: what to give up, the id and perhaps the lane."""
        lane = self._lanes[schema]
        self._held[lane] += 1
        logger.warning("schema id %d is in no plan up to version %d; its events go to quarantine", schema, self._version)
        if self._held[lane] < _A_LANE:
            return frozenset({schema})
        logger.warning("%s: %d unknown schema ids; no more are waited for until the plan moves", lane, self._held[lane])
        return frozenset({schema, lane})
