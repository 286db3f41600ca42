"""Where we and fastavro part, one by one: what we refuse, what we keep as it was sent, what we rewrite; and depth, which has an end."""

import io
import json
from typing import Any

import fastavro
import pytest

from schemas.codec import Avro, EventCodec, EventScanner, long_bytes
from schemas.codec.ends import DEEPEST
from schemas.codec.fields import Field, text_of
from schemas.contract import event_schema
from schemas.envelope import Event, Meta
from schemas.errors import RejectError
from tests.schemas.random_avro import text
from tests.schemas.strict_reader import DECISIONS, Refused, Strict

META = Meta("id", "c", 1_700_000_000_000, "s", "t", 1, 2, "live", "")
UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
INTS = {"type": "array", "items": "int"}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
TREE = {"type": "record", "name": "Tree", "fields": [
    {"name": "n", "type": "int"}, {"name": "below", "type": {"type": "array", "items": "Tree"}}]}
LIST = {"type": "record", "name": "List", "fields": [{"name": "next", "type": ["null", "List"]}]}


def logical(base: str, kind: str, /, **more: Any) -> dict[str, Any]:
    return {"type": base, "logicalType": kind, **more}


def schema_of(*kinds: Any) -> str:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(kinds)]
    return event_schema("test.thing", json.dumps({"type": "record", "name": "Thing", "fields": fields}))


def event_of(row: bytes, before: bytes | None = None) -> bytes:
    """An event with this row, all other bytes as they must be."""
    head = EventCodec(schema_of("int"), 1).encode(Event(META, None))[:-2]
    return head + b"\2" + row + (b"\0" if before is None else b"\2" + before)


def value_by_fastavro(kind: Any, data: bytes) -> Any:
    source = io.BytesIO(data)
    value = fastavro.schemaless_reader(source, fastavro.parse_schema(kind), None)
    assert source.tell() == len(data)
    return value


REFUSED = [
    ("long spelling", "int", b"\x82\0"), ("long spelling", "string", b"\x82\0a"), ("long spelling", ["null", "int"], b"\x82\0\2"),
    ("long spelling", INTS, b"\x82\0\2\0"), ("long spelling", ENUM, b"\x80\0"),
    ("no such number", "int", long_bytes(1 << 31)), ("no such number", INTS, b"\2" + long_bytes(-(1 << 31) - 1) + b"\0"),
    ("no such number", "long", b"\xff" * 9 + b"\3"),
    ("no boolean", "boolean", b"\2"), ("no boolean", {"type": "array", "items": "boolean"}, b"\2\xff\0"),
    ("no such branch", ["null", "int"], b"\1\2"), ("no such branch", ENUM, b"\1"),
    ("no such count", INTS, b"\xff" * 9 + b"\1" + b"\0\0"),
    ("no such time", logical("int", "time-millis"), b"\1"), ("no such time", logical("long", "time-micros"), b"\1"),
    ("no such decimal", logical("bytes", "decimal", precision=4), b"\6\x7f\xff\xff"),
    ("no such decimal", logical("bytes", "decimal", precision=4), b"\0"),
    ("no such decimal", logical("fixed", "decimal", precision=4, name="F", size=3), b"\x7f\xff\xff"),
    ("too deep", LIST, b"\2" * DEEPEST + b"\0"),
    ("too deep", TREE, (b"\2" * 2) * DEEPEST + b"\2\0" + b"\0" * DEEPEST),
]


def test_every_decision_has_an_example() -> None:
    assert {why for why, _, _ in REFUSED} == set(DECISIONS)


@pytest.mark.parametrize(("why", "kind", "data"), REFUSED)
def test_what_fastavro_reads_and_no_writer_writes_is_undecodable(why: str, kind: Any, data: bytes) -> None:
    value_by_fastavro(kind, data)
    with pytest.raises(Refused, match=f"^{why}$"):
        Strict(kind, DEEPEST).read(data)
    scanner = EventScanner(schema_of(kind), 1)
    with pytest.raises(RejectError) as caught:
        scanner.scan(event_of(data))
    assert caught.value.code == "undecodable"
    assert scanner.rewritten == 0


KEPT = [
    # fastavro would write these as the branch before, which holds the same Python value.
    (["long", "int"], b"\2\2"), (["float", "double"], b"\0\0\0\0\x3f"), (["string", ENUM], b"\2\2"),
    (["bytes", {"type": "fixed", "name": "F", "size": 2}], b"\2ab"),
    ([{"type": "map", "values": "int"}, {"type": "record", "name": "In", "fields": [{"name": "x", "type": "int"}]}], b"\2\4"),
    # It would write -128 with a byte more than Java, 1 with a byte less, and cannot write a text that stands behind a date.
    (logical("bytes", "decimal", precision=4), b"\2\x80"), (logical("bytes", "decimal", precision=4), b"\6\0\0\1"),
    ([logical("int", "date"), "string"], b"\2\2x"),
    # It would set a bit of this NaN.
    ("float", b"\0\0\xa0\x7f"), ({"type": "array", "items": "float"}, b"\2\0\0\xa0\x7f\0"),
]


@pytest.mark.parametrize(("kind", "data"), KEPT)
def test_a_value_that_can_be_cut_is_delivered_as_it_was_sent_whatever_fastavro_would_write(kind: Any, data: bytes) -> None:
    scanner = EventScanner(schema_of(kind), 1)
    scanned = scanner.scan(event_of(data))
    assert scanned.row == (data,)
    assert scanner.rewritten == 0
    assert repr(scanner.decode_field(0, data)) == repr(value_by_fastavro(kind, data)).replace("nan", "nan")
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, fastavro.parse_schema(kind), value_by_fastavro(kind, data))
    except ValueError:
        return
    assert out.getvalue() != data


MAP = {"type": "map", "values": "int"}
REWRITTEN = [
    (INTS, b"\2\2\2\4\0", b"\4\2\4\0"), (INTS, b"\1\2\2\0", b"\2\2\0"), (INTS, b"\3\4\2\4\2\6\0", b"\6\2\4\6\0"),
    (["null", INTS], b"\2\1\2\2\0", b"\2\2\2\0"),
    (MAP, b"\4\2a\2\2a\4\0", b"\2\2a\4\0"), (MAP, b"\2\2a\2\4\2b\4\2a\6\0", b"\4\2a\6\2b\4\0"),
    (logical("string", "uuid"), text(UUID.upper()), text(UUID)), (logical("string", "uuid"), text(f"{{{UUID}}}"), text(UUID)),
    (["null", logical("string", "uuid")], b"\2" + text(UUID.replace("-", "")), b"\2" + text(UUID)),
    ({"type": "array", "items": INTS}, b"\1\x14\2\2\2\4\0\0", b"\2\4\2\4\0\0"),
    (["null", "int", MAP], b"\4\1\x08\2a\2\0", b"\4\2\2a\2\0"),
]


@pytest.mark.parametrize(("kind", "sent", "slice_"), REWRITTEN)
def test_what_a_writer_may_spell_in_several_ways_is_delivered_in_one(kind: Any, sent: bytes, slice_: bytes) -> None:
    scanner = EventScanner(schema_of("string", kind, "int", kind), 1)
    row, plain = b"\2a" + sent + b"\2" + sent, b"\2a" + slice_ + b"\2" + slice_
    scanned = scanner.scan(event_of(row, row))
    assert scanned.row == scanned.before == (b"\2a", slice_, b"\2", slice_)
    assert scanner.rewritten == 1, "an event is counted once, however many fields were rewritten"
    assert scanner.decode_field(1, slice_) == value_by_fastavro(kind, sent)
    assert scanner.split(row) == scanner.split(plain) == scanned.row
    assert scanner.scan(event_of(plain, plain)) == scanned
    assert scanner.rewritten == 1
    for spot in range(len(row)):
        with pytest.raises(RejectError):
            scanner.scan(event_of(row[:spot]))
    assert scanner.rewritten == 1, "what is refused is not counted"


def below(levels: int) -> Any:
    """A tree whose records and arrays are so many, one in another; an array without items is the last of an even number."""
    return {"n": 1, "below": [below(levels - 2)] if levels > 2 else []}


def plain(levels: int, blocks: bool) -> bytes:
    """The same in bytes; each array perhaps in a block that tells its size."""
    data = b"\2\0"
    for _ in range(levels // 2 - 1):
        data = b"\2" + (b"\1" + long_bytes(len(data)) if blocks else b"\2") + data + b"\0"
    return data


@pytest.mark.parametrize("blocks", [False, True])
def test_a_type_that_contains_itself_is_read_to_a_depth_and_no_further(blocks: bool) -> None:
    codec, scanner = EventCodec(schema_of(TREE), 1), EventScanner(schema_of(TREE), 1)
    value = event_of(plain(DEEPEST, blocks))
    row = {"f0": below(DEEPEST)}
    assert scanner.decode_row(scanner.scan(value).row or ()) == codec.decode(value).row == row
    assert scanner.encode_row(row) == scanner.scan(value).row == (plain(DEEPEST, False),)
    assert codec.encode(Event(META, row)) == event_of(plain(DEEPEST, False))
    for levels in (DEEPEST + 2, 5_000, 40_000):
        for read in (scanner.scan, codec.decode):
            with pytest.raises(RejectError) as caught:
                read(event_of(plain(levels, blocks)))
            assert caught.value.code == "undecodable"


@pytest.mark.parametrize("spelling", [str, str.upper])
def test_the_last_level_counts_whether_or_not_something_is_rewritten(spelling: Any) -> None:
    chain = {"type": "record", "name": "Chain", "fields": [
        {"name": "id", "type": logical("string", "uuid")}, {"name": "next", "type": ["null", "Chain"]}]}
    scanner = EventScanner(schema_of(chain), 1)
    link = text(spelling(UUID)) + b"\2"
    scanned = scanner.scan(event_of(link * (DEEPEST - 1) + text(UUID) + b"\0"))
    assert scanned.row == ((text(UUID) + b"\2") * (DEEPEST - 1) + text(UUID) + b"\0",)
    assert scanner.rewritten == (spelling is not str)
    with pytest.raises(RejectError):
        scanner.scan(event_of(link * DEEPEST + text(UUID) + b"\0"))


@pytest.mark.parametrize("kind", [{"type": "array", "items": "string"}, {"type": "record", "name": "Two", "fields": [
    {"name": "a", "type": "string"}, {"name": "b", "type": "string"}]}])
@pytest.mark.parametrize("after", ["", "x", "x" * 64, "长" * 100])
def test_half_a_character_is_seen_whatever_text_comes_after_it(kind: Any, after: str) -> None:
    scanner = EventScanner(schema_of(kind), 1)
    opening, closing = (b"\4", b"\0") if "items" in kind else (b"", b"")
    for broken in ("长".encode()[:1], "长".encode()[:2], b"\xed\xa0\x80"):
        with pytest.raises(RejectError):
            scanner.scan(event_of(opening + long_bytes(len(broken)) + broken + text(after) + closing))
        with pytest.raises(RejectError):
            scanner.scan(event_of(opening + text(after) + long_bytes(len(broken)) + broken + closing))
    scanner.scan(event_of(opening + text("长") + text(after) + closing))


@pytest.mark.parametrize("kind", [TREE, ["null", TREE], {"type": "map", "values": TREE},
                                  {"type": "array", "items": ["null", "string", TREE]}])
@pytest.mark.parametrize("damage", [b"\2" * 100_000, b"\1" * 100_000, b"\2\2" * 100_000 + b"\0" * 200_000,
                                    b"\4\1\2" * 50_000, b"\xfe" * 9 + b"\1"])
def test_no_depth_and_no_count_that_arrives_stops_a_worker(kind: Any, damage: bytes) -> None:
    scanner, codec = EventScanner(schema_of(kind), 1), EventCodec(schema_of(kind), 1)
    for read in (scanner.scan, codec.decode):
        with pytest.raises(RejectError) as caught:
            read(event_of(damage))
        assert caught.value.code == "undecodable"


@pytest.mark.parametrize("kind", ["double", "boolean", "null", "string", MAP, INTS, {"type": "fixed", "name": "F", "size": 1000},
                                  {"type": "record", "name": "In", "fields": [{"name": "x", "type": "double"}]},
                                  {"type": "array", "items": "null"}, {"type": "array", "items": {"type": "array", "items": "null"}}])
@pytest.mark.parametrize("spread", [b"", b"\xfe\xff\x7f" * 20_000, b"\2" * 60_000])
@pytest.mark.parametrize("count", [1 << 20, 1 << 40, (1 << 63) - 1, -(1 << 20), -(1 << 40), -(1 << 63)])
def test_a_count_beyond_the_bytes_is_refused_without_counting_to_it(kind: Any, count: int, spread: bytes) -> None:
    for outer in ({"type": "array", "items": kind}, {"type": "map", "values": kind}):
        scanner = EventScanner(schema_of(outer), 1)
        with pytest.raises(RejectError):
            scanner.scan(event_of(long_bytes(count) + spread))


def endless() -> Any:
    tree: dict[str, Any] = {"n": 1, "below": []}
    tree["below"] += [tree, tree]
    return tree


def deep(levels: int) -> Any:
    tree: Any = {"n": 1, "below": []}
    for _ in range(levels):
        tree = {"n": 1, "below": [tree]}
    return tree


@pytest.mark.parametrize("tree", [below(DEEPEST + 2), deep(5_000), deep(100_000), endless()])
def test_a_writer_of_ours_is_told_which_field_is_too_deep(tree: Any) -> None:
    codec, scanner = EventCodec(schema_of("int", TREE), 1), EventScanner(schema_of("int", TREE), 1)
    with pytest.raises(RejectError, match=": f1 ") as caught:
        codec.encode(Event(META, {"f0": 1, "f1": tree}))
    assert caught.value.code == "unencodable"
    with pytest.raises(RejectError, match=": f1 ") as caught:
        scanner.encode_field(1, tree)
    assert caught.value.code == "unencodable"


def test_the_keys_of_a_map_are_never_told() -> None:
    for kind in (MAP, ["null", MAP], {"type": "array", "items": MAP}):
        for encode in (Avro(kind).encode, Field("f", kind).encode, lambda value, kind=kind: EventCodec(schema_of(kind), 1).encode(
                Event(META, {"f0": value}))):
            wrong = {"示例": "x"}
            with pytest.raises(RejectError) as caught:
                encode([wrong] if isinstance(kind, dict) and "items" in kind else wrong)
            assert "示例" not in repr(caught.value)


@pytest.mark.parametrize(("kind", "value", "said"), [
    (TREE, below(4), '{"below":[{"below":[],"n":1}],"n":1}'),
    ({"type": "array", "items": ["null", TREE, LIST]}, [("test.List", {"next": None}), None], '[{"next":null},null]'),
    (["null", TREE, LIST], ("test.List", {"next": None}), '{"next":null}'),
    (MAP, {"b": 1, "a": 2}, '{"a":2,"b":1}'),
    (logical("int", "time-millis"), 3_723_004, "01:02:03.004000"), (logical("string", "uuid"), UUID, UUID),
    ({"type": "array", "items": logical("string", "uuid")}, [UUID.upper()], f'["{UUID}"]'),
    ({"type": "fixed", "name": "F", "size": 2}, b"\0\xff", "00ff"),
    (["string", "double"], 1.5, "1.5"), (["string", "double"], "示例", "示例")])
def test_a_value_of_any_type_has_one_text(kind: Any, value: Any, said: str) -> None:
    scanner = EventScanner(schema_of(kind), 1)
    (piece,) = scanner.encode_row({"f0": value})
    assert scanner.text(0, piece) == text_of(scanner.decode_field(0, piece)) == said


@pytest.mark.parametrize(("kind", "value"), [
    (logical("int", "time-millis"), -1), (logical("int", "time-millis"), 86_400_000), (logical("long", "time-micros"), -1),
    (logical("int", "date"), 1 << 30), (logical("long", "timestamp-millis"), 1 << 60), (logical("string", "uuid"), "示例"),
    (["null", logical("string", "uuid")], UUID[1:]), ([logical("string", "uuid"), ENUM], "A")])
def test_what_no_reader_could_read_back_is_unencodable(kind: Any, value: Any) -> None:
    with pytest.raises(RejectError, match="f0") as caught:
        EventCodec(schema_of(kind), 1).encode(Event(META, {"f0": value}))
    assert caught.value.code == "unencodable"
    assert "示例" not in repr(caught.value)


def test_types_called_like_the_bus_s_own_kinds_are_what_they_are_defined_as() -> None:
    date = {"type": "enum", "name": "date", "symbols": ["A", "B"]}
    uuid = {"type": "record", "name": "uuid", "fields": [{"name": "x", "type": "date"}, {"name": "text", "type": ["null", "uuid"]}]}
    scanner = EventScanner(schema_of({"type": "array", "items": date}, {"type": "array", "items": ["null", uuid]}), 1)
    row = {"f0": ["B"], "f1": [{"x": "A", "text": {"x": "B", "text": None}}, None]}
    pieces = scanner.encode_row(row)
    assert scanner.scan(event_of(b"".join(pieces))).row == pieces
    assert scanner.decode_row(pieces) == row
    assert scanner.rewritten == 0


def test_unions_of_many_branches_and_loops_in_loops_are_read_too() -> None:
    many = ["null", *({"type": "fixed", "name": f"F{number}", "size": 1} for number in range(200))]
    loops: Any = many
    for number in range(25):
        loops = {"type": "map", "values": loops} if number % 2 else {"type": "array", "items": ["int", loops]}
    value: Any = ("test.F150", b"x")
    for number in range(25):
        value = {"k": value} if number % 2 else [1, value]
    scanner = EventScanner(schema_of(loops), 1)
    piece = b"\xae\2x"
    for number in range(25):
        piece = b"\2\2k" + piece + b"\0" if number % 2 else b"\4\0\2\2" + piece + b"\0"
    assert scanner.scan(event_of(piece)).row == (piece,)
    assert scanner.rewritten == 0
    with pytest.raises(RejectError):
        scanner.scan(event_of(piece.replace(b"\xae\2x", b"\x92\3x")))
