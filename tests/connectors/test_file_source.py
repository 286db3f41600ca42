"""Which files the file source takes and when, without a bus: names, times, halves, and how its cursor grows."""

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Cursor, Finding, Progress, RowChange
from connectors.canonical import canonical_for
from connectors.cursors import Stored, records
from connectors.shape import Shape
from connectors.sources import file as file_source
from connectors.sources.file import FileConfig, FileSource
from connectors.sources.file_done import DoneFiles
from connectors.sources.window import digest
from tests.connectors.sqlite import DATASET, Clock
from tests.connectors.test_file import HEADER, WHEN, put, rows


class Folder:
    """A folder and its source's runs, each over `looks` looks at the folder, and from the cursor of the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cursor = Cursor()
        self.sizes: list[int] = []
        self.findings: tuple[Finding, ...] = ()
        self.slept: Callable[[float], None] = lambda seconds: None
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
        self.slept(seconds)
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


def touch(path: Path, seconds: float) -> Path:
    """Changed so many seconds ago; ahead of the clock where that is negative."""
    when = time.time() - seconds
    os.utime(path, (when, when))
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_that_ends_within_a_line_is_taken_for_half_a_copy_until_it_has_rested(folder: Folder, name: str) -> None:
    texts = {"a.csv": HEADER + rows(0, 2) + "p00002,欧阳", "a.jsonl": '{"id": "p00000", "name": "甲"}\n{"id": "p00001", "name": "乙"}'}
    half = touch(put(folder.path, name, texts[name]), 30)
    put(folder.path, "b" + half.suffix, {"a.csv": HEADER + rows(7, 1), "a.jsonl": '{"id": "p00007"}\n'}[name])
    more = {"pattern": "*" + half.suffix}
    assert [change.place for change in folder.run(looks=2, **more)] == [f"b{half.suffix}:{1 + (half.suffix == '.csv')}"]
    assert folder.told() == f"no-line-end: file {name}: its last line has no end yet"
    with half.open("a", encoding="utf-8") as file:
        file.write(f"锋,,{WHEN}\n" if "csv" in name else "\n")  # the rest of the copy
    whole = folder.run(**more)
    assert [change.flaw for change in whole if change.flaw == "too-few-cells"] == []
    assert len(whole) == (3 if "csv" in name else 2)
    assert folder.findings == ()


def test_a_last_line_without_an_end_is_a_line_once_its_file_has_rested(folder: Folder) -> None:
    touch(put(folder.path, "a.csv", (HEADER + rows(0, 2)).removesuffix("\n")), 90)
    assert ids(folder.run()) == ["p00000", "p00001"]
    touch(put(folder.path, "b.csv", (HEADER + rows(2, 1)).removesuffix("\n")), 5)
    assert ids(folder.run(half_seconds=4)) == ["p00002"]
    put(folder.path, "empty.csv", "")
    folder.run()
    assert folder.told().startswith("no-column: file empty.csv")


def test_a_file_from_the_future_is_read_once_it_has_rested_before_our_eyes(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(file_source, "time", clock)
    future = touch(put(folder.path, "a.csv", HEADER + rows(0, 2)), 0)
    when = clock.time() + 3600
    os.utime(future, (when, when))
    folder.slept = lambda seconds: setattr(clock, "now", clock.now + seconds)
    changes = folder.run(looks=3, settle_seconds=8)
    assert ids(changes) == ["p00000", "p00001"]
    assert {change.at for change in changes} == {1_780_000_010_000}
    assert folder.run(looks=5, settle_seconds=8) == []


def test_the_names_of_very_many_files_are_kept_in_parts_of_which_few_change() -> None:
    done = DoneFiles({})
    names = [f"{number:06}-{digest(b'%d' % number):020}-{'长' * 40}.csv" for number in range(30_000)]
    done.note({name: (number, digest(name.encode()) >> 4) for number, name in enumerate(names[:-1])})
    before = done.parts()
    assert max(map(len, before.values())) < 900_000
    done.note({names[-1]: (1, 2)})
    done.forget({names[5]})
    after = DoneFiles(done.parts())
    assert sum(before.get(name) != data for name, data in done.parts().items()) == 2
    assert after.stamp(names[-1]) == (1, 2)
    assert after.stamp(names[5]) is None
    assert after.stamp(names[6]) == (6, digest(names[6].encode()) >> 4)
    assert after.names() == set(names) - {names[5]}


def test_a_cursor_with_all_names_in_one_part_goes_on(folder: Folder) -> None:
    path = put(folder.path, "a.csv", HEADER + rows(0, 2))
    stamp = (path.stat().st_size, path.stat().st_mtime_ns)
    folder.cursor = Cursor({}, {"files": zlib.compress(json.dumps({"a.csv": stamp}).encode())})
    assert folder.run() == []
