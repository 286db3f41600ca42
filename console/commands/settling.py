"""`shutong quarantine repair`, `replay`, `drop`: what becomes of letters, with progress, and Ctrl-C between two transactions."""

import getpass
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from console.connection import connect_as, home_directory
from console.context import Home, Output, plan_of
from console.edits import mending_of
from console.letters import dead_lanes, in_words, provider_in
from console.outcomes import SETTLED, WORDS
from console.output import Format, print_note, print_rows
from schemas.control import Plan
from schemas.errors import RejectError
from schemas.letter import Finding
from schemas.names import Names
from schemas.text import Text
from streams.replay.box import Selection
from streams.replay.desk import Desk
from streams.replay.repairs import drop, repair
from streams.replay.replayer import Replay

__all__ = ["drop_letters", "repair_letters", "replay_letters"]

#: The role that may change letters and write to raw in exchange for them.
ROLE = "replay"
#: A check found problems: letters stay open.
_LEFT, _STOPPED = 3, 1
_TELL_EVERY = 2.0

_EACH = {"id": Text("编号", "id"), "outcome": Text("结果", "outcome"), "in_words": Text("说明", "in words"),
         "findings": Text("问题", "findings"), "changed": Text("改动字段", "changed fields")}
_SUM = {"outcome": Text("结果", "outcome"), "in_words": Text("说明", "in words"), "letters": Text("条数", "letters")}

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="<lane>/<partition>/<offset>")]
Provider = Annotated[str, typer.Option(help="一个提供方的 / of one provider")]
Dataset = Annotated[str, typer.Option(help="一个数据资源的 / of one dataset")]
ReasonCode = Annotated[str, typer.Option("--reason", help="一个原因代码的 / of one reason code")]
Field = Annotated[str, typer.Option(help="一个字段的 / of one field")]
Rules = Annotated[str, typer.Option("--rules", help="一个规则版本的 / of one rules version")]
Every = Annotated[bool, typer.Option("--all", help="所有未关闭的 / all that are open")]
By = Annotated[str, typer.Option(help="谁做的，记入死信 / who does it, kept in the letter")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只看会怎样 / only say what would happen")]


def repair_letters(
    ids: Ids = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help=(
        "改一个字段；非文本写 FIELD:=JSON / one field; FIELD:=JSON for what is no text"))] = None,
    maps: Annotated[list[str] | None, typer.Option("--map", metavar="FIELD:OLD=NEW", help="旧值换新值 / old for new")] = None,
    mappings: Annotated[list[str] | None, typer.Option("--mapping", metavar="FIELD:CSV", help="两列的对照文件 / a file old,new")] = None,
    accept_proposals: Annotated[bool, typer.Option("--accept-proposals", help="采用规则的建议值 / what the rules propose")] = False,
    edit: Annotated[Path | None, typer.Option("--edit", metavar="JSON", help=(
        "整条记录，只用于一条 / a whole record, for one letter"))] = None,
    rekey: Annotated[bool, typer.Option("--rekey", help="只按记录重算主键 / only compute the key again")] = False,
    provider: Provider = "", dataset: Dataset = "", reason: ReasonCode = "", field: Field = "", rules: Rules = "", every: Every = False,
    by: By = "", dry_run: DryRun = False, home: Home = None, output: Output = Format.table,
) -> None:
    """修复被拒记录：改后再判一遍，全部合格才保存 / Repair: judged again, kept only when nothing is wrong any more."""
    mending = mending_of(sets or (), maps or (), mappings or (), accept_proposals=accept_proposals, edit=edit, rekey=rekey)
    if edit is not None and len(ids or ()) != 1:
        raise RejectError("usage", Text("--edit 用于恰好一条死信", "--edit is for exactly one letter"),
                          advice=Text("写明一个编号", "name one id"))
    plan = plan_of(home)
    selection, lanes = _selected(plan, ids, provider, dataset, reason, field, rules, every=every)
    rows: list[dict[str, Any]] = []
    with _desk(home, plan, looks=dry_run) as desk, _interruptible() as stopped:
        for lot in repair(desk, lanes, selection, mending, by or _whoever(), rehearse=dry_run):
            rows += [_row(one.place, one.result, one.findings, one.problem, tuple(one.changed)) for one in lot]
            if stopped():
                break
    _finish(selection, rows, output, each=True, stopped=stopped(), only_told=dry_run)


def replay_letters(
    ids: Ids = None, provider: Provider = "", dataset: Dataset = "", reason: ReasonCode = "", field: Field = "", rules: Rules = "",
    every: Every = False, by: By = "", dry_run: DryRun = False,
    each: Annotated[bool, typer.Option("--each", help="逐条列出 / list each letter")] = False,
    home: Home = None, output: Output = Format.table,
) -> None:
    """重放：同一事务里关闭死信、把事件再送一次 / Replay: one transaction closes the letter and sends its event once."""
    plan = plan_of(home)
    selection, lanes = _selected(plan, ids, provider, dataset, reason, field, rules, every=every)
    rows: list[dict[str, Any]] = []
    with _desk(home, plan, looks=dry_run) as desk, _interruptible() as stopped:
        run = Replay(desk, lanes, selection, by or _whoever(), rehearse=dry_run, told=_once())
        progress = _Progress(run.total)
        for lot in run.run():
            rows += [_row(one.place, one.outcome, one.findings) for one in lot]
            progress.add(len(lot))
            if stopped():
                break
    _finish(selection, rows, output, each=each or dry_run or bool(ids), stopped=stopped(), only_told=dry_run)


def drop_letters(
    ids: Ids = None,
    why: Annotated[str, typer.Option("--why", help="为什么放弃，记入死信 / why, kept in the letter")] = "",
    provider: Provider = "", dataset: Dataset = "", reason: ReasonCode = "", field: Field = "", rules: Rules = "", every: Every = False,
    by: By = "", home: Home = None, output: Output = Format.table,
) -> None:
    """放弃被拒记录：删去其内容，只留原因 / Give events up: their content goes, the reasons stay."""
    if not why.strip():
        raise RejectError("usage", Text("没有说明为什么放弃", "nothing says why"), advice=Text("写上 --why", "give --why"))
    plan = plan_of(home)
    selection, lanes = _selected(plan, ids, provider, dataset, reason, field, rules, every=every)
    rows: list[dict[str, Any]] = []
    with _desk(home, plan) as desk, _interruptible() as stopped:
        for lot in drop(desk, lanes, selection, by or _whoever(), why.strip()[:500]):
            rows += [_row(one.place, one.result) for one in lot]
            if stopped():
                break
    _finish(selection, rows, output, each=bool(ids), stopped=stopped())


def _selected(plan: Plan, ids: list[str] | None, provider: str, dataset: str, reason: str, field: str, rules: str, *,
              every: bool) -> tuple[Selection, list[str]]:
    """Which letters are meant, and the lanes they lie on; RejectError `usage` when nothing says which."""
    if ids:
        lanes = {Names.dead(provider_in(name)) for name in ids}
        return Selection(places=frozenset(ids)), sorted(lanes & plan.lanes.keys())
    if not (provider or dataset or reason or field or rules or every):
        raise RejectError("usage", Text("没有说明是哪些死信", "nothing says which letters are meant"),
                          advice=Text("写编号，或 --provider、--dataset、--reason、--field、--rules，或 --all",
                                      "give ids, or --provider, --dataset, --reason, --field, --rules, or --all"))
    return Selection(dataset=dataset, reason=reason, field=field, rules_version=rules), dead_lanes(plan, provider)


def _whoever() -> str:
    """Who sits at this terminal; a container may have no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _desk(home: Path | None, plan: Plan, *, looks: bool = False) -> Desk:
    return Desk(connect_as(home_directory(home), ROLE), plan, looks=looks)


@contextmanager
def _interruptible() -> Iterator[Any]:
    """Ctrl-C lets the transaction that is under way come to its end; a second one does not."""
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)
        print_note(Text("这一批做完就停", "stopping when this lot is done"))

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


class _Progress:
    """Says now and then how far it is and how long it will take."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._began = self._told = time.monotonic()

    def add(self, letters: int) -> None:
        """So many more are done."""
        self._done += letters
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            left = (now - self._began) / self._done * max(self._total - self._done, 0)
            print_note(Text(f"{self._done:,}/{self._total:,} 条，约还需 {left:,.0f} 秒",
                            f"{self._done:,} of {self._total:,} letters, about {left:,.0f} s to go"))


def _once() -> Any:
    """Tells each sentence's kind once, however often it is heard."""
    heard: set[str] = set()

    def tell(text: Text) -> None:
        kind = "".join(each for each in text.en if not each.isdigit())
        if kind not in heard:
            heard.add(kind)
            print_note(text)

    return tell


def _row(place: str, outcome: str, findings: tuple[Finding, ...] = (), problem: Text | None = None,
         changed: tuple[str, ...] = ()) -> dict[str, Any]:
    told = [f"{one.field}: {in_words(one.reason).problem} ({one.reason})" if one.field else f"{in_words(one.reason).problem} ({one.reason})"
            for one in findings if one.severity == "reject"]
    return {"id": place, "outcome": outcome, "in_words": str(problem or WORDS[outcome]), "findings": told, "changed": list(changed)}


def _rehearsed(outcomes: Counter[str]) -> None:
    told = [(WORDS[outcome], letters) for outcome, letters in outcomes.most_common()]
    zh = "；".join(f"{words.zh} {letters:,} 条" for words, letters in told) or "没有这样的死信"
    en = "; ".join(f"{letters:,} {words.en}" for words, letters in told) or "no such letter"
    print_note(Text(f"预演，什么也没有写入：{zh}", f"rehearsed, nothing is written: {en}"))


def _finish(selection: Selection, rows: list[dict[str, Any]], output: Format, *, each: bool, stopped: bool,
            only_told: bool = False) -> None:
    """Print what became of the letters, and leave with a code that says whether something is left to do."""
    if output is not Format.table or each:
        print_rows(rows, _EACH, output)
    else:
        counts = Counter((row["outcome"], row["in_words"]) for row in rows)
        print_rows([{"outcome": outcome, "in_words": words, "letters": letters} for (outcome, words), letters in counts.most_common()],
                   _SUM, output)
    if only_told and output is Format.table:
        _rehearsed(Counter(row["outcome"] for row in rows))
    unknown = selection.places - {row["id"] for row in rows}
    if stopped:
        print_note(Text("已停止；再执行一次会接着做，已关闭的不会重复", "stopped; do it again to go on: what is closed stays closed"))
        raise typer.Exit(_STOPPED)
    if unknown:
        names = sorted(unknown)
        raise RejectError("unknown", Text(f"隔离区里没有 {'、'.join(names)}", f"there is no {', '.join(names)} in quarantine"),
                          advice=Text("用 shutong quarantine list --all 查看", "see them with shutong quarantine list --all"))
    if not only_told and not all(row["outcome"] in SETTLED for row in rows):
        raise typer.Exit(_LEFT)
