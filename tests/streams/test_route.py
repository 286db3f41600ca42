"""route against the slow way, and what each subscription is told when a record enters, leaves, or goes."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import EventCodec
from schemas.control import Condition
from schemas.errors import HaltError, RetryError
from streams.chunk import Chunk, Handled, Part, PartitionChange, Record
from streams.plan import WorkingPlan
from streams.recollection import Recollection
from streams.route import changes_for, route
from tests.streams.slow import SlowRouter, Told
from tests.streams.world import (
    NOW,
    PEOPLE,
    RESIDENT,
    RESIDENT_CODEC,
    SECRET,
    VILLAGE_CODEC,
    chunk,
    city,
    compiled,
    key_of,
    memory,
    resident,
    value,
)

LANE = "clean.health"
PLAN = city()
WORK = compiled(PLAN)
CODECS = {1: RESIDENT_CODEC, 2: VILLAGE_CODEC}


def told(handled: Handled, plan: Any = PLAN) -> list[Told]:
    """The outputs, decoded by the schemas the plan registered for them."""
    outputs = []
    for lane, data, key, *_ in handled.outputs:
        assert data is not None
        number = int.from_bytes(data[1:5], "big")
        outputs.append((lane, key, EventCodec(plan.schemas[number].text, number).decode(data)))
    return outputs


def ops(handled: Handled) -> dict[str, str]:
    """What each subscriber was told, by op."""
    return {lane.removeprefix("deliver."): event.meta.op for lane, _, event in told(handled)}


def one_by_one(records: list[Record], work: WorkingPlan = WORK) -> list[Handled]:
    """Each record as a chunk of its own, remembered in between."""
    kept = memory((LANE, 0))
    done = []
    for record in records:
        done.append(route(chunk(LANE, [record]), work, kept, NOW))
        kept.apply(done[-1].changes)
    return done


@st.composite
def clean_records(draw: st.DrawFn) -> list[Record]:
    """Records as clean writes them: any order of ops over three keys, scope fields changing."""
    rows = st.builds(lambda division, status, phone: {"division": division, "status": status, "phone": phone},
                     st.sampled_from(["341502", "341503", "341600"]),
                     st.sampled_from(["registered", "moved", "deceased"]), st.sampled_from([None, "13812345678", "1"]))
    records: list[Record] = []
    for offset in range(draw(st.integers(1, 25))):
        number = draw(st.sampled_from(PEOPLE))
        op = draw(st.sampled_from("ccuuuurddm-"))
        row = resident(number, **draw(rows)) if op in "cur" else None
        before = resident(number, **draw(rows)) if op in "ud" and draw(st.booleans()) else None
        data = None if op == "-" else value(op, row, before, seq=offset, stream="raw.health/0",
                                            cause=draw(st.sampled_from(["live", "snapshot"])))
        key = b"health.resident/" if op == "m" else key_of(number)
        records.append((offset * 2, NOW - draw(st.sampled_from([0, 40, 2000])), key, data))
    return records


@settings(max_examples=150, deadline=None)
@given(clean_records(), st.integers(1, 25))
def test_route_says_what_the_slow_way_says(records: list[Record], cut: int) -> None:
    slow = SlowRouter(PLAN, SECRET, CODECS)
    kept = memory((LANE, 0))
    counts: Counter[tuple[str, str, str, int]] = Counter()
    for start in range(0, len(records), cut):
        part = records[start:start + cut]
        handled = route(chunk(LANE, part), WORK, kept, NOW)
        expected = [output for record in part for output in slow.route(LANE, 0, record)]
        assert sorted(told(handled), key=repr) == sorted(expected, key=repr)
        for tally in handled.tallies:
            counts[tally.key.stage, tally.key.cause, tally.key.subscriber, tally.key.at] += tally.records
        kept.apply(handled.changes)
    assert counts == slow.counts


@settings(max_examples=60, deadline=None)
@given(clean_records())
def test_memory_read_back_from_the_lane_is_the_memory_that_was_lost(records: list[Record]) -> None:
    kept = memory((LANE, 0))
    kept.apply(route(chunk(LANE, records), WORK, kept, NOW).changes)
    again = Recollection(WORK)
    again.learn(records)
    assert again.rows == kept.of(LANE, 0).rows


@settings(max_examples=40, deadline=None)
@given(clean_records())
def test_routing_changes_nothing_and_gives_the_same_again(records: list[Record]) -> None:
    kept = memory((LANE, 0))
    kept.apply(route(chunk(LANE, records[:5]), WORK, kept, NOW).changes)
    rows, size = dict(kept.of(LANE, 0).rows), kept.bytes
    first, second = (route(chunk(LANE, records), compiled(PLAN), kept, NOW) for _ in range(2))
    assert first.outputs == second.outputs
    assert first.changes == second.changes
    assert list(first.tallies) == list(second.tallies)
    assert (kept.of(LANE, 0).rows, kept.bytes) == (rows, size)


@settings(max_examples=60, deadline=None)
@given(clean_records())
def test_each_value_meets_each_live_subscription_exactly_once(records: list[Record]) -> None:
    handled = route(chunk(LANE, records), WORK, memory((LANE, 0)), NOW)
    values = sum(1 for *_, key, data in records if data is not None and key != b"health.resident/")
    met: Counter[str] = Counter()
    for tally in handled.tallies:
        met[tally.key.subscriber] += tally.records
    assert met == (dict.fromkeys(("tax", "medical", "police", "school", "province"), values) if values else {})


@settings(max_examples=60, deadline=None)
@given(clean_records())
def test_the_books_hold_the_bytes_of_the_outputs_and_how_late_they_were(records: list[Record]) -> None:
    handled = route(chunk(LANE, records), WORK, memory((LANE, 0)), NOW)
    sent: Counter[tuple[str, str]] = Counter()
    for lane, data, key, _, arrived, _ in handled.outputs:
        assert data is not None
        sent.update({(lane, "bytes"): len(data) + len(key), (lane, "late"): NOW - arrived, (lane, "records"): 1})
    counted: Counter[tuple[str, str]] = Counter()
    for tally in handled.tallies:
        lane = f"deliver.{tally.key.subscriber}"
        if tally.key.stage != "held_back":
            counted.update({(lane, "bytes"): tally.bytes, (lane, "late"): tally.lat_sum, (lane, "records"): sum(tally.lat_c)})
    assert counted == sent


def test_who_comes_to_hold_a_record_reads_it_and_who_loses_it_gets_a_delete() -> None:
    inside, outside = resident(division="341502"), resident(division="341600")
    entered, left, gone = one_by_one([(0, NOW, key_of(PEOPLE[0]), value("c", outside)),
                                      (1, NOW, key_of(PEOPLE[0]), value("u", inside)),
                                      (2, NOW, key_of(PEOPLE[0]), value("u", outside)),
                                      (3, NOW, key_of(PEOPLE[0]), value("d"))])[1:]
    assert ops(entered)["school"] == ops(entered)["police"] == "r"
    assert ops(left)["school"] == "d"
    assert set(ops(gone)) == {"tax", "medical", "province"}
    assert {event.row for lane, _, event in told(left) if lane == "deliver.school"} == {None}


def test_what_was_let_through_counts_more_than_what_the_event_says_was_before() -> None:
    inside, outside = resident(division="341502"), resident(division="341600")
    # The update that took the record out of scope never reached clean: `before` tells of it, memory knows better.
    done = one_by_one([(0, NOW, key_of(PEOPLE[0]), value("c", inside)),
                       (1, NOW, key_of(PEOPLE[0]), value("u", outside, outside))])
    assert ops(done[1])["school"] == "d"


def test_a_revoked_subscription_gets_nothing_from_that_version_on() -> None:
    kept = memory((LANE, 0))
    record = (0, NOW, key_of(PEOPLE[0]), value("c", resident()))
    kept.apply(route(chunk(LANE, [record]), WORK, kept, NOW).changes)
    later = compiled(city(version=2, revoked=("school.health.resident", "tax.health.resident")))
    handled = route(chunk(LANE, [(1, NOW, key_of(PEOPLE[0]), value("d"))]), later, kept, NOW)
    assert set(ops(handled)) == {"medical", "police", "province"}
    assert handled.changes[LANE, 0].plan_version == 2


def test_deliveries_carry_the_arrival_time_and_the_clean_position() -> None:
    handled = route(chunk(LANE, [(7, NOW - 90, key_of(PEOPLE[0]), value("c", resident()))], 1), WORK,
                    memory((LANE, 1)), NOW)
    assert {output[4] for output in handled.outputs} == {NOW - 90}
    metas = {lane: event.meta for lane, _, event in told(handled)}
    assert (metas["deliver.tax"].stream, metas["deliver.tax"].epoch, metas["deliver.tax"].seq) == ("clean.health/1", 0, 7)
    assert metas["deliver.province"].path == "341500"
    assert metas["deliver.medical"].stream == ""


def test_a_record_too_large_for_one_inbox_goes_to_quarantine_for_that_subscription_alone() -> None:
    record = (3, NOW, key_of(PEOPLE[0]), value("c", resident(name="长" * 500_000)))
    handled = route(chunk(LANE, [record]), WORK, memory((LANE, 0)), NOW)
    letters = {key for lane, _, key, *_ in handled.outputs if lane == "dead.health"}
    assert letters == {f"clean.health/0/3/{name}.health.resident".encode() for name in ("tax", "police", "province")}
    stages = {(tally.key.subscriber, tally.key.stage) for tally in handled.tallies}
    assert {("tax", "quarantined"), ("medical", "delivered"), ("school", "delivered")} <= stages


def test_an_unknown_schema_id_stops_its_partition_and_no_other() -> None:
    good = value("c", resident())
    parts = [Part(LANE, 0, [(0, NOW, key_of(PEOPLE[0]), good), (1, NOW, b"k", b"\0\0\0\0\x63-"), (2, NOW, b"k", good)]),
             Part(LANE, 1, [(0, NOW, key_of(PEOPLE[0]), good)])]
    handled = route(Chunk("clean", 1, parts), compiled(PLAN, given_up=(99,)), memory((LANE, 0), (LANE, 1)), NOW)
    assert (handled.waiting, handled.unknown) == ({(LANE, 0): 1}, {(LANE, 0): 99})
    assert {place: change.next_offset for place, change in handled.changes.items()} == {(LANE, 0): 1, (LANE, 1): 1}


def test_bytes_no_worker_can_have_written_stop_the_worker() -> None:
    good = value("c", resident())
    for key, broken in ((b"k", b"rubbish"), (b"k", good[:-1]), (None, good)):
        with pytest.raises(HaltError, match=r"clean\.health/0/5"):
            route(chunk(LANE, [(5, NOW, key, broken)]), WORK, memory((LANE, 0)), NOW)


def test_a_plan_older_than_the_partition_is_refused() -> None:
    kept = memory((LANE, 0))
    kept.apply({(LANE, 0): PartitionChange(1, plan_version=2)})
    with pytest.raises(RetryError):
        route(chunk(LANE, [(1, NOW, key_of(PEOPLE[0]), value("c", resident()))]), WORK, kept, NOW)


def test_more_rows_than_the_memory_holds_stop_the_worker_before_anything_is_kept() -> None:
    small = memory((LANE, 0), limit=400)
    records: list[Record] = [(n, NOW, key_of(number), value("c", resident(number))) for n, number in enumerate(PEOPLE)]
    with pytest.raises(HaltError, match=RESIDENT):
        route(chunk(LANE, records), WORK, small, NOW)
    small.apply(route(chunk(LANE, records[:2]), WORK, small, NOW).changes)
    with pytest.raises(HaltError, match=f"441.*400.*{RESIDENT}.*441"):
        route(chunk(LANE, records[2:]), WORK, small, NOW)
    assert small.bytes <= 400


def test_reading_the_lane_back_counts_the_same_bytes() -> None:
    records: list[Record] = [(n, NOW, key_of(number), value("c", resident(number))) for n, number in enumerate(PEOPLE)]
    recollection = Recollection(WORK)
    recollection.learn(records)
    assert recollection.sizes == {RESIDENT: 441}
    restored = memory(limit=441)
    restored.check_coming([recollection.sizes])
    restored.restore(LANE, 0, "", recollection.rows)
    assert restored.bytes == 441
    # What is gone, and who came back, take no room.
    again = Recollection(WORK)
    again.learn([records[0], (1, NOW, records[0][2], None), records[0], records[0]])
    assert (len(again.rows), again.sizes) == (1, {RESIDENT: 147})


def test_datasets_without_a_scoped_subscription_are_not_remembered() -> None:
    open_only = compiled(city(subscriptions={"tax.health.resident": {"fields": ("resident_id",)}}))
    handled = route(chunk(LANE, [(0, NOW, key_of(PEOPLE[0]), value("c", resident()))]), open_only, memory((LANE, 0)), NOW)
    assert handled.changes[LANE, 0].rows == {}


def test_many_disjoint_scopes_cost_one_lookup_and_hold_back_the_rest() -> None:
    many = {f"town-{n}.health.resident": {
        "fields": ("resident_id",), "scope": (Condition(field="division", op="eq", values=(f"3415{n:02}",)),)}
        for n in range(64)}
    handled = route(chunk(LANE, [(0, NOW, key_of(PEOPLE[0]), value("c", resident(division="341507")))]),
                    compiled(city(subscriptions=many)), memory((LANE, 0)), NOW)
    assert [output[0] for output in handled.outputs] == ["deliver.town-7"]
    assert Counter(tally.key.stage for tally in handled.tallies) == {"delivered": 1, "held_back": 63}


@pytest.mark.parametrize(("op", "before", "now", "expected"), [
    ("u", None, ("a",), [("a", "u")]), ("u", ("a",), ("a",), [("a", "u")]), ("u", (), ("a",), [("a", "r")]),
    ("c", (), ("a",), [("a", "c")]), ("r", ("a",), ("b",), [("b", "r"), ("a", "d")]), ("d", ("a",), (), [("a", "d")]),
    ("d", None, (), []), ("u", ("a", "b"), ("b", "c"), [("b", "u"), ("c", "r"), ("a", "d")])])
def test_a_change_tells_each_scoped_subscription_what_it_means_to_it(op: Any, before: Any, now: Any, expected: Any) -> None:
    assert changes_for(op, before, now) == expected
