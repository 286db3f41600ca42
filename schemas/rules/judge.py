"""The rules of one dataset, compiled for rows in slices: every finding of a row at once, and the row with its fixes.

Most values are right and many repeat, so each field remembers from which arrival on a slice needs no word; only a row with
a slice that does, or whose values contradict each other, is judged value by value. The judgement depends on row and arrival
alone.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.codec import EventScanner
from schemas.control import Dataset
from schemas.errors import HaltError
from schemas.letter import Finding
from schemas.rules.across import Across, asked
from schemas.rules.book import unfit_rules, use_of
from schemas.rules.path import leaf, steps_of
from schemas.rules.quiet import Deep, FieldRules, Flat, Ruled, words
from schemas.text import Text

__all__ = ["Judge", "Judgement", "canonical", "compile_rules"]

Pieces = tuple[bytes, ...]

#: When every date has come.
_AT_LAST: Final = 1 << 62

#: A named tuple's own constructor costs more than the eight look-ups of a resident.
_new = tuple.__new__


class Judgement(NamedTuple):
    """What the rules make of a row: the row with its fixes (as it came, where it is rejected), and every finding."""

    row: Pieces
    fixed: bool
    rejected: bool
    findings: tuple[Finding, ...]


class Judge:
    """The rules of one dataset at work on rows of its scanner.

    Findings come field by field of the row, in the order in which the dataset first names them; then those across values.
    """

    def __init__(self, dataset: Dataset, scanner: EventScanner) -> None:
        fields = {name: scanner.field(number) for name, number in scanner.index.items()}
        every = [scanner.field(number) for number in range(len(scanner.fields))]
        ruled: dict[str, list[Ruled]] = {}
        self._across: list[Across] = []
        for path, written in dataset.rules.items():
            steps, uses = steps_of(path), [use_of(one) for one in written]
            self._across += [Across(steps, use, scanner.index, every) for use in uses if use.rule.across]
            own = tuple(use for use in uses if not use.rule.across)
            field = leaf(fields, steps)
            assert field is not None  # unfit_rules has seen to it
            ruled.setdefault(steps[0], []).append(Ruled(steps, field, own, steps[0] in dataset.key))
        within = {name: [across for across in self._across if [*across.tops] == [name]] for name in ruled}
        self._fields: list[tuple[int, FieldRules]] = [
            (scanner.index[name], Flat(each[0]) if len(each) == 1 and len(each[0].steps) == 1 and not within[name]
             else Deep(fields[name], each, within[name]))
            for name, each in ruled.items() if within[name] or any(one.uses for one in each)]
        #: Those that no single field's slices tell of.
        self._apart = asked([across for across in self._across if not any(across in each for each in within.values())], every)
        self.judge: Callable[[Pieces, int], Judgement] = self._with_across if self._apart else self._by_field
        """The judgement of a row that arrived then (ms)."""

    def _by_field(self, row: Pieces, arrived_ms: int) -> Judgement:
        for number, quiet in self._fields:
            if quiet[row[number]] > arrived_ms:
                return self._told(row, arrived_ms)
        return _new(Judgement, (row, False, False, ()))

    def _with_across(self, row: Pieces, arrived_ms: int) -> Judgement:
        for number, quiet in self._fields:
            if quiet[row[number]] > arrived_ms:
                return self._told(row, arrived_ms)
        for latest in self._apart:
            if latest(row) > arrived_ms:
                return self._told(row, arrived_ms)
        return _new(Judgement, (row, False, False, ()))

    def _told(self, row: Pieces, arrived: int) -> Judgement:
        """Value by value, then across values."""
        pieces = list(row)
        findings: list[Finding] = []
        for number, quiet in self._fields:
            if quiet[row[number]] > arrived:
                said, pieces[number] = quiet.told(row[number], arrived)
                findings += said
        if self._across:
            rejected = frozenset(one.field for one in findings if one.severity == "reject")
            findings += [one for across in self._across for one in across.told(pieces, arrived, rejected)]
        if any(one.severity == "reject" for one in findings):
            return Judgement(row, False, True, tuple(findings))
        return Judgement(tuple(pieces), any(one.severity == "fix" for one in findings), False, tuple(findings))


def compile_rules(dataset: Dataset, scanner: EventScanner) -> Judge:
    """The judge of a dataset; a HaltError where `check_rules` has something to say."""
    problems = unfit_rules(dataset, {name: scanner.field(number) for name, number in scanner.index.items()})
    if problems:
        raise HaltError(Text(f"{dataset.id} 的规则无法使用: {problems[0].zh}",
                             f"the rules of {dataset.id} cannot be used: {problems[0].en}"),
                        advice=Text("用本版本的 shutong apply 重新登记该数据资源", "register it again with shutong apply of this release"))
    return Judge(dataset, scanner)


def canonical(dataset: Dataset) -> Callable[[str, str], str]:
    """How the rules want a field written, asked before sending: `(field, text) -> text`; what none can mend stays."""
    uses = {name: [use for use in map(use_of, written) if not use.rule.across] for name, written in dataset.rules.items()}

    def mended(field: str, text: str) -> str:
        said, value = words(field, uses.get(field, ()), text, _AT_LAST, _is_text)
        return text if value is None or any(one.severity == "reject" for one in said) else value

    return mended


def _is_text(value: str | None) -> bool:
    return value is not None
