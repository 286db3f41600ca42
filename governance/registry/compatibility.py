"""Whether a new version of a subject fits the earlier ones, by Apache Avro's own rules, at each of the seven levels."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from governance.registry.levels import looks_back, looks_forward, transitive
from schemas.control import Level

__all__ = ["Earlier", "misfits"]

#: An earlier version: its number, and its schema.
Earlier = tuple[int, avro.schema.Schema]


def misfits(new: avro.schema.Schema, earlier: Sequence[Earlier], level: Level) -> list[str]:
    """What is against the new schema, each a sentence; empty when it fits. `earlier` is oldest first."""
    compared: Iterable[Earlier] = earlier if transitive(level) else earlier[-1:]
    return [message for each in compared for message in _against(new, each, level)]


def _against(new: avro.schema.Schema, earlier: Earlier, level: Level) -> Iterator[str]:
    version, old = earlier
    if looks_back(level):
        yield from _unreadable(new, old, f"the new schema cannot read what version {version} wrote", level)
    if looks_forward(level):
        yield from _unreadable(old, new, f"version {version} cannot read what the new schema writes", level)


def _unreadable(reader: avro.schema.Schema, writer: avro.schema.Schema, what: str, level: Level) -> Iterator[str]:
    checker: Any = ReaderWriterCompatibilityChecker
    result = checker().get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return
    where = ", ".join(sorted(str(location) for location in result.locations if location != "/"))
    why = "; ".join(sorted(str(message) for message in result.messages if message))
    yield f"{what} ({level}){f' at {where}' if where else ''}{f': {why}' if why else ''}"
