"""The metrics as Prometheus' own parser reads them: every name of the list is there, with the figures of the snapshot."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from console.serve.kafka_watch import KafkaView
from console.serve.metrics import METRICS
from tests.console.serve.conftest import PLAN, Serving, worker


def read(page: Serving) -> dict[str, Metric]:
    answer = page.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    found = [sample.value for sample in families[name].samples if sample.labels == labels]
    assert len(found) == 1, (name, labels, families[name].samples)
    return found[0]


def test_every_metric_of_the_list_is_there_once_with_its_labels(standing: Serving) -> None:
    standing.fill()
    families = read(standing)
    assert set(families) == {measure.name for measure in METRICS}
    assert len(METRICS) == len({measure.name for measure in METRICS})
    for measure in METRICS:
        family = families[measure.name]
        assert family.type == measure.kind
        assert family.documentation == measure.help
        assert family.samples, measure.name
        assert {tuple(sorted(sample.labels)) for sample in family.samples} == {tuple(sorted(measure.labels))}


def test_the_metrics_say_what_the_snapshot_says(standing: Serving) -> None:
    standing.fill()
    families = read(standing)
    assert value(families, "shutong_plan_version") == 7
    assert value(families, "shutong_events", worker="host-1", stage="delivered") == 3100
    assert value(families, "shutong_events_per_second", stage="delivered") == 104.5
    assert value(families, "shutong_lag_records", lane="raw.health") == 4321
    assert value(families, "shutong_lag_seconds", lane="raw.health") == 66
    assert value(families, "shutong_transaction_seconds", worker="host-1") == 0.042
    assert value(families, "shutong_worker_up", worker="host-2") == 0
    assert value(families, "shutong_process_resident_bytes", process="worker host-1") == 200_000_000
    assert value(families, "shutong_process_resident_bytes", process="connect") == 90_000_000
    assert value(families, "shutong_process_resident_bytes", process="serve") > 10_000_000
    assert value(families, "shutong_quality_ratio", provider="health", dataset="health.resident", dimension="validity") == 0.97
    assert len(families["shutong_quality_ratio"].samples) == 3, "what nobody judged has no figure"
    assert value(families, "shutong_connector_state", connector="health.people", direction="source", state="halted") == 1
    assert value(families, "shutong_connector_state", connector="police.people", direction="sink", state="missing") == 1
    assert value(families, "shutong_connector_state", connector="health.people", direction="source", state="running") == 0
    assert value(families, "shutong_recorder_position") == 555
    assert value(families, "shutong_duty_up", duty="replay") == 0, "without a password it is off"
    assert value(families, "shutong_duty_up", duty="stop_line") == 1
    assert value(families, "shutong_duty_done", duty="stop_line") == 0
    assert value(families, "shutong_recorder_behind") == 2
    assert value(families, "shutong_quarantine_letters", dataset="health.resident", reason="key_mismatch") == 300
    assert value(families, "shutong_exchange_today") == 108642
    assert value(families, "shutong_latency_seconds", stage="delivered", quantile="0.99") == 0.48


def test_what_is_not_known_is_absent_and_not_zero(page: Serving) -> None:
    families = read(page)
    assert value(families, "shutong_origin_up", origin="ledger") == 0
    for name in ("shutong_exchange_today", "shutong_recorder_behind", "shutong_lag_records", "shutong_books_doubled_tallies"):
        assert families[name].samples == []


def test_a_silent_worker_gives_no_memory_it_no_longer_has(page: Serving) -> None:
    page.fill(kafka=KafkaView(PLAN, (worker(1, ago=60),)))
    told = {sample.labels["process"] for sample in read(page)["shutong_process_resident_bytes"].samples}
    assert told == {"serve"}
