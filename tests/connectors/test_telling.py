import logging
from typing import Any

import pytest

from connectors.process import ConnectProcess
from connectors.settings import ConnectSettings
from schemas.errors import RetryError
from schemas.text import Text
from wire.publisher import NotAcknowledged


class Away:
    """A publisher whose Kafka is away."""

    def flush(self, timeout: float) -> int:
        why = RetryError(Text("Kafka 没有应答", "Kafka does not answer"), advice=Text("启动它", "start it"))
        raise NotAcknowledged((0,), 1, why)


def test_a_status_that_was_not_taken_says_why_and_asks_for_no_second_sending(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    publisher: Any = Away()
    ConnectProcess(ConnectSettings())._tell(publisher)
    assert [record.getMessage() for record in caplog.records] == ["bus.cursors: Kafka 没有应答 → 启动它"]
