"""`shutong quarantine`: what was rejected, in groups; and one rejected event with every reason and what to do."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from console.commands.settling import drop_letters, repair_letters, replay_letters
from console.connection import connect, home_directory
from console.context import Home, Output, plan_of
from console.decoding import Decoder
from console.letters import Group, dead_lanes, find_letter, grouped, in_words, provider_in
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
quarantine_app.command("repair")(repair_letters)
quarantine_app.command("replay")(replay_letters)
quarantine_app.command("drop")(drop_letters)

_GROUP = {"lane": Text("通道", "lane"), "dataset": Text("数据资源", "dataset"), "reason": Text("原因", "reason"),
          "field": Text("字段", "field"), "rules_version": Text("规则版本", "rules"), "problem": Text("说明", "in words"),
          "closed": Text("关闭为", "closed as"), "letters": Text("条数", "letters"), "repaired": Text("已修复", "repaired"),
          "first": Text("最早", "first"), "last": Text("最近", "last"), "latest": Text("最近一条的编号", "id of the last")}
_FINDING = {"field": Text("字段", "field"), "reason": Text("原因", "reason"), "severity": Text("轻重", "severity"),
            "problem": Text("说明", "in words"), "advice": Text("怎么办", "what to do"), "proposed": Text("建议值", "proposed")}
_PLACE = {"key": Text("项目", "item"), "value": Text("内容", "content")}
_CHANGE = {"field": Text("字段", "field"), "before": Text("原值", "before"), "after": Text("修复后", "repaired")}


@quarantine_app.command("list")
def list_letters(
    provider: Annotated[str, typer.Option(help="只看一个提供方 / of one provider")] = "",
    reason: Annotated[str, typer.Option(help="只看一个原因代码 / of one reason code")] = "",
    dataset: Annotated[str, typer.Option(help="只看一个数据资源 / of one dataset")] = "",
    field: Annotated[str, typer.Option(help="只看一个字段 / of one field")] = "",
    closed: Annotated[bool, typer.Option("--closed", help="只看已关闭的 / those that are closed")] = False,
    every: Annotated[bool, typer.Option("--all", help="连同已关闭的 / open and closed")] = False,
    home: Home = None, output: Output = Format.table,
) -> None:
    """按数据资源、原因、字段、规则版本汇总 / Rejected events, by dataset, reason, field and rules version."""
    lanes = dead_lanes(plan_of(home), provider)
    records = read_all(connect(home_directory(home)), lanes) if lanes else ()

    def wanted(group: Group) -> bool:
        return ((every or bool(group.closed) == closed) and reason in ("", group.reason) and dataset in ("", group.dataset)
                and field in ("", group.field))

    rows = [group._asdict() | {"letters": count.letters, "repaired": count.repaired, "first": iso(count.first // 1000),
                               "last": iso(count.last // 1000), "latest": count.latest, "problem": str(in_words(group.reason).problem)}
            for group, count in grouped(records, wanted).items()]
    columns = _GROUP if closed or every else {name: title for name, title in _GROUP.items() if name != "closed"}
    print_rows(rows, columns, output)
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
    """显示一条被拒记录的全部原因、处理建议和修复 / One rejected event: every reason, what to do, and its repair."""
    lifted = see_personal(show_personal)
    plan = plan_of(home)
    lane = Names.dead(provider_in(name))
    records = read_all(connect(home_directory(home)), [lane]) if lane in plan.lanes else ()
    letter = find_letter(records, name)
    if letter is None:
        raise RejectError("unknown", Text(f"隔离区里没有 {name}", f"there is no {name} in quarantine"),
                          advice=Text("用 shutong quarantine list 查看现有编号", "see the ids with shutong quarantine list"))
    _print(_shown(Decoder(plan, lifted=lifted), letter, lifted), output)


def _shown(decoder: Decoder, letter: Letter, lifted: bool) -> dict[str, Any]:
    """The letter, its findings in words, the event as it came and what a repair changed, veiled."""
    came = _event(decoder, letter, letter.value) if letter.state != "closed" else {}
    place = {"id": letter.place, "state": letter.closed or letter.state, "dataset": letter.dataset,
             "subscription": letter.subscription, "arrived": iso(letter.arrived / 1000), "handled": iso(letter.handled / 1000),
             "changed": iso(letter.changed / 1000) if letter.changed else "", "by": letter.by, "why": letter.why,
             "replayed_to": f"{letter.lane}/{letter.partition}/{letter.replayed}" if letter.replayed >= 0 else "",
             "stream": letter.stream, "epoch": letter.epoch, "seq": letter.seq, "rules_version": letter.rules_version,
             "plan_version": letter.plan_version, "key": came.get("key", ""), "size": len(letter.value or b"")}
    event = {name: came[name] for name in ("meta", "row", "before", "problem") if name in came}
    raw = {"bytes": (letter.value or b"").hex()} if lifted and letter.value is not None else {}
    return place | {"findings": [_in_words(each) for each in decoder.findings(letter)], "event": event,
                    "repaired": decoder.changes(letter) if letter.repaired is not None else []} | raw


def _event(decoder: Decoder, letter: Letter, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {}
    return decoder.event(Record(letter.lane, letter.partition, letter.offset, letter.arrived, letter.key, value))


def _in_words(finding: Mapping[str, Any]) -> dict[str, Any]:
    words = in_words(finding["reason"])
    return dict(finding) | {"problem": str(words.problem), "advice": str(words.advice)}


def _print(shown: dict[str, Any], output: Format) -> None:
    if output is Format.json:
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2, default=str) + "\n")
    elif output is Format.csv:
        print_rows([{"id": shown["id"]} | each for each in shown["findings"]], {"id": Text("编号", "id")} | _FINDING, output)
    else:
        plain = {name: value for name, value in shown.items() if name not in ("findings", "repaired") and value not in ("", {})}
        # A position is a name here, not a quantity.
        print_rows([{"key": name, "value": str(value) if isinstance(value, int) else value} for name, value in plain.items()],
                   _PLACE, output)
        print_rows(shown["findings"], _FINDING, output)
        if shown["repaired"]:
            print_rows(shown["repaired"], _CHANGE, output)
