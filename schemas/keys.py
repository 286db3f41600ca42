"""Record keys on Kafka: `<provider>.<dataset>/<record key>`, computed from a row and read back.

Key fields are text, whole numbers or enum symbols, never null, so one record has one key.
"""

import json
from collections.abc import Sequence
from typing import Protocol

from schemas.codec.fields import Field
from schemas.control import Dataset
from schemas.envelope import Row, kafka_key, key_text

__all__ = ["Key", "KeyFields", "row_key"]


def row_key(dataset: Dataset, row: Row) -> bytes:
    """The Kafka key of a row of Python values, for writers."""
    return kafka_key(dataset.id, key_text([row[name] for name in dataset.key]))


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
        self._head = f"{dataset.id}/".encode()
        self._fields = [scanner.index[name] for name in dataset.key]
        self._text = scanner.text
        self._only = self._fields[0] if len(self._fields) == 1 else -1
        self._spellings = [scanner.field(number).spelling for number in self._fields]
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
        """Whether these bytes are the key of some record of the dataset: each part a value of its field, spelt the one right way."""
        if not key.startswith(self._head) or len(key) == len(self._head):
            return False
        try:
            text = key[len(self._head):].decode()
            parts = [text] if self._only >= 0 else json.loads(text)
            return (isinstance(parts, list) and len(parts) == len(self._fields)
                    and all(isinstance(part, str) and spelling(part) == part
                            for part, spelling in zip(parts, self._spellings, strict=True))
                    and key_text(parts) == text)
        except (ValueError, RecursionError):  # whoever sends a key may nest brackets as deep as a record is long
            return False
