"""Metrics for Prometheus: one list with every name, kind, label and meaning, read from a snapshot at each scrape."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from console.serve.snapshot import Snapshot

__all__ = ["METRICS", "Measure", "exposition"]

Sample = tuple[tuple[str, ...], float]

_CONNECTOR_STATES = ("waiting", "running", "retrying", "halted", "paused", "stopped", "silent", "missing")


class Measure(NamedTuple):
    """One metric. A counter's name goes without `_total`, which Prometheus adds."""

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Snapshot], Iterable[Sample]]


METRICS: tuple[Measure, ...] = (
    Measure("shutong_origin_up", "gauge", ("origin",), "1 while kafka, ledger or quarantine answers",
            lambda s: (((each.name,), float(each.state == "fresh")) for each in s.origins)),
    Measure("shutong_origin_age_seconds", "gauge", ("origin",), "age of what is known from there",
            lambda s: (((each.name,), (s.at - each.as_of) / 1000) for each in s.origins if each.as_of)),
    Measure("shutong_plan_version", "gauge", (), "version of the plan in force",
            lambda s: [((), s.plan_version)]),
    Measure("shutong_attention", "gauge", ("level",), "things an operator should look at",
            lambda s: (((level,), sum(each.level == level for each in s.attention)) for level in ("bad", "warn"))),
    Measure("shutong_events", "counter", ("worker", "stage"), "records committed by stage since the worker started",
            lambda s: (((each.worker, stage), count) for each in s.workers for stage, count in each.totals.items())),
    Measure("shutong_events_per_second", "gauge", ("stage",), "records by stage now, all workers",
            lambda s: (((stage,), rate) for stage, rate in s.throughput.items())),
    Measure("shutong_volume_today", "gauge", ("stage",), "records of today (Asia/Shanghai) by stage, from the ledger",
            lambda s: (((stage,), count) for stage, count in (s.volume.stages if s.volume else {}).items())),
    Measure("shutong_exchange_today", "gauge", (), "exchanges of today (Asia/Shanghai), from the ledger",
            lambda s: [((), s.volume.exchange)] if s.volume else []),
    Measure("shutong_peak_today", "gauge", ("window",), "largest second, minute and hour of live exchanges today",
            lambda s: (((each.width,), each.records) for each in s.peaks)),
    Measure("shutong_latency_seconds", "gauge", ("stage", "quantile"), "handled - arrived of today, live, from the ledger",
            lambda s: (((stage, name), value / 1000) for stage, pair in s.latency.items()
                       for name, value in zip(("0.5", "0.99"), pair, strict=True))),
    Measure("shutong_lag_records", "gauge", ("lane",), "records of a lane the workers have not committed",
            lambda s: (((each.lane,), each.records) for each in s.lanes)),
    Measure("shutong_lag_seconds", "gauge", ("lane",), "how long the oldest of them has waited",
            lambda s: (((each.lane,), each.seconds) for each in s.lanes)),
    Measure("shutong_lane_held", "gauge", ("lane",), "1 while a lane waits for a person: at its stop-line, or held by hand",
            lambda s: (((each.lane,), float(bool(each.held))) for each in s.lanes)),
    Measure("shutong_worker_up", "gauge", ("worker",), "1 while the worker speaks",
            lambda s: (((each.worker,), float(each.state != "silent")) for each in s.workers)),
    Measure("shutong_worker_plan_version", "gauge", ("worker",), "plan version the worker obeys",
            lambda s: (((each.worker,), each.plan_version) for each in s.workers)),
    Measure("shutong_worker_not_begun", "gauge", ("worker",), "partitions the worker has but could not begin yet",
            lambda s: (((each.worker,), each.not_begun) for each in s.workers)),
    Measure("shutong_transaction_seconds", "gauge", ("worker",), "time the worker's last transaction took to commit",
            lambda s: (((each.worker,), each.transaction_ms / 1000) for each in s.workers)),
    Measure("shutong_transactions", "counter", ("worker", "outcome"), "transactions since the worker started",
            lambda s: (sample for each in s.workers for sample in (((each.worker, "committed"), float(each.commits)),
                                                                   ((each.worker, "aborted"), float(each.aborts))))),
    Measure("shutong_process_resident_bytes", "gauge", ("process",), "resident memory of each process that tells it",
            lambda s: _memory(s)),
    Measure("shutong_connector_state", "gauge", ("connector", "direction", "state"), "1 for the state the connector is in",
            lambda s: (((each.instance, each.direction, state), float(each.state == state))
                       for each in s.connectors for state in _CONNECTOR_STATES)),
    Measure("shutong_connector_rows", "counter", ("connector", "direction"), "rows published or stored since its start",
            lambda s: (((each.instance, each.direction), each.rows) for each in s.connectors)),
    Measure("shutong_connector_rows_per_second", "gauge", ("connector", "direction"), "rows published or stored now",
            lambda s: (((each.instance, each.direction), each.rows_per_second) for each in s.connectors)),
    Measure("shutong_connector_rejected", "counter", ("connector", "direction"), "rows that fit into no event",
            lambda s: (((each.instance, each.direction), each.rejected) for each in s.connectors)),
    Measure("shutong_connector_lag_seconds", "gauge", ("connector", "direction"), "how far a sink is behind its lane",
            lambda s: (((each.instance, each.direction), each.lag_seconds) for each in s.connectors)),
    Measure("shutong_quarantine_letters", "gauge", ("dataset", "reason"), "rejected events that lie in quarantine",
            lambda s: (((each.dataset, each.reason), each.records) for each in s.reasons)),
    Measure("shutong_books_lines", "gauge", ("state",), "lines of today's books by state",
            lambda s: (((state,), count) for state, count in (s.books.counts if s.books else {}).items())),
    Measure("shutong_books_doubled_tallies", "gauge", (), "tallies that are in the table twice",
            lambda s: [((), s.books.doubled)] if s.books else []),
    Measure("shutong_recorder_position", "gauge", (), "offset of bus.tallies up to which the books are kept",
            lambda s: [((), s.recorder.recorded)] if s.recorder else []),
    Measure("shutong_recorder_behind", "gauge", (), "offsets of bus.tallies the recorder has not read; -1 unknown",
            lambda s: [((), s.recorder.behind)] if s.recorder else []),
    Measure("shutong_quality_ratio", "gauge", ("provider", "dataset", "dimension"), "share of today's records without a finding",
            lambda s: [((each.provider, each.dataset, name), figure.share) for each in s.quality
                       for name, figure in each.figures.items() if figure.share is not None]),
    Measure("shutong_duty_up", "gauge", ("duty",), "1 while what serve does by itself is on and nothing stands in its way",
            lambda s: (((each.name,), float(each.on and each.problem is None)) for each in s.duties)),
    Measure("shutong_duty_done", "counter", ("duty",), "replay: events sent out again; stop_line: lanes held; since serve started",
            lambda s: (((each.name,), each.done) for each in s.duties)),
    Measure("shutong_silent_datasets", "gauge", (), "datasets without an arrival for longer than their cycle",
            lambda s: [((), len(s.silent))]),
)  # fmt: skip


def exposition(snapshot: Snapshot, resident: int) -> bytes:
    """The text Prometheus reads; `resident` is our own memory in bytes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reading(snapshot, resident))
    return generate_latest(registry)


class _Reading(Collector):
    def __init__(self, snapshot: Snapshot, resident: int) -> None:
        self._snapshot = snapshot
        self._resident = resident

    def collect(self) -> Iterator[Metric]:
        for measure in METRICS:
            family = GaugeMetricFamily if measure.kind == "gauge" else CounterMetricFamily
            metric = family(measure.name, measure.help, labels=measure.labels)
            for labels, value in measure.samples(self._snapshot):
                metric.add_metric(labels, value)
            if measure.name == "shutong_process_resident_bytes":
                metric.add_metric(("serve",), self._resident)
            yield metric


def _memory(snapshot: Snapshot) -> Iterator[Sample]:
    for worker in snapshot.workers:
        if worker.rss:
            yield (f"worker {worker.worker}",), worker.rss
    connect = max((each.rss for each in snapshot.connectors), default=0)
    if connect:
        yield ("connect",), connect
