"""The lag that serve shows while workers come and go between two looks."""

import time
from collections.abc import Iterable

import pytest

from console.serve.kafka_watch import KafkaWatch
from console.serve.lag import Behind
from schemas.control import LaneState, Plan
from schemas.status import LaneLag, WorkerStatus
from tests.console.serve.conftest import worker
from wire.cluster import Cluster, Commit, Place
from wire.settings import KafkaSettings

PLAN = Plan(version=1, lanes={lane: LaneState(partitions=1, new=False) for lane in ("raw.health", "raw.tax")})


class Offsets(Cluster):
    """Kafka as far as this watch asks it: one partition a lane, ends and commits as the test says."""

    def __init__(self) -> None:
        self.end, self.commit, self.questions = 1_000_000, 1_000_000, 0

    def ends(self, places: Iterable[Place], *, committed: bool = False) -> dict[Place, int]:
        self.questions += 1
        return dict.fromkeys(places, self.end)

    def committed(self, group: str, lanes: Iterable[str]) -> dict[Place, Commit]:
        return {(lane, 0): Commit(self.commit, "") for lane in lanes}


class Looking:
    """One watch over that Kafka, and the lanes it shows."""

    def __init__(self) -> None:
        self.kafka = Offsets()
        self._watch = KafkaWatch(KafkaSettings())

    def look(self, *workers: WorkerStatus) -> dict[str, Behind]:
        return {each.lane: each for each in self._watch._lanes(self.kafka, PLAN, workers)}


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    now = time.time()
    monkeypatch.setattr("console.serve.kafka_watch.time.time", lambda: now)  # all looks lie within one period
    return Looking()


IDLE = LaneLag(partitions=1, records=0, seconds=0)


def test_a_worker_that_leaves_between_two_looks_makes_no_lag_of_it(looking: Looking) -> None:
    assert looking.look(worker(1, raw_health=IDLE, raw_tax=IDLE))["raw.health"].records == 0
    after = looking.look(worker(1))
    assert {lane: (each.records, each.partitions, each.basis) for lane, each in after.items()} == {
        "raw.health": (0, 1, "offsets"), "raw.tax": (0, 1, "offsets")}


def test_the_commits_of_an_earlier_leave_are_not_taken_for_those_of_this_one(looking: Looking) -> None:
    looking.look()
    looking.look(worker(1, raw_health=IDLE, raw_tax=IDLE))
    looking.kafka.end, looking.kafka.commit = 3_000_000, 2_999_990
    assert looking.look(worker(1, raw_health=IDLE))["raw.tax"].records == 10


def test_while_nothing_changes_it_asks_once_a_period(looking: Looking) -> None:
    for _ in range(5):
        looking.look(worker(1, raw_health=IDLE))
    assert looking.kafka.questions == 1
