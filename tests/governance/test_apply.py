"""`apply` on a real Kafka: lanes, users and rights first, then one version; revocation; what is new becomes settled."""

import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from governance.apply import apply, password_file, preview
from governance.city import read_city
from governance.compile import compile_change
from governance.problems import RefusedError
from governance.registry.registered import Registered
from governance.settling import settle
from schemas.control import Plan, PlanRecord
from schemas.errors import BusError, HaltError
from trial.kafka import ADMIN, LocalKafka
from wire.admin import BUS_LANES, Done, Provisioner
from wire.cluster import Cluster
from wire.control import ControlReader, ControlWriter
from wire.grants import Grants
from wire.probe import answers
from wire.publisher import Publisher, TransactionalPublisher
from wire.reading import LaneReader
from wire.secret import read_secret
from wire.settings import KafkaSettings

pytestmark = pytest.mark.kafka


@pytest.fixture
def admin(kafka: LocalKafka, prefix: str) -> KafkaSettings:
    return KafkaSettings(bootstrap=kafka.bootstrap, kafka_user=ADMIN, kafka_password=SecretStr(kafka.password(ADMIN)),
                         prefix=prefix)


def test_a_dry_run_on_a_fresh_kafka_shows_all_and_makes_nothing(admin: KafkaSettings, city_folder: Path) -> None:
    lines = preview(admin, city_folder)
    assert {(line.sign, line.id) for line in lines} >= {("+", "health.resident"), ("+", "raw.health"), ("+", "tax.health.resident")}
    assert Cluster(admin).existing(["raw.health", "bus.plan"]) == {}


def test_apply_makes_lanes_users_and_one_version_and_a_second_apply_nothing(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    applied = apply(admin, city_folder, tmp_path / "secrets")
    assert (applied.version, applied.written) == (1, True)
    assert Cluster(admin).existing(["raw.health", "deliver.tax"]) == {"raw.health": 2, "deliver.tax": 1}
    file = password_file(tmp_path / "secrets", "worker")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    answers(admin.as_role("worker", read_secret(file)))
    with ControlReader(admin) as reader:
        assert set(reader.load().subscriptions) == {"tax.health.resident", "province.health.resident"}
    again = apply(admin, city_folder, tmp_path / "secrets")
    assert (again.version, again.written) == (1, False)


def test_a_bus_of_an_earlier_version_is_looked_at_as_it_is_and_gets_what_is_new(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    """One without the topic of subjects: its plan is not taken for none."""
    before = {lane: partitions for lane, partitions in BUS_LANES.items() if lane != "bus.subjects"}
    Provisioner(admin).ensure_lanes(before)
    plan = Plan()
    with TransactionalPublisher(admin, admin.names.transactional_id("bus.control")) as writer, writer.transaction():
        change = compile_change(plan, {}, read_city(city_folder), lanes_with_data=frozenset())
        for lane, items in change.objects.items():
            for item in items if lane != "bus.subjects" else ():
                writer.send(lane, item.id.encode(), item.to_json())
        ends = {lane: len(items) for lane, items in change.objects.items() if lane not in ("bus.subjects", "bus.connectors")}
        writer.send("bus.plan", b"plan", PlanRecord(version=1, ends=ends, lanes=dict(change.lanes)).to_json())
    Provisioner(admin).ensure_lanes({lane: state.partitions for lane, state in change.lanes.items()})
    assert preview(admin, city_folder) == []
    assert apply(admin, city_folder, tmp_path / "secrets").version == 1
    assert "bus.subjects" in Cluster(admin).existing(["bus.subjects"])
    with ControlReader(admin) as reader:
        assert Registered(reader.load()).names() == ["health.ResidentEvent", "province.health.ResidentEvent", "tax.health.ResidentEvent"]


def test_a_subscriber_with_nothing_left_loses_rights_and_password(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    tax = admin.as_role("subscriber.tax", read_secret(password_file(tmp_path / "secrets", "subscriber.tax")))
    with LaneReader(tax, ["deliver.tax"]) as reader:
        assert list(reader.to_end()) == []
    (city_folder / "subscriptions/tax.health.resident.toml").unlink()
    assert apply(admin, city_folder, tmp_path / "secrets").version == 2
    with pytest.raises(BusError):
        answers(tax)


def the_police_may_not_join(admin: KafkaSettings, city_folder: Path, secrets: Path) -> None:
    """A subscription to the residents, which an apply refuses by name and writes nothing of."""
    (city_folder / "departments/police.toml").write_text('title = "公安局"\nroles = ["subscriber"]\n')
    (city_folder / "subscriptions/police.health.resident.toml").write_text('fields = ["name"]\npurpose = "p"\n')
    with pytest.raises(RefusedError, match=r"police\.health\.resident"):
        apply(admin, city_folder, secrets)
    with ControlReader(admin) as reader:
        assert reader.load().version == 1


def test_joining_a_lane_that_holds_data_is_refused_and_writes_nothing(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    with Publisher(admin) as publisher:
        publisher.send("raw.health", b"k", b"v")
    the_police_may_not_join(admin, city_folder, tmp_path / "secrets")


def test_a_lane_stays_new_until_every_partition_has_a_commit(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    assert set(settle(admin, tmp_path / "secrets")) == {"raw.health", "clean.health"}
    commit(admin, "raw.health", [0, 1])
    commit(admin, "clean.health", [0])
    assert settle(admin, tmp_path / "secrets") == ["clean.health"]
    with ControlReader(admin) as reader:
        plan = reader.load()
    assert (plan.lanes["raw.health"].new, plan.lanes["clean.health"].new) == (False, True)


def test_the_next_apply_does_not_give_back_what_was_taken_away(admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    (city_folder / "subscriptions/tax.health.resident.toml").unlink()
    apply(admin, city_folder, tmp_path / "secrets")
    assert apply(admin, city_folder, tmp_path / "secrets").written is False
    assert Grants(admin, Cluster(admin)).of("subscriber.tax") == set()
    (city_folder / "departments/edu.toml").write_text('title = "教育局"\nroles = ["provider"]\n')
    assert apply(admin, city_folder, tmp_path / "secrets").written is True
    assert Grants(admin, Cluster(admin)).of("subscriber.tax") == set()


def test_an_apply_killed_between_plan_and_revocation_is_finished_by_the_next(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    (city_folder / "subscriptions/tax.health.resident.toml").unlink()
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Provisioner, "revoke", killed)
        apply(admin, city_folder, tmp_path / "secrets")
    tax = admin.as_role("subscriber.tax", read_secret(password_file(tmp_path / "secrets", "subscriber.tax")))
    answers(tax)
    assert apply(admin, city_folder, tmp_path / "secrets").written is False
    assert Grants(admin, Cluster(admin)).of("subscriber.tax") == set()
    with pytest.raises(BusError):
        answers(tax)


def test_who_is_granted_again_can_log_in_and_read(admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    file = city_folder / "subscriptions/tax.health.resident.toml"
    text = file.read_text(encoding="utf-8")
    file.unlink()
    apply(admin, city_folder, tmp_path / "secrets")
    file.write_text(text, encoding="utf-8")
    apply(admin, city_folder, tmp_path / "secrets")
    tax = admin.as_role("subscriber.tax", read_secret(password_file(tmp_path / "secrets", "subscriber.tax")))
    with LaneReader(tax, ["deliver.tax"]) as reader:
        assert list(reader.to_end()) == []


def test_a_role_taken_out_of_a_department_loses_rights_and_password(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    department = city_folder / "departments/tax.toml"
    department.write_text('title = "税务局"\nroles = ["subscriber", "provider"]\n', encoding="utf-8")
    apply(admin, city_folder, tmp_path / "secrets")
    publisher = admin.as_role("provider.tax", read_secret(password_file(tmp_path / "secrets", "provider.tax")))
    answers(publisher)
    department.write_text('title = "税务局"\nroles = ["subscriber"]\n', encoding="utf-8")
    apply(admin, city_folder, tmp_path / "secrets")
    assert Grants(admin, Cluster(admin)).of("provider.tax") == set()
    assert Grants(admin, Cluster(admin)).of("subscriber.tax") != set()
    with pytest.raises(BusError):
        answers(publisher)


def test_an_apply_killed_before_its_users_were_made_is_finished_by_the_next(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Provisioner, "ensure_users", killed)
        apply(admin, city_folder, tmp_path / "secrets")
    before = read_secret(password_file(tmp_path / "secrets", "worker"))
    apply(admin, city_folder, tmp_path / "secrets")
    assert read_secret(password_file(tmp_path / "secrets", "worker")) == before
    answers(admin.as_role("worker", before))


def test_apply_from_another_home_leaves_the_passwords_of_a_running_bus_alone_and_says_so(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    worker = admin.as_role("worker", read_secret(password_file(tmp_path / "secrets", "worker")))
    told: list[Done] = []
    (city_folder / "departments/edu.toml").write_text('title = "教育局"\nroles = ["provider"]\n')
    applied = apply(admin, city_folder, tmp_path / "elsewhere", told.append)
    answers(worker)
    assert not password_file(tmp_path / "elsewhere", "worker").exists()
    assert {"worker", "connect", "ledger", "serve", "subscriber.tax"} <= set(applied.elsewhere)
    assert "provider.edu" not in applied.elsewhere
    answers(admin.as_role("provider.edu", read_secret(password_file(tmp_path / "elsewhere", "provider.edu"))))
    (kept,) = [done.what.en for done in told if done.name == "elsewhere"]
    assert all(role in kept for role in applied.elsewhere)


def test_settling_steps_back_while_an_apply_of_the_same_home_is_under_way(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    for lane in ("raw.health", "clean.health"):
        commit(admin, lane, [0, 1])
    write, remaining = ControlWriter.write, []

    def meanwhile(writer: ControlWriter, *what: Any) -> Plan:
        monkeypatch.setattr(ControlWriter, "write", write)
        remaining.append(set(settle(admin, tmp_path / "secrets")))
        return write(writer, *what)

    monkeypatch.setattr(ControlWriter, "write", meanwhile)
    (city_folder / "departments/edu.toml").write_text('title = "教育局"\nroles = ["subscriber"]\n')
    assert apply(admin, city_folder, tmp_path / "secrets").version == 2
    assert remaining == [{"raw.health", "clean.health"}]
    assert settle(admin, tmp_path / "secrets") == []


def test_data_that_come_while_lanes_and_rights_are_made_refuse_who_would_miss_them(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    grant = Provisioner.grant

    def meanwhile(provisioner: Provisioner, roles: Iterable[str]) -> list[Done]:
        with Publisher(admin) as publisher:
            publisher.send("raw.health", b"k", b"v")
        return grant(provisioner, roles)

    monkeypatch.setattr(Provisioner, "grant", meanwhile)
    the_police_may_not_join(admin, city_folder, tmp_path / "secrets")


def test_a_lane_that_was_deleted_is_made_again_unless_workers_keep_positions_on_it(
        admin: KafkaSettings, city_folder: Path, tmp_path: Path) -> None:
    apply(admin, city_folder, tmp_path / "secrets")
    delete(admin, "deliver.tax")
    told: list[Done] = []
    assert apply(admin, city_folder, tmp_path / "secrets", told.append).written is False
    assert [done.name for done in told] == ["deliver.tax"]
    assert Cluster(admin).existing(["deliver.tax"]) == {"deliver.tax": 1}
    delete(admin, "raw.health")
    for attempt in (lambda: preview(admin, city_folder), lambda: apply(admin, city_folder, tmp_path / "secrets")):
        with pytest.raises(HaltError, match=r"raw\.health") as refused:
            attempt()
        assert "shutong apply" not in str(refused.value)
    assert Cluster(admin).existing(["raw.health"]) == {}


def delete(settings: KafkaSettings, lane: str) -> None:
    cluster = Cluster(settings)
    for future in cluster.admin.delete_topics([settings.names.topic(lane)]).values():
        future.result(20)
    while cluster.existing([lane]):
        time.sleep(0.05)


class Killed(BaseException):
    """What a test does in place of `kill -9`: nothing of the bus catches it."""


def killed(*_: object) -> NoReturn:
    raise Killed


def commit(settings: KafkaSettings, lane: str, partitions: list[int]) -> None:
    """What a worker's first transaction does: an offset for each partition."""
    consumer = Consumer(settings.consumer_config("worker"))
    consumer.commit(offsets=[TopicPartition(settings.names.topic(lane), number, 0) for number in partitions], asynchronous=False)
    consumer.close()
