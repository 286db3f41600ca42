import logging
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import RetryError
from schemas.text import Text
from streams import heartbeat
from streams.heartbeat import Heartbeat
from wire.publisher import NotAcknowledged
from wire.settings import KafkaSettings


class Away:
    """A publisher whose Kafka is away."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def send(self, *_: Any) -> None: ...

    def close(self) -> None: ...

    def flush(self, timeout: float) -> int:
        why = RetryError(Text("Kafka 没有应答", "Kafka does not answer"), advice=Text("启动它", "start it"))
        raise NotAcknowledged((0,), 1, why)


def test_a_report_that_was_not_taken_says_why_and_asks_for_no_second_sending(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeat, "Publisher", Away)
    caplog.set_level(logging.WARNING)
    slot: Any = SimpleNamespace(instance="h-0")
    engine: Any = None
    Heartbeat(KafkaSettings(), slot, 1, engine).bye()
    assert [record.getMessage() for record in caplog.records] == ["bus.workers: Kafka 没有应答 → 启动它"]
