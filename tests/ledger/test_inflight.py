"""What workers have before them, told from the lanes and their commits."""

import time
from collections import Counter

import pytest

from ledger.inflight import clean_in_flight, oldest_in_flight
from ledger.settings import LedgerSettings
from schemas.control import LaneState, Plan
from schemas.envelope import kafka_key, marker_key
from tests.ledger.live import Bus
from tests.ledger.test_books import EVENT
from wire.reading import read_all
from wire.settings import KafkaSettings

PLAN = Plan(lanes={lane: LaneState(partitions=1) for lane in ("raw.health", "clean.health")})


@pytest.mark.kafka
def test_what_workers_have_not_committed_is_counted_and_its_oldest_named(on_kafka: LedgerSettings, admin: KafkaSettings) -> None:
    bus = Bus(admin)
    try:
        assert oldest_in_flight(on_kafka, PLAN, {"health"}) == pytest.approx(time.time(), abs=60)
        for number in range(4):
            for lane in PLAN.lanes:
                bus.put(lane, [(kafka_key("health.resident", str(number)), EVENT)])
        bus.put("clean.health", [(marker_key("health.resident"), EVENT[:-1] + b"\x08"), (kafka_key("health.resident", "1"), None)])
        stamps = {lane: [record.timestamp for record in read_all(on_kafka, [lane])] for lane in PLAN.lanes}
        offsets = {lane: [record.offset for record in read_all(on_kafka, [lane])] for lane in PLAN.lanes}
        bus.commit("raw.health", offsets["raw.health"][3])
        bus.commit("clean.health", offsets["clean.health"][1])
        assert oldest_in_flight(on_kafka, PLAN, {"health"}) == stamps["clean.health"][1] / 1000
        bus.commit("clean.health", offsets["clean.health"][-1] + 2)
        assert oldest_in_flight(on_kafka, PLAN, {"health"}) == stamps["raw.health"][3] / 1000
        assert oldest_in_flight(on_kafka, PLAN, {"civil"}) > stamps["raw.health"][3] / 1000
        bus.commit("clean.health", offsets["clean.health"][1])
        hours = Counter(stamp // 3_600_000 * 3600 for stamp in stamps["clean.health"][1:4])
        assert clean_in_flight(on_kafka, PLAN) == {("health.resident", hour): count for hour, count in hours.items()}
    finally:
        bus.close()
