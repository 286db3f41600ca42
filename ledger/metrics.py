"""What the ledger process says of itself to Prometheus: read from its duties' status, without a question to ClickHouse."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.auditor import Auditor
from ledger.duty import Duty
from ledger.recorder import Recorder

__all__ = ["exposition"]


class _Ledger(Collector):
    def __init__(self, recorder: Recorder, auditor: Auditor, duties: tuple[Duty, ...]) -> None:
        self._recorder, self._auditor, self._duties = recorder, auditor, duties

    def collect(self) -> Iterator[Metric]:
        recorder, auditor = self._recorder.status, self._auditor.status
        yield CounterMetricFamily("shutong_ledger_tallies_recorded", "Tallies inserted since the start.", recorder.rows)
        yield GaugeMetricFamily("shutong_ledger_behind_offsets", "Offsets of bus.tallies not read yet; -1: unknown.",
                                recorder.behind)
        yield GaugeMetricFamily("shutong_ledger_up_to_seconds", "Everything written before that moment is in the tables.",
                                min(recorder.up_to, auditor.up_to))
        yield GaugeMetricFamily("shutong_ledger_pending_rows", "Tallies read and not inserted yet.", recorder.pending_rows)
        yield GaugeMetricFamily("shutong_ledger_pending_days", "Days whose tables must be recomputed.", recorder.pending_days)
        yield GaugeMetricFamily("shutong_ledger_newest_seconds", "When the newest tallies read were written.", recorder.newest)
        yield GaugeMetricFamily("shutong_ledger_raw_behind_offsets", "Offsets of raw lanes the auditor has not read.",
                                auditor.behind)
        yield GaugeMetricFamily("shutong_ledger_raw_in_flight", "Values on raw lanes that clean has not committed.",
                                sum(auditor.in_flight.values()))
        running = GaugeMetricFamily("shutong_ledger_duty_running", "1: it works; 0: it waits or has ended.", labels=["duty"])
        failures = GaugeMetricFamily("shutong_ledger_duty_failures", "Failed tries since it worked last.", labels=["duty"])
        for duty in self._duties:
            running.add_metric([duty.name], float(duty.status.state == "running"))
            failures.add_metric([duty.name], duty.status.failures)
        yield from (running, failures)


def exposition(recorder: Recorder, auditor: Auditor, duties: tuple[Duty, ...]) -> bytes:
    """The text of /metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ledger(recorder, auditor, duties))
    return generate_latest(registry)
