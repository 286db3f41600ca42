"""The oracle finds nothing in a right city, and names whatever is spoiled in it: one thing at a time."""

import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest

from schemas.codec import bus_schema, decode_letter, encode_letter
from schemas.control import Plan
from schemas.envelope import Event
from schemas.lanes import room_for
from streams.replay.replayer import settled
from tests.trial.city_world import (
    CLINIC,
    NOW,
    PLAN,
    POLICE,
    POPULATION,
    RESIDENT,
    SECRET,
    VILLAGE,
    World,
    Writing,
    city_world,
    codec_of,
    handle,
)
from trial.evidence import plan_as_json
from trial.oracle import HOPS, Record, Verdict, judge
from trial.oracle.plan import ROOM
from trial.oracle.records import partition_of

LETTERS = json.loads(bus_schema("letter"))
KINDS = ("lost", "duplicated", "out_of_order", "wrong_content", "ledger")
INBOXES = ("deliver.tax", "deliver.police", "deliver.medical", "deliver.province")


@pytest.fixture(scope="module")
def right() -> World:
    return city_world()


@pytest.fixture
def world(right: World) -> World:
    return right.copy()


def judged(world: World) -> Verdict:
    """The verdict on a whole world, tables included."""
    verdict = verdict_on(PLAN, world)
    verdict.tables[POLICE].compare(world.sink.values(), _same, verdict.problems)
    for stream, rows in world.tables.items():
        verdict.sources[stream].compare(stream, rows.items(), verdict.problems)
    return verdict


def verdict_on(plan: Plan, world: World, earlier: Sequence[Plan] = ()) -> Verdict:
    """The verdict on the lanes and the books of a world under any plan, and those in force before it."""
    verdict = judge(plan_as_json(plan), SECRET, world.read, letter_schema=LETTERS, tables=[POLICE],
                    earlier=[plan_as_json(each) for each in earlier])
    verdict.books.compare(world.told(), verdict.problems, "second")
    verdict.books.compare_findings(world.found(), verdict.problems, "second")
    return verdict


def _same(name: str, value: Any) -> Any:
    return int(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


def found(world: World) -> dict[str, int]:
    """Kinds of problems with their counts."""
    return dict(judged(world).problems.counts)


def test_a_right_city_has_no_problem_and_something_of_everything(right: World) -> None:
    verdict = judged(right)
    assert verdict.examples == []
    assert not verdict.problems.counts
    books = verdict.books
    for stage in ("cleaned", "quarantined", "duplicate", "delivered", "held_back", "returned_up"):
        assert books.total(stage) > 0, stage
    assert books.total("arrived") == books.total("cleaned") + books.total("quarantined") + books.total("duplicate")
    assert books.fixed >= 5
    assert set(books.by_subscriber("delivered")) == {"tax", "police", "medical"}
    reasons = {reason for _, reason in verdict.reasons}
    assert {"undecodable", "unknown_schema", "foreign_schema", "foreign_stream", "key_mismatch", "position_jump",
            "key_not_canonical", "required", "date"} <= reasons
    ops = Counter(codec_of(POLICE).decode(record.value or b"").meta.op for record in of_schema(right, "deliver.police", POLICE))
    assert set(ops) == {"c", "r", "u", "d"}


def test_the_streams_of_a_verdict_know_what_became_of_their_events(right: World) -> None:
    streams = judged(right).streams
    assert streams[POPULATION, "published"] == sum(streams[POPULATION, kind] for kind in ("cleaned", "quarantined", "duplicate"))
    assert streams[POPULATION, "quarantined"] == 5
    assert streams[CLINIC, "duplicate"] == 2


def of_schema(world: World, lane: str, subscription: str) -> list[Record]:
    """The records of one subscription in an inbox."""
    number = PLAN.subscriptions[subscription].output_schema.to_bytes(4, "big")
    return [record for record in world.lanes[lane] if record.value is not None and record.value[1:5] == number]


def swap(world: World, lane: str, old: Record, new: Record) -> None:
    """Put another record in the place of one."""
    world.lanes[lane][world.lanes[lane].index(old)] = new


def again(world: World, lane: str, record: Record) -> None:
    """The same record a second time, at the end."""
    world.put(lane, record.partition, record.timestamp, record.key or b"", record.value)


def middle(records: list[Record]) -> Record:
    return records[len(records) // 2]


@pytest.mark.parametrize("lane", INBOXES)
def test_a_missing_delivery_is_lost(world: World, lane: str) -> None:
    world.lanes[lane].remove(middle(world.lanes[lane]))
    assert found(world) == {"lost": 1}


@pytest.mark.parametrize("lane", INBOXES)
def test_a_delivery_that_comes_twice_is_duplicated(world: World, lane: str) -> None:
    record = max(world.lanes[lane], key=lambda record: record.timestamp)
    again(world, lane, record)
    assert found(world) == {"duplicated": 1}


@pytest.mark.parametrize("lane", INBOXES)
def test_two_deliveries_that_changed_places_are_out_of_order(world: World, lane: str) -> None:
    records = world.lanes[lane]
    first, second = next((one, two) for one, two in pairwise(records) if one.key != two.key and origin(one, world) == origin(two, world))
    at, then = records.index(first), records.index(second)
    records[at], records[then] = second._replace(offset=first.offset), first._replace(offset=second.offset)
    assert found(world) == {"out_of_order": 1}


def origin(record: Record, world: World) -> str:
    """The clean partition a delivery came from; masked ones tell no stream, but their twins at the province do."""
    number = int.from_bytes((record.value or b"")[1:5], "big")
    named = {item.event_schema: item.id for item in PLAN.datasets.values()}
    named |= {item.output_schema: item.id for item in PLAN.subscriptions.values()}
    meta = codec_of(named[number]).decode(record.value or b"").meta
    if meta.stream:
        return meta.stream
    twins = [codec_of("province.health.resident").decode(one.value or b"").meta
             for one in of_schema(world, "deliver.province", "province.health.resident") if one.timestamp == record.timestamp]
    return twins[0].stream


@pytest.mark.parametrize("lane", INBOXES)
def test_one_other_byte_is_wrong_content(world: World, lane: str) -> None:
    record = next(one for one in reversed(world.lanes[lane]) if (one.value or b"")[-1:].isalnum())
    value = record.value or b""
    swap(world, lane, record, record._replace(value=value[:-1] + bytes((value[-1] ^ 1,))))
    assert found(world) == {"wrong_content": 1}


def test_another_second_of_arrival_is_wrong_content(world: World) -> None:
    record = middle(world.lanes["deliver.tax"])
    swap(world, "deliver.tax", record, record._replace(timestamp=record.timestamp + 1))
    verdict = judged(world)
    assert verdict.wrong_content == 1
    assert "timestamp" in verdict.examples[0]


def test_another_key_is_wrong_content(world: World) -> None:
    record = middle(world.lanes["deliver.tax"])
    swap(world, "deliver.tax", record, record._replace(key=b"health.resident/somebody"))
    verdict = judged(world)
    assert verdict.wrong_content == 1
    assert "another key" in verdict.examples[0]


def test_a_delivery_in_the_inbox_of_another_is_wrong_content(world: World) -> None:
    again(world, "deliver.police", middle(world.lanes["deliver.tax"]))
    verdict = judged(world)
    assert dict(verdict.problems.counts) == {"wrong_content": 1}
    assert "another subscriber" in verdict.examples[0]


def test_a_record_outside_the_scope_is_wrong_content(world: World) -> None:
    tax, province = "tax.health.resident", "province.health.resident"
    given = {codec_of(tax).decode(one.value or b"").meta.id for one in of_schema(world, "deliver.tax", tax)}
    record, event = next((one, event) for one, event in events(world, "deliver.province", province) if event.meta.id not in given)
    row = {name: (event.row or {"division": "1"}).get(name, "") for name in PLAN.subscriptions[tax].fields}
    value = codec_of(tax).encode(Event(event.meta._replace(path=""), row))
    world.put("deliver.tax", None, record.timestamp, record.key or b"", value)
    verdict = judged(world)
    assert dict(verdict.problems.counts) == {"wrong_content": 1}
    assert "not for this subscriber" in verdict.examples[0]


def events(world: World, lane: str, subscription: str) -> Iterator[tuple[Record, Event]]:
    """The deliveries of one subscription, decoded."""
    for record in of_schema(world, lane, subscription):
        yield record, codec_of(subscription).decode(record.value or b"")


def remade(world: World, lane: str, subscription: str, wanted: Callable[[Event], bool], make: Callable[[Event], Event]) -> None:
    """Encode the last delivery that is wanted anew, made into another."""
    record, event = [(record, event) for record, event in events(world, lane, subscription) if wanted(event)][-1]
    swap(world, lane, record, record._replace(value=codec_of(subscription).encode(make(event))))


def with_row(event: Event, **changes: Any) -> Event:
    return event._replace(row={**(event.row or {}), **changes})


@pytest.mark.parametrize(("was", "becomes"), [("c", "u"), ("u", "c"), ("r", "u"), ("u", "r")])
def test_another_operation_is_wrong_content(world: World, was: Any, becomes: Any) -> None:
    remade(world, "deliver.tax", "tax.health.resident", lambda event: event.meta.op == was,
           lambda event: event._replace(meta=event.meta._replace(op=becomes)))
    assert found(world) == {"wrong_content": 1}


def test_a_mask_that_was_left_off_is_wrong_content(world: World) -> None:
    remade(world, "deliver.police", POLICE, lambda event: event.row is not None and event.row["phone"] is not None,
           lambda event: with_row(event, phone="13812345678"))
    assert found(world) == {"wrong_content": 1}
    remade(world, "deliver.medical", "medical.health.resident", lambda event: event.row is not None,
           lambda event: with_row(event, birth_date=None))
    assert found(world) == {"wrong_content": 2}


def test_a_path_without_our_node_is_wrong_content(world: World) -> None:
    remade(world, "deliver.province", "province.civil.village", lambda event: True,
           lambda event: event._replace(meta=event.meta._replace(path="")))
    assert found(world) == {"wrong_content": 1}


def test_a_delete_that_nobody_was_told_is_lost(world: World) -> None:
    record = next(record for record, event in events(world, "deliver.tax", "tax.health.resident") if event.meta.op == "d")
    world.lanes["deliver.tax"].remove(record)
    assert found(world) == {"lost": 1}


def test_a_delivery_in_the_wrong_partition_is_wrong_content(world: World) -> None:
    record = next(one for one in world.lanes["clean.health"] if one.value and partition_of(one.key or b"", 2) == 0)
    world.lanes["clean.health"].remove(record)
    at = [index for index, one in enumerate(world.lanes["clean.health"]) if one.partition == 1][-1]
    world.lanes["clean.health"].insert(at + 1, record._replace(partition=1, offset=10_000))
    assert found(world)["wrong_content"] >= 1


# ---- clean and quarantine


def test_a_missing_clean_event_is_lost(world: World) -> None:
    records = world.lanes["clean.civil"]
    records.remove(records[0])
    assert found(world)["lost"] == 1


def test_a_clean_event_that_comes_twice_is_duplicated(world: World) -> None:
    again(world, "clean.civil", world.lanes["clean.civil"][3])
    assert found(world) == {"duplicated": 1}


def test_clean_events_that_changed_places_are_out_of_order(world: World) -> None:
    records = world.lanes["clean.civil"]
    records[2], records[3] = records[3]._replace(offset=2), records[2]._replace(offset=3)
    assert found(world)["out_of_order"] >= 1


def test_a_rejected_event_on_clean_is_wrong_content(world: World) -> None:
    letter = next(one for one in world.lanes["dead.health"] if b"/1/" in (one.key or b"") or b"/0/" in (one.key or b""))
    _, partition, offset = (letter.key or b"").decode().rsplit("/", 2)
    raw = next(one for one in world.lanes["raw.health"] if (one.partition, one.offset) == (int(partition), int(offset)))
    model = next(one for one in world.lanes["clean.health"] if one.value)
    event = codec_of(RESIDENT).decode(model.value or b"")
    meta = event.meta._replace(stream=f"raw.health/{partition}", seq=int(offset))
    world.put("clean.health", model.partition, raw.timestamp, model.key or b"", codec_of(RESIDENT).encode(event._replace(meta=meta)))
    verdict = judged(world)
    assert verdict.wrong_content == 1
    assert "nothing on raw.health" in verdict.examples[0]


def test_a_repair_that_was_not_made_is_wrong_content(world: World) -> None:
    record, event = next((one, event) for one in world.lanes["clean.health"] if one.value
                         for event in [codec_of(RESIDENT).decode(one.value)] if event.row and event.row["phone"] == "13812345678")
    spelt = str((event.row or {})["birth_date"]).replace("-", "/")
    swap(world, "clean.health", record, record._replace(value=codec_of(RESIDENT).encode(with_row(event, birth_date=spelt))))
    assert found(world)["wrong_content"] >= 1


def test_a_tombstone_that_is_missing_is_lost_and_one_too_many_is_wrong_content(world: World) -> None:
    tombstone = next(one for one in world.lanes["clean.health"] if one.value is None)
    again(world, "clean.health", tombstone)
    assert found(world) == {"wrong_content": 1}
    for _ in range(2):
        world.lanes["clean.health"].remove(next(one for one in world.lanes["clean.health"] if one.key == tombstone.key and not one.value))
    assert found(world) == {"lost": 1}


def test_a_tombstone_behind_what_followed_its_delete_is_out_of_order(world: World) -> None:
    records = world.lanes["clean.health"]
    tombstone = next(one for one in records if one.value is None)
    records.remove(tombstone)
    again(world, "clean.health", tombstone)
    assert found(world) == {"out_of_order": 1}


@pytest.mark.parametrize("change", [{"partition": 0}, {"partition": 1}, {"timestamp": 1}])
def test_a_tombstone_in_another_partition_or_of_another_time_than_its_delete_is_wrong_content(world: World, change: Any) -> None:
    tombstone = next(one for one in world.lanes["clean.health"] if one.value is None and one.partition != change.get("partition"))
    swap(world, "clean.health", tombstone, tombstone._replace(**change))
    assert found(world) == {"wrong_content": 1}


def markers(world: World) -> list[Record]:
    return [one for one in world.lanes["clean.health"] if one.value and (one.key or b"").endswith(b"/")]


def test_a_marker_that_is_missing_on_clean_is_lost_and_one_that_comes_twice_is_duplicated(world: World) -> None:
    assert {one.partition for one in markers(world)} == {0, 1}
    marker = markers(world)[0]
    world.lanes["clean.health"].remove(marker)
    assert found(world) == {"lost": 1}
    world.lanes["clean.health"].append(marker)
    assert found(world) == {"out_of_order": 1}
    world.lanes["clean.health"].append(marker)
    assert found(world) == {"out_of_order": 1, "duplicated": 1}


def test_a_marker_in_another_partition_or_with_other_bytes_is_wrong_content(world: World) -> None:
    marker = markers(world)[-1]
    swap(world, "clean.health", marker, marker._replace(partition=1 - marker.partition))
    assert found(world) == {"wrong_content": 1}
    swap(world, "clean.health", marker._replace(partition=1 - marker.partition), marker._replace(timestamp=1))
    assert found(world) == {"wrong_content": 1}


def test_a_marker_in_an_inbox_is_wrong_content(world: World) -> None:
    record, event = next(events(world, "deliver.tax", "tax.health.resident"))
    marker = codec_of("tax.health.resident").encode(Event(event.meta._replace(op="m", seq=99_999), None))
    world.put("deliver.tax", None, record.timestamp, record.key or b"", marker)
    assert found(world) == {"wrong_content": 1}


def test_other_findings_beside_a_clean_event_are_wrong_content(world: World) -> None:
    told = next(one for one in world.lanes["clean.health"] if one.headers)
    silent = next(one for one in world.lanes["clean.health"] if one.value and not one.headers)
    swap(world, "clean.health", told, told._replace(headers=[]))
    assert found(world) == {"wrong_content": 1}
    swap(world, "clean.health", told._replace(headers=[]), told._replace(headers=[("findings", b"[]")]))
    assert found(world) == {"wrong_content": 1}
    swap(world, "clean.health", silent, silent._replace(headers=told.headers))
    assert found(world) == {"wrong_content": 2}


@pytest.mark.parametrize("lane", ["clean.health", *INBOXES])
def test_two_events_of_one_record_that_changed_places_are_out_of_order(world: World, lane: str) -> None:
    records = [one for one in world.lanes[lane] if one.value]
    first, second = next((one, two) for one in records for two in records
                         if one.key == two.key and one.offset < two.offset and origin(one, world) == origin(two, world))
    at, then = world.lanes[lane].index(first), world.lanes[lane].index(second)
    world.lanes[lane][at], world.lanes[lane][then] = second._replace(offset=first.offset), first._replace(offset=second.offset)
    assert found(world).get("out_of_order", 0) >= 1


def test_a_missing_letter_is_lost_and_a_second_one_duplicated(world: World) -> None:
    letter = middle(world.lanes["dead.health"])
    world.lanes["dead.health"].remove(letter)
    assert found(world) == {"lost": 1}
    again(world, "dead.health", letter)
    again(world, "dead.health", letter)
    assert found(world) == {"duplicated": 1}


def test_a_letter_for_another_record_is_wrong_content(world: World) -> None:
    letter = middle(world.lanes["dead.health"])
    again(world, "dead.civil", letter)
    assert found(world) == {"wrong_content": 1}


@pytest.mark.parametrize(("old", "new"), [(b"key_mismatch", b"key_mismat_h"), (b"noisenoise", b"noisenoisy")])
def test_a_letter_with_another_reason_or_other_bytes_is_wrong_content(world: World, old: bytes, new: bytes) -> None:
    letter = next(one for one in world.lanes["dead.health"] if old in (one.value or b""))
    swap(world, "dead.health", letter, letter._replace(value=(letter.value or b"").replace(old, new)))
    assert found(world) == {"wrong_content": 1}


def respelt(world: World, letter: Record, **changes: Any) -> None:
    """Put a letter that says something else in the place of one."""
    said = decode_letter(letter.value or b"")
    swap(world, "dead.health", letter, letter._replace(value=encode_letter(said._replace(**changes))))


@pytest.mark.parametrize("changes", [
    {"dataset": "civil.village"}, {"stream": POPULATION + "x"}, {"epoch": 77}, {"seq": 99_999}, {"rules_version": "zz"},
    {"plan_version": 999}, {"plan_version": 0}, {"handled": 1}, {"lane": "raw.civil"}, {"subscription": POLICE},
    {"arrived": 1}, {"key": None}, {"key": None, "value": None}])
def test_a_letter_that_says_anything_else_is_wrong(world: World, changes: Any) -> None:
    respelt(world, next(one for one in world.lanes["dead.health"] if b"key_not_canonical" in (one.value or b"")), **changes)
    counts = found(world)
    assert counts["wrong_content"] == 1
    assert counts.get("lost", 0) == ("lane" in changes or "subscription" in changes)


@pytest.mark.parametrize("changes", [{"severity": "suspect"}, {"after": "341502199001010000"}, {"field": "name"}])
def test_a_finding_of_a_letter_that_says_anything_else_is_wrong_content(world: World, changes: Any) -> None:
    letter = next(one for one in world.lanes["dead.health"] if b"key_not_canonical" in (one.value or b""))
    findings = decode_letter(letter.value or b"").findings
    assert findings[0].after
    respelt(world, letter, findings=(findings[0]._replace(**changes), *findings[1:]))
    assert found(world) == {"wrong_content": 1}


def test_findings_of_a_letter_in_another_order_are_wrong_content(world: World) -> None:
    letter, findings = next((one, told) for one in world.lanes["dead.health"]
                            for told in [decode_letter(one.value or b"").findings] if len(told) > 1)
    respelt(world, letter, findings=findings[::-1])
    assert found(world) == {"wrong_content": 1}


@pytest.mark.parametrize("change", [{"timestamp": 1}, {"key": b"raw.health/0/99999"}, {"partition": 7}])
def test_a_letter_under_another_key_time_or_partition_is_wrong_content(world: World, change: Any) -> None:
    letter = middle(world.lanes["dead.health"])
    swap(world, "dead.health", letter, letter._replace(**change))
    assert found(world) == {"wrong_content": 1}


# ---- what is too large for an inbox


def handled_and_judged(world: World) -> Verdict:
    """What the oracle says of a world once the bus has done its work in it, lanes that stayed empty included."""
    handle(world)
    for lane in PLAN.lanes:
        world.lanes.setdefault(lane, [])
    world.store(POLICE)
    return judged(world)


def test_what_an_inbox_has_no_room_for_has_a_letter_and_its_own_count() -> None:
    writing = Writing(3)
    row = writing.resident(division="341502", status="registered", address="长" * 190)
    writing.event(POPULATION, "c", row)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.outlets.room_for", lambda lane: 700)
        patch.setitem(ROOM, "deliver", 700)
        verdict = handled_and_judged(writing.world)
        assert verdict.examples == []
        assert verdict.books.by_subscriber("quarantined") == {"police": 1, "province": 1}
        assert len(writing.world.lanes["dead.health"]) == 2
        respelt(writing.world, writing.world.lanes["dead.health"][0], subscription="tax.health.resident")
        assert found(writing.world) == {"wrong_content": 1, "lost": 1}
        del writing.world.lanes["dead.health"][0]
        assert found(writing.world) == {"lost": 1}


def test_what_clean_has_no_room_for_has_a_letter() -> None:
    writing = Writing(3)
    writing.event(POPULATION, "c", writing.resident(address="长" * 190))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.clean.room_for", lambda lane: 700)
        patch.setitem(ROOM, "clean", 700)
        verdict = handled_and_judged(writing.world)
    assert verdict.examples == []
    assert verdict.reasons == {("", "too_large"): 1}


@pytest.mark.parametrize("closed", ["", "dropped"])
def test_a_letter_tells_all_that_it_has_room_for_and_no_less(closed: str) -> None:
    told = set()
    for room in range(1200, 4200, 37):
        writing = Writing(3)
        writing.event(POPULATION, "c", writing.resident(address="１" * 400, status="x"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streams.letters.room_for", lambda lane, room=room: room)
            patch.setitem(ROOM, "dead", room)
            handle(writing.world)
            record = writing.world.lanes["dead.health"][-1]
            letter = decode_letter(record.value or b"")
            if closed:
                letter = settled(letter, closed, "tester", NOW + 70_000)
                writing.world.put("dead.health", record.partition, letter.changed, record.key, encode_letter(letter))
            assert judged(writing.world).examples == []
        told.add((any(len(one.after) > 200 for one in letter.findings), letter.value is not None))
    assert told == ({(False, False)} if closed else {(True, True), (False, True), (False, False)})


def test_the_room_of_the_oracle_is_that_of_the_lanes() -> None:
    assert {kind: room_for(kind) for kind in ROOM} == ROOM


# ---- the books and the tables


@pytest.mark.parametrize("stage", ["arrived", "cleaned", "duplicate", "quarantined", "delivered", "held_back", "returned_up"])
def test_a_sum_that_differs_by_one_is_not_the_count(world: World, stage: str) -> None:
    at = next(index for index, tally in enumerate(world.tallies) if tally.key.stage == stage)
    world.tallies[at] = world.tallies[at]._replace(records=world.tallies[at].records + 1)
    verdict = judged(world)
    assert dict(verdict.problems.counts) == {"ledger": 1}
    assert not verdict.ledger_equals_count
    assert stage in verdict.examples[0]


@pytest.mark.parametrize("changes", [{"bytes": 0}, {"at": 1}, {"dept": "police"}, {"division": "341504"}, {"dataset": "civil.x"},
                                     {"cause": "replay"}])
@pytest.mark.parametrize("stage", ["arrived", "cleaned", "quarantined", "delivered", "returned_up"])
def test_a_tally_of_anything_else_is_not_the_count(world: World, stage: str, changes: dict[str, Any]) -> None:
    at = next(index for index, tally in enumerate(world.tallies) if tally.key.stage == stage and tally.key.division == "341502")
    tally = world.tallies[at]
    size = {"bytes": changes["bytes"]} if "bytes" in changes else {}
    key = tally.key._replace(**({} if size else {name: tally.key.at + 1 if name == "at" else word for name, word in changes.items()}))
    world.tallies[at] = tally._replace(key=key, **size)
    assert set(found(world)) == {"ledger"}


@pytest.mark.parametrize("width", ["day", "minute"])
def test_the_sums_of_a_day_or_minute_are_compared_by_provider(world: World, width: Any) -> None:
    rows = world.ledger("%Y-%m-%d" if width == "day" else "%Y-%m-%dT%H:%M")
    verdict = judged(world)
    verdict.books.compare(rows, verdict.problems, width)
    assert not verdict.problems.counts
    at = next(number for number, row in enumerate(rows) if row.stage == "cleaned" and row.provider == "health")
    for change in ({"provider": "civil"}, {"at": "2026-01-01"}):
        verdict.books.compare([*rows[:at], rows[at]._replace(**change), *rows[at + 1:]], verdict.problems, width)
    assert verdict.problems.counts["ledger"] == 4


def test_repairs_that_were_not_counted_are_named(world: World) -> None:
    at = next(index for index, tally in enumerate(world.tallies) if tally.fixed)
    world.tallies[at] = world.tallies[at]._replace(fixed=0)
    verdict = judged(world)
    assert not verdict.ledger_equals_count
    assert "fixed" in verdict.examples[0]


REASONS = ["not_listed", "phone", "id_check", "undecodable", "unknown_schema", "foreign_stream", "position_jump", "key_not_canonical", ""]


@pytest.mark.parametrize("reason", REASONS)
def test_a_count_of_what_was_found_that_differs_by_one_is_named(world: World, reason: str) -> None:
    at = next(index for index, one in enumerate(world.findings) if one.key.reason == reason)
    world.findings[at] = world.findings[at]._replace(records=world.findings[at].records + 1)
    verdict = judged(world)
    assert dict(verdict.problems.counts) == {"ledger": 1}
    assert reason in verdict.examples[0]


@pytest.mark.parametrize("changes", [{"at": 1}, {"cause": "replay"}, {"dept": "police"}, {"dataset": "civil.x"},
                                     {"dimension": "consistency"}, {"field": "name"}, {"reason": "too_long"}, {"severity": "fix"}])
def test_a_finding_of_anything_else_is_not_the_count(world: World, changes: dict[str, Any]) -> None:
    at = next(index for index, one in enumerate(world.findings) if one.key.reason == "not_listed")
    world.findings[at] = world.findings[at]._replace(key=world.findings[at].key._replace(**changes))
    assert found(world) == {"ledger": 2}


def test_the_figures_are_the_share_of_records_without_a_finding(right: World) -> None:
    verdict = judged(right)
    day, books = "2026-01-02", verdict.books
    figures = books.figures()
    assert figures.keys() == {(day, "civil", VILLAGE), (day, "health", RESIDENT), (day, "health", VILLAGE), (day, "health", "")}
    residents = figures[day, "health", RESIDENT]
    assert residents["completeness"].flawed == verdict.reasons["division", "required"] == 1
    assert residents["validity"].flawed > verdict.reasons["resident_id", "id_check"] > 0
    assert residents["validity"].of > residents["timeliness"].of > 0, "the snapshot is not judged by its time"
    assert figures[day, "health", ""]["validity"] == (6, 6), "what cannot be read is no valid record of anything"
    assert figures[day, "health", ""]["completeness"] == (0, 0)
    judged_ = books.total("arrived") - books.total("duplicate")
    assert sum(figure["validity"].of for figure in figures.values()) == judged_


def test_a_tally_of_another_day_is_named_twice(world: World) -> None:
    verdict = judged(world)
    rows = [row._replace(at="2026-01-01") if index == 0 else row for index, row in enumerate(world.ledger("%Y-%m-%d"))]
    verdict.books.compare(rows, verdict.problems, "day")
    assert verdict.problems.counts["ledger"] == 2


def test_a_row_missing_in_the_table_of_a_sink_is_lost_and_others_are_wrong(right: World) -> None:
    verdict = judge(plan_as_json(PLAN), SECRET, right.read, letter_schema=LETTERS, tables=[POLICE])
    rows = list(right.sink.values())
    spoiled = [*rows[2:], {**rows[1], "name": "另一个"}, {**rows[0], "_key": "stray"}]
    verdict.tables[POLICE].compare(spoiled, _same, verdict.problems)
    assert dict(verdict.problems.counts) == {"lost": 1, "wrong_content": 2}


def test_a_source_row_that_is_not_on_raw_is_lost_and_another_content_is_wrong(world: World) -> None:
    rows = world.tables[POPULATION]
    keys = list(rows)
    rows[b"health.resident/new"] = dict(rows[keys[0]])
    assert found(world) == {"lost": 1}
    rows[keys[1]] = {**rows[keys[1]], "address": "别处"}
    assert found(world) == {"lost": 1, "wrong_content": 1}
    del rows[keys[2]]
    assert found(world) == {"lost": 2, "wrong_content": 1}


def test_no_example_tells_a_value(world: World) -> None:
    for lane in INBOXES:
        record = middle(world.lanes[lane])
        swap(world, lane, record, record._replace(key=b"health.resident/secret", value=(record.value or b"")[:-1] + b"s"))
    text = "\n".join(judged(world).examples)
    assert "secret" not in text
    assert all(str(row["resident_id"]) not in text for row in world.tables[POPULATION].values())


def test_the_partitioner_is_kafkas() -> None:
    """Known answers of org.apache.kafka.common.utils.Utils.murmur2, as its own tests state them."""
    from trial.oracle.records import _murmur2
    signed = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536,
              b"a-little-bit-longer-string": -1486304829, b"abc": 479470107}
    assert {key: (_murmur2(key) ^ 0x80000000) - 0x80000000 for key in signed} == signed


def test_the_kinds_are_those_of_the_report() -> None:
    verdict = Verdict()
    for kind in KINDS:
        verdict.problems.add(kind, "somewhere", 3)
    assert (verdict.lost, verdict.duplicated, verdict.out_of_order, verdict.wrong_content) == (3, 3, 3, 3)
    assert not verdict.ledger_equals_count


# ---- hop by hop, as the witnesses judge


def apart(world: World) -> Verdict:
    """Each hop judged by itself, as in processes of their own, and put together."""
    verdict = Verdict()
    for hop in HOPS:
        tables = [POLICE] if hop == "route" else []
        one = judge(plan_as_json(PLAN), SECRET, world.read, letter_schema=LETTERS, tables=tables, hops=[hop])
        verdict.merge(pickle.loads(pickle.dumps(one)))
    verdict.books.compare(world.told(), verdict.problems, "second")
    verdict.books.compare_findings(world.found(), verdict.problems, "second")
    return verdict


def test_hops_judged_apart_come_to_the_same(right: World) -> None:
    whole, parts = judged(right), apart(right)
    assert not parts.problems.counts
    assert parts.books.figures() == whole.books.figures()
    assert parts.streams == whole.streams
    assert parts.reasons == whole.reasons
    for stage in ("arrived", "cleaned", "quarantined", "duplicate", "delivered", "held_back", "returned_up"):
        assert parts.books.total(stage) == whole.books.total(stage)
    assert (parts.books.peak(1), parts.books.peak(60), parts.books.fixed) == (whole.books.peak(1), whole.books.peak(60), whole.books.fixed)
    parts.tables[POLICE].compare(right.sink.values(), _same, parts.problems)
    for stream, rows in right.tables.items():
        parts.sources[stream].compare(stream, rows.items(), parts.problems)
    assert not parts.problems.counts


@pytest.mark.parametrize("lane", ["clean.civil", "clean.health", *INBOXES])
def test_hops_judged_apart_find_what_is_missing_and_what_comes_twice(world: World, lane: str) -> None:
    record = max((one for one in world.lanes[lane] if one.value and not one.key.endswith(b"/")), key=lambda one: one.timestamp)
    world.lanes[lane].remove(record)
    assert apart(world).lost >= 1
    again(world, lane, record)
    again(world, lane, record)
    assert apart(world).duplicated == 1
