"""Letters of an older version, repaired and let go under the present one: what is asked for, judged and sent is of today."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from console.decoding import Decoder
from schemas.codec import EventCodec
from schemas.control import Plan
from schemas.datasets import standard_dataset
from schemas.letter import Finding, Letter
from streams.clean import clean
from streams.replay.decide import Rehearsal
from streams.replay.desk import Desk
from streams.replay.mending import Mending, Workshop
from streams.replay.repairs import Repaired, _mend
from streams.versions import carried_over, reading_older
from tests.streams.test_versions import NEW_CODEC, SECOND, V2, evolved, fields_now, resident_now
from tests.streams.world import NOW, RESIDENT, STREAM, chunk, city, compiled, key_of, memory, resident, value

LANE = "raw.health"
KEY = key_of(resident()["resident_id"])
#: The third version: the key is called otherwise, too.
THIRD = evolved(SECOND, [{**one, "name": "number", "aliases": ["resident_id"]} if one["name"] == "resident_id" else one
                         for one in fields_now()], number=60)


def letter(came: bytes, *findings: Finding, **more: Any) -> Letter:
    """An event of the first version that was turned away."""
    return Letter(LANE, 0, 3, NOW, NOW + 1, RESIDENT, "", STREAM, 0, 1, findings, "1", 1, KEY, came)._replace(**more)


def repaired(plan: Plan, mending: Mending, lying: Letter) -> tuple[Letter | None, Repaired]:
    """What a repair under this plan makes of it."""
    desk: Any = SimpleNamespace(rehearsal=Rehearsal(plan), fits=Desk.fits)
    at: Any = SimpleNamespace(place=lying.place)
    return _mend(desk, Workshop(plan), (at, lying, lying), mending, "tester", NOW)  # type: ignore[arg-type]


def sent(plan: Plan, lying: Letter) -> tuple[bytes, bytes | None]:
    """The value that goes out for an open letter, and its key, once clean has nothing against it."""
    rehearsal = Rehearsal(plan)
    candidate = rehearsal.candidate(lying, lying.going or b"", repaired=lying.repaired is not None)
    assert candidate is not None
    assert rehearsal.findings(lying, candidate, NOW, 9) == ()
    out = rehearsal.outgoing(candidate, 9)
    handled = clean(chunk(LANE, [(9, NOW, candidate.key, out)]), compiled(plan), memory((LANE, 0)), NOW)
    assert [lane for lane, *_ in handled.outputs] == ["clean.health"]
    return out, candidate.key


WRONG = value("u", resident(phone="1", status="gone"), seq=1)


@pytest.mark.parametrize(("mending", "changes"), [
    (Mending(set={"mobile": "13900000000", "status": "moved"}), {}),
    (Mending(set={"phone": "13900000000", "status": "moved"}), {}),
    (Mending(map={"phone": {"1": "13900000000"}, "status": {"gone": "moved"}}), {}),
    (Mending(accept_proposals=True, set={"status": "moved"}), {}),
    (Mending(set={"mobile": "13900000000", "status": "moved", "level": "7", "email": "a@example.org"}),
     {"level": 7.0, "email": "a@example.org"}),
    (Mending(record={**json.loads(json.dumps({name: each for name, each in resident(phone="13900000000", status="moved").items()
                                              if name not in ("sex", "updated_at")})), "updated_at": "2026-01-02T03:04:05+08:00"}), {}),
])
def test_a_letter_of_an_older_version_is_repaired_as_one_of_the_present(mending: Mending, changes: dict[str, Any]) -> None:
    lying = letter(WRONG, Finding("phone", "phone", "reject", "1", "13900000000"), Finding("sex", "one_of", "reject", "", "1"))
    stored, told = repaired(SECOND, mending, lying)
    assert stored is not None, told
    assert {"mobile", "status"} <= told.changed.keys()
    out, key = sent(SECOND, stored)
    assert int.from_bytes(out[1:5], "big") == V2
    assert key == KEY
    row = NEW_CODEC.decode(out).row or {}
    assert {name: row[name] for name in ("mobile", "status", "level", "email")} == {
        "mobile": "13900000000", "status": "moved", "level": 1.5, "email": None} | changes


def test_what_the_dataset_has_no_more_cannot_be_set() -> None:
    _, told = repaired(SECOND, Mending(set={"sex": "1"}), letter(WRONG))
    assert told.result == "misfit"
    _, told = repaired(SECOND, Mending(accept_proposals=True), letter(WRONG, Finding("sex", "one_of", "reject", "", "1")))
    assert told.result == "untouched"


def test_an_older_event_that_needs_no_repair_goes_out_as_the_present_version_under_the_key_it_came_with() -> None:
    for plan, number in ((SECOND, V2), (THIRD, 60)):
        out, key = sent(plan, letter(value("u", resident(), seq=1)))
        assert int.from_bytes(out[1:5], "big") == number
        assert key == KEY


def test_a_repair_from_before_the_key_was_renamed_still_travels_under_it_and_is_shown() -> None:
    stored, _ = repaired(SECOND, Mending(set={"mobile": "13900000000", "status": "moved"}), letter(WRONG))
    assert stored is not None
    out, key = sent(THIRD, stored._replace(key=b"health.resident/x"))
    assert key == KEY
    assert (EventCodec(THIRD.schemas[60].text, 60).decode(out).row or {})["number"] == resident()["resident_id"]
    shown = Decoder(THIRD, lifted=True).changes(stored)
    assert {each["field"]: (each["before"], each["after"]) for each in shown} == {
        "mobile": ("1", "13900000000"), "status": ("gone", "moved")}


def test_a_repair_has_room_beside_the_largest_event_and_all_that_was_proposed_for_it() -> None:
    row = resident(address="长" * 349_000, status="gone")
    lying = letter(value("u", row, seq=1), Finding("status", "one_of", "reject"),
                    *(Finding("address", reason, "fix", "", "长" * 300) for reason in ("blanks", "full_width", "markup")))
    stored, told = repaired(city(), Mending(set={"status": "moved", "address": row["address"][1:]}), lying)
    assert told.result == "fails", "the address is too long for its rules"
    stored, told = repaired(roomy(), Mending(set={"status": "moved", "address": row["address"][1:]}), lying)
    assert stored is not None, told
    assert [one[:3] for one in stored.findings] == [one[:3] for one in lying.findings]
    assert stored.value == lying.value


def roomy() -> Plan:
    """The test city without a rule on addresses."""
    plan = city()
    dataset = plan.datasets[RESIDENT]
    rules = {name: uses for name, uses in dataset.rules.items() if name != "address"}
    return replace(plan, datasets={**plan.datasets, RESIDENT: dataset.model_copy(update={"rules": rules})})


FIELDS = json.loads(standard_dataset("resident").row_schema)["fields"]
#: A version whose note is text, where the one before has any bytes.
NOTED = evolved(city(), [*FIELDS, {"name": "note", "type": "bytes", "default": ""}], 70)
SPELT = evolved(NOTED, [*FIELDS, {"name": "note", "type": "string", "default": ""}], 80)


def test_a_row_that_cannot_be_carried_over_is_never_blanked_but_may_be_given_whole() -> None:
    lying = letter(value("u", resident() | {"note": b"\xff"}, seq=1, codec=EventCodec(NOTED.schemas[70].text, 70)))
    _, told = repaired(SPELT, Mending(set={"status": "moved"}), lying)
    assert told.result == "unreadable"
    row = json.loads(json.dumps({name: each for name, each in resident().items() if name != "updated_at"}))
    stored, told = repaired(SPELT, Mending(record=row | {"note": "n", "updated_at": "2026-01-02T03:04:05+08:00"}), lying)
    assert stored is not None, told
    out, _ = sent(SPELT, stored)
    assert (EventCodec(SPELT.schemas[80].text, 80).decode(out).row or {})["note"] == "n"


def test_an_event_is_carried_over_with_everything_but_its_row_as_it_was() -> None:
    came = value("u", resident(), resident(phone="2"), seq=5, epoch=3)
    made = carried_over(came, V2, reading_older(SECOND.schemas[V2].text, SECOND.schemas[1].text, 1))
    event = NEW_CODEC.decode(made.value)
    assert made.whole
    assert (event.row, event.before) == (resident_now(), resident_now(mobile="2"))
    assert (event.meta.epoch, event.meta.seq, event.meta.stream, event.meta.id) == (3, 5, STREAM, "id-3-5")
