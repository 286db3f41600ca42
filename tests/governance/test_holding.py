"""Which lanes wait for a person: whose word counts, and that a release is not undone by what was said before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.holding import lanes_at_their_line, told_of_lanes
from schemas.control import LaneState, Plan
from schemas.errors import RejectError
from schemas.status import SILENT_AFTER, WorkerStatus

RAW = "raw.health"
NOW = 1_800_000_000.0


def plan(version: int = 9, **lanes: LaneState) -> Plan:
    return Plan(version=version, lanes={name.replace("_", "."): state for name, state in lanes.items()})


def worker(version: int, *held: str, state: str = "running", ago: float = 0, number: int = 1) -> WorkerStatus:
    return WorkerStatus.model_validate({
        "worker": f"h-{number}", "host": "h", "slot": number, "epoch": 1, "state": state, "plan_version": version, "started": 0,
        "updated": int((NOW - ago) * 1000), "stages": {}, "lanes": {}, "not_begun": 0, "commits": 0, "aborts": 0,
        "transaction_ms": 0, "last_commit": 0, "rss": 1, "held": held})


def test_a_lane_that_one_of_the_workers_holds_is_to_be_held() -> None:
    open_lanes = plan(raw_health=LaneState(), raw_civil=LaneState())
    assert lanes_at_their_line(open_lanes, [worker(3), worker(2, RAW, number=2)], NOW) == [RAW]
    assert lanes_at_their_line(open_lanes, [worker(3)], NOW) == []


@pytest.mark.parametrize(("state", "told"), [
    (LaneState(held=5), worker(4, RAW)),
    (LaneState(held=4, released=5), worker(4, RAW)),
    (LaneState(), worker(4, RAW, state="leaving")),
    (LaneState(), worker(4, RAW, ago=SILENT_AFTER + 1)),
    (LaneState(), worker(4, "raw.gone")),
], ids=["it is held already", "the worker has not heard of the release", "the worker leaves", "the worker is silent", "no such lane"])
def test_nothing_is_written(state: LaneState, told: WorkerStatus) -> None:
    assert lanes_at_their_line(plan(raw_health=state), [told], NOW) == []


def test_a_worker_that_holds_it_anew_after_the_release_is_believed() -> None:
    assert lanes_at_their_line(plan(raw_health=LaneState(held=4, released=5)), [worker(5, RAW)], NOW) == [RAW]


@given(st.lists(st.sampled_from(["cross", "hear", "report", "duty", "release"]), max_size=40))
def test_after_a_release_a_lane_is_held_only_by_a_line_crossed_since(steps: list[str]) -> None:
    """A worker crosses, hears of the plan, reports; serve and a person write: in any order, reports as late as they come."""
    bus, known, crossed, report = plan(1, raw_health=LaneState()), 1, 0, worker(1)
    lanes = {1: bus.lanes[RAW]}
    due = False
    for step in steps:
        version = bus.version + 1
        match step:
            case "cross" if not lanes[known].is_held(crossed):
                crossed = known
                due = known >= bus.lanes[RAW].released
            case "hear":
                known = bus.version
            case "report":
                report = worker(known, *((RAW,) if crossed and lanes[known].is_held(crossed) else ()))
            case "duty":
                if held := lanes_at_their_line(bus, [report], NOW):
                    assert due, "nobody has crossed the line since the release"
                    bus = Plan(version=version, lanes=told_of_lanes(bus, "hold", held))
            case "release":
                bus, due = Plan(version=version, lanes=told_of_lanes(bus, "release", [RAW])), False
        lanes[bus.version] = bus.lanes[RAW]


def test_what_is_said_of_lanes_is_said_of_raw_lanes_that_are_there() -> None:
    before = plan(4, raw_health=LaneState(held=3, released=4), clean_health=LaneState(), raw_civil=LaneState())
    assert told_of_lanes(before, "hold", [RAW]) == {**before.lanes, RAW: LaneState(held=5, released=4)}
    assert told_of_lanes(before, "release", [RAW, "raw.civil"])["raw.civil"] == LaneState(released=5)
    with pytest.raises(RejectError, match=r"clean\.health, raw\.none") as error:
        told_of_lanes(before, "hold", [RAW, "clean.health", "raw.none"])
    assert "raw.civil, raw.health" in error.value.advice.en
