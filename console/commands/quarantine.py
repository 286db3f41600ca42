"""`shutong quarantine`: what was rejected, in groups; and one rejected event with every reason and what to do."""

import json
import sys
from typing import Annotated, Any

import typer

from console.connection import connect, home_directory
from console.context import Home, Output, plan_of
from console.decoding import Decoder
from console.letters import dead_lanes, find_letter, grouped, in_words
from console.output import Format, print_note, print_rows
from console.personal import ALLOWED, see_personal
from ledger.shanghai import iso
from schemas.errors import RejectError
from schemas.letter import Letter
from schemas.names import Names
from schemas.text import Text
from wire.reading import Record, read_all

__all__ = ["quarantine_app"]

quarantine_app = typer.Typer(help="隔离区 / quarantine", no_args_is_help=True)

_GROUP = {"lane": Text("通道", "lane"), "dataset": Text("数据资源", "dataset"), "reason": Text("原因", "reason"),
          "field": Text("字段", "field"), "problem": Text("说明", "in words"), "letters": Text("条数", "letters"),
          "first": Text("最早", "first"), "last": Text("最近", "last"), "latest": Text("最近一条的编号", "id of the last")}
_FINDING = {"field": Text("字段", "field"), "reason": Text("原因", "reason"), "severity": Text("轻重", "severity"),
            "problem": Text("说明", "in words"), "advice": Text("怎么办", "what to do"), "proposed": Text("建议值", "proposed")}
_PLACE = {"key": Text("项目", "item"), "value": Text("内容", "content")}


@quarantine_app.command("list")
def list_letters(
    provider: Annotated[str, typer.Option(help="只看一个提供方 / of one provider")] = "",
    reason: Annotated[str, typer.Option(help="只看一个原因代码 / of one reason code")] = "",
    dataset: Annotated[str, typer.Option(help="只看一个数据资源 / of one dataset")] = "",
    home: Home = None, output: Output = Format.table,
) -> None:
    """按通道、数据资源、原因、字段汇总 / Rejected events, by lane, dataset, reason and field."""
    lanes = dead_lanes(plan_of(home), provider)
    records = read_all(connect(home_directory(home)), lanes) if lanes else ()
    rows = [group._asdict() | {"letters": count.letters, "first": iso(count.first // 1000), "last": iso(count.last // 1000),
                               "latest": count.latest, "problem": str(in_words(group.reason).problem)}
            for group, count in grouped(records, reason, dataset).items()]
    print_rows(rows, _GROUP, output)
    if output is Format.table:
        print_note(Text("一条被拒记录有几个问题，就在几组里各算一次；查看一条：shutong quarantine show <编号>",
                        "a record with several findings counts in each group; see one with: shutong quarantine show <id>"))


@quarantine_app.command("show")
def show_letter(
    name: Annotated[str, typer.Argument(metavar="ID", help="<lane>/<partition>/<offset>")],
    show_personal: Annotated[bool, typer.Option("--show-personal", help=(
        f"显示个人信息，须 {ALLOWED}=1 / unmasked; needs {ALLOWED}=1"))] = False,
    home: Home = None, output: Output = Format.table,
) -> None:
    """显示一条被拒记录的全部原因与处理建议 / One rejected event: every reason and what to do."""
    lifted = see_personal(show_personal)
    plan = plan_of(home)
    lane = Names.dead(_provider_in(name))
    records = read_all(connect(home_directory(home)), [lane]) if lane in plan.lanes else ()
    letter = find_letter(records, name)
    if letter is None:
        raise RejectError("unknown", Text(f"隔离区里没有 {name}", f"there is no {name} in quarantine"),
                          advice=Text("用 shutong quarantine list 查看现有编号", "see the ids with shutong quarantine list"))
    _print(_shown(Decoder(plan, lifted=lifted), letter, lifted), output)


def _provider_in(name: str) -> str:
    lane, *place = name.split("/")
    if len(place) not in (2, 3) or "." not in lane or not all(part.isdigit() for part in place[:2]):
        raise RejectError("usage", Text(f"{name} 不是隔离区编号", f"{name} is no quarantine id"),
                          advice=Text("编号写作 <通道>/<分区>/<位置>，例如 raw.health/0/17",
                                      "write <lane>/<partition>/<offset>, such as raw.health/0/17"))
    return Names.provider_of(lane)


def _shown(decoder: Decoder, letter: Letter, lifted: bool) -> dict[str, Any]:
    """The letter, its findings in words, and the event as it came, veiled."""
    came = decoder.event(Record(letter.lane, letter.partition, letter.offset, letter.arrived, letter.key, letter.value))
    event = {name: came[name] for name in ("meta", "row", "before", "problem") if name in came}
    place = {"id": f"{letter.lane}/{letter.partition}/{letter.offset}", "dataset": letter.dataset,
             "subscription": letter.subscription, "arrived": iso(letter.arrived / 1000), "handled": iso(letter.handled / 1000),
             "stream": letter.stream, "epoch": letter.epoch, "seq": letter.seq, "rules_version": letter.rules_version,
             "plan_version": letter.plan_version, "key": came["key"], "size": len(letter.value or b"")}
    raw = {"bytes": (letter.value or b"").hex()} if lifted else {}
    return place | {"findings": [_in_words(each) for each in decoder.findings(letter)], "event": event} | raw


def _in_words(finding: dict[str, Any]) -> dict[str, Any]:
    words = in_words(finding["reason"])
    return finding | {"problem": str(words.problem), "advice": str(words.advice)}


def _print(shown: dict[str, Any], output: Format) -> None:
    if output is Format.json:
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2, default=str) + "\n")
    elif output is Format.csv:
        print_rows([{"id": shown["id"]} | each for each in shown["findings"]], {"id": Text("编号", "id")} | _FINDING, output)
    else:
        plain = {name: value for name, value in shown.items() if name != "findings" and value not in ("", {})}
        print_rows([{"key": name, "value": value} for name, value in plain.items()], _PLACE, output)
        print_rows(shown["findings"], _FINDING, output)
