"""Standard datasets: a folder each, `dataset.toml` (title, key, cycle, rules, examples, cases) beside `row.avsc`.

A city declares a dataset of its own department by naming one of these; the row is then shaped as the folder says.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from schemas.control import Dataset
from schemas.datasets.cases import Case
from schemas.datasets.values import whole_row
from schemas.elements.fit import with_element_rules
from schemas.errors import RejectError
from schemas.rules.path import by_path
from schemas.text import Text

__all__ = ["StandardDataset", "standard_dataset", "standard_names"]


@dataclass(frozen=True)
class StandardDataset:
    """What the folder says. `rules` are per field, in order, those of the elements among them.

    `examples` are good rows; `cases` say what cleaning makes of the first of them when it is changed.
    """

    name: str
    title: str
    title_en: str
    key: tuple[str, ...]
    division_field: str
    cycle: str
    rules_version: str
    row_schema: str
    kind: Literal["state", "log"] = "state"
    rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    examples: tuple[dict[str, Any], ...] = ()
    cases: tuple[Case, ...] = ()

    def declare(self, dataset_id: str, event_schema: int, **changes: Any) -> Dataset:
        """This standard as the dataset of one provider; `changes` override what the folder says."""
        given = {"title": self.title, "title_en": self.title_en, "key": self.key, "cycle": self.cycle,
                 "division_field": self.division_field, "row_schema": self.row_schema, "rules": self.rules, "kind": self.kind,
                 "rules_version": self.rules_version}
        return Dataset(id=dataset_id, provider=dataset_id.split(".")[0], event_schema=event_schema, **given | changes)


def standard_names() -> list[str]:
    """The names of all standard datasets."""
    return sorted(entry.name for entry in files(__name__).iterdir() if (entry / "dataset.toml").is_file())


@cache
def standard_dataset(name: str) -> StandardDataset:
    """The standard dataset of this name; RejectError `unknown_standard` says which there are."""
    if name not in standard_names():
        known = ", ".join(standard_names())
        raise RejectError("unknown_standard", Text(f"没有标准数据资源 {name}", f"there is no standard dataset {name}"),
                          advice=Text(f"可用: {known}", f"there are: {known}"))
    folder = files(__name__) / name
    told = tomllib.loads((folder / "dataset.toml").read_text(encoding="utf-8"))
    row_schema = (folder / "row.avsc").read_text(encoding="utf-8")
    return StandardDataset(
        name=name, title=told["title"], title_en=told["title_en"], key=tuple(told["key"]),
        division_field=told["division_field"], cycle=told["cycle"], rules_version=told["rules_version"],
        row_schema=row_schema, kind=told.get("kind", "state"),
        rules=with_element_rules(row_schema, {field: tuple(uses) for field, uses in by_path(told["rules"]).items()}),
        examples=tuple(whole_row(row, row_schema) for row in told["examples"]),
        cases=tuple(Case.model_validate(case) for case in told.get("cases", ())))
