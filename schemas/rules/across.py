"""Rules across values: of the fields of one record, or of the items of one array. They run on what the fixes left."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from schemas.codec.fields import Field
from schemas.letter import Finding
from schemas.rules.book import Use
from schemas.rules.path import Places, Steps, compile_places, leaf, turns_of
from schemas.rules.verdict import ALWAYS, KEEP, Verdict

__all__ = ["Across", "latest"]

#: Later than any arrival.
_NEVER: Final = 1 << 62
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
        #: For a rule on fields of the row itself: where their slices are and how they read.
        self._flat: list[tuple[int, Callable[[bytes], str | None]]] | None = None
        if all(len(path) == 1 for path in (steps, *use.others)):
            numbers = [index[path[0]] for path in (steps, *use.others)]
            self._flat = [(number, fields[number].text) for number in numbers]

    def latest(self, row: Sequence[bytes]) -> int:
        """The arrival (ms) from which on there is nothing to say of a row whose fields need no word."""
        if self._flat is None:
            return latest(self.verdicts(self._pieces(row)))
        texts = [read(row[number]) for number, read in self._flat]
        if None in texts:
            return ALWAYS
        verdict = self._use.check(*texts)
        return ALWAYS if verdict is KEEP else latest([("", "", verdict)])

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

    def _pieces(self, row: Sequence[bytes]) -> dict[str, bytes]:
        return {name: row[number] for name, number in self.tops.items()}


def _read(fields: Mapping[str, Field], steps: Steps) -> _Read:
    field = leaf(fields, steps)
    assert field is not None  # unfit_rules has seen to it
    return _Read(steps[0], compile_places(fields[steps[0]], steps), field.text, turns_of(steps))


def latest(verdicts: Iterable[tuple[str, str, Verdict]]) -> int:
    """The arrival from which on none of these says anything."""
    at = ALWAYS
    for _, _, verdict in verdicts:
        if verdict.severity:
            return _NEVER
        at = max(at, verdict.since)
    return at
