"""How far a sink is behind: measured against where its lane ends, not against what happened to come."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors import delivery
from connectors.delivery import Lag
from schemas.errors import RetryError
from schemas.text import Text
from wire.reading import Record

PLACE = ("deliver.police", 0)
START = 1_750_000_000.0


class Lane:
    """A lane and its reader, and the clock of both."""

    def __init__(self) -> None:
        self.now = 0.0
        self.end = self.read = 0
        self.away = False

    def ends(self) -> dict[tuple[str, int], int]:
        if self.away:
            raise RetryError(Text("没有应答", "no answer"), advice=Text("等", "wait"))
        return {PLACE: self.end}

    def reached(self, ends: Mapping[tuple[str, int], int]) -> bool:
        return self.read >= ends[PLACE]

    def take(self, records: int, arrived: float) -> list[Record]:
        self.read += records
        return [Record(*PLACE, self.read - 1, int((START + arrived) * 1000), b"k", b"v")]


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> Any:
    lane = Lane()
    monkeypatch.setattr(delivery.time, "monotonic", lambda: lane.now)
    monkeypatch.setattr(delivery.time, "time", lambda: START + lane.now)
    return lane


def test_a_backlog_is_as_old_as_what_was_read_last_until_its_end_is_reached(lane: Any) -> None:
    lane.end = 100
    lag = Lag(lane)
    assert lag.seconds(lane.take(40, arrived=-3600)) == 3600
    assert lag.seconds([]) == 3600, "a moment without records is no moment without lag"
    assert lag.seconds(lane.take(60, arrived=-60)) == 0


def test_what_lies_there_and_does_not_come_is_lag(lane: Any) -> None:
    lag = Lag(lane)
    assert lag.seconds([]) == 0
    lane.end, lane.now = 1, 5
    lag.seconds([])
    lane.now = 65
    assert lag.seconds([]) == 60
    assert lag.seconds(lane.take(1, arrived=5)) == 0


def test_kafka_that_does_not_answer_is_not_a_lane_without_news(lane: Any) -> None:
    lag = Lag(lane)
    lane.away, lane.now = True, 5
    with pytest.raises(RetryError):
        lag.seconds([])
