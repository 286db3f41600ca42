"""The oracle and what leaves quarantine: nothing is wrong with a right replay, and whatever is spoiled in one is named."""

import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.codec import EventCodec, decode_letter, encode_letter
from schemas.control import Plan
from schemas.envelope import Event, Meta, kafka_key
from schemas.letter import Letter
from schemas.replay import REPLAY, Standing
from streams.plan import working_plan
from streams.replay.replayer import settled
from tests.streams.test_versions import evolved
from tests.trial.city_world import NOW, PLAN, POPULATION, RESIDENT, SECRET, Writing, codec_of, handle, run
from tests.trial.test_oracle import judged, verdict_on

RAW, DEAD = "raw.health", "dead.health"


class Desk:
    """A city with one wrong event of a record, and what is done about it."""

    def __init__(self, *, newer: bool = False) -> None:
        self.writing = Writing(5)
        self.world = self.writing.world
        self.row = self.writing.resident()
        self.writing.event(POPULATION, "u", {**self.row, "status": "unknown"})
        self.wrong = self.world.lanes[RAW][-1]
        if newer:
            self.writing.event(POPULATION, "u", {**self.row, "status": "moved"})

    def send(self, *, origin: int | None = None, **changes: Any) -> int:
        """The event goes to raw once more; its offset there."""
        came = codec_of(RESIDENT).decode(self.wrong.value or b"")
        here = [one for one in self.world.lanes[RAW] if one.partition == self.wrong.partition]
        standing = Standing(self.wrong.offset if origin is None else origin, here[-1].offset + 1)
        epoch, seq = standing.position
        meta = came.meta._replace(stream=REPLAY, epoch=epoch, seq=seq, cause="replay", **changes)
        value = codec_of(RESIDENT).encode(Event(meta, {**self.row, "status": "moved"}))
        return self.writing.raw(RAW, self.wrong.key, value, self.wrong.partition).offset

    def handle(self) -> None:
        handle(self.world)

    def letter(self) -> Letter:
        """The letter of the wrong event, as clean wrote it."""
        name = f"{RAW}/{self.wrong.partition}/{self.wrong.offset}".encode()
        return decode_letter(next(one.value for one in self.world.lanes[DEAD] if one.key == name) or b"")

    def write(self, letter: Letter) -> None:
        self.world.put(DEAD, None, letter.changed or NOW, letter.place.encode(), encode_letter(letter))

    def close(self, how: str = "replayed", to: int = -1, **changes: Any) -> None:
        self.write(settled(self.letter(), how, "tester", NOW + 70_000, replayed=to)._replace(**changes))

    def said(self) -> str:
        """What the oracle says, without the tables: the last word of the record came by another way than its department's."""
        self.world.store("police.health.resident")
        self.world.tables.clear()
        return "\n".join(judged(self.world).examples)


def replayed(*, newer: bool = False) -> tuple[Desk, int]:
    desk = Desk(newer=newer)
    to = desk.send()
    desk.handle()
    return desk, to


def test_a_repaired_replayed_and_closed_letter_is_right() -> None:
    desk, to = replayed()
    event = codec_of(RESIDENT).encode(Event(codec_of(RESIDENT).decode(desk.wrong.value or b"").meta, {**desk.row, "status": "moved"}))
    desk.write(desk.letter()._replace(repaired=event, changed=NOW + 65_000, by="tester"))
    desk.close(to=to)
    assert desk.said() == ""


def test_a_replay_without_a_closed_letter_was_done_twice_or_will_be() -> None:
    desk, _ = replayed()
    assert "no letter was closed for it" in desk.said()


def test_a_closed_letter_without_its_event_is_a_loss() -> None:
    desk = Desk()
    desk.handle()
    desk.close(to=desk.wrong.offset + 3)
    assert "did not go out" in desk.said()


def test_two_replays_of_one_letter_are_one_too_many() -> None:
    desk = Desk()
    first = desk.send()
    desk.send()
    desk.handle()
    desk.close(to=first)
    assert "no letter was closed for it" in desk.said()


def test_another_event_in_exchange_for_a_letter_is_named() -> None:
    desk = Desk()
    to = desk.send(id="another")
    desk.handle()
    desk.close(to=to)
    assert "is not the event of the letter closed for it" in desk.said()


@pytest.mark.parametrize("newer", [True, False])
def test_superseded_is_what_has_a_newer_good_event_and_nothing_else(newer: bool) -> None:
    desk = Desk(newer=newer)
    desk.handle()
    desk.close("superseded")
    assert desk.said() == ("" if newer else f"lost: {desk.letter().place} was closed as superseded, but nothing newer is good")


def test_a_replay_over_a_newer_event_is_named_even_if_the_replayer_saw_nothing() -> None:
    desk, to = replayed(newer=True)
    desk.close(to=to)
    assert "was replayed over a newer event of its record" in desk.said()


@pytest.mark.parametrize(("changes", "said"), [
    ({"value": b"still here"}, "still holds the event"), ({"by": ""}, "nobody is named"), ({"closed": "lost"}, "there is none of"),
    ({"closed": "dropped"}, "does not fit how it was closed"), ({"changed": NOW}, "its time is not"),
])
def test_a_letter_that_is_closed_wrongly_is_named(changes: dict[str, Any], said: str) -> None:
    desk, to = replayed()
    desk.write(settled(desk.letter(), "replayed", "tester", NOW + 70_000, replayed=to)._replace(**changes))
    if "changed" in changes:
        last = desk.world.lanes[DEAD].pop()
        desk.world.put(DEAD, None, NOW + 1, last.key, last.value)
    assert said in desk.said()


def test_a_letter_is_not_changed_after_it_was_closed_and_not_written_twice() -> None:
    desk, to = replayed()
    desk.close(to=to)
    assert desk.said() == ""
    desk.close("dropped")
    assert "changes a letter that is closed" in desk.said()
    desk, to = replayed()
    again = desk.world.lanes[DEAD][-1]
    desk.world.put(DEAD, None, again.timestamp, again.key, again.value)
    desk.close(to=to)
    assert "repeats the letter" in desk.said()


def test_a_repair_that_changes_what_came_is_named() -> None:
    desk, to = replayed()
    desk.write(desk.letter()._replace(repaired=b"x", value=b"another", changed=NOW + 65_000, by="tester"))
    desk.close(to=to)
    assert "another value than the original" in desk.said()


NEXT = 5000


def next_plan(version: int, **renamed: str) -> Plan:
    """The city whose residents have an e-mail address from this version on, and other names; the schema was registered long before."""
    fields = json.loads(PLAN.datasets[RESIDENT].row_schema)["fields"]
    fields = [one | {"name": renamed[one["name"]], "aliases": [one["name"]]} if one["name"] in renamed else one for one in fields]
    plan = evolved(PLAN, [*fields, {"name": "email", "type": ["null", "string"], "default": None}], NEXT)
    dataset = plan.datasets[RESIDENT].model_copy(update={"changed": version})
    return replace(plan, version=version, datasets={**plan.datasets, RESIDENT: dataset})


@pytest.mark.parametrize(("handled_under", "right"), [(2, True), (3, False)])
def test_a_schema_is_unknown_until_its_dataset_takes_it_up_however_long_it_is_registered(handled_under: int, right: bool) -> None:
    plan, before = next_plan(3), replace(PLAN, version=handled_under)
    writing = Writing(5)
    row = writing.resident() | {"email": None}
    meta = Meta("e", "c", NOW, "s", POPULATION, 0, 1)
    for lane in PLAN.lanes:
        writing.world.lanes[lane] = []
    writing.raw(RAW, kafka_key(RESIDENT, row["resident_id"]), EventCodec(plan.schemas[NEXT].text, NEXT).encode(Event(meta, row)))
    run(writing.world, before, working_plan(before, SECRET, [NEXT]))
    assert (verdict_on(plan, writing.world).examples == []) == right


def test_a_repair_of_a_version_that_is_past_has_the_key_of_its_record_whatever_that_is_called_now() -> None:
    desk = Desk(newer=True)
    desk.handle()
    came = codec_of(RESIDENT).decode(desk.wrong.value or b"")
    repaired = codec_of(RESIDENT).encode(Event(came.meta, {**desk.row, "status": "moved"}))
    desk.write(desk.letter()._replace(repaired=repaired, changed=NOW + 65_000, by="tester"))
    desk.close("superseded")
    desk.world.lanes |= {lane: [] for lane in PLAN.lanes if lane not in desk.world.lanes}
    assert verdict_on(next_plan(PLAN.version + 1, resident_id="number"), desk.world, [PLAN]).examples == []
