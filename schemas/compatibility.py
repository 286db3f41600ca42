"""Whether one schema can read what another wrote: everything that stands in the way at once, by field path and in words.

The verdict is that of Apache Avro, and a rule of our own on top: Avro passes any change of a logical type, which would
leave the bytes as they are and change what they say. Pure; a test holds it to Avro's own checker.
"""

from typing import NamedTuple

from schemas.text import Text
from schemas.tree import MISSING, Kind, Part, in_words, tree

__all__ = ["PROMOTED", "Incompatibility", "incompatibilities", "misfits", "written_as"]

#: What else a reader of this kind reads than its own.
PROMOTED = {"long": {"int"}, "float": {"int", "long"}, "double": {"int", "long", "float"}, "bytes": {"string"}, "string": {"bytes"}}


class Incompatibility(NamedTuple):
    """One reason why data cannot be read.

    `path` leads to the field (`holder.items[].amount`; `{}` for the values of a map; empty for the schema itself). `code` is
    one of `type`, `branch`, `default`, `name`, `size`, `symbols`, `logical`. `old` is the type the data has, `new` the
    reader's; `old` is empty where the data has no such field.
    """

    path: str
    code: str
    old: Text
    new: Text
    why: Text

    @property
    def problem(self) -> Text:
        """The whole sentence."""
        where = Text(f"字段 {self.path}：", f"field {self.path}: ") if self.path else Text("", "")
        return Text(where.zh + self.why.zh, where.en + self.why.en)


def incompatibilities(reader: str, writer: str) -> list[Incompatibility]:
    """All that keeps `reader` from reading what was written with `writer`, both the text of a schema; [] where it can.

    RejectError `schema_invalid` where one of them is no schema.
    """
    return misfits(tree(reader), tree(writer))


def misfits(reader: Kind, writer: Kind) -> list[Incompatibility]:
    """The same for trees."""
    return [one._replace(path=one.path.lstrip(".")) for one in _Comparison().between(reader, writer)]


def written_as(part: Part, writer: Kind) -> Part | None:
    """The field of a writer's record that a reader's field is read from: by its name, else by its first alias that is there."""
    having = {each.name: each for each in writer.parts}
    return next((having[name] for name in (part.name, *part.aliases) if name in having), None)


class _Comparison:
    """One comparison; what was said of a pair of types is kept, so a type may contain itself."""

    def __init__(self) -> None:
        self._said: dict[tuple[int, int], list[Incompatibility]] = {}

    def between(self, reader: Kind, writer: Kind) -> list[Incompatibility]:
        """What is wrong with the pair, by path from here on (`.name`, `[]`, `{}`)."""
        pair = id(reader), id(writer)
        if pair not in self._said:
            self._said[pair] = []  # while it is being looked at: what it contains is judged as if it fitted
            self._said[pair] = self._compare(reader, writer)
        return self._said[pair]

    def _compare(self, reader: Kind, writer: Kind) -> list[Incompatibility]:
        if writer.kind == "union":
            return list(dict.fromkeys(one for branch in writer.branches for one in self._branch(reader, branch, writer)))
        if reader.kind == "union":
            return self._branch(reader, writer, writer)
        if reader.kind != writer.kind and writer.kind not in PROMOTED.get(reader.kind, ()):
            return [_type(reader, writer)]
        meaning = _meaning(reader, writer)
        match reader.kind if reader.kind == writer.kind else "promoted":
            case "array":
                return _below("[]", self._inner(reader, writer))
            case "map":
                return _below("{}", self._inner(reader, writer))
            case "record":
                return [*_name(reader, writer), *self._record(reader, writer)]
            case "enum":
                return [*_name(reader, writer), *_symbols(reader, writer)]
            case "fixed":
                return [*_name(reader, writer), *_size(reader, writer), *meaning]
            case _:
                return meaning

    def _inner(self, reader: Kind, writer: Kind) -> list[Incompatibility]:
        assert reader.inner is not None  # arrays and maps have it
        assert writer.inner is not None
        return self.between(reader.inner, writer.inner)

    def _branch(self, reader: Kind, branch: Kind, whole: Kind) -> list[Incompatibility]:
        """One kind of value the writer may have written, `whole` being all of them."""
        if reader.kind != "union":
            found = self.between(reader, branch)
            missing = any(one.code == "type" and not one.path for one in found)
            return [_no_branch(reader, branch, whole)] if missing and whole.kind == "union" else found
        tried = [(each, self.between(each, branch)) for each in reader.branches]
        if any(not found for _, found in tried):
            return []
        # The branch that was meant tells more than that none fits.
        meant = [found for _, found in tried if not any(not one.path and one.code in ("type", "name") for one in found)]
        return meant[0] if meant else [_no_branch(reader, branch, whole)]

    def _record(self, reader: Kind, writer: Kind) -> list[Incompatibility]:
        said: list[Incompatibility] = []
        for part in reader.parts:
            source = written_as(part, writer)
            if source is not None:
                said += _below(f".{part.name}", self.between(part.kind, source.kind))
            elif part.default is MISSING:
                said.append(_no_default(part))
        return said


def _below(step: str, found: list[Incompatibility]) -> list[Incompatibility]:
    return [one._replace(path=step + one.path) for one in found]


def _same_name(reader: Kind, writer: Kind) -> bool:
    return reader.short == writer.short or writer.name in reader.aliases


def _type(reader: Kind, writer: Kind) -> Incompatibility:
    old, new = in_words(writer), in_words(reader)
    return Incompatibility("", "type", old, new, Text(f"{old.zh} 不能读作 {new.zh}", f"{old.en} cannot be read as {new.en}"))


def _no_branch(reader: Kind, branch: Kind, whole: Kind) -> Incompatibility:
    old, new, lacking = in_words(whole), in_words(reader), in_words(branch)
    return Incompatibility("", "branch", old, new, Text(f"数据可能是{lacking.zh}，而 {new.zh} 容不下它",
                                                        f"the data may be {lacking.en}, for which {new.en} has no place"))


def _no_default(part: Part) -> Incompatibility:
    new = in_words(part.kind)
    return Incompatibility(f".{part.name}", "default", Text("", ""), new,
                           Text(f"数据中没有这个{new.zh}字段，它也没有默认值；请加上 default，改名则把原名写入 aliases",
                                f"the data has no such field ({new.en}) and it has no default: give it one, or its old name in `aliases`"))


def _name(reader: Kind, writer: Kind) -> list[Incompatibility]:
    if _same_name(reader, writer):
        return []
    return [Incompatibility("", "name", in_words(writer), in_words(reader),
                            Text(f"类型 {writer.name} 改名为 {reader.name}，而 aliases 中没有原名",
                                 f"the type {writer.name} is called {reader.name}, without the old name in `aliases`"))]


def _size(reader: Kind, writer: Kind) -> list[Incompatibility]:
    if reader.size == writer.size:
        return []
    why = Text(f"长度由 {writer.size} 字节改为 {reader.size} 字节", f"its size changes from {writer.size} to {reader.size} bytes")
    return [Incompatibility("", "size", in_words(writer), in_words(reader), why)]


def _symbols(reader: Kind, writer: Kind) -> list[Incompatibility]:
    gone = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
    if not gone or reader.fallback in reader.symbols:
        return []
    why = Text(f"枚举中没有 {'、'.join(gone)}，也没有 default 符号代替",
               f"the enum lacks {', '.join(gone)} and has no default symbol for them")
    return [Incompatibility("", "symbols", in_words(writer), in_words(reader), why)]


def _meaning(reader: Kind, writer: Kind) -> list[Incompatibility]:
    """What Avro does not look at: the same bytes would say something else."""
    old, new = in_words(writer), in_words(reader)
    if (reader.logical, reader.scale) != (writer.logical, writer.scale):
        why = Text(f"由{old.zh}改为{new.zh}：字节不变，含义变了", f"from {old.en} to {new.en}: the same bytes would mean something else")
    elif reader.precision < writer.precision:
        why = Text(f"总位数由 {writer.precision} 减为 {reader.precision}，容不下原有的数",
                   f"its digits shrink from {writer.precision} to {reader.precision}: older numbers have no room")
    else:
        return []
    return [Incompatibility("", "logical", old, new, why)]
