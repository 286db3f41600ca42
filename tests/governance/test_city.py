"""Reading a city directory: everything wrong is said at once, by file."""

from pathlib import Path

import pytest

from governance.city import read_city
from governance.problems import CityError
from schemas.elements import element


def test_a_whole_directory_becomes_a_city(city_folder: Path) -> None:
    city = read_city(city_folder)
    assert set(city.departments) == {"health", "tax", "province"}
    assert city.datasets["health.resident"].provider == "health"
    assert city.datasets["health.resident"].key == ("resident_id",)
    assert city.subscriptions["province.health.resident"].node == "anhui"


def test_rules_for_values_inside_others_may_be_written_as_dotted_keys(city_folder: Path) -> None:
    with (city_folder / "datasets/health.resident.toml").open("a") as file:
        file.write('[rules]\nholder.name = ["blanks"]\n"items[]".code = ["required"]\n"items[].of.id" = ["resident_id"]\n')
    rules = read_city(city_folder).datasets["health.resident"].rules
    assert {path: uses for path, uses in rules.items() if "holder" in path or "items" in path} == {
        "holder.name": ("blanks",), "items[].code": ("required",), "items[].of.id": ("resident_id",)}


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


def test_a_byte_order_mark_is_no_part_of_a_file(city_folder: Path) -> None:
    for name in ("city.toml", "departments/tax.toml"):
        path = city_folder / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_city(city_folder).departments["tax"].title == "税务局"


@pytest.mark.parametrize("stream", ["Bad Stream", "", "health..x", "居民"])
def test_a_stream_has_a_name(city_folder: Path, stream: str) -> None:
    (city_folder / "departments/health.toml").write_text(f'title = "卫健委"\nroles = ["provider"]\nstreams = ["{stream}"]\n')
    with pytest.raises(CityError, match=r"departments/health\.toml.*streams"):
        read_city(city_folder)


def test_a_stream_may_be_named_after_a_partition_of_another_node(city_folder: Path) -> None:
    (city_folder / "departments/health.toml").write_text(
        'title = "卫健委"\nroles = ["provider"]\nstreams = ["shucheng/deliver.luan/0", "hr.core"]\npartitions = 2\n')
    assert read_city(city_folder).departments["health"].streams == ("shucheng/deliver.luan/0", "hr.core")


@pytest.mark.parametrize("twice", ["luan", "anhui"])
def test_a_node_is_named_once(city_folder: Path, twice: str) -> None:
    path = city_folder / "city.toml"
    path.write_text(path.read_text(encoding="utf-8") + f'[[upper]]\nid = "{twice}"\ncode = "340000"\ntitle = "省"\n', encoding="utf-8")
    with pytest.raises(CityError, match=rf"city\.toml.*{twice}"):
        read_city(city_folder)


SOURCE = 'kind = "sql_table"\ndirection = "source"\ndepartment = "health"\n[config]\ndataset = "health.resident"\n'


def declare(folder: Path, **configs: str) -> None:
    (folder / "connectors").mkdir()
    for name, config in configs.items():
        (folder / f"connectors/health.{name}.toml").write_text(SOURCE + config)


def test_two_sources_of_one_system_and_dataset_are_refused_for_each_would_delete_what_the_other_sent(city_folder: Path) -> None:
    declare(city_folder, population='source_system = "hr.core"\n', clinic='source_system = "hr.core"\n')
    with pytest.raises(CityError) as caught:
        read_city(city_folder)
    (problem,) = caught.value.problems
    assert problem.where == "connectors/health.population.toml"
    assert "health.clinic" in problem.text.en
    assert "hr.core" in problem.text.en


def test_two_sources_may_share_a_dataset_or_a_system(city_folder: Path) -> None:
    (city_folder / "datasets/health.migrant.toml").write_text('standard = "resident"\n')
    declare(city_folder, population="", clinic="")
    assert len(read_city(city_folder).connectors) == 2
    for name, config in (("population", ""), ("clinic", 'source_system = "health.population"\n')):
        text = SOURCE.replace("health.resident", "health.migrant") if name == "clinic" else SOURCE
        (city_folder / f"connectors/health.{name}.toml").write_text(text + config)
    assert len(read_city(city_folder).connectors) == 2


OWN = ('{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"}, {"name": "sex", "type": "string", '
       '"element": "sex"}, {"name": "phone", "type": ["null", "string"], "default": null, "element": "phone"}, '
       '{"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}, "element": "money-cny"}]}')


def own_dataset(folder: Path, more: str = "", schema: str = OWN) -> None:
    (folder / "datasets/thing.avsc").write_text(schema, encoding="utf-8")
    (folder / "datasets/health.thing.toml").write_text(
        'schema = "thing.avsc"\ntitle = "物"\nkey = ["id"]\n' + more, encoding="utf-8")


def test_a_dataset_of_its_own_takes_the_rules_of_its_elements_where_it_gives_none(city_folder: Path) -> None:
    own_dataset(city_folder, '[rules]\nphone = []\nid = ["required"]\n')
    assert read_city(city_folder).datasets["health.thing"].rules == {
        "id": ("required",), "sex": ("code(list=GB/T 2261.1)",), "phone": ()}


def test_a_standard_dataset_keeps_its_rules_but_for_the_fields_the_city_writes_anew(city_folder: Path) -> None:
    (city_folder / "datasets/health.resident.toml").write_text(
        'standard = "resident"\n[rules]\nname = ["required", "element"]\n', encoding="utf-8")
    rules = read_city(city_folder).datasets["health.resident"].rules
    assert rules["name"] == ("required", *element("person-name").rules)
    assert rules["resident_id"] == ("required", "resident_id")


def test_a_misspelt_case_is_told_by_its_key(city_folder: Path) -> None:
    own_dataset(city_folder, '[[cases]]\nsays = "x"\ngivn = { sex = "1" }\n')
    with pytest.raises(CityError, match=r"datasets/health\.thing\.toml.*givn"):
        read_city(city_folder)


def test_a_schema_file_lies_inside_the_directory(city_folder: Path) -> None:
    (city_folder.parent / "outside.avsc").write_text("{}")
    for name in ("../../outside.avsc", str(city_folder.parent / "outside.avsc"), "../../../etc/hostname"):
        (city_folder / "datasets/health.own.toml").write_text(f'schema = "{name}"\nkey = ["a"]\n')
        with pytest.raises(CityError, match="城市目录"):
            read_city(city_folder)
    (city_folder / "row.avsc").write_text('{"type": "record", "name": "Own", "fields": [{"name": "a", "type": "string"}]}')
    (city_folder / "datasets/health.own.toml").write_text('schema = "../row.avsc"\nkey = ["a"]\n')
    assert read_city(city_folder).datasets["health.own"].row_schema
