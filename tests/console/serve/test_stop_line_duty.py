"""serve holds a lane for all when one worker holds it at its stop-line; two real workers on real Kafka, and what stands in its way."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.serve.kafka_watch import KafkaView, KafkaWatch
from console.serve.stop_line_duty import StopLineDuty
from governance.holding import say_of_lanes
from governance.writing import KeptWriter
from schemas.control import LaneState, Plan, StopLine
from schemas.errors import HaltError
from tests.console.serve.conftest import eventually, worker
from tests.console.serve.test_replay_duty import Still
from tests.streams.transport.bus import RAW, Bus
from tests.streams.transport.test_stopline import send, with_line
from trial.kafka import LocalKafka
from wire.control import ControlReader
from wire.secret import read_secret
from wire.settings import KafkaSettings


@contextmanager
def on_duty(bus: Bus) -> Iterator[StopLineDuty]:
    """Looking at the bus as serve does, with a writer of its own."""
    watch, writer = KafkaWatch(bus.admin), KeptWriter(lambda: bus.admin, bus.home / "secrets")
    duty = StopLineDuty(writer, watch, lambda: watch.view.plan if watch.view else None)
    watch.start()
    duty.start()
    try:
        yield duty
    finally:
        for each in (duty, watch):
            each.stop()
        writer.close()


def lane(bus: Bus) -> LaneState:
    with ControlReader(bus.admin) as reader:
        return reader.load().lanes[RAW]


@pytest.mark.kafka
def test_all_partitions_wait_over_two_workers_until_released_and_are_not_held_again(
        kafka: LocalKafka, prefix: str, tmp_path: Path) -> None:
    """Partition 0 crosses the line; the other worker's partition 1 waits too, also after kill -9 of both."""
    bus = Bus(kafka, prefix, tmp_path, plan=with_line(StopLine(letters=5, window_seconds=3600)))
    try:
        for slot in (1, 2):
            bus.start(slot)
        for slot in (1, 2):
            bus.wait_until_it_has_joined(slot)
        eventually(lambda: len([each for each in bus.statuses().values() if RAW in each.lanes]) == 2)
        send(bus, range(10), bad=True)
        eventually(lambda: [RAW in each.held for each in bus.statuses().values()].count(True) == 1)
        send(bus, range(10, 14), partition=1)
        eventually(lambda: bus.committed(RAW).get(1) == 4)
        assert lane(bus).held == 0
        with on_duty(bus) as duty:
            held = eventually(lambda: lane(bus).held)
            assert duty.told().done == 1
            eventually(lambda: all(each.plan_version >= held for each in bus.statuses().values()))
            send(bus, range(14, 20), partition=1)
            for slot in (1, 2):
                bus.kill(slot)
                bus.start(slot)
            for slot in (1, 2):
                bus.wait_until_it_has_joined(slot)
            eventually(lambda: any(RAW in each.held for each in bus.statuses().values()))
            assert bus.committed(RAW) == {0: 5, 1: 4}
            released = say_of_lanes(bus.admin, tmp_path / "secrets", "release", [RAW])
            eventually(lambda: bus.committed(RAW) == {0: 10, 1: 10}, 60)
            eventually(lambda: all(each.plan_version >= released for each in bus.statuses().values()))
            # The second five letters cross the line anew, once; what was said before the release holds nothing.
            again = eventually(lambda: lane(bus).held > released and lane(bus).held)
            assert duty.told().done == 2
            assert again == released + 1
        assert (bus.count("dead.health"), bus.count("clean.health")) == (10, 10)
    finally:
        bus.stop()


def test_what_stands_in_the_way_is_told_once_there_is_a_lane_to_hold(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """serve without the control role's password: a lane that nobody holds asks for none."""
    def settings() -> KafkaSettings:
        return KafkaSettings(kafka_password=read_secret(tmp_path / "control.password"))

    caplog.set_level(logging.WARNING, "shutong.serve")
    plan = Plan(version=7, lanes={RAW: LaneState()})
    bus = Still(KafkaView(plan, (worker(1),)))
    duty = StopLineDuty(KeptWriter(settings, tmp_path), bus, lambda: plan)
    duty.start()
    try:
        eventually(lambda: duty.as_of)
        assert duty.told().problem is None
        bus.view = KafkaView(plan, (worker(1).model_copy(update={"held": (RAW,)}),))
        eventually(lambda: duty.told().problem)
        assert "control.password" in str(duty.told().problem)
        assert duty.told().done == 0
    finally:
        duty.stop()
    with pytest.raises(HaltError):
        settings()
