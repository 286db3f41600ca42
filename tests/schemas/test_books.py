"""Tallies and letters in bytes: just what Avro's own writer makes of them by their schemas, and back again."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import RecordCodec, bus_schema, decode_letter, decode_tallies, encode_letter, encode_tallies
from schemas.errors import RejectError
from schemas.letter import Finding, Letter
from schemas.tally import FindingKey, FindingTally, Tally, TallyKey

TEXT = st.text(max_size=80)
LONG = st.integers(-(1 << 63), (1 << 63) - 1)
INT = st.integers(-(1 << 31), (1 << 31) - 1)
MOMENT = st.integers(0, 4_000_000_000_000)
DATA = st.none() | st.binary(max_size=300)
TALLIES = st.lists(st.builds(
    Tally, st.builds(TallyKey, LONG, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT), LONG, LONG, LONG, LONG, LONG, LONG,
    st.lists(INT, max_size=4).map(tuple), st.lists(LONG, max_size=4).map(tuple)), max_size=4)
FOUND = st.lists(st.builds(FindingTally, st.builds(FindingKey, LONG, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT), LONG), max_size=4)
FINDINGS = st.lists(st.builds(Finding, TEXT, TEXT, st.sampled_from(["fix", "suspect", "reject"]), st.just(""), TEXT), max_size=3)
LETTERS = st.builds(Letter, TEXT, INT, LONG, MOMENT, MOMENT, TEXT, TEXT, TEXT, INT, LONG, FINDINGS.map(tuple), TEXT, LONG, DATA, DATA,
                    DATA, TEXT, MOMENT, TEXT, TEXT, LONG)
BY_SCHEMA = {name: RecordCodec(bus_schema(name)) for name in ("tallies", "letter")}


def by_schema(name: str, record: dict[str, Any]) -> bytes:
    """The slow way."""
    return BY_SCHEMA[name].encode(record)


def rows_of(tallies: list[Tally]) -> list[dict[str, Any]]:
    return [{**tally.key._asdict(), **{name: value for name, value in tally._asdict().items() if name != "key"}} for tally in tallies]


@settings(max_examples=150, deadline=None)
@given(TEXT, INT, TALLIES, FOUND)
def test_tallies_are_written_as_their_schema_says(worker: str, epoch: int, tallies: list[Tally], found: list[FindingTally]) -> None:
    data = encode_tallies(worker, epoch, tallies, found)
    findings = [{**one.key._asdict(), "records": one.records} for one in found]
    assert data == by_schema("tallies", {"worker": worker, "worker_epoch": epoch, "rows": rows_of(tallies), "findings": findings})
    assert decode_tallies(data) == (worker, epoch, tallies, found)


def before_findings() -> RecordCodec:
    """As writers wrote that knew of no findings: the schema ended with the rows."""
    schema = json.loads(bus_schema("tallies"))
    assert [part["name"] for part in schema["fields"]] == ["worker", "worker_epoch", "rows", "findings"]
    return RecordCodec(json.dumps({**schema, "fields": schema["fields"][:-1]}))


@settings(max_examples=150, deadline=None)
@given(TEXT, INT, TALLIES)
def test_a_message_from_before_there_were_findings_is_read_and_has_none(worker: str, epoch: int, tallies: list[Tally]) -> None:
    data = before_findings().encode({"worker": worker, "worker_epoch": epoch, "rows": rows_of(tallies)})
    assert decode_tallies(data) == (worker, epoch, tallies, [])


@pytest.mark.parametrize("data", [b"", b"\x07nonsense", encode_tallies("w", 1, [])[:-2], encode_tallies("w", 1, []) + b"\0",
                                  encode_tallies("w", 1, [], [FindingTally(FindingKey(1, "live", "a", "a.b", "validity"), 3)])[:-2]])
def test_anything_else_is_no_message_of_tallies(data: bytes) -> None:
    with pytest.raises(RejectError):
        decode_tallies(data)


@settings(max_examples=150, deadline=None)
@given(LETTERS)
def test_letters_are_written_as_their_schema_says(letter: Letter) -> None:
    data = encode_letter(letter)
    findings = [{"field": one.field, "reason": one.reason, "severity": one.severity, "proposed": one.after}
                for one in letter.findings]
    assert data == by_schema("letter", {**letter._asdict(), "findings": findings})
    assert decode_letter(data) == letter


#: What letters said before they could be repaired and closed, as it lies on lanes still.
FIRST_LETTERS = RecordCodec("""{"type": "record", "name": "Letter", "namespace": "bus", "fields": [
    {"name": "lane", "type": "string"}, {"name": "partition", "type": "int"}, {"name": "offset", "type": "long"},
    {"name": "arrived", "type": "long"}, {"name": "handled", "type": "long"}, {"name": "dataset", "type": "string"},
    {"name": "subscription", "type": "string"}, {"name": "stream", "type": "string"}, {"name": "epoch", "type": "int"},
    {"name": "seq", "type": "long"}, {"name": "findings", "type": {"type": "array", "items": {"type": "record", "name": "Finding",
        "fields": [{"name": "field", "type": "string"}, {"name": "reason", "type": "string"}, {"name": "severity", "type": "string"},
                   {"name": "proposed", "type": "string"}]}}},
    {"name": "rules_version", "type": "string"}, {"name": "plan_version", "type": "long"},
    {"name": "key", "type": ["null", "bytes"]}, {"name": "value", "type": ["null", "bytes"]}]}""")


@settings(max_examples=150, deadline=None)
@given(LETTERS)
def test_a_letter_from_before_repairs_is_read_as_an_open_one(letter: Letter) -> None:
    findings = [{"field": one.field, "reason": one.reason, "severity": one.severity, "proposed": one.after}
                for one in letter.findings]
    known = {name: value for name, value in letter._asdict().items() if name not in Letter._field_defaults}
    read = decode_letter(FIRST_LETTERS.encode(known | {"findings": findings}))
    assert read == Letter(**known)
    assert read.state == "open"
