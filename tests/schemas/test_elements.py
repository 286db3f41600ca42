"""Standard elements: each is in order, and a dataset that does not agree with its elements is told so, all at once."""

import json
from typing import Any

import pytest

from schemas.codes import is_code_list
from schemas.contract import check_dataset, check_subscription, output_schema
from schemas.control import Dataset, Mask, Subscription
from schemas.datasets import standard_dataset
from schemas.elements import LEVELS, Element, element, elements
from schemas.elements.fit import check_elements, fields_at, with_element_rules
from schemas.errors import RejectError

ALL = list(elements().values())
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 16, "scale": 2}
TYPES: dict[str, Any] = {
    "string": "string", "int": "int", "long": "long", "date": {"type": "int", "logicalType": "date"},
    "timestamp-millis": {"type": "long", "logicalType": "timestamp-millis"}, "enum": {"type": "enum", "name": "E", "symbols": ["a"]},
    **{f"decimal({precision},{scale})": {**DECIMAL, "precision": precision, "scale": scale}
       for precision, scale in ((16, 2), (14, 2), (7, 4), (16, 4))}}
DATE, SHARE, TEXTS = TYPES["date"], TYPES["decimal(7,4)"], {"type": "array", "items": "string"}


def schema(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"}, *fields]})


def field(name: str, element: str, kind: Any = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "element": element, **more}


@pytest.mark.parametrize("item", ALL, ids=elements())
def test_an_element_is_whole(item: Element) -> None:
    assert item.title
    assert item.title_en.isascii()
    assert item.types
    assert item.level in LEVELS
    assert set(item.masks) <= {"keep_last", "hmac", "year", "null"}
    assert "null" in item.masks
    assert not item.code_list or is_code_list(item.code_list)
    assert bool(item.shown) == ("keep_last" in item.masks)
    assert item.shown < item.max_length or not item.shown
    assert ("string" in item.types) == bool(item.max_length)


@pytest.mark.parametrize("item", [item for item in ALL if item.rules], ids=[item.name for item in ALL if item.rules])
def test_the_rules_of_an_element_exist_and_agree_with_it(item: Element) -> None:
    """On a field of each of its types it has the rules that are for that type, and none of its rules is for no type."""
    heard = set()
    for kind in item.types:
        shape = schema(field("f", item.name, TYPES[kind]))
        rules = with_element_rules(shape, {})
        heard |= {*rules.get("f", ())}
        assert check_elements(shape, rules) == []
        dataset = Dataset(id="a.thing", title="t", provider="a", key=("id",), event_schema=1, row_schema=shape, rules=rules)
        assert check_dataset(dataset) == []
    assert heard == {*item.rules}


def test_an_unknown_element_is_refused_with_those_there_are() -> None:
    assert element("sex").code_list == "GB/T 2261.1"
    with pytest.raises(RejectError, match="resident-id"):
        element("horse")


def test_every_disagreement_is_told_at_once_by_field_path() -> None:
    holder = {"type": "record", "name": "Holder", "fields": [field("name", "party-name", "long"), field("number", "horse")]}
    items = {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
        field("amount", "money-cny", ["null", {**DECIMAL, "scale": 3}])]}}
    shape = schema(field("a", "resident-id", "long"), field("b", "sex", code_list="GB/T 3304"), field("c", "resident-id", level="general"),
                   field("d", "address"), field("e", "horse"), field("f", "sex"), field("g", "phone", level="secret"),
                   field("holder", "part", ["null", holder]), field("items", "part", items),
                   field("h", "money-cny", {**DECIMAL, "precision": 17}), {"name": "i", "type": "string", "code_list": "GB/T 0"})
    told = [text.en for text in check_elements(shape, {"d": ("length(min=1,max=500)",), "f": ("code( list = GB/T 3304 )",)})]
    for part in ("field a does not agree with element resident-id: its type is long",
                 "field b does not agree with element sex: its code list",
                 "field c does not agree with element resident-id: its level general is below important",
                 "field d does not agree with element address: its rules allow 500 characters, and at most 200",
                 "field e refers to element horse", "field f does not agree with element sex: its rules use code list GB/T 3304",
                 "field g has level secret", "field holder.name does not agree", "field holder.number refers to element horse",
                 "field items[].amount does not agree with element money-cny: its type is decimal(16,3)",
                 "field h does not agree with element money-cny: its type is decimal(17,2)", "field i names code list GB/T 0"):
        assert sum(part in text for text in told) == 1, part
    assert len(told) == 12


def test_a_field_may_be_narrower_than_its_element() -> None:
    shape = schema(field("a", "money-cny", ["null", {**DECIMAL, "precision": 8}]), field("b", "resident-id", level="core"),
                   field("c", "item-name", TEXTS), field("d", "date", DATE))
    assert check_elements(shape, {"b": ("length(max=18)",)}) == []


def test_a_dataset_of_a_city_s_own_is_told_of_its_disagreements_too() -> None:
    dataset = Dataset(id="a.thing", title="t", provider="a", key=("id",), event_schema=1, row_schema=schema(field("f", "horse")))
    assert any("horse" in text.en for text in check_dataset(dataset))


def test_an_element_alone_gives_cleaning_and_a_dataset_s_own_rules_replace_it() -> None:
    holder = {"type": "record", "name": "Holder", "fields": [field("sex", "sex"), field("share", "share", SHARE),
                                                             field("held", "quantity", ["null", "long"])]}
    shape = schema(field("a", "sex"), field("b", "phone"), field("c", "address"), field("d", "money-cny", DECIMAL),
                   field("e", "item-name", TEXTS), field("f", "date", DATE),
                   field("g", "resident-id"), field("h", "person-name", ["null", "string"]), field("i", "area", DECIMAL),
                   field("j", "part", holder), field("k", "part", {"type": "map", "values": {"type": "array", "items": "Holder"}}))
    rules = with_element_rules(shape, {
        "b": (), "g": ("required", "element"), "nobody": ("required",), "c": ("required",), "j.held": ("required", "element"),
        "j.sex": (), "e": ("unique",)})
    sex, share, held = ("code(list=GB/T 2261.1)",), ("range(min=0,max=100)",), ("range(min=0)",)
    assert rules == {"a": sex, "b": (), "c": ("required",), "e": ("unique",), "e[]": element("item-name").rules,
                     "f": ("placeholder", "date"), "g": ("required", "resident_id"), "h": element("person-name").rules, "i": held,
                     "j.sex": (), "j.share": share, "j.held": ("required", *held), "k{}[].sex": sex, "k{}[].share": share,
                     "k{}[].held": held, "nobody": ("required",)}
    assert list(rules) == ["a", "b", "c", "e", "e[]", "f", "g", "h", "i", "j.sex", "j.share", "j.held", "k{}[].sex", "k{}[].share",
                           "k{}[].held", "nobody"]


def test_the_word_element_without_an_element_is_no_rule() -> None:
    shape = schema({"name": "f", "type": "string"})
    dataset = Dataset(id="a.thing", title="t", provider="a", key=("id",), event_schema=1, row_schema=shape,
                      rules=with_element_rules(shape, {"f": ("element",)}))
    assert any("there is no rule element" in text.en for text in check_dataset(dataset))


def test_fields_are_found_at_every_depth_and_a_schema_that_is_none_has_none() -> None:
    assert [each.path for each in fields_at(standard_dataset("permit").row_schema)][3:8] == [
        "holder", "holder.name", "holder.subject", "holder.id_kind", "holder.id_number"]
    permit = {each.path: each.values for each in fields_at(standard_dataset("permit").row_schema)}
    assert permit["items[].amount"] == "items[].amount"
    assert (permit["items"], permit["attachments"], permit["valid_to"]) == ("items[]", "attachments{}", "valid_to")
    assert fields_at("[1") == fields_at('"string"') == []
    recursive = {"type": "record", "name": "Tree", "fields": [{"name": "next", "type": ["null", "Tree"]}]}
    assert [each.path for each in fields_at(json.dumps(recursive))] == ["next"]
    shared = {"type": "record", "name": "Part", "fields": [{"name": "x", "type": "string"}]}
    twice = schema({"name": "a", "type": shared}, {"name": "b", "type": {"type": "array", "items": "Part"}})
    assert [each.path for each in fields_at(twice)] == ["id", "a", "a.x", "b", "b[].x"]


@pytest.mark.parametrize(("masks", "said"), [
    ({"sex": Mask(kind="hmac")}, "mask hmac makes no sense for field sex (Sex): use null"),
    ({"birth_date": Mask(kind="keep_last", n=2)}, "field birth_date"),
    ({"resident_id": Mask(kind="keep_last", n=6)}, "field resident_id (Citizen's number) may show its last 4 characters, not 6"),
    ({"resident_id": Mask(kind="keep_last", n=4), "birth_date": Mask(kind="year"), "name": Mask(kind="hmac")}, "")])
def test_a_mask_that_makes_no_sense_is_a_problem_of_the_subscription(masks: dict[str, Mask], said: str) -> None:
    dataset = standard_dataset("resident").declare("health.resident", 1)
    item = Subscription(id="tax.health.resident", subscriber="tax", dataset=dataset.id, purpose="p", output_schema=1,
                        fields=("resident_id", "name", "sex", "birth_date"), masks=masks)
    told = [text.en for text in check_subscription(dataset, item)]
    assert len(told) == bool(said)
    assert all(said in text for text in told)


def test_what_is_delivered_masked_no_longer_claims_to_be_the_element() -> None:
    dataset = standard_dataset("resident").declare("health.resident", 1)
    item = Subscription(id="tax.health.resident", subscriber="tax", dataset=dataset.id, purpose="p", output_schema=1,
                        fields=("name", "birth_date"), masks={"birth_date": Mask(kind="year")})
    name, birth_date = json.loads(output_schema(dataset, item))["fields"][1]["type"][1]["fields"]
    assert name["element"] == "person-name"
    assert "element" not in birth_date
    assert birth_date["mask"] == "year"
