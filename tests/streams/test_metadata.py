"""Memory as offset metadata: everything comes back, and nothing longer than Kafka takes is ever written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import HaltError
from schemas.lanes import MOST_STREAMS
from streams.metadata import LARGEST, pack, unpack

INT, LONG = 2**31, 2**63
MARKS = st.dictionaries(st.integers(1, 5000), st.tuples(st.integers(-INT, INT - 1), st.integers(0, LONG - 1)), max_size=150)


@given(st.integers(0, LONG - 1), MARKS)
def test_what_was_packed_is_unpacked(version: int, marks: dict[int, tuple[int, int]]) -> None:
    text = pack("raw.a", version, marks)
    assert len(text) <= LARGEST
    assert unpack("raw.a", text) == (version, marks)


def test_a_lane_the_plan_lets_pass_fits_with_large_positions() -> None:
    # Number in two bytes, epoch in two, seq in eight: what a stream takes after years of work.
    marks = {10_000 + 200 * number: (4095, 2**54) for number in range(MOST_STREAMS)}
    assert LARGEST - 16 < len(pack("raw.a", LONG - 1, marks)) <= LARGEST


def test_too_many_streams_halt_before_the_commit_and_name_the_lane() -> None:
    with pytest.raises(HaltError, match=r"raw\.a"):
        pack("raw.a", 1, dict.fromkeys(range(1, 260), (INT - 1, LONG - 1)))


@pytest.mark.parametrize("text", ["not base64!", "AA==", "/w==", "AYA=", "AQEB"])
def test_metadata_nobody_here_wrote_halts_and_names_the_lane(text: str) -> None:
    with pytest.raises(HaltError, match=r"raw\.a"):
        unpack("raw.a", text)


def test_a_partition_without_metadata_begins_afresh() -> None:
    assert unpack("raw.a", "") == (0, {})
