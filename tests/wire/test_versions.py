"""Half a version must never show: each case is one order in which a reader may come to see the topics."""

import pytest

from schemas.control import ControlObject, Department, LaneState, Node, PlanRecord
from schemas.errors import HaltError
from wire.reading import Record
from wire.versions import OBJECTS, PLAN, Versions

EMPTY = dict.fromkeys(OBJECTS, 0)


def department(name: str, title: str = "局") -> Department:
    return Department(id=name, title=title, roles=("provider",))


def at(lane: str, offset: int, each: ControlObject | None, key: str = "") -> Record:
    return Record(lane, 0, offset, 0, (each.id if each else key).encode(), each.to_json() if each else None)


def plan(version: int, offset: int, **ends: int) -> Record:
    named = {f"bus.{name}": end for name, end in ends.items()}
    return at(PLAN, offset, PlanRecord(version=version, ends=EMPTY | named, lanes={"raw.health": LaneState()}))


def reached(**positions: int) -> dict[str, int]:
    return EMPTY | {f"bus.{name}": offset for name, offset in positions.items()}


def test_a_version_is_complete_when_every_topic_was_read_to_its_end():
    versions = Versions()
    versions.take([plan(1, 0, departments=1, nodes=1)])
    assert versions.complete(reached()) is None
    versions.take([at("bus.departments", 0, department("health"))])
    assert versions.complete(reached(departments=1)) is None
    versions.take([at("bus.nodes", 0, Node(id="luan", code="341500", title="六安", kind="self"))])
    seen = versions.complete(reached(departments=1, nodes=1))
    assert seen is not None
    assert (seen.version, set(seen.departments), set(seen.nodes), set(seen.lanes)) == (
        1,
        {"health"},
        {"luan"},
        {"raw.health"},
    )
    assert versions.complete(reached(departments=9, nodes=9)) is None, "it is given once"


def test_an_object_of_a_later_version_holds_the_present_one_back():
    # Compaction may have taken the "old" that version 1 had, so version 1 can no longer be put together.
    versions = Versions()
    versions.take([at("bus.departments", 3, department("health", "new")), plan(1, 0, departments=1)])
    assert versions.complete(reached(departments=4)) is None
    assert not versions.clean
    versions.take([plan(2, 2, departments=4)])
    seen = versions.complete(reached(departments=4))
    assert seen is not None
    assert (seen.version, seen.departments["health"].title) == (2, "new")
    assert versions.clean


def test_where_nobody_else_writes_what_lies_beyond_a_version_is_no_part_of_it():
    versions = Versions()
    stranger = at("bus.departments", 3, department("health", "stranger"))
    versions.take([at("bus.departments", 0, department("health", "ours")), stranger, plan(1, 0, departments=1)])
    seen = versions.complete(reached(departments=4), settled=True)
    assert seen is not None
    assert seen.departments["health"].title == "ours"
    assert not versions.clean


def test_a_gap_at_the_end_is_passed_by_position_alone():
    versions = Versions()
    versions.take([plan(7, 9, departments=5)])
    seen = versions.complete(reached(departments=6))
    assert seen is not None
    assert seen.departments == {}
    assert versions.ends["bus.departments"] == 5, "the next writer goes on from the end that was promised"


def test_a_tombstone_removes_and_the_last_word_counts():
    versions = Versions()
    versions.take(
        [
            at("bus.departments", 0, department("health")),
            at("bus.departments", 1, department("tax")),
            plan(1, 0, departments=2),
        ]
    )
    versions.complete(reached(departments=2))
    versions.take(
        [
            at("bus.departments", 3, None, "health"),
            at("bus.departments", 4, department("tax", "新")),
            plan(2, 2, departments=5),
        ]
    )
    seen = versions.complete(reached(departments=6))
    assert seen is not None
    assert {name: each.title for name, each in seen.departments.items()} == {"tax": "新"}


def test_versions_may_be_skipped_but_never_fall():
    versions = Versions()
    versions.take([plan(1, 0), plan(5, 2)])
    seen = versions.complete(EMPTY)
    assert seen is not None
    assert seen.version == 5
    versions.take([plan(4, 4)])
    with pytest.raises(HaltError, match=r"5.*4"):
        versions.complete(EMPTY)


def test_an_object_that_cannot_be_read_is_named_without_its_content():
    versions = Versions()
    record = Record(
        "bus.departments", 0, 0, 0, b"health", b'{"id":"health","title":"a","roles":[],"secret_thing":"Zhang San"}'
    )
    versions.take([record, plan(1, 0, departments=1)])
    with pytest.raises(HaltError, match="secret_thing") as halted:
        versions.complete(reached(departments=1))
    assert "Zhang San" not in str(halted.value)
