"""Rules across values: of the fields of one record, or of the items of one array. They run on what the fixes left."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.codec.fields import Field, text_of
from schemas.letter import Finding
from schemas.rules.book import Use
from schemas.rules.path import Steps, spot_of, spots
from schemas.rules.verdict import ALWAYS, KEEP, Verdict

__all__ = ["Across", "latest"]

#: Later than any arrival.
_NEVER: Final = 1 << 62
_NONE: Final[frozenset[str]] = frozenset()


class Across:
    """One rule across values at its place in a row."""

    def __init__(self, steps: Steps, use: Use, index: Mapping[str, int], fields: Sequence[Field]) -> None:
        self._steps, self._use = steps, use
        tops = dict.fromkeys((steps[0], *(other[0] for other in use.others)))
        #: The fields of the row it reads, by name and number.
        self.tops = {name: index[name] for name in tops}
        self._fields = fields
        #: For a rule on fields of the row itself: where their slices are and how they read.
        self._flat: list[tuple[int, Callable[[bytes], str | None]]] | None = None
        if all(len(path) == 1 for path in (steps, *use.others)):
            numbers = [index[path[0]] for path in (steps, *use.others)]
            self._flat = [(number, fields[number].text) for number in numbers]

    def latest(self, row: Sequence[bytes]) -> int:
        """The arrival (ms) from which on there is nothing to say of a row whose fields need no word."""
        if self._flat is None:
            return latest(self.verdicts(self._read(row)))
        texts = [read(row[number]) for number, read in self._flat]
        if None in texts:
            return ALWAYS
        verdict = self._use.check(*texts)
        return ALWAYS if verdict is KEEP else latest([("", "", verdict)])

    def told(self, row: Sequence[bytes], arrived: int, rejected: Collection[str]) -> list[Finding]:
        """What is said of a row with its fixes; nothing where a part was rejected."""
        return [Finding(where, word.reason, word.severity, text, word.value or "")
                for where, text, verdict in self.verdicts(self._read(row), rejected)
                if (word := verdict.at(arrived)).severity]

    def verdicts(self, values: Mapping[str, Any], rejected: Collection[str] = _NONE) -> Iterator[tuple[str, str, Verdict]]:
        """(concrete path, text, word) for each value this is written for; none where a part is null or rejected."""
        for spot in spots(values, self._steps):
            parts = (spot, *(spot_of(values, other, spot.turns) for other in self._use.others))
            texts = [text_of(value) for part in parts
                     if part is not None and part.where not in rejected and (value := part.holder[part.key]) is not None]
            if len(texts) == len(parts):
                yield spot.where, texts[0], self._use.check(*texts)

    def _read(self, row: Sequence[bytes]) -> dict[str, Any]:
        return {name: self._fields[number].decode(row[number]) for name, number in self.tops.items()}


def latest(verdicts: Iterable[tuple[str, str, Verdict]]) -> int:
    """The arrival from which on none of these says anything."""
    at = ALWAYS
    for _, _, verdict in verdicts:
        if verdict.severity:
            return _NEVER
        at = max(at, verdict.since)
    return at
