"""Tallies and letters in bytes: just what Avro's own writer makes of them by their schemas, and back again."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import RecordCodec, bus_schema, decode_letter, decode_tallies, encode_letter, encode_tallies
from schemas.letter import Finding, Letter
from schemas.tally import Tally, TallyKey

TEXT = st.text(max_size=80)
LONG = st.integers(-(1 << 63), (1 << 63) - 1)
INT = st.integers(-(1 << 31), (1 << 31) - 1)
MOMENT = st.integers(0, 4_000_000_000_000)
DATA = st.none() | st.binary(max_size=300)
TALLIES = st.lists(st.builds(
    Tally, st.builds(TallyKey, LONG, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT), LONG, LONG, LONG, LONG, LONG, LONG,
    st.lists(INT, max_size=4).map(tuple), st.lists(LONG, max_size=4).map(tuple)), max_size=4)
FINDINGS = st.lists(st.builds(Finding, TEXT, TEXT, st.sampled_from(["fix", "suspect", "reject"]), st.just(""), TEXT), max_size=3)
LETTERS = st.builds(Letter, TEXT, INT, LONG, MOMENT, MOMENT, TEXT, TEXT, TEXT, INT, LONG, FINDINGS.map(tuple), TEXT, LONG, DATA, DATA)
BY_SCHEMA = {name: RecordCodec(bus_schema(name)) for name in ("tallies", "letter")}


def by_schema(name: str, record: dict[str, Any]) -> bytes:
    """The slow way."""
    return BY_SCHEMA[name].encode(record)


@settings(max_examples=150, deadline=None)
@given(TEXT, INT, TALLIES)
def test_tallies_are_written_as_their_schema_says(worker: str, epoch: int, tallies: list[Tally]) -> None:
    data = encode_tallies(worker, epoch, tallies)
    rows = [{**tally.key._asdict(), **{name: value for name, value in tally._asdict().items() if name != "key"}}
            for tally in tallies]
    assert data == by_schema("tallies", {"worker": worker, "worker_epoch": epoch, "rows": rows})
    assert decode_tallies(data) == (worker, epoch, tallies)


@settings(max_examples=150, deadline=None)
@given(LETTERS)
def test_letters_are_written_as_their_schema_says(letter: Letter) -> None:
    data = encode_letter(letter)
    findings = [{"field": one.field, "reason": one.reason, "severity": one.severity, "proposed": one.after}
                for one in letter.findings]
    assert data == by_schema("letter", {**letter._asdict(), "findings": findings})
    assert decode_letter(data) == letter
