"""The rules of one dataset, compiled for rows in slices: every finding of a row at once, and the row with its fixes.

Most values are right and many repeat, so each field remembers from which arrival on a slice needs no word; only a row with
a slice that does is judged value by value. The judgement depends on row and arrival alone.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from schemas.codec import EventScanner
from schemas.codec.fields import Field
from schemas.control import Dataset
from schemas.errors import HaltError
from schemas.letter import Finding
from schemas.rules.book import Use, unfit_rules, use_of
from schemas.rules.verdict import ALWAYS, KEEP
from schemas.text import Text

__all__ = ["Judge", "Judgement", "canonical", "compile_rules"]

Pieces = tuple[bytes, ...]

#: Later than any arrival.
_NEVER: Final = 1 << 62
#: Slices remembered per field before they are forgotten and begun anew, and the longest one remembered.
_REMEMBERED: Final = 4096
_LONGEST: Final = 64

#: A named tuple's own constructor costs more than the eight look-ups of a resident.
_new = tuple.__new__


class Judgement(NamedTuple):
    """What the rules make of a row: the row with its fixes (as it came, where it is rejected), and every finding."""

    row: Pieces
    fixed: bool
    rejected: bool
    findings: tuple[Finding, ...]


class _Quiet(dict[bytes, int]):
    """By slice of one field: the arrival (ms) from which on no rule has a word on it."""

    def __init__(self, field: Field, uses: Sequence[Use]) -> None:
        self.read = _reader(field)
        self.uses = uses
        self._checks = [use.check for use in uses]
        self._on_null = _NEVER if any(use.rule.on_null.severity for use in uses) else ALWAYS

    def __missing__(self, piece: bytes) -> int:
        text = self.read(piece)
        if text is None:
            return self._on_null
        latest = ALWAYS
        for check in self._checks:
            verdict = check(text)
            if verdict is not KEEP:
                if verdict[0]:
                    latest = _NEVER
                    break
                latest = max(latest, verdict.since)
        if len(piece) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[piece] = latest
        return latest


class Judge:
    """The rules of one dataset at work on rows of its scanner."""

    def __init__(self, dataset: Dataset, scanner: EventScanner) -> None:
        self._fields: list[tuple[int, _Quiet]] = []
        self._scanner = scanner
        self._keys = frozenset(scanner.index[name] for name in dataset.key)
        for name, written in dataset.rules.items():
            number = scanner.index[name]
            uses = tuple(use_of(one) for one in written)
            if uses:
                self._fields.append((number, _Quiet(scanner.field(number), uses)))

    def judge(self, row: Pieces, arrived_ms: int) -> Judgement:
        """The judgement of a row that arrived then."""
        for number, quiet in self._fields:
            if quiet[row[number]] > arrived_ms:
                return self._told(row, arrived_ms)
        return _new(Judgement, (row, False, False, ()))

    def _told(self, row: Pieces, arrived: int) -> Judgement:
        """Value by value: rules in order, each on what the one before made of it, none after a reject."""
        pieces = list(row)
        findings: list[Finding] = []
        for number, quiet in self._fields:
            if quiet[row[number]] > arrived:
                given = quiet.read(row[number])
                name = self._scanner.fields[number]
                said, value = _words(name, quiet.uses, given, arrived)
                if number in self._keys:
                    said = [_kept(one) for one in said]
                elif value is not None and value != given:
                    pieces[number] = self._scanner.encode_field(number, value)
                findings += said
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
    uses = {name: [use_of(one) for one in written] for name, written in dataset.rules.items()}

    def mended(field: str, text: str) -> str:
        said, value = _words(field, uses.get(field, ()), text, _NEVER)
        return text if value is None or any(one.severity == "reject" for one in said) else value

    return mended


def _words(name: str, uses: Sequence[Use], value: str | None, arrived: int) -> tuple[list[Finding], str | None]:
    """What the rules of a field say of a value, and what they make of it."""
    said = []
    for use in uses:
        verdict = use.on(value, arrived)
        if not verdict.severity:
            continue
        said.append(Finding(name, verdict.reason, verdict.severity, value or "", verdict.value))
        if verdict.severity == "reject":
            break
        if verdict.severity == "fix":
            value = verdict.value
    return said, value


def _kept(finding: Finding) -> Finding:
    """A key field is never changed here: what would have been a fix is proposed (I-10)."""
    if finding.severity != "fix":
        return finding
    return finding._replace(reason="key_not_canonical", severity="reject")


def _reader(field: Field) -> Callable[[bytes], str | None]:
    """A slice as the rules see it: text, and for other types whether there is a value at all."""
    if field.kind == "text" and not field.nullable:
        # Most texts have a length of one byte.
        return lambda piece: piece[1:].decode() if piece[0] < 128 else field.text(piece)
    if field.kind == "text":
        return field.text
    return lambda piece: None if field.decode(piece) is None else "-"
