"""clean and route, and the oracle that judges them: written apart, they say the same of whatever may come on a raw lane."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codec import EventScanner, stamp, stream_prefix
from schemas.codec.ends import DEEPEST
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.envelope import Event, Meta, kafka_key, marker_key
from schemas.errors import RejectError
from schemas.keys import Key
from schemas.quality import FUTURE_MS, PROMISED_MS, counted
from schemas.replay import REPLAY, Standing
from schemas.rules import REASONS
from tests.schemas.random_avro import Free, Schemas, damaged
from tests.trial.city_world import (
    CLINIC,
    NOW,
    PLAN,
    POLICE,
    POPULATION,
    REGISTER,
    RESIDENT,
    UNKNOWN,
    VILLAGE,
    World,
    Writing,
    codec_of,
    compiled,
    handle,
    village_row,
)
from tests.trial.test_oracle import judged
from trial.oracle import keys, quality
from trial.oracle.avro import Codec, Unreadable
from trial.oracle.plan import Dataset as OracleDataset
from trial.oracle.quality import flaws
from trial.oracle.rules import Finding as OracleFinding

WORKING = compiled()
#: A few people, so that one record meets many events.
PEOPLE = [Writing(seed).resident() for seed in (11, 12, 13)]
TEXTS = {
    "division": ["341502", "341522", "340100", "34150２", " 341503", "", "1"],
    "status": ["registered", "moved", "x"],
    "phone": [None, "", "+86 13812345678", "05643330000", "12", "008613812345678"],
    "birth_date": ["1999-1-1", "2999-01-01", "19990101", "0000-01-01", "1999-12-31 ", "二"],
    "name": ["王明", "", " ", "ＡＢ", "\u3000李", "甲" * 51],
    "sex": ["1", "7", "２"],
    "updated_at": [0, -62_135_596_800_000, 253_402_300_799_999],
}
CHANGES = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in TEXTS.items()})
POSITIONS = st.one_of(
    st.tuples(st.integers(0, 2), st.sampled_from([-5, -1, 0, 1, 2, 3, 7, 1 << 40, (1 << 40) + 1, (1 << 41) + 9])),
    st.tuples(st.sampled_from([-(1 << 31), -1, (1 << 31) - 1]), st.sampled_from([-(1 << 63), 0, (1 << 63) - 1])))
KEYS = st.sampled_from([None, b"", b"x", b"health.resident", b"health.resident/\xff", b"health.resident//", b"civil.village/1"])
#: Bytes put in the place of others, taken out or put in, by their place behind the frame; and what is cut off at the end.
DAMAGE = st.lists(st.tuples(st.sampled_from(["put", "flip", "drop", "add"]), st.integers(0, 400),
                            st.sampled_from([0, 1, 2, 127, 128, 255]) | st.integers(0, 255)), min_size=1, max_size=4)


class Sent(NamedTuple):
    """One record on its way to raw."""

    lane: str
    key: bytes | None
    value: bytes | None
    partition: int | None


@st.composite
def records(draw: st.DrawFn) -> Sent:
    """An event of a resident as good and bad writers send it."""
    person = draw(st.sampled_from(PEOPLE))
    row = {**person, **draw(CHANGES)}
    op = draw(st.sampled_from("ccuuudr"))
    stream = draw(st.sampled_from([CLINIC, CLINIC, POPULATION, REGISTER, "nobody"]))
    epoch, seq = draw(POSITIONS)
    meta = Meta(draw(st.text(max_size=3)), op, draw(st.sampled_from([NOW, 0, -1])), draw(st.text(max_size=2)), stream,  # type: ignore[arg-type]
                epoch, seq, draw(st.sampled_from(["live", "snapshot", "resend", "replay"])),
                draw(st.sampled_from(["", "340000>341500", "界"])))
    given = None if (op == "d") != draw(st.sampled_from([False] * 19 + [True])) else row
    before = draw(st.none() | st.builds(lambda changes: {**person, **changes}, CHANGES))
    key = kafka_key(RESIDENT, person["resident_id"])
    if draw(st.integers(0, 9)) == 0:
        key = draw(KEYS)
    return Sent("raw.health", key, codec_of(RESIDENT).encode(Event(meta, given, before)), draw(st.sampled_from([None, None, 0, 1])))


@st.composite
def broken(draw: st.DrawFn) -> Sent:
    """A record whose bytes were damaged."""
    sent = draw(records())
    data = bytearray(sent.value or b"")
    for how, place, byte in draw(DAMAGE):
        at = 5 + place % max(1, len(data) - 5)
        match how:
            case "put":
                data[at:at + 1] = bytes((byte,))
            case "flip" if at < len(data):
                data[at] ^= 1 << byte % 8
            case "drop":
                del data[at:at + 1]
            case "add":
                data.insert(at, byte)
    return sent._replace(value=bytes(data))


@st.composite
def strange(draw: st.DrawFn) -> Sent:
    """No event of a resident at all."""
    sent = draw(records())
    value = sent.value or b""
    village = codec_of(VILLAGE).encode(Event(Meta("v", "c", NOW, "s", CLINIC, 0, 5), village_row(7)))
    delivered = PLAN.subscriptions[POLICE].output_schema.to_bytes(4, "big")
    return sent._replace(value=draw(st.sampled_from([
        None, b"", b"\0", value[:5], value[:-1], value + b"\0", b"\1" + value[1:], b"noise" * 3, village,
        b"\0" + UNKNOWN.to_bytes(4, "big") + value[5:], b"\0" + UNKNOWN.to_bytes(4, "big")])),
        key=draw(st.sampled_from([sent.key, kafka_key(VILLAGE, village_row(7)["code"]), delivered])))


@st.composite
def markers(draw: st.DrawFn) -> Sent:
    """A marker, or what might be taken for one."""
    sent = draw(records())
    row = sent.value if draw(st.integers(0, 4)) == 0 else None
    epoch, seq = draw(POSITIONS)
    stream = draw(st.sampled_from([CLINIC, POPULATION, REGISTER]))
    op = draw(st.sampled_from("mmmmd"))
    meta = Meta(draw(st.sampled_from(["", "m", "m" * 70])), op, NOW, "s", stream, epoch, seq)  # type: ignore[arg-type]
    value = codec_of(RESIDENT).encode(Event(meta, PEOPLE[0] if row else None))
    value = draw(st.sampled_from([value, value, value[:-1], value + b"\0", b"\1" + value[1:], value[:7],
                                  b"\0" + UNKNOWN.to_bytes(4, "big") + value[5:], value[:5] + b"\x84\x00mm" + value[7:],
                                  value[:5] + b"\x80" * 12 + b"\0" + value[6:], value[:5] + b"\1" + value[6:]]))
    key = draw(st.sampled_from([marker_key(RESIDENT)] * 4 + [
        sent.key, marker_key(VILLAGE), b"a/", b"/", b"health.resident//", b"health.resident/x/", b"health.resident", None]))
    return Sent("raw.health", key, value, draw(st.sampled_from([None, 0, 1])))


@st.composite
def replays(draw: st.DrawFn) -> Sent:
    """An event as the replayer would send it, or as somebody else did in its name."""
    person = draw(st.sampled_from(PEOPLE))
    row = {**person, **draw(CHANGES)}
    origin = draw(st.integers(0, 8))
    epoch, seq = draw(st.one_of(st.just(Standing(origin, origin + draw(st.integers(1, 8))).position), POSITIONS))
    op = draw(st.sampled_from("cuudm"))
    meta = Meta("r", op, NOW, "s", REPLAY, epoch, seq, draw(st.sampled_from(["replay"] * 9 + ["live"])))  # type: ignore[arg-type]
    key = marker_key(RESIDENT) if op == "m" else kafka_key(RESIDENT, person["resident_id"])
    return Sent("raw.health", key, codec_of(RESIDENT).encode(Event(meta, None if op in "dm" else row)),
                draw(st.sampled_from([None, None, 0])))


#: What is said of whoever writes in the replayer's name: no letter stands against it, and it may say what it likes of its guard.
FORGED = ("was replayed, but no letter was closed for it", "was replayed over a newer event of its record")


def agree(all_sent: Sequence[Sent], *, forged: bool = False) -> World:
    """What the bus makes of these records, with which the oracle finds nothing wrong."""
    writing = Writing(1)
    for lane in PLAN.lanes:
        writing.world.lanes[lane] = []
    for lane, key, value, partition in all_sent:
        writing.raw(lane, key, value, partition)
    handle(writing.world, WORKING)
    writing.world.store(POLICE)
    verdict = judged(writing.world)
    wrong = [example for example in verdict.examples if not (forged and example.endswith(FORGED))]
    assert wrong == []
    assert forged or not verdict.problems.counts
    return writing.world


@settings(max_examples=300, deadline=None)
@given(st.lists(records() | broken() | strange(), min_size=1, max_size=14), st.lists(st.integers(0, 13), max_size=4))
def test_bus_and_oracle_agree_on_whatever_comes(all_sent: list[Sent], again: list[int]) -> None:
    agree([*all_sent, *(all_sent[number] for number in again if number < len(all_sent))])


@settings(max_examples=300, deadline=None)
@given(st.lists(markers() | records(), min_size=1, max_size=8))
def test_bus_and_oracle_agree_on_what_is_a_marker_and_what_is_counted(all_sent: list[Sent]) -> None:
    agree([*all_sent, *all_sent[:2]])


@settings(max_examples=300, deadline=None)
@given(st.lists(replays() | records(), min_size=1, max_size=12))
def test_bus_and_oracle_agree_on_what_may_be_replayed(all_sent: list[Sent]) -> None:
    agree(all_sent, forged=True)


def test_a_record_under_the_key_of_markers_is_no_marker_and_has_the_wrong_key() -> None:
    """Its key field is empty, so the key computed from the row is the one of markers."""
    row = {**PEOPLE[0], "resident_id": ""}
    value = codec_of(RESIDENT).encode(Event(Meta("x", "c", NOW, "s", CLINIC, 0, 1), row))
    world = agree([Sent("raw.health", marker_key(RESIDENT), value, 0)])
    assert {tally.key.stage for tally in world.tallies} == {"arrived", "quarantined"}


def test_what_was_found_is_counted_alike_and_each_kind_of_it_comes_up() -> None:
    """Fixes, doubts, rejects, what the bus refuses, and what is noted of time; the property above holds them equal in any mix."""
    def sent(seq: int, at: int = NOW, cause: str = "live", **changes: Any) -> Sent:
        row, meta = {**PEOPLE[0], **changes}, Meta("x", "c", at, "s", CLINIC, 0, seq, cause)  # type: ignore[arg-type]
        return Sent("raw.health", kafka_key(RESIDENT, row["resident_id"]), codec_of(RESIDENT).encode(Event(meta, row)), 0)

    retired = "99" + PEOPLE[0]["resident_id"][2:]
    world = agree([sent(1, phone="+86 13812345678"), sent(2, name="", sex="7"), sent(3, at=0), sent(4, at=0, cause="snapshot"),
                   sent(5, at=NOW + 10**9), sent(6, at=0, name=""), sent(6, name=""), sent(7, resident_id=f" {retired}"),
                   Sent("raw.health", b"k", b"noise", 0)])
    counted = {(one.key.dimension, one.key.field, one.key.reason, one.key.severity) for one in world.findings}
    assert counted >= {("validity", "phone", "phone", "fix"), ("completeness", "name", "required", "reject"), ("completeness", "", "", ""),
                       ("timeliness", "", "late", "noted"), ("timeliness", "", "", ""), ("validity", "", "at_in_future", "noted"),
                       ("validity", "", "undecodable", "reject")}
    late = sum(one.records for one in world.findings if one.key.reason == "late")
    assert late == 2


PLACES = st.sampled_from(["", "sex", "items[0].amount", "items[1].amount", "rows[2]{1}.a", "字" * 300])
MARKS = st.lists(st.builds(OracleFinding, PLACES, st.sampled_from(sorted(REASONS)), st.sampled_from(["fix", "suspect", "reject"]),
                           st.just(""), st.just("")), max_size=6)


@given(MARKS, st.sampled_from(["", "late", "at_in_future"]))
def test_bus_and_oracle_count_a_record_under_the_same_rows(findings: list[OracleFinding], noted: str) -> None:
    """Of every reason there is: a new one under another dimension than validity has to be told to the oracle, too."""
    marks = tuple(one[:3] for one in findings)
    rows = counted((*marks, ("", noted, "noted")) if noted else marks)
    assert len(rows) == len(set(rows))
    assert set(rows) == flaws(findings, noted)


def test_bus_and_oracle_allow_the_same_time() -> None:
    assert quality.ALLOWED == PROMISED_MS
    assert quality.AHEAD == FUTURE_MS
    assert {code: reason.dimension for code, reason in REASONS.items() if reason.dimension != "validity"} == quality.DIMENSION_OF


# ---- bytes of fields of every kind

FIELDS: list[dict[str, Any]] = [
    {"name": "key", "type": "string"},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "moment", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
    {"name": "small", "type": "int"},
    {"name": "large", "type": ["null", "long"]},
    {"name": "yes", "type": "boolean"},
    {"name": "data", "type": "bytes"},
    {"name": "real", "type": "double"},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}},
]
SHAPE = event_schema("a.thing", json.dumps({"type": "record", "name": "Thing", "fields": FIELDS}))
SCANNER, CODEC = EventScanner(SHAPE, 7), Codec({7: SHAPE})
INTS = st.sampled_from([0, 1, -1, (1 << 31) - 1, -(1 << 31)]) | st.integers(-(1 << 31), (1 << 31) - 1)
LONGS = st.sampled_from([0, (1 << 63) - 1, -(1 << 63)]) | st.integers(-(1 << 63), (1 << 63) - 1)
DAYS = st.sampled_from([-719_162, 2_932_896])
MOMENTS = st.sampled_from([-62_135_596_800_000, 253_402_300_799_999])


def zigzag(number: int) -> bytes:
    """A number in Avro's bytes, however large."""
    left, out = (number << 1) if number >= 0 else ~(number << 1), bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes((*out, left))


@st.composite
def things(draw: st.DrawFn) -> bytes:
    """An event in bytes: right, or wrong in one field by its size alone."""
    step = st.sampled_from([-1, 0, 0, 0, 0, 1])
    day, moment = draw(DAYS) + draw(step), draw(MOMENTS) + draw(step)
    at, small, large = draw(MOMENTS) + draw(step), draw(INTS) + draw(step), draw(LONGS) + draw(step)
    epoch, seq = draw(INTS) + draw(step), draw(LONGS) + draw(step)
    text = draw(st.text(max_size=3)).encode()
    price = draw(st.sampled_from([b"", b"\0", b"\x27\x0f", b"\x27\x10", b"\xd8\xf1", b"\xd8\xf0", b"\0\0\x01"]))
    head = b"\x02i\0" + zigzag(at) + b"\x02s\x02t" + zigzag(epoch) + zigzag(seq) + b"\0\0"
    some = b"\x02" + zigzag(large) if draw(st.booleans()) else b"\0"
    row = (zigzag(len(text)) + text + zigzag(day) + b"\x02" + zigzag(moment) + zigzag(small) + some
           + draw(st.sampled_from([b"\0", b"\1", b"\2"])) + b"\x04\x80\xff" + b"\0" * 8
           + draw(st.sampled_from([b"\0", b"\2", b"\4", b"\1"])) + zigzag(len(price)) + price)
    data = bytearray(head + b"\2" + row + b"\0")
    for how, place, byte in draw(st.just([]) | st.just([]) | DAMAGE):
        if how == "drop":
            del data[place % len(data)]
        elif how == "add":
            data.insert(place % len(data), byte)
        else:
            data[place % len(data)] = byte
    return b"\0\0\0\0\7" + bytes(data)


@settings(max_examples=2000, deadline=None)
@given(things())
@example(b"\0\0\0\0\7")
def test_scanner_and_oracle_take_the_same_bytes(value: bytes) -> None:
    try:
        SCANNER.scan(value)
        taken = True
    except RejectError:
        taken = False
    try:
        CODEC.read(value)
        read = True
    except Unreadable:
        read = False
    assert taken == read


@pytest.mark.parametrize("part", range(4))
def test_scanner_and_oracle_read_and_write_the_same_of_rows_of_any_type(part: int) -> None:
    """Whatever an Avro writer may spell in several ways both write in one, and all else both refuse."""
    taken = refused = rewritten = 0
    for seed in range(part, 600, 4):
        rng = Random(seed)
        text, schema = Schemas(rng).row()
        whole = event_schema("a.thing", text)
        scanner, codec, free = EventScanner(whole, 7), Codec({7: whole}), Free(rng, schema)
        head = codec_of(RESIDENT).encode(Event(Meta("x", "c", NOW, "s", "t", 1, 2), None))[5:-2]
        for _ in range(6):
            row = free.spell(schema)
            for row_ in (row, damaged(rng, row), damaged(rng, row)):
                value = b"\0\0\0\0\7" + head + b"\2" + row_ + b"\0"
                try:
                    scanned = scanner.scan(value)
                except RejectError:
                    refused += 1
                    with pytest.raises(Unreadable):
                        codec.read(value)
                    continue
                number, event = codec.read(value)
                again = stamp(7, scanned.head, stream_prefix(scanned.stream, scanned.epoch), scanned.seq, scanned.tail,
                              scanned.row, scanned.before)
                assert codec.write(number, event) == again, seed
                assert codec.write(*codec.read(again)) == again
                taken += 1
                rewritten += again != value
    assert min(taken, refused, rewritten) > 100


@pytest.mark.parametrize("levels", [62, 64, 66, 68, 300])
def test_scanner_and_oracle_go_equally_deep(levels: int) -> None:
    tree = {"type": "record", "name": "Tree", "fields": [{"name": "below", "type": {"type": "array", "items": "Tree"}}]}
    whole = event_schema("a.thing", json.dumps({"type": "record", "name": "Thing", "fields": [{"name": "tree", "type": tree}]}))
    head = codec_of(RESIDENT).encode(Event(Meta("x", "c", NOW, "s", "t", 1, 2), None))[5:-2]
    value = b"\0\0\0\0\7" + head + b"\2" + b"\2" * (levels // 2 - 1) + b"\0" * (levels // 2) + b"\0"
    if levels <= DEEPEST:
        EventScanner(whole, 7).scan(value)
        Codec({7: whole}).read(value)
    else:
        with pytest.raises(RejectError):
            EventScanner(whole, 7).scan(value)
        with pytest.raises(Unreadable):
            Codec({7: whole}).read(value)


TWO_TEXTS = json.dumps({"type": "record", "name": "B", "fields": [{"name": name, "type": "string"} for name in "xy"]})
COMPOSITE = Dataset(id="a.b", title="t", provider="a", key=("x", "y"), event_schema=1, row_schema=TWO_TEXTS)
KEY = Key(COMPOSITE, EventScanner(event_schema("a.b", TWO_TEXTS), 1))


@pytest.mark.parametrize("key", [b"a.b/[1,2]", b'a.b/["1","2"]', b'a.b/["1", "2"]', b'a.b/["1"]', b'a.b/["1",null]', b"a.b/", b"a.b",
                                 b'a.b/["\xff","2"]', b'a.b/["\\u0031","2"]',
                                 'a.b/["一","二"]'.encode(), b"a.b/{}",
                                 b"a.b/" + b"[" * 100_000])
def test_the_bus_and_the_oracle_know_the_same_keys(key: bytes) -> None:
    assert keys.parses(OracleDataset("a.b", "a", ("x", "y"), 1, {}, "{}"), key) == KEY.parses(key)
