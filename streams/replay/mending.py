"""Repairs: fields set, old values mapped to new ones, what the rules proposed, or a whole record. Pure.

A repair changes the row of one event and nothing else; its key is computed again from what the row then says.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from schemas.codec import Avro, EventCodec, EventScanner, stamp, stream_prefix
from schemas.codec.fields import text_of
from schemas.codec.typed import misfit, typed
from schemas.control import Plan
from schemas.envelope import Event
from schemas.errors import RejectError
from schemas.letter import Finding

__all__ = ["Mending", "Workshop", "changed_fields"]

Row = dict[str, Any]

#: Operations whose event has a row.
_WITH_ROW: Final = ("c", "u", "r")

_TURN = r"\[\d+\]|\{\d+\}"
_PATH = re.compile(rf"\w+(?:{_TURN})*(?:\.\w+(?:{_TURN})*)*")
_STEP = re.compile(r"(\w+)|\[(\d+)\]|\{(\d+)\}")


class _Entry(int):
    """The entry of a map by its place: its key is data, which a path does not show."""


_Step = str | int


class Place(NamedTuple):
    """Where a path leads in rows of one schema: its steps under the names of now, and what makes a value of its type."""

    steps: list[_Step]
    make: Callable[[Any], Any]


@dataclass(frozen=True)
class Mending:
    """What a person asks for. Paths are `field`, `field.field`, `items[2].field`, `map{0}`, and a name from before a field was
    renamed will do; values are as JSON or text has them."""

    set: Mapping[str, Any] = field(default_factory=dict)
    #: path -> {old value as text: new value}
    map: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    accept_proposals: bool = False
    #: the whole row instead
    record: Mapping[str, Any] | None = None
    #: only the key is to be computed again
    rekey: bool = False

    def __bool__(self) -> bool:
        return bool(self.set or self.map or self.accept_proposals or self.record is not None or self.rekey)

    def row(self, row: Row | None, findings: Iterable[Finding], find: Callable[[str], Place]) -> Row | None:
        """The row as it should be; None where nothing of this applies to it. `find` tells where a path leads; RejectError `misfit`
        names one that does not fit."""
        if self.record is not None:
            mended: Row = find("").make(self.record)
            return mended
        if row is None:
            return None
        mended, applies = row, self.rekey
        for path, place, new in self._edits(row, findings, find):
            mended, applies = _with(mended, place.steps, place.make(new), path), True
        return mended if applies else None

    def _edits(self, row: Row, findings: Iterable[Finding], find: Callable[[str], Place]) -> Iterator[tuple[str, Place, Any]]:
        if self.accept_proposals:
            # Of several proposals for a field the last is what the rules make of it in the end.
            for path, new in {one.field: one.after for one in findings if one.field and one.after}.items():
                with suppress(RejectError):  # of a field that its dataset has no more
                    yield path, find(path), new
        for path, table in self.map.items():
            place = find(path)
            old = _at(row, place.steps)
            text = "" if old is None else text_of(old)
            if text in table:
                yield path, place, table[text]
        yield from ((path, find(path), new) for path, new in self.set.items())


class Mended(NamedTuple):
    """An event before and after its repair, and the repaired one in bytes."""

    before: Event
    after: Event
    value: bytes


class Workshop:
    """Repairs events of any dataset of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._benches: dict[int, _Bench] = {}

    def mend(self, mending: Mending, value: bytes, findings: Iterable[Finding]) -> Mended | None:
        """The event in a value of a known schema, repaired; None where nothing applies to it, as to a delete."""
        number = int.from_bytes(value[1:5], "big")
        bench = self._benches.get(number)
        if bench is None:
            bench = self._benches[number] = _Bench(self._plan.schemas[number].text, number)
        return bench.mend(mending, value, findings)


class _Bench:
    """One schema's."""

    def __init__(self, schema: str, number: int) -> None:
        self._codec = EventCodec(schema, number)
        self._scanner = EventScanner(schema, number)
        parsed = Avro(schema).schema
        self._named: Mapping[str, Any] = parsed["__named_schemas"]
        self._row = next(part["type"][1] for part in parsed["fields"] if part["name"] == "row")

    def mend(self, mending: Mending, value: bytes, findings: Iterable[Finding]) -> Mended | None:
        event = self._codec.decode(value)
        if event.row is None and (mending.record is None or event.meta.op not in _WITH_ROW):
            return Mended(event, event, value) if mending.rekey else None
        row = mending.row(None if event.row is None else dict(event.row), findings, self._find)
        if row is None:
            return None
        after = event._replace(row=row)
        return Mended(event, after, self._codec.encode(after) if event.row is None else self._encoded(value, event.row, after))

    def _encoded(self, value: bytes, old: Mapping[str, Any], after: Event) -> bytes:
        """The event in bytes; what was not touched stays in those it came in."""
        assert after.row is not None
        scanned = self._scanner.scan(value)
        assert scanned.row is not None
        try:
            row = [piece if name in after.row and after.row[name] is old[name] else self._scanner.encode_field(number, after.row[name])
                   for number, (name, piece) in enumerate(zip(self._scanner.fields, scanned.row, strict=True))]
        except RejectError:
            return self._codec.encode(after)  # which names every field that does not fit
        return stamp(self._scanner.schema_id, scanned.head, stream_prefix(scanned.stream, scanned.epoch), scanned.seq, scanned.tail, row,
                     scanned.before)

    def _find(self, path: str) -> Place:
        kind, steps = self._row, list[_Step]()
        for step in _steps(path):
            known, kind = self._inner(kind, step, path)
            steps.append(known)
        shown = "".join(_written(step) for step in steps).lstrip(".")
        return Place(steps, lambda value: typed(kind, value, self._named, shown))

    def _inner(self, kind: Any, step: _Step, path: str) -> tuple[_Step, Any]:
        """A step as it is named now, and the schema of what it leads to: a field of a record, an item of an array, a value of a
        map; of the one branch of a union that has such."""
        for branch in kind if isinstance(kind, list) else [kind]:
            known = self._named.get(branch, branch) if isinstance(branch, str) else branch
            if not isinstance(known, dict):
                continue
            if isinstance(step, int):
                inside = "values" if isinstance(step, _Entry) else "items"
                if inside in known:
                    return step, known[inside]
                continue
            parts = known.get("fields", ())
            for part in (*(part for part in parts if part["name"] == step),
                         *(part for part in parts if step in part.get("aliases", ()))):
                return part["name"], part["type"]
        raise misfit(path)


def changed_fields(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    """The fields whose value a repair changed, with both values."""
    old, new = before or {}, after or {}
    return {name: (old.get(name), new.get(name)) for name in {**old, **new} if _plain(old.get(name)) != _plain(new.get(name))}


def _plain(value: Any) -> str:
    return json.dumps(value, default=text_of, sort_keys=True)


def _steps(path: str) -> list[_Step]:
    """`items[2].name` in steps; RejectError `misfit` for what is no path."""
    if not path:
        return []
    if not _PATH.fullmatch(path):
        raise misfit(path)
    return [name or (int(item) if item else _Entry(entry)) for name, item, entry in _STEP.findall(path)]


def _written(step: _Step) -> str:
    return f"{{{step:d}}}" if isinstance(step, _Entry) else f"[{step}]" if isinstance(step, int) else f".{step}"


def _at(row: Any, steps: list[_Step]) -> Any:
    for step in steps:
        if isinstance(step, _Entry):
            row = list(row.values())[step] if isinstance(row, Mapping) and step < len(row) else None
        elif isinstance(step, int):
            row = row[step] if isinstance(row, list) and step < len(row) else None
        else:
            row = row.get(step) if isinstance(row, Mapping) else None
    return row


def _with(value: Any, steps: list[_Step], new: Any, path: str) -> Any:
    """A copy in which what the steps lead to is another."""
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if isinstance(step, int) and not isinstance(step, _Entry):
        if not isinstance(value, list) or step >= len(value):
            raise misfit(path)
        return [*value[:step], _with(value[step], rest, new, path), *value[step + 1:]]
    if not isinstance(value, Mapping) or (isinstance(step, _Entry) and step >= len(value)):
        raise misfit(path)
    name = list(value)[step] if isinstance(step, _Entry) else step
    return {**value, name: _with(value.get(name), rest, new, path)}
