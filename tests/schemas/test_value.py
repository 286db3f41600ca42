"""What is a value: everything but a tombstone, and but a record that is a marker by key and by op."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import frame
from schemas.envelope import marker_key
from schemas.value import is_value
from tests.streams.world import value

KEY = marker_key("health.resident")
MARKER = value("m", seq=1)


def spelt(length: int, size: int) -> bytes:
    """A length in so many bytes, more than it needs."""
    zigzag = length << 1
    return bytes((zigzag >> 7 * at & 0x7F) | (0x80 if at < size - 1 else 0) for at in range(size))


@pytest.mark.parametrize(("key", "data", "counted"), [
    (KEY, MARKER, False), (b"x/", MARKER, False), (KEY, None, False), (None, None, False),
    (KEY, value("r"), True), (KEY, value("d"), True), (b"health.resident/1", MARKER, True), (None, MARKER, True), (b"", MARKER, True),
    (b"/", MARKER, False), (b"a/b/", MARKER, True), (b"//", MARKER, True), (b"health.resident", MARKER, True),
    (KEY, frame(99, MARKER[5:]), False), (KEY, b"\0\0\0\0\x01\x02e\x08", False), (KEY, b"\0\0\0\0\x01\x02e\x08\xff", False),
    (KEY, b"\0\0\0\0\x01\x00\x08", False), (KEY, b"", True), (KEY, b"\0\0\0\0\x01", True), (KEY, b"\0\0\0\0\x01\x02e", True),
    (KEY, b"\0\0\0\0\x01\x02", True), (KEY, b"\0\0\0\0\x01\x80", True), (KEY, b"\0\0\0\0\x01\x01\x08", True),
    (KEY, b"\0\0\0\0\x01\x03\x08\x08\x08", True)])
def test_a_marker_is_one_by_its_key_and_by_the_byte_of_its_op(key: bytes | None, data: bytes | None, counted: bool) -> None:
    assert is_value(key, data) is counted


@pytest.mark.parametrize(("size", "counted"), [(1, False), (2, False), (10, False), (11, True), (4000, True)])
def test_a_length_is_read_for_ten_bytes_and_no_further(size: int, counted: bool) -> None:
    assert is_value(KEY, b"\0\0\0\0\x01" + spelt(3, size) + b"abc" + b"\x08") is counted


@given(st.one_of(st.none(), st.binary(max_size=8)), st.binary(max_size=40))
def test_any_bytes_are_answered(key: bytes | None, data: bytes) -> None:
    assert isinstance(is_value(key, data), bool)
