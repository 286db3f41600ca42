import pytest

from schemas.errors import HaltError
from schemas.names import Names
from wire.rights import BUREAU, BUS_LANES, Right, rights

NAMES = Names("t1.")
OUTSIDE = ("provider.health", "subscriber.tax")


def may(role: str, operation: str, lane: str) -> bool:
    topic = NAMES.topic(lane)
    return any(
        right.kind == "TOPIC"
        and right.operation == operation
        and (topic == right.name if right.pattern == "LITERAL" else topic.startswith(right.name))
        for right in rights(role, NAMES)
    )


@pytest.mark.parametrize("lane", BUS_LANES)
@pytest.mark.parametrize("operation", ["READ", "WRITE", "DESCRIBE"])
def test_no_department_touches_the_bureaus_lanes(operation, lane):
    assert not any(may(role, operation, lane) for role in OUTSIDE)


def test_only_the_control_writer_writes_the_plan():
    assert [role for role in (*BUREAU, *OUTSIDE) if may(role, "WRITE", "bus.plan")] == ["control"]


def test_a_provider_writes_its_raw_lanes_and_reads_its_quarantine():
    assert may("provider.health", "WRITE", "raw.health")
    assert may("provider.health", "WRITE", "raw.health.resident")
    assert may("provider.health", "READ", "dead.health")
    for lane in ("raw.health-two", "raw.civil", "clean.health", "deliver.health"):
        assert not may("provider.health", "WRITE", lane)
    assert not may("provider.health", "READ", "raw.health")
    assert not may("provider.health", "READ", "dead.civil")


def test_a_subscriber_reads_its_inbox_and_nothing_else():
    assert may("subscriber.tax", "READ", "deliver.tax")
    for lane in ("deliver.taxi", "deliver.police", "clean.health", "raw.tax", "dead.tax"):
        assert not may("subscriber.tax", "READ", lane)
    assert not any(right.operation == "WRITE" for right in rights("subscriber.tax", NAMES))


def test_workers_read_raw_and_write_what_follows_from_it():
    assert all(may("worker", "READ", lane) for lane in ("raw.health", "clean.health", "bus.plan"))
    assert all(may("worker", "WRITE", lane) for lane in ("clean.health", "clean-log.health", "deliver.tax",
                                                         "dead.health", "bus.tallies", "bus.workers"))  # fmt: skip
    assert not may("worker", "WRITE", "raw.health")


def test_the_replayer_writes_where_letters_lie_and_where_events_come_from_and_nothing_else():
    assert all(may("replay", "WRITE", lane) for lane in ("raw.health", "dead.health"))
    assert all(may("replay", "READ", lane) for lane in ("raw.health", "dead.health", "clean.health", "bus.plan", "bus.workers"))
    others = ("clean.health", "deliver.tax", *BUS_LANES)
    assert not any(may("replay", "WRITE", lane) for lane in others)
    assert not any(may("replay", "READ", lane) for lane in ("deliver.tax", "bus.tallies", "bus.cursors"))
    assert [role for role in (*BUREAU, *OUTSIDE) if may(role, "WRITE", "dead.health")] == ["worker", "replay"]


@pytest.mark.parametrize("role", [*BUREAU, *OUTSIDE])
def test_groups_and_transactions_are_the_roles_own(role):
    group, identity = NAMES.group(role), NAMES.transactional_id(role)
    for right in rights(role, NAMES):
        if right.kind == "GROUP" and right.operation == "READ":
            assert right.name in (group, f"{group}.")
        if right.kind == "TRANSACTIONAL_ID":
            assert right.name in (f"{identity}.", "t1.bus.control", "t1.bus.replay")
    for alone in ("control", "replay"):
        assert (Right("TRANSACTIONAL_ID", f"t1.bus.{alone}", "LITERAL", "WRITE") in rights(role, NAMES)) == (role == alone)


def test_no_right_reaches_beyond_the_prefix():
    for role in (*BUREAU, *OUTSIDE):
        assert all(right.name.startswith("t1.") or right.kind == "BROKER" for right in rights(role, NAMES))


@pytest.mark.parametrize("role", ["bureau", "provider", "provider.", "provider.a.b", "subscriber.A", "worker.1", ""])
def test_a_name_that_is_no_role_is_refused(role):
    with pytest.raises(HaltError, match=r"role|角色"):
        rights(role, NAMES)
