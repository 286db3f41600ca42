"""Memory as offset metadata: everything comes back, and nothing longer than Kafka takes is ever written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import HaltError
from schemas.lanes import MOST_STREAMS
from streams.metadata import LARGEST, pack, unpack

INT, LONG = 2**31, 2**63
MARKS = st.dictionaries(st.integers(1, 5000), st.tuples(st.integers(-INT, INT - 1), st.integers(0, LONG - 1)), max_size=150)


@given(st.integers(0, LONG - 1), MARKS, st.integers(0, LONG - 1))
def test_what_was_packed_is_unpacked(version: int, marks: dict[int, tuple[int, int]], held: int) -> None:
    text = pack("raw.a", version, marks, held)
    assert len(text) <= LARGEST
    assert unpack("raw.a", text) == (version, marks, held)


@pytest.mark.parametrize("mark", [(INT - 1, LONG - 1), (-INT, LONG - 1), (1_770_000_000, 1_770_000_000_000_000_000)])
def test_as_many_streams_as_a_lane_may_have_fit_with_whatever_they_number_by(mark: tuple[int, int]) -> None:
    marks = {20_000 + 16_000 * number: mark for number in range(MOST_STREAMS)}
    text = pack("raw.a", LONG - 1, marks, LONG - 1)
    assert len(text) <= LARGEST
    assert unpack("raw.a", text) == (LONG - 1, marks, LONG - 1)


def test_too_many_streams_halt_before_the_commit_and_name_the_lane() -> None:
    with pytest.raises(HaltError, match=r"raw\.a"):
        pack("raw.a", 1, dict.fromkeys(range(1, 260), (INT - 1, LONG - 1)))


@pytest.mark.parametrize("text", ["not base64!", "AA==", "/w==", "AYA=", "AQEB"])
def test_metadata_nobody_here_wrote_halts_and_names_the_lane(text: str) -> None:
    with pytest.raises(HaltError, match=r"raw\.a"):
        unpack("raw.a", text)


def test_a_partition_without_metadata_begins_afresh() -> None:
    assert unpack("raw.a", "") == (0, {}, 0)
