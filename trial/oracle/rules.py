"""The first rules, written a second time from the standards: texts here, numbers in identity, the rest in texts and values.

Works on decoded values and knows no memo and no slices. A rule is a name with options, as the dataset writes it, for a
place of the row such as `items[].amount`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from trial.oracle.codes import meaning
from trial.oracle.identity import IDENTITY
from trial.oracle.places import Place, Shape
from trial.oracle.plan import Dataset
from trial.oracle.said import Said
from trial.oracle.texts import TEXTS
from trial.oracle.values import ACROSS, VALUES

__all__ = ["Finding", "RowRules"]


class Finding(NamedTuple):
    """What a rule says of a field: fix, suspect or reject; what it read, and what a fix gives or would give."""

    field: str
    reason: str
    severity: str
    before: str
    after: str

    def __repr__(self) -> str:
        return f"Finding({self.field}: {self.reason}, {self.severity})"


_Rule = Callable[[str, Mapping[str, str], int], Said]
_Options = Mapping[str, str]
_USE = re.compile(r"([a-z_]+)(?:\((.*)\))?")
#: Full-width letters and digits as ASCII; Chinese punctuation stays.
_NARROW = {number: chr(number - 0xFEE0) for number in range(0xFF01, 0xFF5F) if chr(number - 0xFEE0).isalnum()}


class RowRules:
    """The rules of one dataset over whole rows.

    Findings come field by field of the row, as the dataset first names them; then what is said across values, of the values
    as fixed and of none that was rejected.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._keys = frozenset(dataset.key)
        self._shape = Shape(dataset.row_schema)
        written = [(path, *_parsed(use)) for path, uses in dataset.rules.items() for use in uses]
        tops = list(dict.fromkeys(_top(path) for path in dataset.rules))
        self._single = {path: [(_RULES[name], options) for other, name, options in written if other == path and name not in ACROSS]
                        for path in sorted(dataset.rules, key=lambda path: tops.index(_top(path)))}
        self._across = [(path, ACROSS[name], options) for path, name, options in written if name in ACROSS]

    def judge(self, row: Mapping[str, Any], arrived: int) -> tuple[dict[str, Any], tuple[Finding, ...]]:
        """The row with its fixes, and every finding."""
        fixed, findings = deepcopy(dict(row)), list[Finding]()
        for path, uses in self._single.items():
            for place in [place for place in self._shape.places(fixed) if place.path == path]:
                findings += self._apply(place, uses, arrived)
        rejected = {finding.field for finding in findings if finding.severity == "reject"}
        findings += [finding for finding in self._compared(list(self._shape.places(fixed)), rejected) if finding.severity]
        return fixed, tuple(findings)

    def _apply(self, place: Place, uses: list[tuple[_Rule, _Options]], arrived: int) -> list[Finding]:
        """A value through its rules in order; a rejected one goes no further."""
        given = value = self._shape.text(place)
        found, key = [], _top(place.path) in self._keys
        for rule, options in uses:
            said = rule(value or "", options, arrived) if value is not None or rule is _required else Said(value)
            if said.severity == "fix" and said.value is None and (key or not place.nullable):
                said = Said(value, said.reason, "reject")
            if said.severity:
                after = (said.value or "") if said.severity == "fix" else said.proposed
                found.append(Finding(place.where, said.reason, said.severity, value or "", after))
            if said.severity == "reject":
                break
            value = said.value
        if key:
            return [_unchanged(finding) for finding in found]
        if value != given:
            place.holder[place.key] = value
        return found

    def _compared(self, places: list[Place], rejected: set[str]) -> Iterator[Finding]:
        for path, rule, options in self._across:
            for place in places:
                parts = [place, *(_companion(places, options[name], place) for name in rule.others)]
                if place.path != path or any(part is None or part.value is None or part.where in rejected for part in parts):
                    continue
                texts = [self._shape.text(part) or "" for part in parts if part is not None]
                said = rule.word(texts, options)
                yield Finding(place.where, said.reason, said.severity, texts[0], said.proposed)


def _top(path: str) -> str:
    return re.split(r"[.\[{]", path)[0]


def _companion(places: list[Place], path: str, place: Place) -> Place | None:
    """The value of another field that belongs to this one: in the same item, where both are in one."""
    return next((other for other in places if other.path == path and other.turns == place.turns[:len(other.turns)]), None)


def _unchanged(said: Finding) -> Finding:
    return said._replace(reason="key_not_canonical", severity="reject") if said.severity == "fix" else said


def _parsed(use: str) -> tuple[str, _Options]:
    match = _USE.fullmatch(use)
    if match is None:
        raise ValueError(f"no rule: {use}")
    options = dict(part.split("=", 1) for part in (match[2] or "").split(",") if part)
    return match[1], {name.strip(): value.strip() for name, value in options.items()}


def _required(value: str, options: Mapping[str, str], arrived: int) -> Said:
    """Null comes as the empty text."""
    return Said(value) if value.strip() else Said(value, "required", "reject")


def _full_width(value: str, options: Mapping[str, str], arrived: int) -> Said:
    narrow = value.translate(_NARROW)
    return Said(narrow, "full_width", "fix") if narrow != value else Said(value)


def _blanks(value: str, options: Mapping[str, str], arrived: int) -> Said:
    trimmed = value.strip(" \t\r\n\u3000\u00a0")
    return Said(trimmed, "blanks", "fix") if trimmed != value else Said(value)


def _length(value: str, options: Mapping[str, str], arrived: int) -> Said:
    if len(value) < int(options.get("min", 0)):
        return Said(value, "too_short", "reject")
    if len(value) > int(options.get("max", 1 << 31)):
        return Said(value, "too_long", "reject")
    return Said(value)


def _one_of(value: str, options: Mapping[str, str], arrived: int) -> Said:
    return Said(value) if value in options["values"].split("|") else Said(value, "not_listed", "reject")


def _code(value: str, options: Mapping[str, str], arrived: int) -> Said:
    found = meaning(options["list"], value)
    match found.kind:
        case "current":
            return Said(value)
        case "retired":
            return Said(value, "code_retired", "suspect")
        case "word":
            return Said(found.code, "code_form", "fix")
        case "absent":
            return Said(value, "code_unlisted", "suspect")
        case _:
            return Said(value, "code_unknown", "reject")




_RULES: dict[str, _Rule] = {
    "required": _required, "full_width": _full_width, "blanks": _blanks, "length": _length, "one_of": _one_of,
    "code": _code, **VALUES, **TEXTS, **IDENTITY,
}
