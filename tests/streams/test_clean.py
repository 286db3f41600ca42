"""clean: each record meets the one fate it must, whatever stands around it; nothing is changed by handling."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import EventCodec, decode_letter, frame
from schemas.contract import event_schema
from schemas.control import Dataset, SchemaText
from schemas.envelope import Event, Meta
from schemas.errors import RetryError
from schemas.value import is_value
from streams.chunk import Chunk, Handled, Part, PartitionChange, Record
from streams.clean import LARGEST_STEP, clean, place
from tests.streams.world import (
    NOW,
    PEOPLE,
    RESIDENT,
    RESIDENT_CODEC,
    STREAM,
    VILLAGE_CODEC,
    chunk,
    city,
    compiled,
    dataset,
    key_of,
    memory,
    resident,
    value,
)

LANE = "raw.health"
WORK = compiled()
KEY = key_of(PEOPLE[0])
VILLAGE = dataset("village", "civil.village", 2)
VILLAGE_ROW = {"code": "341502001001", "name": "示例社区", "street_code": "341502001", "street": "示例街道",
               "area_code": "341502", "area": "金安区", "city": "六安市",
               "updated_at": resident()["updated_at"]}


class Drawn(NamedTuple):
    """A record, the fate it must meet ("" for none, `marker`), and the reason if it is quarantine."""

    record: Record
    fate: str
    reason: str = ""


KINDS = ("good", "fixable", "bad", "undecodable", "foreign schema", "foreign stream", "wrong key", "no key", "tombstone",
         "marker", "delete", "delete of nobody", "no position", "repeat", "jump", "other stream", "new epoch", "no row",
         "row on delete", "marker of another", "marker of nobody", "torn marker")


@st.composite
def raw_records(draw: st.DrawFn) -> list[Drawn]:
    """Records of every kind in any order, each with the fate that follows from those before it."""
    drawn, seqs, epoch = [], {STREAM: 0, "other": 0}, 0
    for offset, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), max_size=30))):
        stream = "other" if kind == "other stream" else STREAM
        epoch += kind == "new epoch"
        seq = seqs[stream] + draw(st.integers(1, 1000))
        cause = draw(st.sampled_from(["live", "snapshot"]))
        at: dict[str, Any] = {"seq": seq, "epoch": epoch if stream == STREAM else 0, "stream": stream, "cause": cause}
        key: bytes | None = KEY
        data: bytes | None = value("c", resident(), **at)
        fate, reason, moves = "cleaned", "", True
        if kind == "fixable":
            data = value("c", resident(name="　张　三 "), **at)
        elif kind == "bad":
            data, fate, reason = value("c", resident(sex="7"), **at), "quarantined", "rule"
        elif kind == "undecodable":
            data, fate, reason, moves = draw(st.sampled_from([b"", b"\1", data[:-2], data + b"\0"])), "quarantined", kind, False
        elif kind == "foreign schema":
            data = value("c", VILLAGE_ROW, codec=VILLAGE_CODEC, **at)
            fate, reason, moves = "quarantined", "foreign_schema", False
        elif kind == "foreign stream":
            data, fate, reason, moves = value("c", resident(), **at | {"stream": "civil.register"}), "quarantined", "foreign_stream", False
        elif kind in ("wrong key", "no key"):
            key = key_of(PEOPLE[1]) if kind == "wrong key" else None
            fate, reason, moves = "quarantined", "key_mismatch", False
        elif kind == "tombstone":
            data, fate, moves = None, "", False
        elif kind == "marker":
            key, data, fate = b"health.resident/", value("m", **at), "marker"
        elif kind == "marker of another":
            data, fate, reason, moves = value("m", **at), "quarantined", "key_mismatch", False
        elif kind == "marker of nobody":
            key, data, fate, reason, moves = b"health.nobody/", value("m", **at), "letter only", "key_mismatch", False
        elif kind == "torn marker":
            key, data, fate, reason, moves = b"health.resident/", value("m", **at)[:-1], "letter only", "undecodable", False
        elif kind == "delete":
            data = value("d", None, draw(st.sampled_from([None, resident()])), **at)
        elif kind == "delete of nobody":
            key, data = b"civil.village/1", value("d", **at)
            fate, reason, moves = "quarantined", "key_mismatch", False
        elif kind == "no position":
            data, moves = value("c", resident(), **at | {"seq": -1}), False
        elif kind == "repeat" and seqs[stream] and kind != "new epoch":
            seq = draw(st.integers(0, seqs[stream]))
            data, fate, moves = value("u", resident(), **at | {"seq": seq}), "duplicate", False
        elif kind == "jump" and seqs[stream]:
            data = value("u", resident(), **at | {"seq": seqs[stream] + LARGEST_STEP + 1})
            fate, reason, moves = "quarantined", "position_jump", False
        elif kind == "no row":
            data, fate, reason, moves = value("u", **at), "quarantined", "row_missing", False
        elif kind == "row on delete":
            data, fate, reason, moves = value("d", resident(), **at), "quarantined", "row_unexpected", False
        if moves:
            seqs[stream] = seq
        elif kind == "new epoch":
            epoch -= 1
        drawn.append(Drawn((offset * 3, NOW - draw(st.sampled_from([0, 5, 1500])), key, data), fate, reason))
    return drawn


def fates(handled: Handled) -> Counter[str]:
    """Records by stage."""
    counted: Counter[str] = Counter()
    for tally in handled.tallies:
        counted[tally.key.stage] += tally.records
    return counted


def letters(handled: Handled) -> dict[int, set[str]]:
    """Reasons by offset of the rejected record."""
    found = {}
    for lane, data, *_ in handled.outputs:
        if lane == "dead.health" and data is not None:
            letter = decode_letter(data)
            found[letter.offset] = {finding.reason for finding in letter.findings}
    return found


def cleaned_offsets(handled: Handled) -> list[int]:
    """Raw offsets of what reached clean, markers too, in the order of the outputs."""
    return [RESIDENT_CODEC.decode(data).meta.seq for lane, data, *_ in handled.outputs
            if lane == "clean.health" and data is not None]


@settings(max_examples=200, deadline=None)
@given(raw_records(), st.integers(1, 30))
def test_each_record_has_exactly_one_fate(drawn: list[Drawn], cut: int) -> None:
    kept = memory((LANE, 0))
    counted: Counter[str] = Counter()
    reached: list[int] = []
    rejected: dict[int, set[str]] = {}
    for start in range(0, len(drawn), cut):
        handled = clean(chunk(LANE, [one.record for one in drawn[start:start + cut]]), WORK, kept, NOW)
        assert not handled.waiting
        counted += fates(handled)
        reached += cleaned_offsets(handled)
        rejected |= letters(handled)
        kept.apply(handled.changes)
    expected = Counter(one.fate for one in drawn if one.fate in ("cleaned", "duplicate", "quarantined"))
    if expected:
        expected["arrived"] = expected.total()
    assert counted == expected
    assert reached == [one.record[0] for one in drawn if one.fate in ("cleaned", "marker")]
    assert rejected.keys() == {one.record[0] for one in drawn if one.reason}
    for one in drawn:
        if one.reason and one.reason != "rule":
            assert rejected[one.record[0]] == {one.reason}


@settings(max_examples=50, deadline=None)
@given(raw_records())
def test_counts_added_up_by_chunk_are_the_counts_of_each_record_alone(drawn: list[Drawn]) -> None:
    records = [one.record for one in drawn]
    together = {tally.key: tally for tally in clean(chunk(LANE, records), WORK, memory((LANE, 0)), NOW).tallies}
    kept = memory((LANE, 0))
    alone: Counter[Any] = Counter()
    for record in records:
        handled = clean(chunk(LANE, [record]), WORK, kept, NOW)
        kept.apply(handled.changes)
        for tally in handled.tallies:
            assert tally.lat_sum == NOW - record[1]
            assert tally.key.at == record[1] // 1000
            assert tally.bytes == len(record[2] or b"") + len(record[3] or b"")
            alone.update({(tally.key, name): getattr(tally, name) for name in ("records", "bytes", "fixed", "lat_sum")})
    assert +alone == +Counter({(key, name): getattr(tally, name) for key, tally in together.items()
                               for name in ("records", "bytes", "fixed", "lat_sum")})


@settings(max_examples=50, deadline=None)
@given(raw_records())
def test_cleaning_changes_nothing_and_gives_the_same_again(drawn: list[Drawn]) -> None:
    kept = memory((LANE, 0))
    kept.apply(clean(chunk(LANE, [one.record for one in drawn[:7]]), WORK, kept, NOW).changes)
    marks = dict(kept.of(LANE, 0).marks)
    first, second = (clean(chunk(LANE, [one.record for one in drawn]), compiled(), kept, NOW) for _ in range(2))
    assert (first.outputs, first.changes, list(first.tallies)) == (second.outputs, second.changes, list(second.tallies))
    assert kept.of(LANE, 0).marks == marks


def test_what_goes_on_carries_its_raw_position_its_time_and_what_was_repaired() -> None:
    data = value("u", resident(name="　张三 "), resident(name=" 李四"), seq=4)
    handled = clean(chunk(LANE, [(12, NOW - 30, KEY, data)], 1), WORK, memory((LANE, 1)), NOW)
    [(lane, out, key, partition, timestamp, headers)] = handled.outputs
    assert (lane, key, partition, timestamp) == ("clean.health", KEY, -1, NOW - 30)
    assert out is not None
    event = RESIDENT_CODEC.decode(out)
    assert (event.meta.stream, event.meta.epoch, event.meta.seq) == ("raw.health/1", 0, 12)
    assert (event.meta.id, event.meta.source) == ("id-0-4", "health.core")
    assert event.row is not None
    assert event.before is not None
    assert (event.row["name"], event.before["name"]) == ("张三", "李四")
    assert headers is not None
    [(name, told)] = headers
    assert name == "findings"
    assert {finding["after"] for finding in json.loads(told) if finding["severity"] == "fix"} >= {"张三"}
    [cleaned] = [tally for tally in handled.tallies if tally.key.stage == "cleaned"]
    assert (cleaned.records, cleaned.fixed, cleaned.key.division) == (1, 1, "341502")


def test_a_record_whose_key_is_empty_is_no_marker_whatever_is_done_to_it() -> None:
    row = json.dumps({"type": "record", "name": "Q", "fields": [{"name": "a", "type": "string"}]})
    item = Dataset(id="health.q", title="q", provider="health", key=("a",), row_schema=row, event_schema=9)
    text = event_schema(item.id, row)
    codec = EventCodec(text, 9)
    plan = compiled(replace(city(), datasets={item.id: item}, subscriptions={},
                            schemas={9: SchemaText(id="9", number=9, subject="health.QEvent", text=text)}))
    events: list[tuple[Any, Any, Any]] = [("c", {"a": ""}, None), ("u", {"a": ""}, None), ("d", None, {"a": ""}), ("d", None, None)]
    records = [(number, NOW, b"health.q/", value(op, row, before, seq=number, codec=codec))
               for number, (op, row, before) in enumerate(events)]
    handled = clean(chunk(LANE, records), plan, memory((LANE, 0)), NOW)
    assert letters(handled) == {offset: {"key_mismatch"} for offset in range(4)}
    assert not [output for output in handled.outputs if output[0] == "clean.health"]


def test_a_key_that_nests_without_end_stops_no_partition() -> None:
    row = json.dumps({"type": "record", "name": "Q", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "long"}]})
    item = Dataset(id="health.q", title="q", provider="health", key=("a", "b"), row_schema=row, event_schema=9)
    text = event_schema(item.id, row)
    plan = compiled(replace(city(), datasets={item.id: item}, subscriptions={},
                            schemas={9: SchemaText(id="9", number=9, subject="health.QEvent", text=text)}))
    data = value("d", seq=1, codec=EventCodec(text, 9))
    handled = clean(chunk(LANE, [(0, NOW, b"health.q/" + b"[" * 5_000, data), (1, NOW, b'health.q/["1","2"]', data)]), plan,
                    memory((LANE, 0)), NOW)
    assert letters(handled) == {0: {"key_mismatch"}}
    assert fates(handled)["cleaned"] == 1


def test_before_that_was_never_let_through_is_left_out() -> None:
    data = value("u", resident(), resident(sex="7"), seq=4)
    [(_, out, *_)] = clean(chunk(LANE, [(1, NOW, KEY, data)]), WORK, memory((LANE, 0)), NOW).outputs
    assert out is not None
    assert RESIDENT_CODEC.decode(out).before is None


def test_after_each_delete_comes_a_tombstone_of_its_key() -> None:
    handled = clean(chunk(LANE, [(1, NOW - 7, KEY, value("d", seq=1))]), WORK, memory((LANE, 0)), NOW)
    assert [(lane, out is None, key, partition, at) for lane, out, key, partition, at, _ in handled.outputs] == [
        ("clean.health", False, KEY, -1, NOW - 7), ("clean.health", True, KEY, -1, NOW - 7)]


def test_a_marker_goes_to_the_partition_of_the_same_number_uncounted() -> None:
    handled = clean(chunk(LANE, [(1, NOW, b"health.resident/", value("m", seq=1))], 1), WORK, memory((LANE, 1)), NOW)
    assert [(lane, key, partition) for lane, _, key, partition, *_ in handled.outputs] == [
        ("clean.health", b"health.resident/", 1)]
    assert not len(handled.tallies)
    assert handled.changes[LANE, 1].marks == {1: (0, 1)}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(
    st.sampled_from([None, b"", b"/", KEY, b"health.resident/", b"health.nobody/", b"a/b/"]),
    st.one_of(st.none(), st.binary(max_size=12), st.sampled_from(["m", "c", "d"]).map(lambda op: value(op, seq=1)),
              st.just(value("m", resident(), seq=2)), st.integers(5, 12).map(lambda end: value("m", seq=3)[:end]),
              st.just(frame(99, value("m", seq=4)[5:])), st.just(frame(99, value("c", seq=5)[5:])),
              st.just(b"\0\0\0\0\x01\x80\x00\x08")))))
def test_clean_counts_what_the_auditor_calls_a_value(records: list[tuple[bytes | None, bytes | None]]) -> None:
    handled = clean(chunk(LANE, [(offset, NOW, *record) for offset, record in enumerate(records)]),
                    compiled(given_up=[99, *(int.from_bytes(data[1:5], "big") for _, data in records if data)]), memory((LANE, 0)), NOW)
    assert not handled.waiting
    counted = fates(handled)
    arrived = counted.pop("arrived", 0)
    assert arrived == counted.total() == sum(is_value(key, data) for key, data in records)


def test_a_letter_holds_the_original_and_every_reason() -> None:
    data = value("c", resident(sex="7", address=""), seq=8)
    [(lane, letter, key, *_, headers)] = clean(chunk(LANE, [(5, NOW - 9, KEY, data)]), WORK, memory((LANE, 0)), NOW).outputs
    assert (lane, key, headers) == ("dead.health", b"raw.health/0/5", None)
    assert letter is not None
    told = decode_letter(letter)
    assert (told.key, told.value, told.dataset, told.stream, told.seq) == (KEY, data, RESIDENT, STREAM, 8)
    assert (told.arrived, told.handled, told.plan_version) == (NOW - 9, NOW, 1)
    assert {finding.field for finding in told.findings} == {"sex", "address"}


def test_an_unknown_schema_id_holds_its_partition_until_it_is_given_up() -> None:
    records: list[Record] = [(0, NOW, KEY, value("c", resident(), seq=1)), (1, NOW, KEY, b"\0\0\0\0\x63--"),
                             (2, NOW, KEY, value("c", resident(), seq=2))]
    handled = clean(Chunk("raw", 1, [Part(LANE, 0, records), Part(LANE, 1, records[:1])]), WORK,
                    memory((LANE, 0), (LANE, 1)), NOW)
    assert (handled.waiting, handled.unknown) == ({(LANE, 0): 1}, {(LANE, 0): 99})
    assert handled.changes[LANE, 0] == PartitionChange(1, 1, {1: (0, 1)})
    assert handled.changes[LANE, 1].next_offset == 1
    assert fates(handled) == {"arrived": 2, "cleaned": 2}
    first_waits = clean(chunk(LANE, records[1:]), WORK, memory((LANE, 0)), NOW)
    assert (first_waits.waiting, first_waits.changes) == ({(LANE, 0): 1}, {})
    given_up = clean(chunk(LANE, records), WORK.giving_up({99}), memory((LANE, 0)), NOW)
    assert not given_up.waiting
    assert letters(given_up) == {1: {"unknown_schema"}}
    assert fates(given_up) == {"arrived": 3, "cleaned": 2, "quarantined": 1}


def test_a_record_that_does_not_fit_clean_is_quarantined_without_harm_to_others() -> None:
    meta = Meta("长" * 900_000, "c", NOW, "health.core", STREAM, 0, 1)
    big = RESIDENT_CODEC.encode(Event(meta, resident()))
    handled = clean(chunk(LANE, [(0, NOW, KEY, big), (1, NOW, KEY, value("u", resident(), seq=2))]), WORK,
                    memory((LANE, 0)), NOW)
    assert fates(handled) == {"arrived": 2, "cleaned": 1, "quarantined": 1}
    assert letters(handled) == {0: {"too_large"}}
    # No letter holds so much: it says where the original stands.
    letter = next(data for lane, data, *_ in handled.outputs if lane == "dead.health")
    assert letter is not None
    assert len(letter) < 1000


def test_a_plan_older_than_the_partition_is_refused() -> None:
    kept = memory((LANE, 0))
    kept.apply({(LANE, 0): PartitionChange(1, plan_version=7)})
    with pytest.raises(RetryError):
        clean(chunk(LANE, [(1, NOW, KEY, value("c", resident()))]), WORK, kept, NOW)


def test_text_that_is_no_division_stays_out_of_the_books() -> None:
    handled = clean(chunk(LANE, [(1, NOW, KEY, value("c", resident(division="张三的住址在某处")))]), WORK,
                    memory((LANE, 0)), NOW)
    assert {tally.key.division for tally in handled.tallies} == {""}


@pytest.mark.parametrize(("mark", "epoch", "seq", "fate"), [
    (None, 0, 1 << 50, ""), ((0, 5), 0, 6, ""), ((0, 5), 0, 5, "duplicate"), ((1, 5), 0, 9, "duplicate"),
    ((0, 5), 1, 0, ""), ((0, 5), 0, 5 + LARGEST_STEP, ""), ((0, 5), 0, 6 + LARGEST_STEP, "position_jump"),
    ((0, 5), 0, -1, "")])
def test_a_position_is_new_or_known_or_too_far(mark: Any, epoch: int, seq: int, fate: str) -> None:
    marks = {} if mark is None else {1: mark}
    before = dict(marks)
    assert place(marks, 1, epoch, seq) == fate
    assert marks == ({1: (epoch, seq)} if not fate and seq >= 0 else before)
