"""Whether a new version of a subject fits the earlier ones, by Avro's rules and what logical types mean, at each of seven levels."""

from collections.abc import Iterable, Iterator, Sequence

from governance.registry.levels import looks_back, looks_forward, transitive
from schemas.compatibility import incompatibilities
from schemas.control import Level

__all__ = ["Earlier", "misfits"]

#: An earlier version: its number, and its complete text.
Earlier = tuple[int, str]

_ROW, _BEFORE = "row", "before"


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
    """Each reason once: the row before a change, in an event, is of the row's own type."""
    found = incompatibilities(reader, writer)
    paths = {each.path for each in found}
    return [each.problem.en for each in found if not (each.path.startswith(_BEFORE) and _ROW + each.path.removeprefix(_BEFORE) in paths)]
