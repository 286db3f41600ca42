"""Record keys recomputed: `<dataset>/<value>`, or a compact JSON array of the values of a composite key."""

import json
from collections.abc import Mapping
from typing import Any

from trial.oracle.plan import Dataset

__all__ = ["key_of", "parses"]


def key_of(dataset: Dataset, row: Mapping[str, Any]) -> bytes:
    """The Kafka key a row must travel under."""
    return f"{dataset.id}/{_text([str(row[name]) for name in dataset.key])}".encode()


def parses(dataset: Dataset, key: bytes) -> bool:
    """Whether these bytes can be the key of a record of this dataset, whose key fields are texts."""
    try:
        head, _, rest = key.decode().partition("/")
        if head != dataset.id or not rest:
            return False
        if len(dataset.key) == 1:
            return True
        values = json.loads(rest)
    except (ValueError, RecursionError):
        return False
    return (isinstance(values, list) and len(values) == len(dataset.key) and all(isinstance(value, str) for value in values)
            and rest == _text(values))


def _text(values: list[str]) -> str:
    return values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False, separators=(",", ":"))
