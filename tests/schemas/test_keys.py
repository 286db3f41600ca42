"""Record keys: from values and from slices the same bytes, and read back only when spelt the one right way."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.envelope import kafka_key, key_text, marker_key
from schemas.keys import Key, row_key
from tests.schemas.drawn import TEXT

FIELDS = [{"name": "t", "type": "string"}, {"name": "n", "type": "long"},
          {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}, {"name": "u", "type": "string"}]
ROWS = st.fixed_dictionaries({"t": TEXT.filter(bool), "n": st.integers(-(1 << 63), (1 << 63) - 1), "e": st.sampled_from("AB"), "u": TEXT})


def dataset(*key: str) -> Dataset:
    return Dataset(id="a.thing", title="t", provider="a", key=key, event_schema=1,
                   row_schema=json.dumps({"type": "record", "name": "Thing", "fields": FIELDS}))


def compiled(item: Dataset) -> tuple[EventScanner, Key]:
    scanner = EventScanner(event_schema(item.id, item.row_schema), 1)
    return scanner, Key(item, scanner)


COMPILED = {key: (dataset(*key), *compiled(dataset(*key))) for key in [("t",), ("n",), ("e",), ("t", "n"), ("u", "e", "t")]}


@given(ROWS, st.sampled_from(list(COMPILED)))
def test_writers_and_streams_compute_the_same_key_and_it_is_read_back(row: dict[str, Any], fields: tuple[str, ...]) -> None:
    item, scanner, key = COMPILED[fields]
    written = row_key(item, row)
    assert key.canonical(scanner.encode_row(row)) == written
    assert written.startswith(b"a.thing/")
    assert key.parses(written)
    if len(fields) > 1:
        assert json.loads(written.split(b"/", 1)[1]) == [str(row[name]) for name in fields]


@given(ROWS, ROWS)
def test_two_records_have_one_key_only_if_their_key_fields_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    item = dataset("t", "u")
    same = (one["t"], one["u"]) == (other["t"], other["u"])
    assert (row_key(item, one) == row_key(item, other)) == same


def parses(item: Dataset, key: bytes) -> bool:
    return compiled(item)[1].parses(key)


@pytest.mark.parametrize("key", [b"", b"a.thing", b"a.thing/", b"a.other/1", b"a.thing/\xff", b'a.thing/["a", "b"]', b'a.thing/["a"]',
                                 b'a.thing/["a",1]', b'a.thing/{"a":1}', b'a.thing/["a","\\u4e2d"]', b"a.thing/x", b"a.thing/[[",
                                 b'a.thing/["a","\\ud800"]', b"a.thing/[1,2]", b"a.thing/" + b"[" * 100_000,
                                 b'a.thing/["a",' + b'{"":' * 100_000, b"a.thing/[" + b"9" * 100_000 + b"]"])
def test_bytes_that_are_no_key_of_the_dataset_are_told_apart(key: bytes) -> None:
    assert not parses(dataset("t", "u"), key)


def test_a_single_text_key_is_any_text_but_none() -> None:
    item = dataset("t")
    assert parses(item, "a.thing/中".encode())
    assert parses(item, b'a.thing/["a"]')
    assert not parses(item, marker_key(item.id))
    assert not parses(item, b"a.thing/\xff")


@pytest.mark.parametrize(("fields", "text", "good"), [
    (("n",), "7", True), (("n",), "-9223372036854775808", True), (("n",), "9223372036854775808", False), (("n",), "07", False),
    (("n",), "+7", False), (("n",), " 7", False), (("n",), "7_0", False), (("n",), "７", False), (("n",), "-0", False),
    (("n",), "x", False), (("n",), "1.0", False), (("n",), "9" * 5_000, False), (("e",), "A", True), (("e",), "C", False),
    (("e",), "a", False), (("t", "n"), '["甲","7"]', True), (("t", "n"), '["","7"]', True), (("t", "n"), '["甲","07"]', False),
    (("t", "n"), '["甲",7]', False), (("u", "e", "t"), '["1","B","2"]', True), (("u", "e", "t"), '["1","C","2"]', False)])
def test_a_key_is_made_of_values_of_its_fields_spelt_as_the_streams_spell_them(fields: tuple[str, ...], text: str, good: bool) -> None:
    assert parses(dataset(*fields), f"a.thing/{text}".encode()) is good


#: Pieces of JSON and of keys, in any number: what a hostile writer may put behind the dataset's name.
PIECES = st.lists(st.sampled_from([*'[]{}",:\\中A1-0 ', "\\u4e2d", "\\ud800", "null", "1e9"]), max_size=12)
HOSTILE = st.one_of(PIECES.map("".join), st.builds(lambda part, times: part * times, PIECES.map("".join), st.integers(1, 3_000)),
                    st.lists(TEXT, max_size=4).map(key_text), TEXT)


@given(HOSTILE, st.sampled_from(list(COMPILED)))
def test_whatever_stands_in_a_key_it_is_the_key_of_some_record_or_none(text: str, fields: tuple[str, ...]) -> None:
    _, scanner, key = COMPILED[fields]
    if key.parses(f"a.thing/{text}".encode()):
        parts = [text] if len(fields) == 1 else json.loads(text)
        named = dict(zip(fields, parts, strict=True))
        row = {"t": "x", "n": 1, "e": "A", "u": "y"} | named | ({"n": int(named["n"])} if "n" in named else {})
        assert key.canonical(scanner.encode_row(row)) == f"a.thing/{text}".encode()


def test_a_composite_key_is_compact_json_with_chinese_as_it_is() -> None:
    assert key_text(["中", 2]) == '["中","2"]'
    assert kafka_key("a.b", "中") == "a.b/中".encode()
