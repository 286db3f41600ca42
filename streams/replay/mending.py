"""Repairs: fields set, old values mapped to new ones, what the rules proposed, or a whole record. Pure.

A repair changes the row of one event and nothing else; its key is computed again from what the row then says.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.codec import Avro, EventCodec
from schemas.codec.fields import text_of
from schemas.codec.typed import misfit, typed
from schemas.control import Plan
from schemas.envelope import Event
from schemas.letter import Finding

__all__ = ["Mending", "Workshop", "changed_fields"]

Row = dict[str, Any]

_PATH = re.compile(r"\w+(?:\[\d+\])*(?:\.\w+(?:\[\d+\])*)*")
_STEP = re.compile(r"(\w+)|\[(\d+)\]")


@dataclass(frozen=True)
class Mending:
    """What a person asks for. Paths are `field`, `field.field`, `field[2].field`; values are as JSON or text has them."""

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

    def row(self, row: Row, findings: Iterable[Finding], make: Callable[[str, Any], Any]) -> Row | None:
        """The row as it should be; None where nothing of this applies to it. `make` turns what was given into the value of the
        field at a path; RejectError `misfit` names a path that does not fit."""
        if self.record is not None:
            mended: Row = make("", self.record)
            return mended
        mended, applies = row, self.rekey
        for path, new in self._edits(row, findings):
            mended, applies = _with(mended, _steps(path), make(path, new), path), True
        return mended if applies else None

    def _edits(self, row: Row, findings: Iterable[Finding]) -> Iterable[tuple[str, Any]]:
        if self.accept_proposals:
            # Of several proposals for a field the last is what the rules make of it in the end.
            yield from {one.field: one.after for one in findings if one.field and one.after}.items()
        for path, table in self.map.items():
            old = _at(row, _steps(path))
            text = "" if old is None else text_of(old)
            if text in table:
                yield path, table[text]
        yield from self.set.items()


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
        parsed = Avro(schema).schema
        self._named: Mapping[str, Any] = parsed["__named_schemas"]
        self._row = next(part["type"][1] for part in parsed["fields"] if part["name"] == "row")

    def mend(self, mending: Mending, value: bytes, findings: Iterable[Finding]) -> Mended | None:
        event = self._codec.decode(value)
        if event.row is None:
            return Mended(event, event, value) if mending.rekey else None
        row = mending.row(dict(event.row), findings, self._make)
        if row is None:
            return None
        after = event._replace(row=row)
        return Mended(event, after, self._codec.encode(after))

    def _make(self, path: str, value: Any) -> Any:
        kind = self._row
        for step in _steps(path):
            kind = self._inner(kind, step, path)
        return typed(kind, value, self._named, path)

    def _inner(self, kind: Any, step: str | int, path: str) -> Any:
        """The schema of a field of a record, or of an item of an array; of the one branch of a union that has such."""
        for branch in kind if isinstance(kind, list) else [kind]:
            known = self._named.get(branch, branch) if isinstance(branch, str) else branch
            if not isinstance(known, dict):
                continue
            if isinstance(step, int) and "items" in known:
                return known["items"]
            for part in known.get("fields", ()):
                if part["name"] == step:
                    return part["type"]
        raise misfit(path)


def changed_fields(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    """The fields whose value a repair changed, with both values."""
    old, new = before or {}, after or {}
    return {name: (old.get(name), new.get(name)) for name in {**old, **new} if _plain(old.get(name)) != _plain(new.get(name))}


def _plain(value: Any) -> str:
    return json.dumps(value, default=text_of, sort_keys=True)


def _steps(path: str) -> list[str | int]:
    """`items[2].name` in steps; RejectError `misfit` for what is no path."""
    if not path:
        return []
    if not _PATH.fullmatch(path):
        raise misfit(path)
    return [int(index) if index else name for name, index in _STEP.findall(path)]


def _at(row: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            row = row[step] if isinstance(row, list) and step < len(row) else None
        else:
            row = row.get(step) if isinstance(row, Mapping) else None
    return row


def _with(value: Any, steps: list[str | int], new: Any, path: str) -> Any:
    """A copy in which what the steps lead to is another."""
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(value, list) or step >= len(value):
            raise misfit(path)
        return [*value[:step], _with(value[step], rest, new, path), *value[step + 1:]]
    if not isinstance(value, Mapping):
        raise misfit(path)
    return {**value, step: _with(value.get(step), rest, new, path)}
