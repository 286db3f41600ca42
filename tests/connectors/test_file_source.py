"""Which files the file source takes and when, without a bus: names, times, halves, and how its cursor grows."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Cursor, Finding, Progress, RowChange
from connectors.canonical import canonical_for
from connectors.cursors import Stored, records
from connectors.shape import Shape
from connectors.sources.file import FileConfig, FileSource
from tests.connectors.sqlite import DATASET
from tests.connectors.test_file import HEADER, put, rows


class Folder:
    """A folder and its source's runs, each over `looks` looks at the folder, and from the cursor of the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cursor = Cursor()
        self.sizes: list[int] = []
        self.findings: tuple[Finding, ...] = ()
        self._left = 0

    def run(self, looks: int = 1, **more: Any) -> list[RowChange]:
        config = {"dataset": "health.person", "folder": self.path, "settle_seconds": 0, "rows_per_second": 0, **more}
        source = FileSource(FileConfig.model_validate(config), Shape(DATASET, canonical_for(DATASET)))
        self._left = looks
        changes: list[RowChange] = []
        for batch in source.read(self.cursor, self):
            list(records("health.people", Stored(1, cursor=batch.cursor), None))  # what the runner makes of it
            changes += batch.changes
            self.sizes.append(len(batch.changes))
            self.cursor = batch.cursor
        return changes

    def told(self) -> str:
        return " ".join(f"{finding.code}: {finding.problem.en}" for finding in self.findings)

    def wait(self, seconds: float) -> bool:
        self._left -= seconds > 0
        return self._left > 0

    def report(self, progress: Progress) -> None:
        self.findings = progress.findings

    def everything_is_clean(self) -> bool:
        return False

    def remember_published(self) -> None: ...

    def published_keys(self) -> Iterator[bytes]:
        return iter(())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def ids(changes: list[RowChange]) -> list[str]:
    return [change.row["id"] for change in changes if change.row]


def test_a_file_whose_name_is_not_utf_8_is_read_once_and_told_legibly(folder: Folder) -> None:
    name = os.fsencode(folder.path) + "/数据".encode("gbk")
    Path(os.fsdecode(name + b".csv")).write_text(HEADER + rows(0, 2) + "p9,x\n")
    Path(os.fsdecode(name + b"2.csv")).write_bytes((HEADER + rows(5, 1)).encode("gb18030"))
    put(folder.path, "z.csv", HEADER + rows(2, 2))
    changes = folder.run(looks=2)
    assert sorted(ids(changes)) == ["p00000", "p00001", "p00002", "p00003"]
    assert [change.place for change in changes if change.flaw] == [r"\xca\xfd\xbe\xdd.csv:4"]
    assert folder.told() == r"wrong-encoding: file \xca\xfd\xbe\xdd2.csv, line 2: is not utf-8"
    assert folder.run() == []


def test_wide_rows_of_a_file_come_in_batches_of_some_mebibytes(folder: Folder) -> None:
    put(folder.path, "a.csv", HEADER + rows(0, 60, "长" * 60_000))  # 180 kB each
    assert len(folder.run()) == 60
    assert folder.sizes == [24, 24, 12]
