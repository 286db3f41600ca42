"""Unknown schema ids: each is waited for once, no lane is held for long, and a timer of an older plan gives nothing up."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from streams.clean import clean
from streams.memory import Memory
from streams.transport.engine import Engine
from streams.transport.patience import Patience
from streams.transport.view import View
from tests.streams.world import NOW, chunk, compiled, memory
from wire.settings import KafkaSettings

LANE = "raw.health"


class Later:
    """A loop whose time is moved by hand."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def call_later(self, seconds: float, call: Any, *arguments: Any) -> None:
        self.calls.append((call, *arguments))


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that has no Kafka and has not begun."""
    settings = KafkaSettings(bootstrap="127.0.0.1:1", kafka_user="w", kafka_password=SecretStr("x"))
    view = View(1, {LANE: "raw"}, work=frozenset(), without=lambda work, unknown: work | unknown)
    made = Engine(settings, "h-1", 1, view, Memory())
    made._loop = Later()  # type: ignore[assignment]
    yield made
    made.reader._consumer.close()


def hold(engine: Engine, *unknown: int, lane: str = LANE) -> None:
    engine.transaction.hold(1, (lane, 0), 5, frozenset(unknown))


def given_up(engine: Engine) -> frozenset[int | str]:
    work: frozenset[int | str] = engine.transaction.view.work
    return work


def pass_time(engine: Engine, timers: int = 100) -> None:
    """The oldest timers go off."""
    calls = engine._loop.calls  # type: ignore[union-attr]
    for call, *arguments in calls[:timers]:
        call(*arguments)
    del calls[:timers]


def test_two_ids_are_given_up_each_in_its_time(engine: Engine) -> None:
    hold(engine, 7)
    hold(engine, 7, 8)
    hold(engine, 8, lane="raw.civil")
    pass_time(engine, 1)
    assert given_up(engine) == {7}
    pass_time(engine)
    assert given_up(engine) == {7, 8}


def test_a_timer_of_an_older_plan_gives_nothing_up(engine: Engine) -> None:
    hold(engine, 7)
    engine.follow(replace(engine.transaction.view, version=2, work=frozenset()))
    hold(engine, 7)
    pass_time(engine, 1)
    assert given_up(engine) == set(), "the wait began anew with the plan"
    pass_time(engine)
    assert given_up(engine) == {7}


def test_a_lane_is_held_for_four_ids_and_then_no_more() -> None:
    patience = Patience(1)
    told = []
    for schema in range(4):
        assert patience.new(LANE, frozenset({schema})) == {schema}
        assert patience.new("raw.civil", frozenset({schema})) == set()
        told.append(patience.over(schema))
    assert told == [{0}, {1}, {2}, {3, LANE}]


@pytest.mark.parametrize("lowest", [0, 2000])
def test_a_publisher_of_random_bytes_holds_its_lane_a_few_times_at_most(lowest: int) -> None:
    draw, work, kept, patience, holds, at = random.Random(1), compiled(), memory((LANE, 0)), Patience(1), 0, 0
    heads = [draw.randrange(lowest, lowest + 900) if lowest == 0 else draw.randrange(lowest, 1 << 32) for _ in range(2000)]
    records = [(offset, NOW, b"k", b"\0" + head.to_bytes(4, "big") + draw.randbytes(35)) for offset, head in enumerate(heads)]
    while at < len(records):
        handled = clean(chunk(LANE, records[at:at + 250]), work, kept, NOW)
        kept.apply(handled.changes)
        at = handled.waiting.get((LANE, 0), at + 250)
        if handled.waiting:
            holds += 1
            for schema in patience.new(LANE, frozenset(handled.unknown.values())):
                work = work.giving_up(patience.over(schema))
    assert holds == (4 if lowest == 0 else 0)


def test_a_lane_that_is_given_up_changes_nothing_for_another() -> None:
    """Ids and lanes share one set: what a plan gives up on one lane, it still waits for on another."""
    work = compiled(given_up=(LANE,))
    assert not work.waits_for(500, LANE)
    assert work.waits_for(500, "raw.civil")
    assert not compiled(given_up=(500,)).waits_for(500, "raw.civil")
