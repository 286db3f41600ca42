"""Before and after: the cases a dataset file carries, and whether its rules do to them what the file says.

A case changes the dataset's example row in some fields, and says what becomes of it: which fields are different when it is
clean, which are null then (TOML has no word for it), and every finding, `sex fix code_form`. Where a finding rejects, nothing
becomes of it.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.datasets.values import row_values, whole_row
from schemas.errors import RejectError
from schemas.rules import Judgement, compile_rules
from schemas.text import Text

__all__ = ["Case", "check_cases"]

#: When a case's record arrives, unless it says otherwise.
_ARRIVED = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Case(BaseModel):
    """One case. `given` are changes to the example, `without` the fields that are left to their default; `becomes` and `cleared`
    are what cleaning changes: to something else, or to nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    says: str
    given: dict[str, Any] = Field(default_factory=dict)
    without: tuple[str, ...] = ()
    becomes: dict[str, Any] = Field(default_factory=dict)
    cleared: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    arrived: dt.datetime = _ARRIVED

    def row(self, example: Mapping[str, Any], row_schema: str) -> dict[str, Any]:
        """The row as it arrives."""
        kept = {name: value for name, value in example.items() if name not in self.without}
        return whole_row({**kept, **self.given}, row_schema)


def check_cases(dataset: Dataset, example: Mapping[str, Any], cases: Iterable[Case]) -> list[Text]:
    """Each case that does not come out as it says, in words; none holds a value. The dataset's rules must be in order."""
    scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), dataset.event_schema)
    judge = compile_rules(dataset, scanner).judge
    problems = []
    for case in cases:
        row = case.row(example, dataset.row_schema)
        unfit = [name for name in (*row, *case.becomes, *case.cleared) if name not in scanner.index] + [
            name for name in scanner.fields if not _takes(scanner, name, row.get(name))]
        if unfit:
            names = ", ".join(dict.fromkeys(unfit))
            problems.append(_said(case, Text(f"字段 {names} 不存在或与类型不符", f"fields {names} do not exist or do not fit their type")))
            continue
        judgement = judge(scanner.encode_row(row), int(case.arrived.timestamp() * 1000))
        problems += [_said(case, problem) for problem in _differences(case, row, judgement, scanner, dataset)]
    return problems


def _takes(scanner: EventScanner, name: str, value: Any) -> bool:
    try:
        scanner.encode_field(scanner.index[name], value)
    except RejectError:
        return False
    return True


def _differences(case: Case, row: Mapping[str, Any], judgement: Judgement, scanner: EventScanner, dataset: Dataset) -> Iterator[Text]:
    found = [f"{one.field} {one.severity} {one.reason}" for one in judgement.findings]
    if found != list(case.findings):
        there, told = ", ".join(found) or "-", ", ".join(case.findings) or "-"
        yield Text(f"发现的问题是 {there}，文件写的是 {told}", f"the findings are {there}, and the file says {told}")
    if judgement.rejected and (case.becomes or case.cleared):
        yield Text("记录被拒收，文件却写了清洗结果", "the record is rejected, and the file says what it becomes")
    if not judgement.rejected:
        clean = scanner.decode_row(judgement.row)
        wanted = {**row, **row_values(case.becomes, dataset.row_schema), **dict.fromkeys(case.cleared)}
        other = [name for name in wanted if clean.get(name) != wanted[name]]
        if other:
            names = ", ".join(other)
            yield Text(f"清洗后字段 {names} 与文件所写不同", f"when clean, {names} are not as the file says")


def _said(case: Case, problem: Text) -> Text:
    return Text(f"用例“{case.says}”：{problem.zh}", f'case "{case.says}": {problem.en}')
