"""Key values in a cursor: JSON where JSON has the type, a tagged text where it has not."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

__all__ = ["from_json", "to_json"]

_READ: dict[str, Callable[[str], Any]] = {
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "Decimal": Decimal,
    "UUID": uuid.UUID,
    "bytes": bytes.fromhex,
}


def to_json(value: Any) -> Any:
    """A key value for the cursor."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, dt.date):
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Decimal | uuid.UUID):
        return {type(value).__name__: str(value)}
    raise TypeError(f"a key column of type {type(value).__name__} cannot be paged by")


def from_json(value: Any) -> Any:
    """The key value of a cursor."""
    if not isinstance(value, dict):
        return value
    [(kind, text)] = value.items()
    return _READ[kind](text)
