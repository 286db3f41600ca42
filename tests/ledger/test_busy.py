"""Recorder and auditor on a bus that never rests: what was lost in an old hour is an alarm all the same."""

import threading
import time
from collections.abc import Iterator

import pytest

from ledger.auditor import Auditor
from ledger.books import books
from ledger.duty import Duty
from ledger.queries import Json, Period
from ledger.questions import Questions
from ledger.recorder import Recorder
from ledger.server import Desk
from ledger.settings import LedgerSettings
from ledger.shanghai import day_of
from ledger.store import Store
from tests.ledger.live import Bus, until
from tests.ledger.test_books import tally
from wire.settings import KafkaSettings


@pytest.fixture
def desk(on_kafka: LedgerSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Both duties at work in this process."""
    monkeypatch.setattr("ledger.books.QUIET", 1.0)
    recorder, auditor = Recorder(on_kafka), Auditor(on_kafka)
    duties = (Duty("recorder", recorder.work, lambda: None), Duty("auditor", auditor.work, lambda: None))
    questions = Questions(on_kafka)
    for duty in duties:
        duty.start()
    yield Desk(on_kafka, recorder, auditor, duties, questions)
    for duty in duties:
        duty.stop()
    questions.close()


@pytest.mark.kafka
def test_an_old_hours_loss_is_an_alarm_while_traffic_never_stops(desk: Desk, admin: KafkaSettings) -> None:
    bus, over = Bus(admin), threading.Event()
    old = int(time.time()) - 3 * 86400
    bus.tell([[tally("arrived", 10, at=old)]])

    def flow() -> None:
        while not over.wait(0.01):
            bus.tell([[tally(stage, 1, at=int(time.time())) for stage in ("arrived", "cleaned")]])

    def judged(at: int) -> Json:
        with Store(desk.settings) as store:
            [row] = books(store, Period(day_of(at), day_of(at)), desk.horizon)["datasets"][-1:] or [{}]
            return dict(row)

    traffic = threading.Thread(target=flow)
    traffic.start()
    try:
        until(lambda: judged(old).get("state") == "imbalanced")
        assert judged(old)["difference"] == 10
        assert not desk.horizon().settled
        assert judged(int(time.time()))["state"] != "imbalanced"
    finally:
        over.set()
        traffic.join()
        bus.close()
