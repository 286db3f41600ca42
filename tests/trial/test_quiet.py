"""A city is quiet when as much is on raw as its departments changed, not when nothing has moved for a while."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.envelope import Event, Meta
from tests.trial.city_world import NOW, PLAN, POPULATION, REGISTER, RESIDENT, codec_of
from trial import quiet as module
from trial.quiet import Changes, Quiet, sources_of

EVENTS = [codec_of(RESIDENT).encode(Event(Meta("i" * 70, op, NOW, source, source, 0, 1), None))  # type: ignore[arg-type]
          for op, source in (("d", POPULATION), ("u", POPULATION), ("d", REGISTER))]


class Lane:
    """A reader to whom records come one batch at a time."""

    def __init__(self, *batches: list[bytes | None]) -> None:
        self.batches = list(batches)
        self.positions: dict[Any, int] = {}

    def __call__(self, *_: object) -> "Lane":
        return self

    def to_end(self) -> Iterator[list[Any]]:
        if self.batches:
            batch = self.batches.pop(0)
            self.positions = {"at": self.positions.get("at", 0) + len(batch)}
            yield [SimpleNamespace(value=value) for value in batch]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STILL", 0.0)


def city() -> Any:
    return SimpleNamespace(settings=lambda: None)


def test_sources_are_read_from_any_bytes() -> None:
    assert list(sources_of([*EVENTS, None, b"", b"noise", EVENTS[0][:9]])) == [POPULATION, POPULATION, REGISTER, ""]


@pytest.mark.usefixtures("quick")
def test_a_lane_that_stands_still_is_not_quiet_while_changes_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that comes seconds later finds what a poll did not."""
    lane = Lane(EVENTS[:1], [], [b"noise"], EVENTS[1:2])
    monkeypatch.setattr(module, "LaneReader", lane)
    changes, quiet, stop = Changes(city(), ["raw.health"]), Quiet(city(), PLAN, lambda ends: True), threading.Event()
    told = [quiet._still(changes, {POPULATION: 2}, stop) for _ in range(4)]
    assert told == [False, False, False, True]


@pytest.mark.usefixtures("quick")
def test_a_lane_that_still_moves_is_not_quiet_though_all_changes_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane(EVENTS[:2], EVENTS[1:2])
    monkeypatch.setattr(module, "LaneReader", lane)
    changes, quiet, stop = Changes(city(), ["raw.health"]), Quiet(city(), PLAN, lambda ends: True), threading.Event()
    assert [quiet._still(changes, {POPULATION: 2}, stop) for _ in range(2)] == [False, True]
