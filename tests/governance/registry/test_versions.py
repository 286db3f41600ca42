"""What is a version in a request."""

import pytest

from governance.registry.errors import RegistryError
from governance.registry.versions import LATEST, Latest, parse_version


@pytest.mark.parametrize(("text", "version"), [("1", 1), (" 7 ", 7), ("2147483647", 2147483647), ("latest", LATEST), ("LATEST", LATEST),
                                               ("-1", LATEST)])
def test_a_number_from_1_on_or_the_latest(text: str, version: int | Latest) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["0", "-2", "2147483648", "", "1.0", "1e3", "٣", "x", "+1", "9" * 5000])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_version(text)
    assert caught.value.number == 42202
    assert len(str(caught.value)) < 200
