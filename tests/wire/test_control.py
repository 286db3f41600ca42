import subprocess
import sys
import threading

import pytest

from schemas.control import ConnectorInstance, Dataset, Department, LaneState, Node, Plan, SchemaText, Subscription
from schemas.errors import HaltError, RetryError
from wire.admin import BUS_LANES
from wire.compacted import read_compacted
from wire.control import ControlReader, ControlWriter
from wire.publisher import TransactionalPublisher
from wire.reading import LaneReader, ends

pytestmark = pytest.mark.kafka


def department(title: str = "卫健委") -> Department:
    return Department(id="health", title=title, roles=("provider",), streams={"health.population": 1})


def node(title: str = "六安") -> Node:
    return Node(id="luan", code="341500", title=title, kind="self")


CITY = (
    department(),
    node(),
    SchemaText(id="7", number=7, subject="health.ResidentEvent", text='"string"'),
    Dataset(id="health.resident", title="居民", provider="health", key=("id",), row_schema="{}", event_schema=7),
    Subscription(id="tax.health.resident", subscriber="tax", dataset="health.resident", fields=("id",), purpose="税",
                 output_schema=8),
)  # fmt: skip


@pytest.fixture
def bus(admin, provisioner):
    provisioner.ensure_lanes(BUS_LANES)
    return admin


@pytest.fixture
def writer(bus):
    with ControlWriter(bus) as made:
        yield made


def load(bus) -> Plan:
    with ControlReader(bus) as reader:
        return reader.load()


def test_before_anything_was_decided_the_plan_is_version_0(bus):
    assert load(bus) == Plan()


def test_what_was_written_is_read_with_its_version_and_lanes(bus, writer):
    written = writer.write(CITY, lanes={"raw.health": LaneState(partitions=2)})
    plan = load(bus)
    assert plan == written == writer.plan
    assert plan.version == 1
    assert plan.home is not None
    assert plan.schemas[7].subject == "health.ResidentEvent"
    assert plan.lanes == {"raw.health": LaneState(partitions=2, new=True)}
    assert all((each.created, each.changed) == (1, 1) for each in (*plan.datasets.values(), *plan.departments.values()))


def test_the_next_version_changes_removes_and_keeps(bus, writer):
    writer.write(CITY, lanes={"raw.health": LaneState()})
    writer.write([department("新名")], removed=[CITY[4]])
    plan = load(bus)
    assert plan.version == 2
    assert (
        plan.departments["health"].title,
        plan.departments["health"].created,
        plan.departments["health"].changed,
    ) == ("新名", 1, 2)
    assert plan.subscriptions == {}
    assert plan.datasets["health.resident"].changed == 1
    assert plan.lanes == {"raw.health": LaneState()}
    writer.write(lanes={"raw.health": LaneState(new=False)})
    assert load(bus).lanes == {"raw.health": LaneState(new=False)}


def test_a_version_number_goes_on_with_the_next_writer(bus):
    with ControlWriter(bus) as writer:
        writer.write(CITY)
    with ControlWriter(bus) as writer:
        assert writer.plan.version == 1
        assert writer.write([department("新名")]).version == 2


def test_a_reader_at_the_ends_of_a_version_has_all_of_it_and_a_live_one_gets_it(bus, writer):
    with ControlReader(bus) as reader:
        assert reader.load().version == 0
        for version in (1, 2, 3):
            writer.write([department(str(version)), node(str(version))])
            plan = next(plan for _ in range(100) if (plan := reader.poll(0.2)) is not None)
            assert plan.version == version
            assert plan.departments["health"].title == plan.nodes["luan"].title == str(version)
    with ControlReader(bus) as reader, LaneReader(bus, ["bus.departments"]) as department_reader:
        reader.load()
        # The promise of `ends`: below it lies everything of the version, and a reader's position gets there.
        end = reader.ends["bus.departments"]
        records = [record for batch in department_reader.to_end() for record in batch]
        assert records[-1].offset + 1 == end
        assert department_reader.positions["bus.departments", 0] >= end
        assert ends(bus, ["bus.departments"])["bus.departments", 0] > end, "the commit marker takes an offset too"


def test_a_following_reader_never_sees_half_a_version(bus, writer):
    """Every version gives both topics the same title; markers reach the topics one after the other."""
    seen: list[tuple[int, str, str]] = []
    done = threading.Event()

    def follow() -> None:
        with ControlReader(bus) as reader:
            while not (done.is_set() and seen and seen[-1][0] == 40):
                if plan := reader.poll(0.001):
                    seen.append((plan.version, plan.departments["health"].title, plan.nodes["luan"].title))

    thread = threading.Thread(target=follow)
    thread.start()
    for version in range(1, 41):
        writer.write([department(str(version)), node(str(version))])
    done.set()
    thread.join(20)
    assert not thread.is_alive()
    assert all(str(version) == first == second for version, first, second in seen)
    assert [version for version, _, _ in seen] == sorted({version for version, _, _ in seen})


def test_a_writer_killed_in_mid_transaction_leaves_no_trace(bus):
    with ControlWriter(bus) as writer:
        writer.write(CITY)
    program = """
import os, signal
from schemas.control import Department
from wire.publisher import TransactionalPublisher
from wire.settings import KafkaSettings
settings = KafkaSettings()
publisher = TransactionalPublisher(settings, settings.names.transactional_id("bus.control"))
with publisher.transaction():
    half = Department(id="health", title="half", roles=("provider",))
    publisher.send("bus.departments", b"health", half.to_json())
    publisher.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {"SHUTONG_BOOTSTRAP": bus.bootstrap, "SHUTONG_KAFKA_USER": "admin", "SHUTONG_PREFIX": bus.prefix,
                   "SHUTONG_KAFKA_PASSWORD": bus.kafka_password.get_secret_value(), "PYTHONPATH": ":".join(sys.path)}  # fmt: skip
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == -9
    with ControlReader(bus) as reader:
        with pytest.raises(RetryError):
            reader.load(patience=0.5)  # its transaction is still open, and what it may become is not known
        assert reader.poll() is None or reader.plan.departments["health"].title == "卫健委"
        with ControlWriter(bus) as successor:
            assert successor.plan.departments["health"].title == "卫健委"
            assert reader.load().departments["health"].title == "卫健委"
            successor.write([department("whole")])
        assert reader.load().departments["health"].title == "whole"
        assert reader.plan.version == 2


def test_a_second_writer_fences_the_first(bus):
    with ControlWriter(bus) as first, ControlWriter(bus) as second:
        second.write(CITY)
        with pytest.raises(HaltError, match=r"bus\.control"):
            first.write([department("from the first")])
    assert load(bus).departments["health"].title == "卫健委"


def test_a_change_that_fails_while_it_is_written_changes_nothing(bus, writer):
    writer.write(CITY)
    too_large = SchemaText(id="9", number=9, subject="x", text="x" * (1 << 20))
    with pytest.raises(Exception, match=r"bus\.schemas"):
        writer.write([department("half"), too_large])
    assert load(bus).departments["health"].title == "卫健委"
    assert writer.write([department("whole")]).version == 2
    assert load(bus).departments["health"].title == "whole"


def test_an_object_from_another_hand_is_noticed_and_the_next_version_covers_it(bus):
    with ControlWriter(bus) as writer:
        writer.write(CITY)
    with TransactionalPublisher(bus, "stranger") as stranger, stranger.transaction():
        stranger.send("bus.departments", b"health", department("stranger").to_json())
    with ControlReader(bus) as reader, pytest.raises(RetryError, match=r"bus\.\*"):
        reader.load(patience=0.5)
    with ControlWriter(bus) as writer:
        assert writer.plan.departments["health"].title == "卫健委"
        writer.write([department()])
    assert load(bus).departments["health"].title == "卫健委"


def test_connectors_go_in_the_same_transaction_on_their_own_topic(bus, writer):
    instance = ConnectorInstance(id="health.population", kind="sql_table", direction="source", department="health")
    writer.write([*CITY, instance])
    stored = read_compacted(bus, "bus.connectors")
    assert ConnectorInstance.model_validate_json(stored[b"health.population"]).created == 1
    writer.write(removed=[instance])
    assert read_compacted(bus, "bus.connectors") == {}


def test_every_role_of_the_bureau_reads_the_plan_and_only_control_writes_it(bus, writer, join):
    writer.write(CITY)
    for role in ("worker", "connect", "ledger", "serve"):
        settings = join(role)
        assert load(settings).version == 1
        with pytest.raises(HaltError, match=role):
            ControlWriter(settings)
    with ControlWriter(join("control")) as successor:
        assert successor.write([department("by control")]).version == 2
    with pytest.raises(HaltError, match=r"provider\.health"):
        load(join("provider.health"))
