"""Reading a city directory: everything wrong is said at once, by file."""

from pathlib import Path

import pytest

from governance.city import read_city
from governance.problems import CityError


def test_a_whole_directory_becomes_a_city(city_folder: Path) -> None:
    city = read_city(city_folder)
    assert set(city.departments) == {"health", "tax", "province"}
    assert city.datasets["health.resident"].provider == "health"
    assert city.datasets["health.resident"].key == ("resident_id",)
    assert city.subscriptions["province.health.resident"].node == "anhui"


def test_all_problems_are_told_at_once_each_with_its_file(city_folder: Path) -> None:
    (city_folder / "departments/tax.toml").write_text('title = "税务局"\nroles = ["subscriber"]\ncolour = "red"\n')
    (city_folder / "departments/Bad_Name.toml").write_text('title = "x"\nroles = ["provider"]\n')
    (city_folder / "datasets/nobody.thing.toml").write_text('standard = "resident"\n')
    (city_folder / "datasets/health.other.toml").write_text('standard = "no-such"\n')
    (city_folder / "datasets/health.broken.toml").write_text("title = \n")
    (city_folder / "subscriptions/tax.health.nothing.toml").write_text('fields = ["a"]\npurpose = "p"\nnode = "beijing"\n')
    with pytest.raises(CityError) as caught:
        read_city(city_folder)
    where = {problem.where for problem in caught.value.problems}
    assert where >= {"departments/tax.toml", "departments/Bad_Name.toml", "datasets/nobody.thing.toml", "datasets/health.other.toml",
                     "datasets/health.broken.toml", "subscriptions/tax.health.nothing.toml"}
    told = str(caught.value)
    assert "colour" in told
    assert "beijing" in told


def test_a_missing_city_file_is_named(city_folder: Path) -> None:
    (city_folder / "city.toml").unlink()
    with pytest.raises(CityError, match=r"city\.toml"):
        read_city(city_folder)


def test_a_file_that_is_not_utf8_is_named(city_folder: Path) -> None:
    (city_folder / "departments/tax.toml").write_bytes('title = "税务局"'.encode("gb18030"))
    with pytest.raises(CityError, match=r"departments/tax\.toml.*UTF-8"):
        read_city(city_folder)


def test_a_source_connector_must_be_a_stream_of_its_department(city_folder: Path) -> None:
    path = city_folder / "connectors/health.unlisted.toml"
    path.parent.mkdir()
    path.write_text('kind = "sql_table"\ndirection = "source"\ndepartment = "health"\n')
    with pytest.raises(CityError, match=r"health\.unlisted"):
        read_city(city_folder)
