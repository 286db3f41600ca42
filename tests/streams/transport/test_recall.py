"""Remembering again: up to the committed offset and not one record further, whatever the lane looks like there."""

from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError

from schemas.errors import HaltError
from streams.memory import Memory
from streams.transport import recall as module
from streams.transport.recall import Recall
from tests.streams.transport.group import CLEAN, NAMES, Broker, Message, RecallConsumer, Remembered, held

LOG = [0, 1, 2, 5, 8, 9, 13, 14, 15, 20]
PLACE = (CLEAN, 0)


class Recalling:
    """A recall over a broker in memory."""

    def __init__(self, broker: Broker, memory: Memory | None = None) -> None:
        self.consumer = RecallConsumer(broker)
        self.recall = Recall({}, NAMES, (memory or Memory()).check_coming, lambda config: self.consumer)

    def steps(self, count: int) -> list[tuple[Any, Any]]:
        return [done for _ in range(count) for done in self.recall.step()]


def rows(target: int) -> dict[bytes, tuple[str, ...]]:
    """What is to be known at that offset."""
    log = [offset for offset in LOG if offset < target]
    keys = {Message(PLACE, offset).key() for offset in log}
    return {key: (held(key, log),) for key in keys if held(key, log)}


@pytest.mark.parametrize("target", [1, 3, 5, 6, 9, 16, 20, 21, 22])
def test_all_before_the_target_is_learnt_and_nothing_else_also_where_compaction_has_left_a_gap(target: int) -> None:
    recalling = Recalling(Broker({PLACE: LOG}))
    recalling.recall.begin(PLACE, target, Remembered(), "token")
    ((token, recollection),) = recalling.steps(8)
    assert (token, recollection.rows) == ("token", rows(target))
    assert not recalling.recall.pending
    assert not recalling.consumer.positions


def test_an_end_before_the_target_is_waited_at() -> None:
    broker = Broker({PLACE: LOG}, stable={PLACE: 9})
    recalling = Recalling(broker)
    recalling.recall.begin(PLACE, 15, Remembered(), None)
    assert recalling.steps(8) == []
    broker.stable.clear()
    ((_, recollection),) = recalling.steps(8)
    assert recollection.rows == rows(15)


def test_what_was_forgotten_half_way_begins_again() -> None:
    recalling = Recalling(Broker({PLACE: LOG}))
    recalling.recall.begin(PLACE, 15, Remembered(), "first")
    assert recalling.steps(1) == []
    recalling.recall.forget()
    assert not recalling.recall.pending
    assert recalling.steps(2) == []
    recalling.recall.begin(PLACE, 9, Remembered(), "second")
    ((token, recollection),) = recalling.steps(8)
    assert (token, recollection.rows) == ("second", rows(9))


def test_a_lane_that_ends_before_what_was_committed_halts_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.0)
    broker = Broker({PLACE: LOG}, cut={PLACE: 3})
    recalling = Recalling(broker)
    recalling.recall.begin(PLACE, 15, Remembered(), None)
    assert recalling.steps(4) == [], "for a moment a new leader may show less than there is"
    monkeypatch.setattr(module, "_SHORT_FOR", 0.0)
    with pytest.raises(HaltError, match=rf"{CLEAN}/0 .*3.*15"):
        recalling.steps(2)
    broker.cut.clear()
    ((_, recollection),) = recalling.steps(8)
    assert recollection.rows == rows(15)


def test_an_error_about_no_topic_halts_for_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Denied(Message):
        def topic(self) -> Any:
            return None

    recalling = Recalling(Broker({PLACE: LOG}))
    recalling.recall.begin(PLACE, 15, Remembered(), None)
    denied = Denied(PLACE, -1, KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))
    monkeypatch.setattr(recalling.consumer, "consume", lambda number, timeout: [denied])
    with pytest.raises(HaltError, match="GROUP_AUTHORIZATION_FAILED"):
        recalling.steps(1)


def test_partitions_on_their_way_back_share_the_limit_with_what_is_remembered_and_the_largest_dataset_is_named() -> None:
    def recall(limit: int) -> None:
        memory = Memory(limit)
        memory.restore(CLEAN, 7, "", {b"b.small/1": ()})
        recalling = Recalling(Broker({(CLEAN, number): LOG for number in (0, 1)}), memory)
        for number, sizes in enumerate(({"b.large": 300, "b.small": 100}, {"b.large": 200})):
            recalling.recall.begin((CLEAN, number), 15, _sized(sizes), None)
        recalling.steps(1)

    used = 113 + len(b"b.small/1") + 600
    recall(used)
    with pytest.raises(HaltError, match=rf"{used} .*b\.large，500 "):
        recall(used - 1)


def _sized(sizes: Mapping[str, int]) -> Remembered:
    made = Remembered()
    made.sizes = dict(sizes)
    return made
