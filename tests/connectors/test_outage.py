"""A source while Kafka stands still with its transaction open: no person is needed, nothing is lost or doubled."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from connectors import runner
from tests.connectors.conftest import Bus, Running, eventually
from tests.connectors.test_file import HEADER, files, put, rows
from trial.kafka import LocalKafka
from wire.publisher import TransactionalPublisher

pytestmark = pytest.mark.kafka
MANY = 20_000


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """This test's own, in place of the session's."""
    with LocalKafka(tmp_path / "kafka", die_with_parent=True) as broker:
        yield broker


def test_a_source_goes_on_by_itself_when_kafka_answers_again(
    kafka: LocalKafka, bus: Bus, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TransactionalPublisher", partial(TransactionalPublisher, timeout=1))
    folder = tmp_path / "in"
    folder.mkdir()
    instance = files(folder)
    put(folder, "a.csv", HEADER + rows(0, MANY))
    board = running.follow(bus.plan(instance), instance)
    eventually(lambda: board.read().rows)
    pid = kafka.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        put(folder, "b.csv", HEADER + rows(MANY, 10))
        eventually(lambda: board.read().state in ("retrying", "halted"))
        told = board.read()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert told.state == "retrying", told.remarks
    eventually(lambda: len(bus.raw()) >= MANY + 10)
    assert sorted(event.row["id"] for event in bus.raw() if event.row) == [f"p{n:05}" for n in range(MANY + 10)]
