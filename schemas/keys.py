"""Record keys on Kafka: `<provider>.<dataset>/<record key>`, computed from a row and read back.

Key fields are text, whole numbers or enum symbols, never null, so one record has one key.
"""

import json
from collections.abc import Sequence
from typing import Protocol

from schemas.codec.fields import Field
from schemas.control import Dataset
from schemas.envelope import Row, kafka_key, key_text

__all__ = ["Key", "KeyFields", "parses", "row_key"]


def row_key(dataset: Dataset, row: Row) -> bytes:
    """The Kafka key of a row of Python values, for writers."""
    return kafka_key(dataset.id, key_text([row[name] for name in dataset.key]))


def parses(dataset: Dataset, key: bytes) -> bool:
    """Whether these bytes are the key of some record of the dataset, spelt the one right way."""
    head = f"{dataset.id}/".encode()
    if not key.startswith(head) or len(key) == len(head):
        return False
    try:
        text = key[len(head):].decode()
        if len(dataset.key) == 1:
            return True
        values = json.loads(text)
        return (isinstance(values, list) and len(values) == len(dataset.key)
                and all(isinstance(value, str) for value in values) and key_text(values) == text)
    except ValueError:
        return False


class KeyFields(Protocol):
    """What a key needs of a scanner: where the fields lie and how a slice reads as text."""

    index: dict[str, int]

    def field(self, number: int) -> Field:
        """What is known of a field."""

    def text(self, field: int, piece: bytes) -> str | None:
        """The field's value as text; None for null."""


class Key:
    """The key of one dataset, compiled for its scanner."""

    def __init__(self, dataset: Dataset, scanner: KeyFields) -> None:
        self._dataset = dataset
        self._head = f"{dataset.id}/".encode()
        self._fields = [scanner.index[name] for name in dataset.key]
        self._text = scanner.text
        self._only = self._fields[0] if len(self._fields) == 1 else -1
        only = scanner.field(self._only) if self._only >= 0 else None
        self._is_text = only is not None and only.kind == "text" and not only.nullable

    def canonical(self, row: Sequence[bytes]) -> bytes:
        """The Kafka key this row must travel under."""
        if self._is_text and (piece := row[self._only])[0] < 128:
            return self._head + piece[1:]  # the slice's one byte of length aside, the text as it stands
        if self._only >= 0:
            return self._head + (self._text(self._only, row[self._only]) or "").encode()
        return self._head + key_text([self._text(field, row[field]) for field in self._fields]).encode()

    def parses(self, key: bytes) -> bool:
        """Whether these bytes are the key of some record of the dataset."""
        return parses(self._dataset, key)
