"""A dataset's row from version to version: what changed, in words, and rows of an older version read as the newest has them.

Pure. A row stays in slices: where both versions agree byte for byte the slice goes over as it is.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from schemas.codec import EventScanner
from schemas.codec.composed import compile_end
from schemas.codec.fields import Field
from schemas.compatibility import Incompatibility, misfits, written_as
from schemas.text import Text
from schemas.transcode import alike, blank_bytes, default_bytes, transcoder
from schemas.tree import MISSING, Kind, Part, in_words, tree

__all__ = ["Change", "ChangeKind", "check_evolving", "compile_resolution", "current_names", "row_changes", "row_misfits"]

Pieces = tuple[bytes, ...]
ChangeKind = Literal["added", "removed", "renamed", "promoted", "retyped", "symbols", "default", "described", "reordered"]

class Change(NamedTuple):
    """One difference between two versions of a row. `old` and `new` are types or names in words; `why` says what makes it
    incompatible, and is None where it is not."""

    path: str
    kind: ChangeKind
    old: Text
    new: Text
    why: Text | None = None


# ---- rows of an older version

def compile_resolution(reader: str, writer: str) -> Callable[[Pieces], tuple[Pieces, bool]]:
    """How the slices of a row written under event schema `writer` become those of `reader`: the row, and whether all of it is.

    A field that cannot be carried over (bytes that are to be a text and are none; what is nested too deep with what has come in)
    stands blank in the row: null, an empty text, nothing. The scanner of `reader` takes each slice as it is.
    """
    mine, theirs = _row(tree(reader)), _row(tree(writer))
    scanner = EventScanner(reader, 0)
    moves = [_move(part, theirs, scanner.field(number)) for number, part in enumerate(mine.parts)]
    if [source for source, _, _ in moves] == list(range(len(theirs.parts))) and not any(step for _, step, _ in moves):
        return lambda row: (row, True)

    def resolve(row: Pieces) -> tuple[Pieces, bool]:
        made, whole = [], True
        for source, step, given in moves:
            piece = given if source < 0 else row[source]
            if step is not None:
                try:
                    piece = step(piece)
                except (ValueError, LookupError, RecursionError):
                    piece, whole = given, False
            made.append(piece)
        return tuple(made), whole

    return resolve


def _move(part: Part, writer: Kind, field: Field) -> tuple[int, Callable[[bytes], bytes] | None, bytes]:
    """Where a field comes from: (the place of its slice or -1, what is done to it, its default, or what stands for no value)."""
    source = written_as(part, writer)
    if source is None:
        return -1, None, default_bytes(part.kind, None if part.default is MISSING else part.default)
    place = writer.parts.index(source)
    if alike(part.kind, source.kind):
        return place, None, b""
    step, end = transcoder(part.kind, source.kind), compile_end(field.avro.schema)

    def whole(piece: bytes) -> bytes:
        out: list[bytes] = []
        if step(piece, 0, out) != len(piece):
            raise ValueError
        made = b"".join(out)
        if end(made, 0) != len(made):
            raise ValueError
        return made

    return place, whole, blank_bytes(part.kind)


def _row(event: Kind) -> Kind:
    """The record of the rows inside an event schema."""
    row = next(part.kind for part in event.parts if part.name == "row")
    return next(branch for branch in row.branches if branch.kind == "record")


# ---- names

@lru_cache(4096)
def current_names(row_schema: str) -> Mapping[str, str]:
    """Every name a field of this row goes by, its own and its aliases, with its own."""
    parts = tree(row_schema).parts
    known = {part.name: part.name for part in parts}
    return {alias: part.name for part in parts for alias in part.aliases} | known


def check_evolving(row_schema: str) -> list[Text]:
    """What is wrong with the parts of a row schema that only other versions need: aliases and defaults, at any depth."""
    return list(dict.fromkeys(_check(tree(row_schema), "", frozenset())))


def _check(kind: Kind, path: str, above: frozenset[int]) -> Iterator[Text]:
    if id(kind) in above:
        return
    within = above | {id(kind)}
    for inner, step in ((kind.inner, "{}" if kind.kind == "map" else "[]"), *((branch, "") for branch in kind.branches)):
        if inner is not None:
            yield from _check(inner, path + step, within)
    owners: dict[str, str] = {part.name: part.name for part in kind.parts}
    for part in kind.parts:
        where = f"{path}.{part.name}".lstrip(".")
        for alias in part.aliases:
            other = owners.setdefault(alias, part.name)
            if other != part.name:
                yield Text(f"字段 {where} 的别名 {alias} 已用于字段 {other}：旧数据会被读进两个字段",
                           f"alias {alias} of field {where} already stands for field {other}: older data would be read into both")
        if part.default is not MISSING:
            try:
                default_bytes(part.kind, part.default)
            except ValueError:
                kind_words = in_words(part.kind)
                yield Text(f"字段 {where} 的默认值不是{kind_words.zh}", f"the default of field {where} is no {kind_words.en}")
        yield from _check(part.kind, where, within)


# ---- differences

def row_misfits(new: str, old: str) -> list[Incompatibility]:
    """All that keeps a dataset with the one row schema from reading rows of the other; what the row itself is called is no matter."""
    return misfits(*_same_row(new, old))


def row_changes(new: str, old: str) -> list[Change]:
    """Every difference between two row schemas, by field path; incompatible ones say why."""
    mine, theirs = _same_row(new, old)
    wrong: dict[str, list[Incompatibility]] = {}
    for one in misfits(mine, theirs):
        wrong.setdefault(one.path, []).append(one)
    comparison = _Differences({path: _together(found) for path, found in wrong.items()})
    changes = [one._replace(path=one.path.lstrip(".")) for one in comparison.of_types(mine, theirs, "", frozenset())]
    told = {one.path for one in changes if one.why is not None}
    # What is wrong inside one of several types a field may have has no line of its own yet.
    return changes + [Change(path, "retyped", found[0].old, found[0].new, _together(found))
                      for path, found in wrong.items() if path not in told]


def _same_row(new: str, old: str) -> tuple[Kind, Kind]:
    mine, theirs = tree(new), tree(old)
    mine.name = theirs.name
    return mine, theirs


def _together(found: list[Incompatibility]) -> Text:
    return Text("；".join(one.why.zh for one in found), "; ".join(one.why.en for one in found))


class _Differences:
    """One walk over two versions. `wrong` says by path why the newer cannot read the older."""

    def __init__(self, wrong: Mapping[str, Text]) -> None:
        self._wrong = wrong

    def of_types(self, new: Kind, old: Kind, path: str, above: frozenset[tuple[int, int]]) -> Iterator[Change]:
        """The differences of two types at a path; those inside them at theirs."""
        if (id(new), id(old)) in above:
            return
        within = above | {(id(new), id(old))}
        mine, theirs, why = _only(new), _only(old), self._wrong.get(path.lstrip("."))
        if why is not None:
            yield Change(path, "retyped", in_words(old), in_words(new), why)
        elif _outline(new) != _outline(old):
            yield Change(path, "promoted", in_words(old), in_words(new))
        elif mine.symbols != theirs.symbols:
            yield Change(path, "symbols", _symbols(theirs), _symbols(mine))
        if mine.kind == theirs.kind == "record":
            yield from self._of_fields(mine, theirs, path, within)
        elif mine.inner is not None and theirs.inner is not None and mine.kind == theirs.kind:
            yield from self.of_types(mine.inner, theirs.inner, path + ("{}" if mine.kind == "map" else "[]"), within)

    def _of_fields(self, new: Kind, old: Kind, path: str, above: frozenset[tuple[int, int]]) -> Iterator[Change]:
        met: list[Part] = []
        for part in new.parts:
            where, source = f"{path}.{part.name}", written_as(part, old)
            if source is None:
                yield Change(where, "added", _NOTHING, in_words(part.kind), self._wrong.get(where.lstrip(".")))
                continue
            met.append(source)
            if source.name != part.name:
                yield Change(where, "renamed", Text(source.name, source.name), Text(part.name, part.name))
            yield from self.of_types(part.kind, source.kind, where, above)
            yield from _of_words(part, source, where)
        for part in old.parts:
            if part not in met:
                yield Change(f"{path}.{part.name}", "removed", in_words(part.kind), _NOTHING)
        places = [old.parts.index(part) for part in met]
        if places != sorted(places):
            yield Change(path, "reordered", _names(sorted(met, key=old.parts.index)), _names(met))


_NOTHING = Text("", "")


def _of_words(new: Part, old: Part, where: str) -> Iterator[Change]:
    """What a field says besides its type."""
    if (new.default is MISSING) != (old.default is MISSING) or new.default != old.default:
        yield Change(where, "default", _default(old), _default(new))
    keys = sorted(key for key in {*new.props, *old.props} if new.props.get(key) != old.props.get(key))
    if keys:
        yield Change(where, "described", _NOTHING, Text("、".join(keys), ", ".join(keys)))


def _only(kind: Kind) -> Kind:
    """The type itself where it is one type or null."""
    told = [branch for branch in kind.branches if branch.kind != "null"]
    return told[0] if kind.kind == "union" and len(told) == 1 else kind


def _outline(kind: Kind) -> tuple[object, ...]:
    """What a type says of itself, its insides and its symbols left out."""
    if kind.kind == "union":
        return tuple(sorted(str(_outline(branch)) for branch in kind.branches))
    return kind.kind, kind.short, kind.logical, kind.precision, kind.scale, kind.size


def _symbols(kind: Kind) -> Text:
    text = in_words(kind)
    return Text(f"{text.zh}（{'、'.join(kind.symbols)}）", f"{text.en} ({', '.join(kind.symbols)})")


def _names(parts: list[Part]) -> Text:
    names = [part.name for part in parts]
    return Text("、".join(names), ", ".join(names))


def _default(part: Part) -> Text:
    """A default is part of the schema, nobody's data."""
    if part.default is MISSING:
        return Text("没有默认值", "no default")
    shown = json.dumps(part.default, ensure_ascii=False)
    return Text(f"默认值 {shown}", f"default {shown}")
