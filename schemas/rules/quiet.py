"""The rules of one field of a row, over its slices: from which arrival on a slice needs no word, and what is said of one.

`Flat` is a field whose own value is judged, `Deep` one with values inside it: records, arrays, maps. A fix puts the bytes of
the one value it is about in place of others; all around it stays as it came.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from schemas.codec.fields import Field
from schemas.letter import Finding
from schemas.rules.across import Across, latest
from schemas.rules.book import Use
from schemas.rules.path import Place, Steps, compile_places
from schemas.rules.verdict import ALWAYS, KEEP, NEVER

__all__ = ["Deep", "FieldRules", "Flat", "Ruled", "words"]

#: Slices remembered per field before they are forgotten and begun anew, and the longest one remembered.
_REMEMBERED: Final = 4096
_LONGEST: Final = 64


class Ruled(NamedTuple):
    """One place of a row and the rules of its own value, in order. A value of the key is never changed (I-10)."""

    steps: Steps
    field: Field
    uses: tuple[Use, ...]
    key: bool

    def latest(self, text: str | None) -> int:
        """The arrival (ms) from which on no rule has a word on this text."""
        if text is None:
            return NEVER if any(use.rule.on_null.severity for use in self.uses) else ALWAYS
        at = ALWAYS
        for use in self.uses:
            at = max(at, use.check(text).quiet_from)
            if at == NEVER:
                break
        return at

    def words(self, where: str, text: str | None, arrived: int) -> tuple[list[Finding], str | None]:
        """What the rules say of a value, and what they make of it: nothing, where it is of the key."""
        said, value = words(where, self.uses, text, arrived, self.can_be)
        return ([_kept(one) for one in said], text) if self.key else (said, value)

    def can_be(self, text: str | None) -> bool:
        """Whether a fix can be carried out here."""
        if text is None:
            return self.field.nullable and not self.key
        try:
            self.field.from_text(text)
        except ValueError:
            return False
        return True


class FieldRules(dict[bytes, int]):
    """By slice of one field: the arrival (ms) from which on no rule has a word on it."""

    def told(self, piece: bytes, arrived: int) -> tuple[list[Finding], bytes]:
        """What the rules say of a slice, and the slice with its fixes."""
        raise NotImplementedError


class Flat(FieldRules):
    """A field of the row with rules of its own value."""

    def __init__(self, ruled: Ruled) -> None:
        self.ruled = ruled
        self.read = ruled.field.reader()
        self._checks = [use.check for use in ruled.uses]

    def __missing__(self, piece: bytes) -> int:
        # `Ruled.latest` and the remembering are written out: a value that was never met costs as little as its rules.
        text = self.read(piece)
        if text is None:
            at = self.ruled.latest(None)
        else:
            at = ALWAYS
            for check in self._checks:
                verdict = check(text)
                if verdict is not KEEP:
                    if verdict[0]:
                        at = NEVER
                        break
                    at = max(at, verdict.since)
        if len(piece) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[piece] = at
        return at

    def told(self, piece: bytes, arrived: int) -> tuple[list[Finding], bytes]:
        given = self.read(piece)
        said, value = self.ruled.words(self.ruled.steps[0], given, arrived)
        if value == given:
            return said, piece
        field = self.ruled.field
        return said, field.encode(None) if value is None else field.from_text(value)


class Deep(FieldRules):
    """A field of the row with rules of values inside it. `inner` are the rules across values that read nothing else."""

    def __init__(self, field: Field, ruled: Sequence[Ruled], inner: Iterable[Across]) -> None:
        self._name = field.name
        self._ruled = [(each, each.field.reader(), compile_places(field, each.steps)) for each in ruled]
        self._inner = tuple(inner)

    def __missing__(self, piece: bytes) -> int:
        at = ALWAYS
        for ruled, read, places in self._ruled:
            for place in places(piece):
                at = max(at, ruled.latest(read(piece[place.start:place.end])))
        at = max([at, *(latest(across.verdicts({self._name: piece})) for across in self._inner)])
        if len(piece) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[piece] = at
        return at

    def told(self, piece: bytes, arrived: int) -> tuple[list[Finding], bytes]:
        findings = list[Finding]()
        for ruled, read, places in self._ruled:
            fixed: list[tuple[Place, bytes]] = []
            for place in places(piece):
                given = read(piece[place.start:place.end])
                said, value = ruled.words(place.where, given, arrived)
                findings += said
                if value != given:
                    fixed.append((place, ruled.field.encode(None) if value is None else ruled.field.from_text(value)))
            piece = _with(piece, fixed)
        return findings, piece


def _with(piece: bytes, fixed: Sequence[tuple[Place, bytes]]) -> bytes:
    """The slice with other bytes at these places, which come in order."""
    if not fixed:
        return piece
    parts, at = [], 0
    for place, made in fixed:
        parts += [piece[at:place.start], made]
        at = place.end
    return b"".join((*parts, piece[at:]))


def words(where: str, uses: Sequence[Use], value: str | None, arrived: int,
          can_be: Callable[[str | None], bool]) -> tuple[list[Finding], str | None]:
    """What rules say of a value, in order, each on what the one before made of it, none after a reject. A fix that the
    place cannot take is a reject for the same reason."""
    said = []
    for use in uses:
        verdict = use.on(value, arrived)
        severity = verdict.severity
        if not severity:
            continue
        if severity == "fix" and not can_be(verdict.value):
            severity = "reject"
        said.append(Finding(where, verdict.reason, severity, value or "", verdict.value or ""))
        if severity == "reject":
            break
        if severity == "fix":
            value = verdict.value
    return said, value


def _kept(finding: Finding) -> Finding:
    """What would have been a fix of a key field is proposed (I-10)."""
    if finding.severity != "fix":
        return finding
    return finding._replace(reason="key_not_canonical", severity="reject")
