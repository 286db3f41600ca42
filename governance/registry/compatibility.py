"""Whether a new version of a subject fits the earlier ones, by Apache Avro's own rules, at each of the seven levels."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import avro.name
import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from governance.registry.levels import looks_back, looks_forward, transitive
from schemas.control import Level

__all__ = ["Earlier", "misfits"]

#: An earlier version: its number, and its complete text.
Earlier = tuple[int, str]


def misfits(new: str, earlier: Sequence[Earlier], level: Level) -> list[str]:
    """What is against the new schema, each a sentence; empty when it fits. Texts are complete; `earlier` is oldest first."""
    compared: Iterable[Earlier] = earlier if transitive(level) else earlier[-1:]
    return [message for each in compared for message in _against(new, each, level)]


def _against(new: str, earlier: Earlier, level: Level) -> Iterator[str]:
    version, old = earlier
    if looks_back(level):
        for why in _unreadable(new, old):
            yield f"the new schema cannot read what version {version} wrote ({level}): {why}"
    if looks_forward(level):
        for why in _unreadable(old, new):
            yield f"version {version} cannot read what the new schema writes ({level}): {why}"


def _unreadable(reader: str, writer: str) -> list[str]:
    """Why a reader cannot read what a writer wrote. Of a union Avro says only that no branch fits: what is wrong with the types
    of one name says more."""
    (reads, its), (writes, theirs) = _parsed(reader), _parsed(writer)
    said = _compared(reads, writes)
    if not said:
        return []
    inner = {message for name in its.keys() & theirs.keys() for message in _compared(its[name], theirs[name])}
    return sorted(message for message in inner if "union lacking" not in message) or said


def _compared(reader: avro.schema.Schema, writer: avro.schema.Schema) -> list[str]:
    checker: Any = ReaderWriterCompatibilityChecker
    result = checker().get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return sorted(str(message) for message in result.messages if message) or ["the types differ"]


def _parsed(text: str) -> tuple[avro.schema.Schema, dict[str, Any]]:
    """A schema, and the types it defines by name."""
    names = avro.name.Names()
    return avro.schema.make_avsc_object(json.loads(text), names), dict(names.names)
