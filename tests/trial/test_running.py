"""The home of a running city: emptied only if it is a city's, and only while nobody lives there."""

from pathlib import Path

import pytest

from schemas.errors import HaltError
from trial.running import RunningCity


def city(home: Path) -> RunningCity:
    return RunningCity(home, lambda name, what: None)


def test_a_directory_that_is_no_city_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    one = city(tmp_path)
    with pytest.raises(HaltError):
        one.start_departments()
    one.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_city_that_runs_is_not_emptied_by_another_and_its_home_is_free_when_it_stops(tmp_path: Path) -> None:
    first, second = city(tmp_path / "home"), city(tmp_path / "home")
    first.start_departments()
    try:
        with pytest.raises(HaltError, match=str(tmp_path)):
            second.start_departments()
        second.stop()
        assert first.postgres.running
    finally:
        first.stop()
    (tmp_path / "home" / "old").mkdir()
    second.start_departments()
    second.stop()
    assert not (tmp_path / "home" / "old").exists()
