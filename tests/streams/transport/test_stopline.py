"""A provider's stop-line on real Kafka: its lane waits through kill -9 until it is released, the others go on, nothing is lost."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.cli import app
from schemas.control import Plan, StopLine
from schemas.datasets import standard_dataset
from schemas.envelope import kafka_key
from schemas.errors import RejectError
from tests.streams.transport.bus import RAW, Bus, person
from tests.streams.world import VILLAGE, VILLAGE_CODEC, city, key_of, resident, value
from trial.kafka import LocalKafka
from wire.control import ControlReader
from wire.publisher import Publisher

pytestmark = pytest.mark.kafka

Say = Callable[..., str]


def with_line(line: StopLine) -> Plan:
    """The test city whose health commission has a stop-line."""
    whole = city()
    health = whole.departments["health"].model_copy(update={"stop_line": line})
    return replace(whole, departments={**whole.departments, "health": health})


def until(holds: Callable[[], bool], patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def say(kafka: LocalKafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """`shutong lane ...` on the test's bus; what it printed."""
    for name, told in (("BOOTSTRAP", kafka.bootstrap), ("PREFIX", prefix), ("SECURITY", "SASL_PLAINTEXT"),
                       ("KAFKA_USER", "admin"), ("KAFKA_PASSWORD", kafka.password("admin"))):
        monkeypatch.setenv(f"SHUTONG_{name}", told)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["lane", *words, "--home", str(tmp_path)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def send(bus: Bus, seqs: range, partition: int = 0, *, bad: bool = False) -> None:
    """Residents, all on one partition; bad ones no rule lets through."""
    with Publisher(bus.admin, linger_ms=5) as publisher:
        for seq in seqs:
            number = person(seq)
            publisher.send(RAW, key_of(number), value("c", resident(number, **({"sex": "7"} if bad else {})), seq=seq), partition=partition)


def test_a_lane_at_its_stop_line_waits_over_kill_9_until_released_and_every_record_meets_one_fate(
        kafka: LocalKafka, prefix: str, tmp_path: Path, say: Say) -> None:
    bus = Bus(kafka, prefix, tmp_path, plan=with_line(StopLine(letters=5, window_seconds=3600)))
    try:
        bus.start(1)
        send(bus, range(10))
        send(bus, range(10, 18), bad=True)
        send(bus, range(18, 20))
        until(lambda: any(RAW in status.held for status in bus.statuses().values()))
        bus.kill(1)
        bus.start(1)
        bus.wait_until_it_has_joined(1)
        row = standard_dataset("village").examples[0]
        with Publisher(bus.admin) as publisher:
            publisher.send("raw.civil", kafka_key(VILLAGE, row["code"]),
                           value("c", row, stream="civil.register", seq=1, codec=VILLAGE_CODEC))
        until(lambda: bus.count("clean.civil") == 1)
        assert (bus.count("dead.health"), bus.count("clean.health")) == (5, 10)
        assert bus.committed(RAW)[0] == 15
        until(lambda: f"{RAW},2,5,stop-line," in say("list", "-o", "csv"))
        say("release", RAW)
        until(lambda: bus.committed(RAW)[0] == 20)
        assert (bus.count("dead.health"), bus.count("clean.health")) == (8, 12)
        with ControlReader(bus.admin) as reader:
            assert reader.load().lanes[RAW].released == reader.plan.version
        assert bus.tallied()["arrived", ""] == 21
    finally:
        bus.stop()


def test_a_lane_is_held_and_released_by_hand(bus: Bus, say: Say) -> None:
    bus.start(1)
    bus.publish(range(20))
    bus.inbox(20)
    say("hold", RAW)
    until(lambda: all(status.plan_version == 2 for status in bus.statuses().values()))
    bus.publish(range(20, 40))
    assert len(bus.inbox(21, patience=3)) == 20
    until(lambda: f"{RAW},2,20,held,2" in say("list", "-o", "csv"))
    say("hold", "raw.civil")  # what waits keeps nobody from obeying a newer plan, nor from saying so (I-18)
    until(lambda: all(status.plan_version == 3 for status in bus.statuses().values()))
    say("release", RAW)
    assert len(bus.inbox(40)) == 40
    with pytest.raises(RejectError, match=r"raw\.nobody, clean\.health"):
        say("hold", "raw.nobody", "clean.health")
