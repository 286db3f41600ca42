"""Repairs and replays on real Kafka, with a real worker and the oracle over every lane: nothing twice, nothing lost."""

import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from schemas.control import StopLine
from streams.replay import desk
from streams.replay.box import Selection
from streams.replay.desk import Desk
from streams.replay.mending import Mending
from streams.replay.replayer import Replay
from tests.streams.replay.conftest import DEAD, Quarantine
from tests.streams.transport.bus import RAW, person
from tests.streams.world import key_of, value
from wire.errors import Fenced
from wire.publisher import Publisher

pytestmark = pytest.mark.kafka

WRONG = {"status": "gone away"}
RIGHT = Mending(set={"status": "moved"})


def test_letters_are_repaired_replayed_once_superseded_and_dropped(quarantine: Quarantine) -> None:
    bus = quarantine.bus
    bus.start(1)
    quarantine.publish(0, 1, 2, 3, 4)
    quarantine.publish(0, 1, 2, **WRONG)
    quarantine.publish(3, phone="1")
    quarantine.publish(1)
    quarantine.handled()
    assert quarantine.states() == ["open"] * 4
    looked = {one.place: one.outcome for one in quarantine.replay(rehearse=True)}
    assert sorted(looked.values()) == ["fails", "fails", "fails", "superseded"]
    assert quarantine.states() == ["open"] * 4, "a rehearsal changes nothing"

    statuses = Selection(field="status")
    assert {one.result for one in quarantine.repair(statuses, Mending(set={"status": "still wrong"}))} == {"fails"}
    assert {one.result for one in quarantine.repair(statuses, RIGHT)} == {"repaired"}
    assert quarantine.states().count("repaired") == 3
    outcomes = {one.place: one.outcome for one in quarantine.replay(statuses)}
    assert sorted(outcomes.values()) == ["passes", "passes", "superseded"]
    quarantine.handled()
    assert sorted(quarantine.states()) == ["open", "replayed", "replayed", "superseded"]
    assert quarantine.replay(statuses) == [], "what is closed is closed"
    assert [one.result for one in quarantine.drop(Selection(field="phone"))] == ["dropped"]
    assert sorted(quarantine.states()) == ["dropped", "replayed", "replayed", "superseded"]
    for letter in quarantine.letters().values():
        assert (letter.key, letter.value, letter.repaired) == (None, None, None)
        assert letter.by == "tester"
        assert not any(one.after for one in letter.findings)
    rows = quarantine.rows()
    assert [rows[key_of(person(number))]["status"] for number in range(5)] == ["moved", "registered", "moved", "registered", "registered"]
    verdict = quarantine.is_right()
    assert verdict.streams["replay", "cleaned"] == 2


#: Where the process of a replay dies: (the method at which, before or after it, at which call of it).
STEPS = {
    "before the first transaction": ("streams.replay.replayer:Replay._do", "before", 1),
    "with events sent, no letter closed": ("wire.publisher:TransactionalPublisher.flush", "after", 1),
    "with everything sent": ("wire.publisher:TransactionalPublisher._commit", "before", 1),
    "after a commit": ("wire.publisher:TransactionalPublisher._commit", "after", 1),
    "inside the second": ("streams.replay.desk:Desk.write", "after", 7),
}
DYING = """
import os, signal
from pkgutil import resolve_name
from schemas.control import Plan
from streams.replay import desk
from streams.replay.box import Selection
from streams.replay.desk import Desk
from streams.replay.replayer import Replay
from wire.control import ControlReader
from wire.settings import KafkaSettings
desk._BATCH = 5
where, when, which = {step!r}
owner, name = where.rsplit(".", 1)
owner = resolve_name(owner)
method, calls = getattr(owner, name), 0
def dying(*args, **more):
    global calls
    calls += 1
    if when == "before" and calls == which: os.kill(os.getpid(), signal.SIGKILL)
    found = method(*args, **more)
    if when == "after" and calls == which: os.kill(os.getpid(), signal.SIGKILL)
    return found
setattr(owner, name, dying)
settings = KafkaSettings()
with ControlReader(settings) as reader:
    plan = reader.load()
with Desk(settings, plan) as sat:
    for lot in Replay(sat, ["dead.health"], Selection(), "dying", rehearse=False).run():
        pass
"""


def test_a_replay_that_is_killed_at_any_step_leaves_each_letter_closed_exactly_when_its_event_is_out(quarantine: Quarantine) -> None:
    bus = quarantine.bus
    bus.start(1)
    for number, step in enumerate(STEPS.values()):
        people = range(number * 12, number * 12 + 12)
        quarantine.publish(*people, **WRONG)
        quarantine.handled()
        quarantine.repair(Selection(), RIGHT)
        assert quarantine.process(DYING.format(step=step)).wait(60) == -9, step
        quarantine.replay()
        quarantine.handled()
        assert set(quarantine.states()) == {"replayed"}
    verdict = quarantine.is_right()
    assert verdict.streams["replay", "cleaned"] == 12 * len(STEPS)
    assert bus.tallied()["delivered", "tax"] == 12 * len(STEPS)


def test_workers_that_are_killed_while_replays_flow_handle_each_once(quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "_BATCH", 20)
    bus, many = quarantine.bus, range(300)
    bus.start(1)
    quarantine.publish(*many, **WRONG)
    quarantine.handled()
    quarantine.repair(Selection(), RIGHT)
    with Desk(quarantine.settings, bus.plan) as sat:
        for number, _ in enumerate(Replay(sat, [DEAD], Selection(), "tester", rehearse=False).run()):
            if number % 5 == 2:
                bus.kill(1)
                bus.start(1)
            quarantine.publish(number, **WRONG)
    quarantine.handled()
    # An event of the same record that came meanwhile, or a worker that had just begun, turns a replay away once more.
    for _ in range(3):
        quarantine.replay()
        quarantine.handled()
    assert set(quarantine.states()) <= {"replayed", "open"}
    assert quarantine.states().count("open") == 15, "those that came meanwhile are wrong still"
    assert {row["status"] for row in quarantine.rows().values()} == {"moved"}
    assert len(quarantine.rows()) == len(many)
    quarantine.is_right()


def test_a_newer_event_that_slips_in_is_never_overtaken(quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    quarantine.bus.start(1)
    quarantine.publish(0, 1, **WRONG)
    quarantine.handled()
    quarantine.repair(Selection(), RIGHT)
    do = Replay._do

    def late(self: Replay, *args: Any) -> None:
        quarantine.publish(0)
        quarantine.publish(1, **WRONG)
        do(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Replay, "_do", late)
        assert [one.outcome for one in quarantine.replay()] == ["passes", "passes"]
    quarantine.handled()
    raced = [letter for letter in quarantine.letters().values() if not letter.closed and letter.stream == "replay"]
    assert [one.reason for letter in raced for one in letter.findings] == ["replay_raced", "replay_raced"]
    again = Selection(reason="replay_raced")
    assert sorted(one.outcome for one in quarantine.replay(again)) == ["passes", "superseded"]
    quarantine.handled()
    rows = quarantine.rows()
    assert [rows[key_of(person(number))]["status"] for number in range(2)] == ["registered", "moved"]
    assert sorted(quarantine.states()) == ["open", "replayed", "replayed", "replayed", "superseded"]
    quarantine.is_right()


def test_of_two_letters_of_one_record_the_newer_one_wins_in_either_order(quarantine: Quarantine) -> None:
    quarantine.bus.start(1)
    quarantine.publish(0, 1, **WRONG)
    quarantine.publish(0, 1, phone="1")
    quarantine.handled()
    older, newer = Selection(field="status"), Selection(field="phone")
    quarantine.repair(older, RIGHT)
    quarantine.repair(newer, Mending(set={"phone": "13900000000"}))
    by_place = quarantine.letters()
    first = next(place for place, letter in by_place.items() if letter.key == key_of(person(0)) and letter.findings[0].field == "status")
    assert [one.outcome for one in quarantine.replay(Selection(places=frozenset({first})))] == ["passes"]
    quarantine.handled()
    # Person 0: the older one is out already, the newer one goes over it. Person 1: the newer one goes, the older one is over.
    assert sorted(one.outcome for one in quarantine.replay(rehearse=True)) == ["passes", "passes", "superseded"]
    assert sorted(one.outcome for one in quarantine.replay()) == ["passes", "passes", "superseded"]
    quarantine.handled()
    rows = quarantine.rows()
    assert [rows[key_of(person(number))]["phone"] for number in range(2)] == ["13900000000"] * 2
    assert [rows[key_of(person(number))]["status"] for number in range(2)] == ["registered"] * 2
    quarantine.is_right()


def test_who_sits_down_at_the_desk_bars_whoever_sat_there(quarantine: Quarantine) -> None:
    quarantine.bus.start(1)
    quarantine.publish(0, **WRONG)
    quarantine.handled()
    quarantine.repair(Selection(), RIGHT)
    with Desk(quarantine.settings, quarantine.bus.plan) as sat:
        run = Replay(sat, [DEAD], Selection(), "slow", rehearse=False)
        assert [one.outcome for one in quarantine.replay()] == ["passes"]
        with pytest.raises(Fenced):
            list(run.run())
    quarantine.handled()
    assert quarantine.is_right().streams["replay", "cleaned"] == 1


def test_a_delete_that_came_meanwhile_is_newer_and_what_is_out_of_reach_is_said(quarantine: Quarantine) -> None:
    bus = quarantine.bus
    bus.start(1)
    quarantine.publish(0, 1, 2, **WRONG)
    quarantine.handled()
    with Publisher(bus.admin) as publisher:
        publisher.send(RAW, key_of(person(0)), value("d", None, seq=50))
    quarantine.handled()
    quarantine.repair(Selection(), RIGHT)
    letters = {letter.key: letter for letter in quarantine.letters().values()}
    # One whose bytes had no room in it, still on raw; one for a single subscription; one whose bytes are gone everywhere.
    left_out = letters[key_of(person(1))]._replace(key=None, value=None, repaired=None, changed=0, by="")
    single = left_out._replace(subscription="tax.health.resident")
    gone = left_out._replace(offset=10_000)
    with Desk(quarantine.settings, bus.plan) as sat, sat.publisher.transaction():
        for letter in (left_out, single, gone):
            sat.write(letter._replace(changed=letter.handled))
    outcomes = {one.place: one.outcome for one in quarantine.replay()}
    assert outcomes == {letters[key_of(person(0))].place: "superseded", letters[key_of(person(2))].place: "passes",
                        left_out.place: "fails", single.place: "subscription", gone.place: "gone"}
    assert [one.result for one in quarantine.repair(Selection(places=frozenset({left_out.place})), RIGHT)] == ["repaired"]
    assert [one.outcome for one in quarantine.replay(Selection(places=frozenset({left_out.place})))] == ["passes"]
    assert key_of(person(0)) not in {key for key, row in quarantine.rows().items() if row is not None}


def test_a_provider_without_the_stream_is_told_of(quarantine: Quarantine) -> None:
    bus = quarantine.bus
    bus.start(1)
    quarantine.publish(0, **WRONG)
    quarantine.handled()
    quarantine.repair(Selection(), RIGHT)
    health = bus.plan.departments["health"]
    before = health.model_copy(update={"streams": {name: number for name, number in health.streams.items() if name != "replay"}})
    plan = replace(bus.plan, departments={**bus.plan.departments, "health": before})
    with Desk(quarantine.settings, plan) as sat:
        run = Replay(sat, [DEAD], Selection(), "tester", rehearse=False)
        assert [one.outcome for lot in run.run() for one in lot] == ["unregistered"]
    assert quarantine.states() == ["repaired"]


def test_nothing_is_sent_to_a_lane_that_is_held_and_the_commands_say_so(quarantine: Quarantine) -> None:
    bus = quarantine.bus
    health = bus.plan.departments["health"].model_copy(update={"stop_line": StopLine(letters=5, window_seconds=3600)})
    bus.plan = bus.write(replace(bus.plan, departments={**bus.plan.departments, "health": health}), new=True)
    bus.start(1)
    quarantine.publish(0, **WRONG)
    quarantine.publish(0)
    quarantine.publish(*[1] * 8, **WRONG)
    until = time.monotonic() + 40
    while not any(RAW in status.held for status in bus.statuses().values()):
        assert time.monotonic() < until, bus.log(1)
        time.sleep(0.2)
    bus.end(1)  # what was noted at the line is in what was committed, whether a worker runs or not
    quarantine.repair(Selection(), RIGHT)
    for rehearse in (True, False):
        outcomes = Counter(one.outcome for one in quarantine.replay(rehearse=rehearse))
        assert outcomes == {"superseded": 1, "held": len(quarantine.letters()) - 1}
    assert bus.count(RAW) == 10, "nothing was sent"
    lanes = {**bus.plan.lanes, RAW: bus.plan.lanes[RAW].model_copy(update={"released": bus.plan.version + 1})}
    bus.plan = bus.writer.write(lanes=lanes)
    bus.start(1)
    quarantine.handled()
    quarantine.repair(Selection(), RIGHT)
    assert {one.outcome for one in quarantine.replay()} == {"passes", "superseded"}
    quarantine.handled()
    assert quarantine.states().count("replayed") == 1
    assert quarantine.rows()[key_of(person(1))]["status"] == "moved"
    quarantine.is_right()
