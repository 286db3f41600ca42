"""Publishing beside reading: everything once and in order, together where it comes quickly, and its errors are heard."""

import threading
from collections.abc import Iterator

import pytest

from connectors.base import Batch, Cursor, RowChange
from connectors.pump import Pump


def batch(number: int) -> Batch:
    return Batch([RowChange("d", None, key=b"k")], Cursor({"at": number}))


def at(batch: Batch) -> int:
    return int(batch.cursor.position["at"])


def test_batches_are_published_in_order_and_those_that_come_quickly_together() -> None:
    calls: list[list[int]] = []
    with Pump(lambda batches: calls.append([at(each) for each in batches]), "x") as pump:
        for number in range(20):
            pump.put(batch(number))
        pump.settle()
        settled = [number for call in calls for number in call]
        pump.put(batch(20))
    assert settled == list(range(20))
    assert len(calls) < 20
    assert calls[-1] == [20]


def test_what_publishing_does_not_take_comes_in_its_next_call() -> None:
    calls: list[int] = []
    with Pump(lambda batches: calls.append(at(next(batches))), "x") as pump:
        for number in range(5):
            pump.put(batch(number))
    assert calls == list(range(5))


def test_nothing_new_ends_the_transaction_at_once() -> None:
    calls: list[list[int]] = []
    with Pump(lambda batches: calls.append([at(each) for each in batches]), "x") as pump:
        pump.put(batch(0))
        pump.put(Batch((), Cursor({"at": 1})))
        pump.put(batch(2))
        pump.settle()
    assert calls == [[0, 1], [2]]


def test_what_publishing_raises_reaches_the_source_wherever_it_stands() -> None:
    def publish(batches: Iterator[Batch]) -> None:
        next(batches)
        raise ConnectionError("away")

    def fill() -> None:
        with Pump(publish, "x") as pump:
            for number in range(50):
                pump.put(batch(number))

    def settle() -> None:
        with Pump(publish, "x") as pump:
            pump.put(batch(0))
            pump.settle()

    def end() -> None:
        with Pump(publish, "x") as pump:
            pump.put(batch(0))

    for use in (fill, settle, end):
        with pytest.raises(ConnectionError):
            use()


def test_what_a_failing_source_gave_before_is_still_published() -> None:
    calls: list[int] = []
    with pytest.raises(KeyError), Pump(lambda batches: calls.extend(at(each) for each in batches), "x") as pump:
        pump.put(batch(1))
        raise KeyError
    assert calls == [1]
    assert not [thread for thread in threading.enumerate() if thread.name == "x publishes"]
