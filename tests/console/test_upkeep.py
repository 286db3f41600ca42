"""What a running bus needs done: told once, waited out with growing patience, and whoever else is due is not held up."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from console.upkeep import Upkeep
from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text

AWAY = RetryError(Text("没有应答", "away"), advice=Text("等待", "wait"))
TAKEN = HaltError(Text("被接管", "fenced"), advice=Text("等待", "wait"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("console.upkeep.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_what_stands_in_the_way_is_told_once_and_tried_again_after_a_growing_wait(clock: SimpleNamespace) -> None:
    answers: list[Exception | float] = [AWAY] * 8 + [TAKEN, OSError(28, "No space left on device"), 5.0, AWAY]
    heard: list[BusError] = []
    tried: list[float] = []

    def do() -> float:
        tried.append(clock.now)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    duty = Upkeep(do, heard.append)
    assert duty.well
    wells = []
    while answers:
        before = len(tried)
        duty.look()
        if len(tried) > before:
            wells.append(duty.well)
        clock.now += 0.5
    assert [second - first for first, second in pairwise(tried)] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 5]
    assert [error.problem.en for error in heard] == [
        "away", "fenced", "this machine refused a request (No space left on device)", "away"]
    assert wells == [False] * 10 + [True, False]


def test_what_is_no_trouble_of_the_bus_is_not_hidden(clock: SimpleNamespace) -> None:
    def do() -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Upkeep(do, lambda error: None).look()
