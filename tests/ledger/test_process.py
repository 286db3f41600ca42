"""The ledger process as it runs: killed at any moment, refused a second time, waiting for Kafka and ClickHouse, answering."""

import random
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.client import LedgerClient
from ledger.days import Days
from ledger.recorder import Recording
from ledger.settings import LedgerSettings
from ledger.shanghai import day_of, iso, today
from ledger.store import Store
from schemas.codec import encode_tallies
from schemas.control import LaneState
from schemas.envelope import kafka_key, marker_key
from schemas.errors import RejectError, RetryError
from schemas.tally import FindingTally, TallyKey
from tests.ledger.drawn import findings_in, flat, messages, second
from tests.ledger.live import Bus, LedgerProcess, free_address, until
from tests.ledger.test_books import EVENT
from wire.control import ControlWriter
from wire.reading import ends
from wire.settings import KafkaSettings

#: The last change of month: its two months are kept on any day, older ones are dropped some day.
FIRST = today().replace(day=1)
SPAN = (FIRST - timedelta(days=1), FIRST)
MIDNIGHT = second(f"{FIRST}T00:00:00")
MARKER = EVENT[:-1] + b"\x08"


@pytest.fixture
def bus(admin: KafkaSettings) -> Iterator[Bus]:
    bus = Bus(admin)
    yield bus
    bus.close()


def by_reason(found: Iterable[FindingTally]) -> dict[tuple[Any, ...], int]:
    """A plain count."""
    counted = dict[tuple[Any, ...], int]()
    for key, records in found:
        where = day_of(key.at), key.dataset, key.field, key.reason, key.severity
        counted[where] = counted.get(where, 0) + records
    return counted


def test_killed_again_and_again_it_records_each_tally_and_each_finding_once(on_kafka: LedgerSettings, bus: Bus) -> None:
    """Tallies of two months flow in transactions, some aborted, while the process is killed at random moments."""
    sent = [*messages(21, 900, [MIDNIGHT + n for n in (-7200, -60, -2, -1)], most=25),
            *messages(22, 24, [MIDNIGHT + n for n in (-2, -1, 0, 1)], most=25),
            *messages(23, 900, [MIDNIGHT + n for n in (0, 1, 30, 4000)], most=25)]
    draw, over = random.Random(), threading.Event()

    def flow() -> None:
        for at in range(0, len(sent), 8):
            bus.tell(sent[at:at + 8])
            if at % 80 == 0:
                bus.abort(sent[at:at + 3])
            if not over.is_set():
                time.sleep(0.1)

    with LedgerProcess(on_kafka) as ledger:
        writer = threading.Thread(target=flow)
        writer.start()
        try:
            for _ in range(5):
                ledger.start()
                until(lambda: bool(ledger.client.recorder().recorded))
                time.sleep(draw.random() * 1.5)
                assert ledger.end(signal.SIGKILL) == -signal.SIGKILL
            over.set()
        finally:
            over.set()
            writer.join(120)
        ledger.start()
        until(lambda: ledger.client.settled_up_to(bus.ends()), 60)
        found = ledger.client.volume(*SPAN, by=("stage", "cause", "dataset", "subscriber"))
        assert ledger.client.books(*SPAN).integrity.doubled == 0
        assert ledger.end() == 0
        assert ledger.log.read_text().count("runs at") == 6
    counted: dict[tuple[str, ...], int] = {}
    for tally in flat(sent):
        key: TallyKey = tally.key
        where = (key.stage, key.cause, key.dataset, key.subscriber)
        counted[where] = counted.get(where, 0) + tally.records
    assert {(row.stage, row.cause, row.dataset, row.subscriber): row.records for row in found.rows} == counted
    with Store(on_kafka) as store:
        [row] = store.rows("SELECT count() AS tallies, uniqExact(lp, lo, li) AS different FROM tally")
        assert row == {"tallies": len(list(flat(sent))), "different": len(list(flat(sent)))}
        found_rows = [one for message in sent for one in findings_in(message)]
        [row] = store.rows("SELECT count() AS findings, uniqExact(lp, lo, li) AS different FROM finding")
        assert row == {"findings": len(found_rows), "different": len(found_rows)}
        for table, when in (("finding AS f", "toDate(at, 'Asia/Shanghai')"), ("day_quality AS f FINAL", "day")):
            rows = store.rows(f"SELECT {when} AS day, dataset, field, reason, severity, sum(f.records) AS records FROM {table} "
                              "GROUP BY day, dataset, field, reason, severity")
            assert {tuple(row.values())[:5]: row["records"] for row in rows} == by_reason(found_rows), table


def test_killed_again_and_again_the_auditor_counts_each_value_once(on_kafka: LedgerSettings, admin: KafkaSettings, bus: Bus) -> None:
    """Values, markers and tombstones flow, clean commits behind them, while the process is killed at random moments."""
    with ControlWriter(admin) as control:
        control.write(lanes={"raw.health": LaneState(partitions=1)})
    draw, over, values = random.Random(), threading.Event(), [0]

    def flow() -> None:
        for number in range(300):
            kinds = draw.choices(("value", "marker", "tombstone"), (8, 1, 1), k=draw.randint(1, 30))
            bus.put("raw.health", [(marker_key("health.resident"), MARKER) if kind == "marker"
                                   else (kafka_key("health.resident", str(number)), EVENT if kind == "value" else None) for kind in kinds])
            values[0] += kinds.count("value")
            if number % 5 == 0:
                end = ends(admin, ["raw.health"])["raw.health", 0]
                bus.commit("raw.health", draw.randint(end - min(end, 20), end))
            if not over.is_set():
                time.sleep(0.02)

    with LedgerProcess(on_kafka) as ledger:
        writer = threading.Thread(target=flow)
        writer.start()
        try:
            for _ in range(4):
                ledger.start()
                time.sleep(2 + draw.random() * 2)  # it looks every two seconds
                assert ledger.end(signal.SIGKILL) == -signal.SIGKILL
        finally:
            over.set()
            writer.join(120)
        bus.commit("raw.health", ends(admin, ["raw.health"])["raw.health", 0])
        ledger.start()
        until(lambda: ledger.client.recorder().quiet, 60)
        assert ledger.end() == 0
    with Store(on_kafka) as store:
        [row] = store.rows("SELECT sum(records) AS records, count() AS rows FROM raw_count")
    assert row["records"] == values[0]
    assert row["rows"] > 1


def test_a_second_process_of_a_home_is_refused_and_told_what_to_do(on_kafka: LedgerSettings) -> None:
    with LedgerProcess(on_kafka) as first, LedgerProcess(on_kafka) as second_:
        first.start()
        assert first.process is not None
        second_.start(ready=False)
        assert second_.process is not None
        assert second_.process.wait(30) == 11
        said = second_.log.read_text()
        assert f"is open in process {first.process.pid}" in said
        assert "SHUTONG_HOME" in said
        assert "Traceback" not in said
        assert first.client.is_ready()
        # Killed, it leaves nothing in the way.
        first.end(signal.SIGKILL)
        second_.start()
        assert second_.end(signal.SIGINT) == 0


def test_books_of_another_kafka_are_not_written_on(on_kafka: LedgerSettings, bus: Bus) -> None:
    bus.tell(messages(1, 2, [MIDNIGHT]))
    with Store(on_kafka) as store:
        recording = Recording(store, Days(store))
        recording.take(0, 500, encode_tallies("w-1", 1, messages(2, 1, [MIDNIGHT])[0]))
        recording.flush()
    with LedgerProcess(on_kafka) as ledger:
        ledger.start(ready=False)
        assert ledger.process is not None
        assert ledger.process.wait(60) == 11
        assert "SHUTONG_BOOTSTRAP" in ledger.log.read_text()


def test_a_port_that_is_taken_ends_it_with_advice(on_kafka: LedgerSettings) -> None:
    with LedgerProcess(on_kafka) as first, LedgerProcess(on_kafka.model_copy(update={"home": on_kafka.home / "b"})) as other:
        first.start()
        other.address = first.address
        other.start(ready=False)
        assert other.process is not None
        assert other.process.wait(30) == 11
        assert "SHUTONG_LEDGER_ADDRESS" in other.log.read_text()


def test_without_kafka_and_clickhouse_it_waits_says_so_and_answers_that_it_is_not_ready(on_kafka: LedgerSettings) -> None:
    nowhere = on_kafka.model_copy(update={"bootstrap": free_address(), "clickhouse": f"http://{free_address()}"})
    with LedgerProcess(nowhere) as ledger:
        ledger.start(ready=False)
        until(lambda: _answers(ledger.client))
        until(lambda: ledger.client.recorder().recorder.state == "waiting" and ledger.client.recorder().recorder.failures > 1)
        state = ledger.client.recorder()
        assert "ClickHouse does not answer" in state.recorder.problem
        assert not ledger.client.is_ready()
        assert not state.quiet
        with pytest.raises(RetryError) as caught:
            ledger.client.volume()
        assert "SHUTONG_CLICKHOUSE" in caught.value.advice.en
        assert "ClickHouse" in caught.value.problem.zh
        assert ledger.end() == 0
        assert "ClickHouse does not answer" in ledger.log.read_text()


def _answers(client: LedgerClient) -> bool:
    try:
        return client.recorder() is not None
    except RetryError:
        return False


def test_a_ledger_that_is_away_is_a_retry_error_that_says_what_to_check() -> None:
    with LedgerClient(free_address()) as client:
        assert not client.is_ready()
        for ask in (client.volume, client.peaks, client.books, client.latency, client.quality, client.findings, client.minutes,
                    client.recorder):
            with pytest.raises(RetryError) as caught:
                ask()
            assert "SHUTONG_LEDGER_ADDRESS" in caught.value.advice.en


def test_it_answers_every_question_of_its_client_and_refuses_what_means_nothing(on_kafka: LedgerSettings, bus: Bus) -> None:
    sent = [*messages(3, 20, [MIDNIGHT - 5]), *messages(4, 1, [MIDNIGHT - 5, MIDNIGHT + 5]), *messages(5, 20, [MIDNIGHT + 5])]
    with LedgerProcess(on_kafka) as ledger:
        bus.tell(sent)
        ledger.start()
        client = ledger.client
        until(lambda: client.settled_up_to(bus.ends()))
        assert not client.settled_up_to({0: bus.ends()[0] + 1})
        assert client.recorder().recorded == client.recorder().settled == bus.ends()
        until(lambda: client.recorder().quiet)
        day = client.volume(FIRST, by=("provider", "day"), stage="exchange", provider="health")
        assert {(row.provider, row.day) for row in day.rows} == {("health", FIRST.isoformat())}
        assert (day.first, day.last) == (FIRST.isoformat(), FIRST.isoformat())
        top = client.peaks(*SPAN).top
        assert top is not None
        assert top.second.at in (iso(MIDNIGHT - 5), iso(MIDNIGHT + 5))
        assert client.peaks(*SPAN, scope="subscriber", name="tax").rows[0].name == "tax"
        assert client.latency(*SPAN, by=("stage", "day"), stage="delivered").rows[0].p50 > 0
        assert len(client.minutes(5)) == 5
        figures = client.quality(FIRST, dataset="health.resident").rows
        assert [(row.day, row.provider, row.dataset) for row in figures] == [(FIRST.isoformat(), "health", "health.resident")]
        assert 0 < figures[0].validity.flawed <= figures[0].validity.of == figures[0].records
        assert len(figures[0].validity.history) == 8
        reasons = client.findings(FIRST, by=("field", "reason"), dataset="health.resident").rows
        counted = by_reason(one for message in sent for one in findings_in(message))
        assert {(row.field, row.reason): row.records for row in reasons} == {
            (field, reason): records for (day, dataset, field, reason, _), records in counted.items()
            if (day, dataset) == (FIRST, "health.resident") and reason}
        assert client.volume(today() + timedelta(days=1)).rows == ()
        assert client.volume().first == client.volume().last >= FIRST.isoformat()
        for ask in (lambda: client.volume(by=("colour",)), lambda: client.volume("2026-11-02", "2026-11-01"), lambda: client.minutes(0),
                    lambda: client.volume("2026-10-01", "2026-11-01", by=("minute",)), lambda: client.volume("yesterday"),
                    lambda: client.peaks(scope="street"), lambda: client.volume(stage="sold' OR 1"),
                    lambda: client.findings(by=("value",)), lambda: client.findings(cause="whim' OR 1"),
                    lambda: client.quality("2026-01-01", "2026-10-01")):
            with pytest.raises(RejectError) as caught:
                ask()
            assert caught.value.advice.zh
        rows = client.volume(*SPAN, dataset="x' OR '1'='1").rows
        assert rows == ()
        metrics = client._http.get("/metrics").text
        assert f"shutong_ledger_tallies_recorded_total {float(sum(map(len, sent)))}" in metrics
        assert 'shutong_ledger_duty_running{duty="auditor"} 1.0' in metrics
        assert client._http.get("/healthz").status_code == 200
        assert client._http.post("/volume").status_code == 405
