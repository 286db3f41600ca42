"""Rules across values: of the fields of one record, or of the items of one array. They run on what the fixes left."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from schemas.codec.fields import Field
from schemas.letter import Finding
from schemas.rules.book import Use
from schemas.rules.path import Places, Steps, compile_places, leaf, turns_of
from schemas.rules.rule import Check
from schemas.rules.verdict import ALWAYS, Verdict

__all__ = ["Across", "asked", "latest"]

Reader = Callable[[bytes], str | None]

_NONE: Final[frozenset[str]] = frozenset()


class _Read(NamedTuple):
    """A path that a rule reads: its field of the row, where its values lie in that, how they read, and how many turns it takes."""

    top: str
    places: Places
    text: Callable[[bytes], str | None]
    turns: int


class Across:
    """One rule across values at its place in a row."""

    def __init__(self, steps: Steps, use: Use, index: Mapping[str, int], fields: Sequence[Field]) -> None:
        self._use = use
        by_name = {field.name: field for field in fields}
        self._own, *self._others = (_read(by_name, path) for path in (steps, *use.others))
        tops = dict.fromkeys((steps[0], *(other[0] for other in use.others)))
        #: The fields of the row it reads, by name and number.
        self.tops = {name: index[name] for name in tops}
        self._fields = fields
        #: Of a rule on two fields of the row itself: the number of its own, and that of the other; else nothing.
        self.pair: tuple[int, ...] = ()
        if len(use.others) == 1 and all(len(path) == 1 for path in (steps, *use.others)):
            self.pair = index[steps[0]], index[use.others[0][0]]

    def told(self, row: Sequence[bytes], arrived: int, rejected: Collection[str]) -> list[Finding]:
        """What is said of a row with its fixes; nothing where a part was rejected."""
        return [Finding(where, word.reason, word.severity, text, word.value or "")
                for where, text, verdict in self.verdicts(self._pieces(row), rejected)
                if (word := verdict.at(arrived)).severity]

    def verdicts(self, pieces: Mapping[str, bytes], rejected: Collection[str] = _NONE) -> Iterator[tuple[str, str, Verdict]]:
        """(concrete path, text, word) for each value this is written for, in slices by field; none where a part is null or rejected."""
        others = [{place.turns: place for place in other.places(pieces[other.top])} for other in self._others]
        for place in self._own.places(pieces[self._own.top]):
            parts = [place, *(found.get(place.turns[:other.turns]) for other, found in zip(self._others, others, strict=True))]
            texts = [text for read, part in zip((self._own, *self._others), parts, strict=True)
                     if part is not None and part.where not in rejected
                     and (text := read.text(pieces[read.top][part.start:part.end])) is not None]
            if len(texts) == len(parts):
                yield place.where, texts[0], self._use.check(*texts)

    def latest(self, row: Sequence[bytes]) -> int:
        """The arrival (ms) from which on there is nothing to say of a row whose fields need no word."""
        return latest(self.verdicts(self._pieces(row)))

    def compared(self) -> tuple[int, Reader, Check]:
        """For a rule on a pair: the number of its own field, how that reads, and the word on both."""
        return self.pair[0], self._fields[self.pair[0]].reader(), self._use.check

    def _pieces(self, row: Sequence[bytes]) -> dict[str, bytes]:
        return {name: row[number] for name, number in self.tops.items()}


def _read(fields: Mapping[str, Field], steps: Steps) -> _Read:
    field = leaf(fields, steps)
    assert field is not None  # unfit_rules has seen to it
    return _Read(steps[0], compile_places(fields[steps[0]], steps), field.text, turns_of(steps))


def asked(rules: Sequence[Across], fields: Sequence[Field]) -> list[Callable[[Sequence[bytes]], int]]:
    """`Across.latest` of all of them, which is asked of every row: those that read one field besides their own read it once."""
    pairs: dict[int, list[tuple[int, Reader, Check]]] = {}
    for rule in rules:
        if rule.pair:
            pairs.setdefault(rule.pair[1], []).append(rule.compared())
    return [*(_with_one(other, fields[other].reader(), own) for other, own in pairs.items()),
            *(rule.latest for rule in rules if not rule.pair)]


def _with_one(other: int, read: Reader, own: Sequence[tuple[int, Reader, Check]]) -> Callable[[Sequence[bytes]], int]:
    def at(row: Sequence[bytes]) -> int:
        beside, until = read(row[other]), ALWAYS
        if beside is None:
            return until
        for number, reader, check in own:
            text = reader(row[number])
            if text is not None:
                until = max(until, check(text, beside).quiet_from)
        return until

    return at


def latest(verdicts: Iterable[tuple[str, str, Verdict]]) -> int:
    """The arrival from which on none of these says anything."""
    return max((verdict.quiet_from for _, _, verdict in verdicts), default=ALWAYS)
