"""An event of an unknown schema is replayed by itself when the schema appears; and what stands in the way is shown."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.serve.kafka_watch import KafkaView
from console.serve.quarantine_watch import QuarantineView
from console.serve.replay_duty import ReplayDuty, known_schemas, replay_known
from console.serve.settings import ServeSettings
from console.serve.watching import Watcher
from schemas.control import DatasetVersion, LaneState, Plan
from schemas.datasets import standard_dataset
from schemas.envelope import kafka_key
from schemas.errors import RetryError
from schemas.text import Text
from tests.streams.replay.conftest import OPEN, Quarantine
from tests.streams.transport.bus import LANES, Bus
from tests.streams.world import VILLAGE, VILLAGE_CODEC, city, value
from trial.kafka import LocalKafka
from wire.publisher import Publisher
from wire.settings import KafkaSettings

FULL = replace(city(subscriptions=OPEN), lanes={lane: LaneState(partitions=count) for lane, count in LANES.items()})


@pytest.fixture
def early(kafka: LocalKafka, prefix: str, tmp_path: Path) -> Iterator[Quarantine]:
    """A bus that does not know of villages yet."""
    known = {number: schema for number, schema in FULL.schemas.items() if number != FULL.datasets[VILLAGE].event_schema}
    datasets = {name: dataset for name, dataset in FULL.datasets.items() if name != VILLAGE}
    bus = Bus(kafka, prefix, tmp_path, plan=replace(FULL, schemas=known, datasets=datasets))
    yield Quarantine(bus)
    bus.stop()


def village(number: int, **changes: Any) -> tuple[bytes, bytes]:
    row = {**standard_dataset("village").examples[0], "code": f"3415021002{number:02}", **changes}
    return kafka_key(VILLAGE, row["code"]), value("c", row, seq=number, stream="civil.register", codec=VILLAGE_CODEC)


@pytest.mark.kafka
def test_what_came_before_its_schema_goes_out_by_itself_once_the_schema_is_there(early: Quarantine) -> None:
    bus = early.bus
    bus.start(1)
    bus.wait_until_it_runs(1)
    with Publisher(bus.admin) as publisher:
        for key, data in (village(1), village(2), village(3, name="")):
            publisher.send("raw.civil", key, data)
    until = time.monotonic() + 40
    while bus.count("dead.civil") < 3:
        assert time.monotonic() < until, bus.log(1)
        time.sleep(0.2)
    assert replay_known(early.settings, bus.plan) == {}, "nobody knows the schema yet"
    bus.plan = bus.write(FULL, new=False)
    assert replay_known(early.settings, bus.plan) == {"passes": 2, "fails": 1}
    assert replay_known(early.settings, bus.plan) == {"fails": 1}
    until = time.monotonic() + 30
    while bus.tallied()["cleaned", ""] < 2:
        assert time.monotonic() < until, bus.log(1)
        time.sleep(0.2)
    verdict = early.is_right()
    assert verdict.books.total("quarantined") == 3
    assert verdict.streams["replay", "cleaned"] == 2


def test_an_event_of_a_version_that_was_overtaken_before_anybody_looked_is_known_too() -> None:
    dataset = FULL.datasets[VILLAGE]
    third = dataset.model_copy(update={"event_schema": 9, "version": 3, "versions": (
        DatasetVersion(version=1, event_schema=dataset.event_schema), DatasetVersion(version=2, event_schema=8))})
    assert {8, 9, dataset.event_schema} <= known_schemas(replace(FULL, datasets={VILLAGE: third}))


class Still(Watcher[Any]):
    """A watcher that has seen this."""

    def __init__(self, view: object) -> None:
        super().__init__("still")
        self.view = view

    def watch(self) -> None:
        pass


def duty(letters: int, monkeypatch: pytest.MonkeyPatch, answer: Any, *, on: bool = True) -> tuple[ReplayDuty, list[int]]:
    """A duty whose look at the bus is counted and gives this; it stops after a few."""
    looks: list[int] = []
    monkeypatch.setattr("console.serve.replay_duty._LOOK", 0)
    bus = Still(KafkaView(Plan(version=4)))
    made = ReplayDuty(KafkaSettings() if on else None, bus, Still(QuarantineView(letters, True, (), (("", "unknown_schema", letters),))))

    def look(settings: KafkaSettings, plan: Plan) -> dict[str, int]:
        looks.append(plan.version)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    turns = iter(range(5))

    def wait(seconds: float = 0) -> bool:
        if next(turns, None) is None:
            made.stopping.set()
        if len(looks) == 1:
            bus.view = KafkaView(Plan(version=5))
        return made.stopping.is_set()

    monkeypatch.setattr("console.serve.replay_duty.replay_known", look)
    monkeypatch.setattr(made.stopping, "wait", wait)
    return made, looks


def test_it_looks_once_for_each_plan_and_counts_what_went_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made, looks = duty(7, monkeypatch, {"passes": 2, "superseded": 1, "fails": 4})
    made.watch()
    assert looks == [4, 5]
    assert (made.told().done, made.told().left) == (4, 4)


@pytest.mark.parametrize(("letters", "on"), [(0, True), (7, False)])
def test_without_such_letters_or_switched_off_it_looks_at_nothing(monkeypatch: pytest.MonkeyPatch, letters: int, on: bool) -> None:
    made, looks = duty(letters, monkeypatch, {"passes": 2}, on=on)
    made.watch()
    assert looks == []
    assert (made.told().done, made.told().on) == (0, on)


def test_what_stands_in_the_way_is_told_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = RetryError(Text("没有赶上", "they do not catch up"), advice=Text("再试", "try again"))
    made, _ = duty(7, monkeypatch, trouble)
    made._run()
    assert (made.told().problem, made.told().advice) == (trouble.problem, trouble.advice)


@pytest.mark.parametrize(("changes", "role"), [
    ({}, None), ({"replay_password": "x"}, "replay"), ({"replay_password": "x", "replay_new_schemas": False}, None),
    ({"replay_password_file": Path("/nowhere")}, None), ({"security": "PLAINTEXT"}, "replay")])
def test_only_with_the_replayers_password_and_not_switched_off(changes: dict[str, Any], role: str | None) -> None:
    settings = ServeSettings(**changes).replayer
    assert (settings.role if settings else None) == role


def test_its_password_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "replay.password"
    file.write_text("word\n")
    file.chmod(0o600)
    settings = ServeSettings(replay_password_file=file, kafka_user="serve").replayer
    assert settings is not None
    assert settings.kafka_password is not None
    assert (settings.kafka_user, settings.kafka_password.get_secret_value()) == ("replay", "word")
