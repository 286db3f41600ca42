import time

import pytest
from pydantic import SecretStr

from schemas.errors import BusError, HaltError
from schemas.lanes import lane_kind
from wire.admin import BUREAU, BUS_LANES, Provisioner
from wire.publisher import Publisher
from wire.reading import LaneReader, read_all

pytestmark = pytest.mark.kafka


def test_a_whole_city_is_made_once_and_the_second_time_nothing_is_done(admin, provisioner):
    lanes = dict(BUS_LANES)
    for number in range(15):
        lanes |= {f"{kind}.d{number}": 1 for kind in ("raw", "clean", "dead", "deliver")}
    started = time.monotonic()
    made = provisioner.ensure_lanes(lanes)
    assert {done.name for done in made} == set(lanes)
    assert time.monotonic() - started < 10
    assert provisioner.ensure_lanes(lanes) == []
    assert len(provisioner.grant(BUREAU)) == len(BUREAU)
    assert provisioner.grant(BUREAU) == []
    with Publisher(admin) as publisher:  # usable at once
        for lane in lanes:
            publisher.send(lane, b"k", b"v")
    assert sum(1 for _ in read_all(admin, lanes)) == len(lanes)


def test_a_lane_that_drifted_is_set_right(provisioner):
    provisioner.ensure_lanes({"deliver.tax": 1}, {"deliver.tax": {"retention.ms": "1000"}})
    done = provisioner.ensure_lanes({"deliver.tax": 1})
    assert [(each.name, "retention.ms" in each.what.en) for each in done] == [("deliver.tax", True)]
    assert provisioner.ensure_lanes({"deliver.tax": 1}) == []


@pytest.mark.parametrize("lane", ["raw.a", "clean.a", "clean-log.a", "deliver.a", "dead.a"])
def test_a_lane_has_what_the_table_says(provisioner, admin, lane):
    provisioner.ensure_lanes({lane: 1})
    import confluent_kafka.admin as kafka

    client = kafka.AdminClient(admin.client())
    resource = kafka.ConfigResource(kafka.ResourceType.TOPIC, admin.names.topic(lane))
    (future,) = client.describe_configs([resource]).values()
    has = {name: entry.value for name, entry in future.result().items()}
    assert {name: has[name] for name in lane_kind(lane).topic_config()} == lane_kind(lane).topic_config()


def test_a_partition_count_never_changes(provisioner):
    provisioner.ensure_lanes({"raw.health": 2})
    with pytest.raises(HaltError, match=r"raw\.health"):
        provisioner.ensure_lanes({"raw.health": 3, "raw.new": 1})


def test_a_lane_outside_the_table_is_refused(provisioner):
    with pytest.raises(HaltError, match="private"):
        provisioner.ensure_lanes({"private.health": 1})


def test_a_subscriber_reads_its_own_inbox_only(admin, provisioner, join):
    provisioner.ensure_lanes({"deliver.tax": 1, "deliver.police": 1, "deliver.tax.own": 1, "clean.health": 1})
    with Publisher(admin) as publisher:
        for lane in ("deliver.tax", "deliver.police", "deliver.tax.own", "clean.health"):
            publisher.send(lane, b"k", b"v")
    tax = join("subscriber.tax")
    assert [record.lane for record in read_all(tax, ["deliver.tax"])] == ["deliver.tax"]
    assert [record.lane for record in read_all(tax, ["deliver.tax.own"])] == ["deliver.tax.own"]
    for lane in ("deliver.police", "clean.health"):
        with pytest.raises(HaltError, match=lane.replace(".", r"\.")):
            list(read_all(tax, [lane]))


@pytest.mark.parametrize("lane", ["bus.plan", "bus.tallies", "raw.civil", "clean.health", "deliver.tax"])
def test_a_publisher_writes_its_raw_lane_only(provisioner, join, lane):
    provisioner.ensure_lanes({lane: 1, "raw.health": 1})
    with Publisher(join("provider.health")) as publisher:
        publisher.send("raw.health", b"k", b"v")
        assert publisher.flush() == 1
        publisher.send(lane, b"k", b"v")
        with pytest.raises(HaltError, match=r"provider\.health"):
            publisher.flush()


def test_revoking_cuts_a_live_reader_and_bars_the_door(admin, provisioner, join):
    provisioner.ensure_lanes({"deliver.tax": 1})
    tax = join("subscriber.tax")
    with LaneReader(tax, ["deliver.tax"]) as reader, Publisher(admin) as publisher:
        publisher.send("deliver.tax", b"k", b"before")
        publisher.flush()
        assert [record.value for record in next(filter(None, (reader.batch(0.5) for _ in range(20))))] == [b"before"]
        assert len(provisioner.revoke("subscriber.tax")) == 2
        seen = []
        with pytest.raises(HaltError, match=r"subscriber\.tax|deliver\.tax"):
            for _ in range(20):
                publisher.send("deliver.tax", b"k", b"after")
                publisher.flush()
                seen += reader.batch(0.5)
        assert len(seen) <= 1, "a fetch that waited at the broker when the right went may still come back, no other"
    with pytest.raises(HaltError, match=r"登录|let user") as barred:
        LaneReader(tax, ["deliver.tax"])
    assert "secret of" not in str(barred.value)
    assert provisioner.revoke("subscriber.tax") == []


def test_rights_beyond_the_table_are_taken_away(admin, provisioner, join):
    import confluent_kafka.admin as kafka

    provisioner.ensure_lanes({"deliver.police": 1})
    tax = join("subscriber.tax")
    extra = kafka.AclBinding(kafka.ResourceType.TOPIC, admin.names.topic("deliver.police"), kafka.ResourcePatternType.LITERAL,
                             f"User:{tax.kafka_user}", "*", kafka.AclOperation.READ, kafka.AclPermissionType.ALLOW)  # fmt: skip
    client = kafka.AdminClient(admin.client())
    for future in client.create_acls([extra]).values():
        future.result()
    assert [done.what.en for done in provisioner.grant(["subscriber.tax"])] == ["took away 1 rights"]
    with pytest.raises(HaltError):
        list(read_all(tax, ["deliver.police"]))


def test_a_new_password_replaces_the_old_one(provisioner, join):
    provisioner.ensure_lanes({"deliver.tax": 1})
    old = join("subscriber.tax")
    provisioner.ensure_users({"subscriber.tax": SecretStr("newer")})
    with pytest.raises(HaltError, match=r"subscriber\.tax"):
        list(read_all(old, ["deliver.tax"]))
    assert list(read_all(old.as_role("subscriber.tax", "newer"), ["deliver.tax"])) == []


def test_who_can_log_in_is_asked_of_kafka(provisioner, join):
    assert provisioner.users([]) == set()
    join("subscriber.tax")
    assert provisioner.users(["subscriber.tax", "subscriber.police"]) == {"subscriber.tax"}
    assert Provisioner(join("control")).users(["subscriber.tax", "control"]) == {"subscriber.tax", "control"}
    provisioner.revoke("subscriber.tax")
    assert provisioner.users(["subscriber.tax"]) == set()


def test_the_control_role_can_provision_and_a_worker_cannot(join):
    control = Provisioner(join("control"))
    assert len(control.ensure_lanes({"raw.health": 1})) == 1
    assert len(control.ensure_users({"provider.health": SecretStr("a password")})) == 1
    assert len(control.grant(["provider.health"])) == 1
    assert len(control.revoke("provider.health")) == 2
    worker = Provisioner(join("worker"))
    for forbidden in (lambda: worker.ensure_lanes({"raw.new": 1}), lambda: worker.grant(["subscriber.tax"]),
                      lambda: worker.ensure_users({"subscriber.tax": SecretStr("x")}),
                      lambda: worker.users(["subscriber.tax"])):  # fmt: skip
        with pytest.raises(BusError) as refused:
            forbidden()
        assert isinstance(refused.value, HaltError), refused.value
