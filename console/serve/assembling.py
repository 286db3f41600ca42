"""From the views of Kafka, ledger and quarantine to one snapshot. Pure: the same views at the same moment, the same page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

from console.letters import in_words
from console.serve import snapshot as shown
from console.serve.attention import attention
from console.serve.kafka_watch import KafkaView
from console.serve.lag import Behind
from console.serve.ledger_watch import LedgerView
from console.serve.quality_rows import quality_rows
from console.serve.quarantine_watch import QuarantineView
from console.serve.silence import silent_datasets
from console.serve.watching import Trouble, Watcher
from ledger.client import Books, Peak, RecorderState, Window
from schemas.connector_status import ConnectorStatus
from schemas.control import ConnectorInstance, Dataset, Plan
from schemas.status import SILENT_AFTER, WorkerStatus
from schemas.text import Text

__all__ = ["STALE_AFTER", "Seen", "assemble"]

V = TypeVar("V")

#: Seconds after which a view that was not renewed is stale.
STALE_AFTER = 15.0

#: Seconds of lag from which a lane moves up in the table.
_LATE = 5.0

_LANE_WORDS = {"raw": Text("原始", "raw"), "clean": Text("标准", "clean"), "clean-log": Text("标准事件", "clean events")}


@dataclass(frozen=True)
class Seen(Generic[V]):
    """A view as its watcher had it: when, and what stands in the way of a newer one."""

    name: Literal["kafka", "ledger", "quarantine"]
    view: V | None = None
    as_of: float = 0.0
    trouble: Trouble | None = field(default=None, compare=False)

    @classmethod
    def by(cls, name: Literal["kafka", "ledger", "quarantine"], watcher: Watcher[V]) -> "Seen[V]":
        """What the watcher has now."""
        return cls(name, watcher.view, watcher.as_of, watcher.trouble)

    def origin(self, now: float) -> shown.Origin:
        """How fresh it is."""
        problem, advice = (self.trouble.problem, self.trouble.advice) if self.trouble is not None else (None, None)
        old = now - self.as_of > STALE_AFTER
        state: Literal["fresh", "starting", "stale", "away"]
        if self.view is None:
            state = "away" if self.trouble is not None else "starting"
        else:
            state = "stale" if self.trouble is not None or old else "fresh"
        return shown.Origin(name=self.name, state=state, as_of=int(self.as_of * 1000), problem=problem, advice=advice)


def assemble(now: float, refresh: float, kafka: Seen[KafkaView], ledger: Seen[LedgerView],
             quarantine: Seen[QuarantineView], duties: tuple[shown.Duty, ...] = ()) -> shown.Snapshot:  # fmt: skip
    """The snapshot at `now`."""
    bus, books, letters = kafka.view or KafkaView(Plan()), ledger.view or LedgerView(), quarantine.view or QuarantineView()
    plan = bus.plan
    titles = _Titles(plan)
    workers = _workers(bus.workers, now)
    held = _held(plan, bus.workers)
    lanes = tuple(sorted((_lane(each, titles, held.get(each.lane, "")) for each in bus.lanes), key=_by_lateness))
    home = plan.home
    origins = (kafka.origin(now), ledger.origin(now), quarantine.origin(now))
    whole = shown.Snapshot(
        at=int(now * 1000), refresh_ms=int(refresh * 1000), plan_version=plan.version,
        node=Text(home.title, home.title_en or home.title) if home else Text("", ""), node_code=home.code if home else "",
        origins=origins, attention=(), volume=_volume(books), throughput=_throughput(workers),
        latency={row.stage: (row.p50, row.p99) for row in books.latency if row.records},
        peaks=_peaks(books.peak, titles), minutes=_minutes(books),
        lanes=lanes, lanes_total=sum(lane.records for lane in lanes),
        quarantine_today=_quarantined_today(books, titles), letters=letters.letters, letters_complete=letters.complete,
        reasons=tuple(shown.Count(dataset=dataset, title=titles.of(dataset), records=records, reason=code,
                                  problem=in_words(code).problem) for dataset, code, records in letters.reasons),
        quality=quality_rows(books.quality, books.findings, titles.of), books=_books(books.books), recorder=_recorder(books.recorder),
        silent=silent_datasets(plan.datasets.values(), books.last_arrival, now) if ledger.view is not None else (),
        workers=workers, connectors=_connectors(bus.instances, bus.connectors, now), duties=duties,
    )  # fmt: skip
    return whole.model_copy(update={"attention": attention(whole)})


class _Titles:
    """The names of datasets and lanes as people know them."""

    def __init__(self, plan: Plan) -> None:
        self._datasets: Mapping[str, Dataset] = plan.datasets
        self._departments = plan.departments

    def of(self, dataset: str) -> Text:
        """The dataset's title, or its id where the plan has none."""
        known = self._datasets.get(dataset)
        return Text(known.title, known.title_en or known.title) if known is not None else Text(dataset, dataset)

    def lane(self, lane: str) -> Text:
        """`health · raw` with the department's title."""
        kind, _, rest = lane.partition(".")
        department = self._departments.get(rest.partition(".")[0])
        zh, en = (department.title, department.title_en or department.title) if department else (rest, rest)
        words = _LANE_WORDS.get(kind, Text(kind, kind))
        return Text(f"{zh} · {words.zh}", f"{en} · {words.en}")


def _workers(told: Iterable[WorkerStatus], now: float) -> tuple[shown.Worker, ...]:
    found = []
    for each in told:
        silent = now - each.updated / 1000 > SILENT_AFTER
        found.append(shown.Worker(
            worker=each.worker, state="silent" if silent else each.state, started=each.started, updated=each.updated,
            plan_version=each.plan_version, totals={stage: count.total for stage, count in each.stages.items()},
            per_second={} if silent else {stage: count.per_second for stage, count in each.stages.items()},
            lag_records=sum(lag.records for lag in each.lanes.values()),
            lag_seconds=max((lag.seconds for lag in each.lanes.values()), default=0.0), not_begun=each.not_begun,
            commits=each.commits, aborts=each.aborts, transaction_ms=each.transaction_ms, last_commit=each.last_commit,
            rss=0 if silent else each.rss))  # fmt: skip
    return tuple(sorted(found, key=lambda worker: (worker.state != "silent", worker.worker)))


def _throughput(workers: Iterable[shown.Worker]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for worker in workers:
        for stage, rate in worker.per_second.items():
            sums[stage] = round(sums.get(stage, 0.0) + rate, 1)
    return sums


def _held(plan: Plan, told: Iterable[WorkerStatus]) -> dict[str, Literal["", "line", "hand"]]:
    """The lanes that wait for a person: at the stop-line as long as a worker says so, whether or not the plan holds them too.

    A worker that fell silent may have held one: who has it now will say so too.
    """
    found: dict[str, Literal["", "line", "hand"]] = {lane: "hand" for lane, state in plan.lanes.items() if state.is_held()}
    return found | {lane: "line" for each in told for lane in each.held}


def _lane(each: Behind, titles: _Titles, held: Literal["", "line", "hand"]) -> shown.Lane:
    return shown.Lane(lane=each.lane, title=titles.lane(each.lane), partitions=each.partitions, records=each.records,
                      seconds=each.seconds, basis=each.basis, at_least=each.at_least, held=held)


def _by_lateness(lane: shown.Lane) -> tuple[float, int, str]:
    """Late lanes first, the others by name: rows that change places all the time cannot be read."""
    return (-lane.seconds if lane.records and lane.seconds >= _LATE else 0.0, not lane.lane.startswith("raw."), lane.lane)


def _volume(view: LedgerView) -> shown.Volume | None:
    told = view.volume
    if told is None:
        return None
    stages: dict[str, int] = {}
    for row in told.rows:
        stages[row.stage] = stages.get(row.stage, 0) + row.records
    return shown.Volume(day=told.last, exchange=told.exchange, exchange_live=told.exchange_live, stages=stages,
                        fixed=sum(row.fixed for row in told.rows if row.stage == "cleaned"))


def _peaks(peak: Peak | None, titles: _Titles) -> tuple[shown.Peak, ...]:
    if peak is None:
        return ()
    windows: dict[Literal["second", "minute", "hour"], Window] = {"second": peak.second, "minute": peak.minute, "hour": peak.hour}
    return tuple(shown.Peak(width=width, records=window.records, at=_millis(window.at), dataset=window.dataset,
                            title=titles.of(window.dataset)) for width, window in windows.items() if window.records)


def _minutes(view: LedgerView) -> tuple[shown.Minute, ...]:
    return tuple(shown.Minute(at=_millis(row.at), arrived=row.arrived, exchange=row.exchange, quarantined=row.quarantined)
                 for row in view.minutes)  # fmt: skip


def _quarantined_today(view: LedgerView, titles: _Titles) -> tuple[shown.Count, ...]:
    rows = [row for row in (view.volume.rows if view.volume is not None else ()) if row.stage == "quarantined" and row.records]
    rows.sort(key=lambda row: (-row.records, row.dataset))
    return tuple(shown.Count(dataset=row.dataset, title=titles.of(row.dataset), records=row.records) for row in rows)


def _books(told: Books | None) -> shown.BooksState | None:
    if told is None:
        return None
    wrong = [(row.dataset, row.hour, row.difference) for row in told.datasets if row.state == "imbalanced"]
    wrong += [(f"raw.{row.provider}", row.hour, row.difference) for row in told.raw if row.state == "imbalanced"]
    wrong += [(row.subscription, row.hour, row.difference) for row in told.subscriptions if row.state == "imbalanced"]
    moving = not told.settled or bool(told.states.get("open", 0))
    in_flight = sum(row.in_flight for row in told.raw) + sum(row.in_flight for row in told.subscriptions)
    state: Literal["balanced", "open", "imbalanced"] = "imbalanced" if not told.balanced else "open" if moving else "balanced"
    return shown.BooksState(state=state, counts={str(name): count for name, count in told.states.items()}, in_flight=in_flight,
                            doubled=told.integrity.doubled, wrong=tuple(wrong[:20]))


def _recorder(told: RecorderState | None) -> shown.Recorder | None:
    if told is None:
        return None
    return shown.Recorder(state=told.recorder.state, auditor=told.auditor.state, behind=told.behind, raw_behind=told.raw_behind,
                          recorded=sum(told.recorded.values()))


def _connectors(instances: Iterable[ConnectorInstance], told: Iterable[ConnectorStatus], now: float) -> tuple[shown.Connector, ...]:
    """Registered instances; one without a fresh status is shown as what it is: silent, or run by nobody."""
    status = {each.instance: each for each in told}
    found = [_connector(each, status.get(each.id), now) for each in instances]
    order = {"halted": 0, "missing": 1, "silent": 2, "retrying": 3}
    return tuple(sorted(found, key=lambda each: (order.get(each.state, 4), each.direction != "source", each.instance)))


def _connector(instance: ConnectorInstance, status: ConnectorStatus | None, now: float) -> shown.Connector:
    if status is None:
        return shown.Connector(instance=instance.id, kind=instance.kind, direction=instance.direction,
                               department=instance.department, state="paused" if instance.paused else "missing")
    silent = status.state != "stopped" and now - status.updated / 1000 > SILENT_AFTER
    return shown.Connector(
        instance=instance.id, kind=instance.kind, direction=instance.direction, department=instance.department,
        state="silent" if silent else status.state, phase=status.phase, updated=status.updated, rows=status.rows,
        rows_per_second=0.0 if silent else status.rows_per_second, rejected=status.rejected, done=status.done,
        total=status.total, eta_seconds=status.eta_seconds, lag_seconds=status.lag_seconds, rss=0 if silent else status.rss,
        remarks=tuple((remark.problem, remark.advice) for remark in status.remarks))  # fmt: skip


def _millis(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000) if moment else 0
