"""A bus on real Kafka with letters in quarantine, and the oracle over all of it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from schemas.codec import bus_schema, decode_letter
from schemas.control import LaneState, Plan
from schemas.letter import Letter
from streams.replay.box import Selection
from streams.replay.desk import Desk
from streams.replay.mending import Mending
from streams.replay.repairs import Repaired, drop, repair
from streams.replay.replayer import Decision, Replay
from tests.streams.transport.bus import LANES, RAW, Bus, person
from tests.streams.world import SECRET, SUBSCRIPTIONS, city, key_of, resident, value
from trial.evidence import check_tallies, plan_as_json, tallies_of
from trial.kafka import LocalKafka
from trial.oracle import Record, Verdict, judge
from wire.admin import Provisioner
from wire.publisher import Publisher
from wire.reading import ends, read_all, read_with_headers

DEAD = "dead.health"
OPEN = {name: told for name, told in SUBSCRIPTIONS.items() if name.startswith(("tax.", "police."))}


class Quarantine:
    """What a person does at the desk, and what lies where."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        password = SecretStr("of the replayer")
        provisioner = Provisioner(bus.admin)
        provisioner.ensure_users({"replay": password})
        provisioner.grant(["replay"])
        self.settings = bus.admin.as_role("replay", password)
        self._seq = 0

    def publish(self, *people: int, **changes: Any) -> None:
        """One event for each person, in order; `changes` to their rows, as what the rules have something to say about."""
        with Publisher(self.bus.admin, linger_ms=5) as publisher:
            for number in people:
                self._seq += 1
                row = resident(person(number), **changes)
                publisher.send(RAW, key_of(person(number)), value("u", row, seq=self._seq))

    def handled(self, patience: float = 40) -> None:
        """Wait until the workers have committed everything that is on raw."""
        until = time.monotonic() + patience
        while True:
            there, done = ends(self.bus.admin, [RAW]), self.bus.committed(RAW)
            start = {place: min(end, done.get(place[1], 0)) for place, end in there.items()}
            # Markers of transactions may lie behind what was committed, and nothing else.
            if not any(True for _ in read_all(self.bus.admin, [RAW], start)):
                return
            assert time.monotonic() < until, (there, done, self.bus.log(1))
            time.sleep(0.1)

    def repair(self, selection: Selection, mending: Mending) -> list[Repaired]:
        with Desk(self.settings, self.bus.plan) as desk:
            return [one for lot in repair(desk, [DEAD], selection, mending, "tester") for one in lot]

    def drop(self, selection: Selection) -> list[Repaired]:
        with Desk(self.settings, self.bus.plan) as desk:
            return [one for lot in drop(desk, [DEAD], selection, "tester", "made up") for one in lot]

    def replay(self, selection: Selection | None = None, *, rehearse: bool = False) -> list[Decision]:
        with Desk(self.settings, self.bus.plan, looks=rehearse) as desk:
            run = Replay(desk, [DEAD], selection or Selection(), "tester", rehearse=rehearse)
            return [one for lot in run.run() for one in lot]

    def letters(self) -> dict[str, Letter]:
        """Each letter as it is now."""
        found = {record.key or b"": record.value for record in read_all(self.bus.admin, [DEAD])}
        return {key.decode(): decode_letter(data) for key, data in found.items() if data is not None}

    def states(self) -> list[str]:
        """How each letter stands: its state or how it was closed; in order of arrival."""
        letters = sorted(self.letters().values(), key=lambda letter: (letter.arrived, letter.partition, letter.offset))
        return [letter.closed or letter.state for letter in letters]

    def verdict(self, *earlier: Plan) -> Verdict:
        """What the oracle says of every lane and of the books; `earlier` are the plans that were in force before."""
        found = judge(plan_as_json(self.bus.plan), SECRET, self._read, letter_schema=json.loads(bus_schema("letter")),
                      earlier=map(plan_as_json, earlier))
        check_tallies(tallies_of(self.bus.admin), found)
        return found

    def is_right(self, *earlier: Plan) -> Verdict:
        """The oracle has nothing to say."""
        verdict = self.verdict(*earlier)
        assert verdict.examples == []
        assert not verdict.problems.counts
        return verdict

    def rows(self) -> dict[bytes, Any]:
        """The last row of each person that the tax office has."""
        found: dict[bytes, Any] = {}
        for record in read_all(self.bus.admin, ["deliver.tax"]):
            found[record.key or b""] = self.bus.codec.decode(record.value or b"").row
        return found

    def _read(self, lane: str) -> Iterator[Record]:
        for record, headers in read_with_headers(self.bus.admin, [lane]):
            yield Record(*record, headers)

    def process(self, program: str) -> "subprocess.Popen[bytes]":
        """A process of the replayer's own."""
        assert self.settings.kafka_password is not None
        environment = self.bus.environment(SHUTONG_KAFKA_USER=self.settings.kafka_user,
                                           SHUTONG_KAFKA_PASSWORD=self.settings.kafka_password.get_secret_value())
        with (self.bus.home / "replayer.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=log, stderr=log)


@pytest.fixture
def bus(kafka: LocalKafka, prefix: str, tmp_path: Path) -> Iterator[Bus]:
    plan = city(subscriptions=OPEN)
    made = Bus(kafka, prefix, tmp_path, plan=replace(plan, lanes={lane: LaneState(partitions=count) for lane, count in LANES.items()}))
    yield made
    made.stop()


@pytest.fixture
def quarantine(bus: Bus) -> Quarantine:
    return Quarantine(bus)
