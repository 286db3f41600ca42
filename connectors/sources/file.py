"""file: CSV and JSONL files that a department puts into a folder. Each row becomes an update, or what `op_column` says.

A file is read once, in the order of names; one that changes is read again. A file that cannot be read stays where it is,
is told in the status and tried again when it changes; a bad row is refused by file and line, and the others go on.
"""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from connectors.base import AWAY, Batch, Cursor, Desk, Finding, Progress, RowChange, Source
from connectors.fitting import Misfit
from connectors.shape import Shape
from connectors.sources.file_config import FileConfig
from connectors.sources.file_done import DoneFiles, Stamp
from connectors.sources.file_format import FileFault, Line, LineReader, name_of
from connectors.sources.pace import Pace
from schemas.envelope import Op
from schemas.text import Text

__all__ = ["FileConfig", "FileSource"]

_SAID = 5
#: A batch takes no further line once it has so many bytes; a transaction takes a few batches.
_BATCH_BYTES = 4 << 20
_OPERATIONS: dict[str, Op] = {"c": "c", "u": "u", "d": "d"}
_UNFINISHED = (".tmp", ".part")


class FileSource(Source[FileConfig]):
    kind = "file"
    config_type = FileConfig

    def __init__(self, config: FileConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        #: Since when a file from the future has been seen as it is.
        self._since: dict[tuple[Path, Stamp], float] = {}

    def check(self) -> Iterator[Finding]:
        """The folder, and the fields named in the configuration. What is wrong with a file is told when its turn comes."""
        config = self.config
        for field in sorted({*config.columns, *config.without} - set(self.shape.fields)):
            yield Finding("unknown-field", Text(f"数据资源没有字段 {field}", f"the dataset has no field {field}"),
                          Text(f"可用字段：{', '.join(self.shape.fields)}", f"its fields are {', '.join(self.shape.fields)}"))  # fmt: skip
        for field in sorted(set(config.without) & (self.shape.required | set(self.shape.key_fields))):
            yield Finding("required-field", Text(f"字段 {field} 不能列入 without", f"field {field} cannot be in `without`"),
                          Text("为它指定列", "name a column for it"))  # fmt: skip
        try:
            list(self._files())
        except OSError as error:
            yield Finding(AWAY, Text(f"无法打开目录 {config.folder}（{error.strerror}）",
                                     f"cannot open the folder {config.folder} ({error.strerror})"),
                          Text("建立目录或授予读取权限；随后自动继续",
                               "make it, or grant the right to read it; it goes on by itself"))  # fmt: skip

    def read(self, after: Cursor, desk: Desk) -> Iterator[Batch]:
        reading = _Reading(self, after, desk)
        while True:
            try:
                files = list(self._files())
            except OSError:
                files = []
                reading.faults[""] = next(iter(self.check()))
            else:
                reading.faults.pop("", None)
            yield from reading.batches(files)
            if not desk.wait(self.config.poll_seconds):
                return

    def _files(self) -> Iterator[tuple[Path, Stamp, float]]:
        """The files that are there, in the order of their names, and for how many seconds each has not changed."""
        if not self.config.folder.is_dir():
            raise FileNotFoundError(2, "No such directory")
        since, self._since = self._since, {}
        # `glob` says nothing of a folder it may not read; `iterdir` does.
        for path in sorted(self.config.folder.iterdir()):
            if not path.match(self.config.pattern) or path.name.startswith(".") or path.suffix in _UNFINISHED:
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            stamp = (status.st_size, status.st_mtime_ns)
            rested = time.time() - status.st_mtime
            if rested < 0:  # from the future: what counts is what we see
                self._since[path, stamp] = since.get((path, stamp), time.monotonic())
                rested = time.monotonic() - self._since[path, stamp]
            if path.is_file():
                yield path, stamp, rested

    def _reader(self, path: Path) -> LineReader:
        config = self.config
        columns = {*config.mapping(self.shape).values(), *([config.op_column] if config.op_column else [])}
        return LineReader(path, config.encoding, config.delimiter, frozenset(columns))


class _Reading:
    """One run: which files are done, and how far the one at hand is read."""

    def __init__(self, source: FileSource, after: Cursor, desk: Desk) -> None:
        self._source = source
        self._config = source.config
        self._shape: Shape = source.shape
        self._fields = source.config.mapping(source.shape)
        self._required = source.shape.required
        self._desk = desk
        self._pace = Pace(source.config.rows_per_second, desk)
        self._done = DoneFiles(after.parts)
        self._at: dict[str, Any] = dict(after.position)
        self.faults: dict[str, Finding] = {}
        self._bad: dict[str, Stamp] = {}

    def batches(self, files: list[tuple[Path, Stamp, float]]) -> Iterator[Batch]:
        """What stands in files that are new or changed."""
        there = {name_of(path) for path, _, _ in files}
        self.faults = {name: fault for name, fault in self.faults.items() if not name or name in there}
        for path, stamp, rested in files:
            name = name_of(path)
            known = self._done.stamp(name) == stamp or (self._bad.get(name) == stamp and name in self.faults)
            if known or rested < self._config.settle_seconds:
                continue
            try:
                yield from self._file(path, stamp, rested)
                self.faults.pop(name, None)
            except FileFault as fault:
                self.faults[name] = fault.finding
                if fault.finding.code not in ("unreadable", "no-line-end"):
                    self._bad[name] = stamp
            if not self._desk.wait(0):
                return
        gone = self._done.names() - there
        if gone and files:
            self._done.forget(gone)
            yield Batch((), self._cursor())
        self._report("live", 0, 0)

    def _file(self, path: Path, stamp: Stamp, rested: float) -> Iterator[Batch]:
        reader, name = self._source._reader(path), name_of(path)
        if rested < self._config.half_seconds:
            reader.see_that_it_ends()
        total = reader.inspect()
        mine = self._at.get("file") == name and tuple(self._at.get("stamp", ())) == stamp
        rows = int(self._at["rows"]) if mine else 0
        lines = reader.lines()
        for _ in islice(lines, rows):
            pass
        while True:
            self._report("snapshot", rows, total)
            page, complete = self._page(reader, lines)
            rows += len(page)
            self._at = {"file": name, "stamp": stamp, "rows": rows}
            if complete:
                self._done.note({name: stamp})
            now = min(stamp[1] // 1_000_000, int(time.time() * 1000))
            yield Batch([self._change(name, line, now) for line in page], self._cursor())
            if not self._pace(len(page)) or complete:
                return

    def _page(self, reader: LineReader, lines: Iterator[Line]) -> tuple[list[Line], bool]:
        """The next lines, not too many and not too large, and whether the file ends with them."""
        page: list[Line] = []
        until = reader.size + _BATCH_BYTES
        for line in lines:
            page.append(line)
            if len(page) >= self._config.page_rows or reader.size >= until:
                return page, False
        return page, True

    def _change(self, name: str, line: Line, at: int) -> RowChange:
        place = f"{name}:{line.number}"
        if line.flaw:
            return RowChange("u", None, at, place=place, flaw=line.flaw)
        said = line.values.get(self._config.op_column) if self._config.op_column else "u"
        op = _OPERATIONS.get(said) if isinstance(said, str) else None
        if op is None:
            return RowChange("u", None, at, place=place, flaw=f"{self._config.op_column}:not-an-operation")
        if op == "d":
            return self._deleted(line, at, place)
        row = {}
        for field, column in self._fields.items():
            if column not in line.values and field in self._required:
                return RowChange("u", None, at, place=place, flaw=f"{field}:missing")
            row[field] = line.values.get(column)
        return RowChange(op, row, at, place=place)

    def _deleted(self, line: Line, at: int, place: str) -> RowChange:
        try:
            key = self._shape.record_key([line.values.get(self._fields[field]) for field in self._shape.key_fields])
        except Misfit as misfit:
            return RowChange("d", None, at, place=place, flaw=f"{misfit.field}:{misfit.reason}")
        return RowChange("d", None, at, "live", key, place)

    def _cursor(self) -> Cursor:
        return Cursor(self._at, self._done.parts())

    def _report(self, phase: Literal["snapshot", "live"], done: int, total: int) -> None:
        self._desk.report(Progress(phase, done, total, tuple(self.faults.values())[:_SAID]))
