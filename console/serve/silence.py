"""Which datasets have fallen silent: nothing came for longer than the update cycle they declare. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from console.serve.snapshot import Silent
from schemas.control import Dataset
from schemas.text import Text

__all__ = ["ALLOWED", "silent_datasets"]

_HOUR, _DAY = 3600.0, 86400.0

#: Seconds without an arrival after which a dataset of this cycle is silent: the cycle and some days' grace.
ALLOWED: Final[dict[str, float]] = {"real-time": _HOUR, "day": 2 * _DAY, "week": 9 * _DAY, "month": 34 * _DAY,
                                    "quarter": 97 * _DAY, "year": 371 * _DAY}  # fmt: skip


def silent_datasets(datasets: Iterable[Dataset], last_arrival: Mapping[str, float], now: float) -> tuple[Silent, ...]:
    """The silent ones, the longest silence first; one that never gave anything is silent."""
    found = [Silent(dataset=dataset.id, title=Text(dataset.title, dataset.title_en or dataset.title), cycle=dataset.cycle,
                    last=int(last_arrival.get(dataset.id, 0.0) * 1000))
             for dataset in datasets if now - last_arrival.get(dataset.id, 0.0) > ALLOWED[dataset.cycle]]  # fmt: skip
    return tuple(sorted(found, key=lambda each: (each.last, each.dataset)))
