"""CSV and JSONL files as numbered lines of named values. A file that cannot be trusted as a whole is refused as a whole.

Encoding, header and quoting are tried to the end before the first row is sent; a single bad row is told by its line.
No message holds anything that stands in the file.
"""

import csv
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from connectors.base import Finding
from schemas.text import Text

__all__ = ["FileFault", "Line", "LineReader", "name_of"]

_JSON = {".jsonl", ".ndjson"}
_BOM = b"\xef\xbb\xbf"
_FIELD_LIMIT = 16 << 20
#: So many Chinese characters in a GB18030 file that reads as UTF-8 throughout are no accident.
_NO_ACCIDENT = 3


def name_of(path: Path) -> str:
    """The file's name as text that can be stored and shown: bytes that are no UTF-8 (a GBK name) as `\\xNN`."""
    return os.fsencode(path.name).decode(errors="backslashreplace")


class FileFault(Exception):
    """The file is refused as a whole, for now. Carries what a person should know."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding


class Line(NamedTuple):
    """One row of a file: where it ends, its values by column, or what is wrong with it in one word."""

    number: int
    values: Mapping[str, Any]
    flaw: str = ""


class LineReader:
    """Reads one file in one way. Each call begins at its first row."""

    def __init__(self, path: Path, encoding: str, delimiter: str, columns: frozenset[str]) -> None:
        self._path = path
        self._encoding = encoding
        self._delimiter = delimiter
        self._columns = columns
        self._number = 0
        #: How many bytes were read so far.
        self.size = 0
        self._ideographs = 0
        self._other = encoding == "gb18030"

    def see_that_it_ends(self) -> None:
        """FileFault when the last line has no line end: more of it may be on its way."""
        with self._readable() as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
            if file.read(1) not in (b"", b"\n", b"\r"):
                raise self._fault("no-line-end", 0, "最后一行还没有换行符", "its last line has no end yet",
                                  "若文件已完整，稍候即读取；写文件时先用 .tmp 名称，写完再改名",
                                  "if it is complete, it is read in a moment; write it as .tmp and rename it when done")  # fmt: skip

    def inspect(self) -> int:
        """How many rows the file has, bad ones included; FileFault when it cannot be read to its end."""
        self._ideographs, self._other = 0, self._encoding == "gb18030"
        rows = sum(1 for _ in self.lines())
        if self._other and self._ideographs >= _NO_ACCIDENT:
            raise self._fault("wrong-encoding", 1, "是 UTF-8 编码，不是 GB18030", "is UTF-8, not GB18030",
                              '设置 encoding = "utf-8"', 'set encoding = "utf-8"')  # fmt: skip
        return rows

    def lines(self) -> Iterator[Line]:
        """Every row in order."""
        with self._readable() as file:
            texts = self._decoded(file)
            yield from self._objects(texts) if self._path.suffix.lower() in _JSON else self._rows(texts)

    @contextmanager
    def _readable(self) -> Iterator[BinaryIO]:
        try:
            with self._path.open("rb") as file:
                yield file
        except OSError as error:
            raise self._fault("unreadable", 0, f"无法读取（{error.strerror}）", f"cannot be read ({error.strerror})",
                              "检查文件权限与磁盘；恢复后自动读取",
                              "check its rights and the disk; it is read as soon as it can be") from None  # fmt: skip

    def _decoded(self, file: BinaryIO) -> Iterator[str]:
        for number, data in enumerate(file, 1):
            self._number = number
            self.size += len(data)
            if number == 1:
                if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise self._not_this_encoding(number)
                data = data.removeprefix(_BOM)
            try:
                text = data.decode(self._encoding)
            except UnicodeDecodeError:
                raise self._not_this_encoding(number) from None
            if self._other and not data.isascii():
                self._compare(data)
            yield text

    def _compare(self, data: bytes) -> None:
        """Whether what we take for GB18030 is UTF-8 after all."""
        try:
            self._ideographs += sum("\u4e00" <= letter <= "\u9fff" for letter in data.decode())
        except UnicodeDecodeError:
            self._other = False

    def _rows(self, texts: Iterator[str]) -> Iterator[Line]:
        csv.field_size_limit(_FIELD_LIMIT)
        rows = csv.reader(texts, delimiter=self._delimiter, strict=True)
        try:
            header = [name.strip() for name in next(rows, [])]
            if missing := sorted(self._columns - set(header)):
                raise self._missing(missing)
            if len(set(header)) != len(header):
                raise self._fault("double-column", 1, "有重名的列", "has two columns of one name", "改正表头", "correct its header")
            width = len(header)
            for row in rows:
                if not row:
                    continue
                if len(row) == width:
                    # An empty cell says nothing: null where the field admits it.
                    yield Line(self._number, {name: cell or None for name, cell in zip(header, row, strict=True)})
                else:
                    yield Line(self._number, {}, "too-many-cells" if len(row) > width else "too-few-cells")
        except csv.Error:
            raise self._fault("bad-quotes", self._number, "引号不成对或位置不对", "quotes do not close or stand in a wrong place",
                              "改正引号后重新放入", "correct the quotes and put it there again") from None  # fmt: skip

    def _objects(self, texts: Iterator[str]) -> Iterator[Line]:
        for text in texts:
            if not text.strip():
                continue
            try:
                values = json.loads(text)
            except (ValueError, RecursionError):
                yield Line(self._number, {}, "not-json")
                continue
            yield Line(self._number, values) if isinstance(values, dict) else Line(self._number, {}, "not-an-object")

    def _missing(self, columns: list[str]) -> FileFault:
        names = ", ".join(columns)
        return self._fault("no-column", 1, f"表头缺少列 {names}", f"its header lacks the columns {names}",
                           "在 columns 中写明列名，或列入 without，或补全文件",
                           "say in `columns` what they are called, list them in `without`, or complete the file")  # fmt: skip

    def _not_this_encoding(self, line: int) -> FileFault:
        return self._fault("wrong-encoding", line, f"不是 {self._encoding} 编码", f"is not {self._encoding}",
                           "设置 encoding 为 utf-8 或 gb18030，或转换文件后重新放入",
                           "set `encoding` to utf-8 or gb18030, or convert the file and put it there again")  # fmt: skip

    def _fault(self, code: str, line: int, zh: str, en: str, do_zh: str, do_en: str) -> FileFault:
        name = name_of(self._path)
        where = Text(f"文件 {name} 第 {line} 行", f"file {name}, line {line}") if line else Text(f"文件 {name}", f"file {name}")
        return FileFault(Finding(code, Text(f"{where.zh}：{zh}", f"{where.en}: {en}"), Text(do_zh, do_en), blocks=False))
