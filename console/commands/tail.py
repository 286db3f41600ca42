"""`shutong tail`: the decoded events of one lane, as they lie there or as they come."""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from console.connection import connect, home_directory
from console.context import Home, Output, plan_of
from console.decoding import Decoder
from console.output import Format, print_note
from console.personal import ALLOWED, see_personal
from schemas.errors import RejectError
from schemas.text import Text
from wire.reading import LaneReader, Record, Start, ends
from wire.settings import KafkaSettings

__all__ = ["tail"]

_LAST = "-20"
_COLUMNS = ("partition", "offset", "time", "what", "key", "dataset", "op", "cause", "content")


def tail(
    lane: Annotated[str, typer.Argument(metavar="LANE", help="raw.<p> clean.<p> deliver.<s> dead.<p> bus.tallies")],
    start: Annotated[str, typer.Option("--from", metavar="beginning|end|N|-N", help=(
        "最早、末尾、位置 N，或每个分区最后约 N 条 / where to begin: an offset, or about the last N of each partition"))] = _LAST,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="最多几条 / at most so many")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="继续等新的 / wait for more")] = False,
    show_personal: Annotated[bool, typer.Option("--show-personal", help=(
        f"显示个人信息，须 {ALLOWED}=1 / unmasked; needs {ALLOWED}=1"))] = False,
    home: Home = None,
    output: Output = Format.table,
) -> None:
    """查看一个通道里的事件（解码，默认脱敏）/ Show the events of a lane, decoded and masked."""
    decoder = Decoder(plan_of(home), lifted=see_personal(show_personal))
    show, write = decoder.reading(lane), _writer(output)
    settings = connect(home_directory(home))
    with LaneReader(settings, [lane], _start(settings, lane, start)) as reader:
        for record in islice(_records(reader, follow), limit):
            write(show(record))


def _records(reader: LaneReader, follow: bool) -> Iterator[Record]:
    """Up to the end as it is now, or for ever until the person has seen enough."""
    try:
        for batch in reader.to_end():
            yield from batch
        while follow:
            yield from reader.batch(1.0)
    except KeyboardInterrupt:
        print_note(Text("已停止", "stopped"))


def _start(settings: KafkaSettings, lane: str, asked: str) -> Start:
    if asked == "beginning":
        return "beginning"
    if asked == "end":
        return "end"
    if not re.fullmatch(r"-?\d{1,18}", asked):
        raise RejectError("usage", Text(f"--from 不能是 {asked}", f"--from cannot be {asked}"),
                          advice=Text("写 beginning、end、一个位置 N，或 -N", "write beginning, end, an offset N, or -N"))
    now, number = ends(settings, [lane], stable=True), int(asked)
    return {place: max(end + number, 0) if asked.startswith("-") else min(number, end) for place, end in now.items()}


def _writer(form: Format) -> Callable[[dict[str, Any]], None]:
    if form is Format.json:
        return lambda shown: _line(json.dumps(shown, ensure_ascii=False, default=str))
    if form is Format.csv:
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(_COLUMNS)
        return lambda shown: (rows.writerow(_cells(shown)), sys.stdout.flush())[1]
    return lambda shown: _line("  ".join(part for part in map(str, _cells(shown)) if part))


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _cells(shown: dict[str, Any]) -> list[Any]:
    """One record in columns; whatever the kind of lane, its content as JSON in the last."""
    meta = shown.get("meta", {})
    known = {"lane", "partition", "offset", "time", "what", "key", "dataset", "meta"}
    content = shown["row"] if shown["what"] == "event" else {key: value for key, value in shown.items() if key not in known}
    return [shown["partition"], shown["offset"], shown["time"], shown["what"], shown["key"] or "", shown.get("dataset", ""),
            meta.get("op", ""), meta.get("cause", ""), json.dumps(content, ensure_ascii=False, default=str) if content else ""]
