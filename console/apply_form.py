"""An apply, or a word of lanes, over HTTP: what goes in as JSON, the lines that come out. Both ends use this, and so agree.

In: every file of the city directory by its path. Out: one JSON object a line: what was done, word by word as it happens, then what was
applied, the differences, or the error with all its problems; empty ones in between say that it still goes on.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from governance.apply import Applied
from governance.diff import Line
from governance.problems import CityError, Problem, Refusal, RefusedError
from schemas.errors import BusError, HaltError, RejectError, RetryError
from schemas.text import Text
from wire.admin import Done

__all__ = ["APPLY", "LANES", "MOST_BYTES", "MOST_FILES", "Applying", "error_line", "lines_line", "packed", "raised", "result_line",
           "told_line", "unpack", "untold", "version_line"]

#: Where serve is asked to apply, and to say something of lanes.
APPLY, LANES = "/api/apply", "/api/lanes"
#: A large city is some thousand files of some hundred bytes.
MOST_FILES, MOST_BYTES = 20_000, 16 << 20
_LONGEST_PATH = 255

#: What comes back: something that was done, the differences, or what was applied.
Applying = Done | list[Line] | Applied


def packed(folder: Path) -> dict[str, str] | None:
    """The files of a city directory by path; None where they are too many, or too large together, to be sent.

    Hidden files and those that are not UTF-8 stay behind: nothing reads them.
    """
    files: dict[str, str] = {}
    size = 0
    for where, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(where, name)
            if name.startswith(".") or not path.is_file():
                continue
            try:
                text = path.read_bytes().decode()
            except (OSError, UnicodeDecodeError):
                continue
            files[path.relative_to(folder).as_posix()] = text
            size += len(text.encode())
            if len(files) > MOST_FILES or size > MOST_BYTES:
                return None
    return files


def unpack(files: object, folder: Path) -> None:
    """Lay the files out in an empty folder. RejectError for anything but texts under safe relative paths, within bounds."""
    if not isinstance(files, Mapping) or len(files) > MOST_FILES:
        raise _bad(Text("files 须是“路径: 内容”，且不能太多", "`files` gives the text of each path, of not too many"))
    size = 0
    for path, text in files.items():
        if not isinstance(text, str) or not _is_safe(path):
            raise _bad(Text("files 中有不安全的路径或不是文本的内容", "a path in `files` is not safe, or its content is no text"))
        size += len(text.encode("utf-8", "surrogatepass"))
        if size > MOST_BYTES:
            raise _bad(Text(f"城市目录超过 {MOST_BYTES} 字节", f"the city directory is larger than {MOST_BYTES} bytes"))
        try:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        except (OSError, UnicodeEncodeError):  # a file where another path has a folder; half a character
            raise _bad(Text("files 中的路径互相冲突，或内容不是合法文本",
                            "two paths in `files` contradict each other, or a content is no valid text")) from None


def told_line(done: Done) -> dict[str, Any]:
    return {"done": {"name": done.name, "what": _both(done.what)}}


def lines_line(lines: list[Line]) -> dict[str, Any]:
    return {"lines": [_line(line) for line in lines]}


def result_line(applied: Applied) -> dict[str, Any]:
    return {"applied": {"version": applied.version, "written": applied.written, "elsewhere": list(applied.elsewhere),
                        "lines": [_line(line) for line in applied.lines]}}


def error_line(error: BusError) -> dict[str, Any]:
    """An error with all its problems."""
    told: dict[str, Any] = {"problem": _both(error.problem), "advice": _both(error.advice)}
    match error:
        case CityError():
            told |= {"kind": "city", "problems": [[each.where, _both(each.text)] for each in error.problems]}
        case RefusedError():
            told |= {"kind": "refused", "problems": [[each.name, _both(each.text)] for each in error.refusals]}
        case RejectError():
            told |= {"kind": "reject", "code": error.code}
        case RetryError():
            told |= {"kind": "retry", "after": error.after}
        case _:
            told |= {"kind": "halt"}
    return {"error": told}


def version_line(version: int) -> dict[str, Any]:
    """The version of the plan that says what was asked for."""
    return {"version": version}


def raised(line: dict[str, Any]) -> dict[str, Any]:
    """The line; an error in it is raised as it was raised there."""
    if error := line.get("error"):
        raise _error(error)
    return line


def untold(line: dict[str, Any]) -> Applying | None:
    """What a line of an apply says; None for one that only says that it goes on. An error is raised."""
    raised(line)
    if done := line.get("done"):
        return Done(done["name"], _text(done["what"]))
    if (applied := line.get("applied")) is not None:
        return Applied(applied["version"], list(_lines(applied["lines"])), applied["written"], tuple(applied["elsewhere"]))
    return list(_lines(line["lines"])) if "lines" in line else None


def _error(told: Mapping[str, Any]) -> BusError:
    problem, advice = _text(told["problem"]), _text(told["advice"])
    match told["kind"]:
        case "city":
            return CityError([Problem(where, _text(text)) for where, text in told["problems"]])
        case "refused":
            return RefusedError([Refusal(name, _text(text)) for name, text in told["problems"]])
        case "reject":
            return RejectError(told["code"], problem, advice=advice)
        case "retry":
            return RetryError(problem, advice=advice, after=told["after"])
        case _:
            return HaltError(problem, advice=advice)


def _line(line: Line) -> list[Any]:
    return [line.sign, line.kind, line.id, list(line.keys)]


def _lines(told: list[Any]) -> Iterator[Line]:
    for sign, kind, name, keys in told:
        yield Line(sign, kind, name, tuple(keys))


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _text(told: Mapping[str, str]) -> Text:
    return Text(told["zh"], told["en"])


def _is_safe(path: object) -> bool:
    """A relative path that leads down, made of names that mean themselves on any system."""
    if not isinstance(path, str) or not 0 < len(path) <= _LONGEST_PATH or not path.isprintable() or "\\" in path:
        return False
    parts = PurePosixPath(path).parts
    return "/".join(parts) == path and not any(part.startswith(".") for part in parts)


def _bad(problem: Text) -> RejectError:
    return RejectError("bad_city_files", problem, advice=Text("没有写入任何内容", "nothing was written"))
