"""The first rules, written a second time from the standards: dates and texts here, numbers in identity.

Works on decoded values and knows no memo and no slices. A rule is a name with options, as the dataset writes it.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from trial.oracle.codes import meaning
from trial.oracle.identity import IDENTITY, Said
from trial.oracle.plan import Dataset

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


class _Said(NamedTuple):
    value: Any
    reason: str = ""
    severity: str = ""
    proposed: str = ""


class _Word(NamedTuple):
    """What is told of it: `before` is what the rule read, `after` what a fix gives."""

    reason: str
    severity: str
    before: str
    after: str


_Rule = Callable[[str, Mapping[str, str], int], _Said | Said]
_USE = re.compile(r"([a-z_]+)(?:\((.*)\))?")
#: Full-width forms as ASCII; and of them the letters and digits alone, for Chinese punctuation stays.
_HALF = {number: chr(number - 0xFEE0) for number in range(0xFF01, 0xFF5F)}
_NARROW = {number: half for number, half in _HALF.items() if half.isalnum()}
_SHANGHAI = dt.timezone(dt.timedelta(hours=8))


class RowRules:
    """The rules of one dataset over whole rows."""

    def __init__(self, dataset: Dataset) -> None:
        self._keys = frozenset(dataset.key)
        self._uses = {field: [_parsed(use) for use in uses] for field, uses in dataset.rules.items()}

    def judge(self, row: Mapping[str, Any], arrived: int) -> tuple[dict[str, Any], tuple[Finding, ...]]:
        """The row with its fixes, and every finding."""
        fixed, findings = dict(row), []
        for field, uses in self._uses.items():
            value, said = _apply(uses, fixed[field], arrived)
            if field in self._keys:
                said = [_unchanged(finding) for finding in said]
            else:
                fixed[field] = value
            findings += [Finding(field, *one) for one in said]
        return fixed, tuple(findings)


def _apply(uses: list[tuple[_Rule, Mapping[str, str]]], value: Any, arrived: int) -> tuple[Any, list[_Word]]:
    """A field through its rules in order; a rejected field goes no further."""
    found = []
    for rule, options in uses:
        said = rule(value, options, arrived) if value is not None or rule is _required else _Said(value)
        if said.severity:
            found.append(_Word(said.reason, said.severity, value or "", said.value if said.severity == "fix" else said.proposed))
        value = said.value
        if said.severity == "reject":
            break
    return value, found


def _unchanged(said: _Word) -> _Word:
    return said._replace(reason="key_not_canonical", severity="reject") if said.severity == "fix" else said


def _parsed(use: str) -> tuple[_Rule, Mapping[str, str]]:
    match = _USE.fullmatch(use)
    if match is None:
        raise ValueError(f"no rule: {use}")
    options = dict(part.split("=", 1) for part in (match[2] or "").split(",") if part)
    return _RULES[match[1]], {name.strip(): value.strip() for name, value in options.items()}


def _required(value: Any, options: Mapping[str, str], arrived: int) -> _Said:
    missing = value is None or (isinstance(value, str) and not value.strip())
    return _Said(value, "required", "reject") if missing else _Said(value)


def _full_width(value: str, options: Mapping[str, str], arrived: int) -> _Said:
    narrow = value.translate(_NARROW)
    return _Said(narrow, "full_width", "fix") if narrow != value else _Said(value)


def _blanks(value: str, options: Mapping[str, str], arrived: int) -> _Said:
    trimmed = value.strip(" \t\r\n\u3000\u00a0")
    return _Said(trimmed, "blanks", "fix") if trimmed != value else _Said(value)


def _length(value: str, options: Mapping[str, str], arrived: int) -> _Said:
    if len(value) < int(options.get("min", 0)):
        return _Said(value, "too_short", "reject")
    if len(value) > int(options.get("max", 1 << 31)):
        return _Said(value, "too_long", "reject")
    return _Said(value)


def _one_of(value: str, options: Mapping[str, str], arrived: int) -> _Said:
    return _Said(value) if value in options["values"].split("|") else _Said(value, "not_listed", "reject")


def _code(value: str, options: Mapping[str, str], arrived: int) -> _Said:
    found = meaning(options["list"], value)
    match found.kind:
        case "current":
            return _Said(value)
        case "retired":
            return _Said(value, "code_retired", "suspect")
        case "word":
            return _Said(found.code, "code_form", "fix")
        case "absent":
            return _Said(value, "code_unlisted", "suspect")
        case _:
            return _Said(value, "code_unknown", "reject")


def _date(value: str, options: Mapping[str, str], arrived: int) -> _Said:
    match = re.fullmatch(r"([0-9]{4})(?:([0-9][0-9])([0-9][0-9])|[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)",
                         _half(value).strip())
    if match is None:
        return _Said(value, "date_form", "reject")
    year, month, day = (part for part in match.groups() if part is not None)
    if not _is_date(year, month, day, arrived if options.get("not_after") == "arrival" else None):
        return _Said(value, "date", "reject")
    iso = f"{year}-{int(month):02}-{int(day):02}"
    return _Said(iso, "date_form", "fix") if iso != value else _Said(value)


def _is_date(year: str, month: str, day: str, arrived: int | None) -> bool:
    """A date of the calendar, not after the day of arrival in China."""
    try:
        date = dt.date(int(year), int(month), int(day))
    except ValueError:
        return False
    return arrived is None or date <= dt.datetime.fromtimestamp(arrived / 1000, _SHANGHAI).date()


def _half(text: str) -> str:
    return text.translate(_HALF)


_RULES: dict[str, _Rule] = {
    "required": _required, "full_width": _full_width, "blanks": _blanks, "length": _length, "one_of": _one_of,
    "code": _code, "date": _date, **IDENTITY,
}
