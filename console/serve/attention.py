"""What an operator should look at now, the gravest first, each with what to do. Pure, from the figures of a snapshot."""

from collections.abc import Iterator
from datetime import datetime

from console.serve.snapshot import Attention, Origin, Snapshot
from ledger.shanghai import SHANGHAI
from schemas.text import Text

__all__ = ["BEHIND_SECONDS", "attention"]

#: Seconds of lag from which a lane is worth a look.
BEHIND_SECONDS = 30.0

_ORIGINS = {"kafka": Text("Kafka", "Kafka"), "ledger": Text("账本", "the ledger"), "quarantine": Text("隔离区", "the quarantine")}


def attention(snapshot: Snapshot) -> tuple[Attention, ...]:
    """All of it; empty when there is nothing to do."""
    found = [*_origins(snapshot), *_books(snapshot), *_workers(snapshot), *_connectors(snapshot), *_held(snapshot),
             *_lanes(snapshot), *_silent(snapshot), *_duties(snapshot)]  # fmt: skip
    return tuple(sorted(found, key=lambda each: each.level != "bad"))


def _origins(snapshot: Snapshot) -> Iterator[Attention]:
    for origin in snapshot.origins:
        if origin.state in ("stale", "away"):
            yield _bad(f"{origin.name}_{origin.state}", *_of_origin(origin))
    kafka = snapshot.origin("kafka")
    if kafka.state == "fresh" and not snapshot.plan_version:
        yield _warn("no_plan", Text("总线上还没有方案", "there is no plan on the bus yet"),
                    Text("执行 shutong apply <城市目录>", "run shutong apply <city directory>"))


def _of_origin(origin: Origin) -> tuple[Text, Text]:
    name = _ORIGINS[origin.name]
    advice = origin.advice or Text("检查 shutong serve 的日志", "read the log of shutong serve")
    told = origin.problem or Text(f"{name.zh}没有应答", f"{name.en} does not answer")
    if origin.state == "away":
        return told, advice
    moment = datetime.fromtimestamp(origin.as_of / 1000, SHANGHAI).strftime("%H:%M:%S")
    return Text(f"{told.zh}；来自{name.zh}的数字停在 {moment}", f"{told.en}; figures of {name.en} stopped at {moment}"), advice


def _books(snapshot: Snapshot) -> Iterator[Attention]:
    books, recorder = snapshot.books, snapshot.recorder
    if books is not None and books.state == "imbalanced":
        lines = len(books.wrong)
        yield _bad("books_imbalanced",
                   Text(f"账目不平：{lines} 行有差额，{books.doubled} 条计数重复",
                        f"the books do not balance: {lines} lines differ, {books.doubled} tallies are doubled"),
                   Text("用 shutong ledger books 查看差额所在的数据资源与小时", "see dataset and hour with shutong ledger books"))
    if recorder is not None and (recorder.state in ("waiting", "halted") or recorder.auditor in ("waiting", "halted")):
        yield _warn("recorder_waits", Text("记账暂停，交换不受影响", "recording waits; the exchange goes on"),
                    Text("查看 logs/ledger.log；恢复后会自动补记", "read logs/ledger.log; it catches up by itself"))


def _workers(snapshot: Snapshot) -> Iterator[Attention]:
    if snapshot.origin("kafka").state == "away" or not snapshot.plan_version:
        return
    silent = [worker.worker for worker in snapshot.workers if worker.state == "silent"]
    if len(silent) == len(snapshot.workers):
        yield _bad("no_worker", Text("没有工作进程在运行，交换停着", "no worker runs: the exchange stands still"),
                   Text("启动 shutong worker，并查看其日志", "start shutong worker, and read its log"))
    elif silent:
        names = ", ".join(silent[:5])
        yield _warn("worker_silent", Text(f"工作进程 {names} 没有心跳", f"no word from worker {names}"),
                    Text("其他进程已接手；若不再使用可忽略，否则重启它", "the others took over; restart it unless it left for good"))


def _connectors(snapshot: Snapshot) -> Iterator[Attention]:
    for each in snapshot.connectors:
        what = Text(f"连接器 {each.instance} ", f"connector {each.instance}")
        problem, advice = each.remarks[0] if each.remarks else (Text("", ""), Text("", ""))
        if each.state == "halted":
            yield _bad("connector_halted", Text(f"{what.zh}停下了：{problem.zh}", f"{what.en} halted: {problem.en}"), advice)
        elif each.state == "retrying":
            yield _warn("connector_retrying", Text(f"{what.zh}在重试：{problem.zh}", f"{what.en} tries again: {problem.en}"), advice)
        elif each.state in ("silent", "missing"):
            yield _bad("connector_silent", Text(f"{what.zh}没有进程在运行", f"no process runs {what.en}"),
                       Text("启动 shutong connect，并查看其日志", "start shutong connect, and read its log"))


def _held(snapshot: Snapshot) -> Iterator[Attention]:
    for lane in snapshot.lanes:
        if lane.held == "line":
            yield _bad("stop_line",
                       Text(f"{lane.lane} 到了停线，已停住，{lane.records} 条在等待",
                            f"{lane.lane} has reached its stop-line and is held; {lane.records} records wait"),
                       Text(f"看 shutong quarantine list，与提供方改正后执行 shutong lane release {lane.lane}",
                            f"see shutong quarantine list, mend it with the provider, then shutong lane release {lane.lane}"))
        elif lane.held:
            yield _warn("lane_held",
                        Text(f"{lane.lane} 被人停住，{lane.records} 条在等待", f"{lane.lane} is held by hand; {lane.records} records wait"),
                        Text(f"需要继续时执行 shutong lane release {lane.lane}", f"when it may go on: shutong lane release {lane.lane}"))


def _lanes(snapshot: Snapshot) -> Iterator[Attention]:
    late = [lane for lane in snapshot.lanes if lane.records and lane.seconds >= BEHIND_SECONDS and not lane.held]
    if late:
        worst = late[0]
        yield _warn("lane_behind",
                    Text(f"{len(late)} 条通道落后，最久的 {worst.lane} 落后 {worst.seconds:.0f} 秒、{worst.records} 条",
                         f"{len(late)} lanes are behind; the worst, {worst.lane}, by {worst.seconds:.0f} s and {worst.records} records"),
                    Text("看它在追赶还是停住；需要时增加工作进程", "see whether it catches up or stands still; add a worker if need be"))


def _silent(snapshot: Snapshot) -> Iterator[Attention]:
    if snapshot.silent:
        names = snapshot.silent[:3]
        more_zh, more_en = ("等", " …") if len(snapshot.silent) > 3 else ("", "")
        yield _warn("dataset_silent",
                    Text(f"{'、'.join(each.title.zh for each in names)}{more_zh}超过更新周期没有新数据",
                         f"nothing new within their cycle from {', '.join(each.title.en for each in names)}{more_en}"),
                    Text("联系提供方，确认源系统与连接器", "ask the provider about its source system and connector"))


def _duties(snapshot: Snapshot) -> Iterator[Attention]:
    well = snapshot.origin("kafka").state == "fresh"  # else what stands in their way is told already
    told, line = snapshot.duty("replay"), snapshot.duty("stop_line")
    if line.problem is not None and well:
        yield _warn("stop_line_waits", Text(f"到了停线的通道没有整条停住：{line.problem.zh}",
                                            f"a lane at its stop-line is not held as a whole: {line.problem.en}"),
                    line.advice or Text("检查 shutong serve 的日志", "read the log of shutong serve"))
    if told.problem is not None and well:
        yield _warn("replay_waits", Text(f"模式已登记的死信还没有重放：{told.problem.zh}",
                                         f"letters whose schema is known now are not replayed: {told.problem.en}"),
                    told.advice or Text("检查 shutong serve 的日志", "read the log of shutong serve"))
    elif told.left:
        yield _warn("replay_left", Text(f"{told.left} 条死信的模式已登记，重放却会再次被拒",
                                        f"{told.left} letters whose schema is known now would be turned away again"),
                    Text("用 shutong quarantine replay --reason unknown_schema --dry-run 查看原因",
                         "see why with shutong quarantine replay --reason unknown_schema --dry-run"))


def _bad(code: str, problem: Text, advice: Text) -> Attention:
    return Attention(level="bad", code=code, problem=problem, advice=advice)


def _warn(code: str, problem: Text, advice: Text) -> Attention:
    return Attention(level="warn", code=code, problem=problem, advice=advice)
