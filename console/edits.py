"""What a person writes on the command line to repair records, as a `Mending`: pairs, mapping files, a whole record as JSON.

What is wrong with it is said with the option's name and place, never with a value.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from schemas.errors import RejectError
from schemas.text import Text
from streams.replay.mending import Mending

__all__ = ["mending_of"]


def mending_of(sets: Iterable[str] = (), maps: Iterable[str] = (), mappings: Iterable[str] = (), *, accept_proposals: bool = False,
               edit: Path | None = None, rekey: bool = False) -> Mending:
    """The repair that is asked for; RejectError `usage` where it cannot be understood, or nothing is asked for."""
    table: dict[str, dict[str, Any]] = {}
    for number, text in enumerate(maps, start=1):
        path, colon, pair = text.partition(":")
        old, equals, new = pair.partition("=")
        if not (path and colon and equals):
            raise _wrong(f"--map {number}", "字段:旧值=新值", "field:old=new")
        table.setdefault(path, {})[old] = new
    for number, text in enumerate(mappings, start=1):
        path, colon, file = text.partition(":")
        if not (path and colon and file):
            raise _wrong(f"--mapping {number}", "字段:文件.csv", "field:file.csv")
        table.setdefault(path, {}).update(_mapping(Path(file)))
    mending = Mending(dict(_set(number, text) for number, text in enumerate(sets, start=1)), table, accept_proposals,
                      _record(edit) if edit is not None else None, rekey)
    if not mending:
        raise RejectError("usage", Text("没有说明怎样修复", "nothing says how to repair"),
                          advice=Text("用 --set、--map、--mapping、--accept-proposals、--edit 或 --rekey",
                                      "use --set, --map, --mapping, --accept-proposals, --edit or --rekey"))
    return mending


def _set(number: int, text: str) -> tuple[str, Any]:
    """`field=text`, or `field:=JSON` for what is no text, as null."""
    path, equals, value = text.partition("=")
    if not (path.rstrip(":") and equals):
        raise _wrong(f"--set {number}", "字段=值，或 字段:=JSON", "field=value, or field:=JSON")
    if not path.endswith(":"):
        return path, value
    try:
        return path[:-1], json.loads(value)
    except ValueError:
        raise _wrong(f"--set {number}", "字段:=JSON", "field:=JSON") from None


def _mapping(file: Path) -> dict[str, str]:
    """Old values and new ones, two columns; a first line `old,new` is a heading."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(file, error) from None
    if rows[:1] == [["old", "new"]]:
        rows = rows[1:]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise _wrong(f"{file.name} {number}", "每行两列：旧值,新值", "two columns a line: old,new")
    return dict(rows)


def _record(file: Path) -> dict[str, Any]:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from None
    if not isinstance(record, dict):
        raise _wrong(f"--edit {file.name}", "一个 JSON 对象，即整条记录", "one JSON object, the whole record")
    return record


def _wrong(where: str, zh: str, en: str) -> RejectError:
    return RejectError("usage", Text(f"{where} 的写法不对", f"{where} is not written right"),
                       advice=Text(f"写作 {zh}", f"write {en}"))


def _unreadable(file: Path, error: Exception) -> RejectError:
    why = getattr(error, "strerror", None) or type(error).__name__
    return RejectError("usage", Text(f"读不了 {file}（{why}）", f"{file} cannot be read ({why})"),
                       advice=Text("检查路径、权限和内容（UTF-8）", "check its path, rights and content (UTF-8)"))
