"""What of a record a person at a terminal may see: everything personal is masked unless it was asked for and allowed.

Closed by default: a field is shown as it is only where the schema or the rules prove it a code (a code list, a division,
one of a few words) or where it can't name anybody (a moment, a flag, an enum). Else its first character is left.
"""

import os
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas.control import Dataset
from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["ALLOWED", "Veil", "masked", "see_personal"]

#: The variable an administrator sets where personal data may be shown at all.
ALLOWED = "SHUTONG_ALLOW_PERSONAL"

_STARS = "***"
_CODES = re.compile(r"(division_code|one_of|code)\b")


def see_personal(asked: bool) -> bool:
    """Whether to show personal data: asked for by `--show-personal` and allowed here; RejectError when not allowed."""
    if asked and os.environ.get(ALLOWED) != "1":
        raise RejectError(
            "personal_not_allowed",
            Text("此处不允许显示个人信息", "personal data may not be shown here"),
            advice=Text(f"去掉 --show-personal；确需查看时由管理员设置 {ALLOWED}=1",
                        f"leave --show-personal out; where it is needed an administrator sets {ALLOWED}=1"),
        )  # fmt: skip
    return asked


def masked(value: Any) -> Any:
    """A value that may be personal: its first character, and no more of a single one."""
    if value is None or value == "":
        return value
    text = value if isinstance(value, str) else ""
    return text[0] + _STARS if len(text) > 1 else _STARS


class Veil:
    """Shows rows of one schema. `fields` are those of its row; `dataset`, where it is known, tells codes by its rules."""

    def __init__(self, fields: Iterable[Mapping[str, Any]], dataset: Dataset | None, *, lifted: bool) -> None:
        self._lifted = lifted
        self._open = {field["name"] for field in fields if _is_open(field, dataset)}
        self._open_key = dataset is not None and set(dataset.key) <= self._open

    def row(self, row: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The row as it may be seen, ready for JSON."""
        if row is None:
            return None
        return {name: self.field(name, value) for name, value in row.items()}

    def field(self, name: str, value: Any) -> Any:
        """One value of a field as it may be seen, ready for JSON."""
        return plain(value if self._lifted or name in self._open else masked(value))

    def key(self, key: bytes | None) -> str | None:
        """A Kafka key: the dataset in it, and the record key as it may be seen."""
        if key is None:
            return None
        dataset, slash, record = key.decode(errors="replace").partition("/")
        shown = record if self._lifted or self._open_key else masked(record)
        # Without a slash it is no key of ours, or a masked one: all of it may be somebody's.
        return f"{dataset}/{shown}" if slash else self.text(dataset)

    def text(self, text: str) -> str:
        """Any other text of a record."""
        return text if self._lifted else str(masked(text))


def plain(value: Any) -> Any:
    """An Avro value as JSON has it."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case Decimal():
            return str(value)
        case Mapping():
            return {name: plain(each) for name, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case _:
            return value


def _is_open(field: Mapping[str, Any], dataset: Dataset | None) -> bool:
    if field.get("mask"):
        return False
    if "code_list" in field or _names_nobody(field["type"]):
        return True
    if dataset is None:
        return False
    rules = dataset.rules.get(field["name"], ())
    return field["name"] == dataset.division_field or any(_CODES.match(rule) for rule in rules)


def _names_nobody(kind: Any) -> bool:
    match kind:
        case list():
            return all(_names_nobody(branch) for branch in kind)
        case dict():
            return kind["type"] == "enum" or str(kind.get("logicalType", "")).startswith("timestamp-")
        case _:
            return kind in ("null", "boolean")
