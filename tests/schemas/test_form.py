"""Whatever stands in a schema or in rules, a person is told in words; nothing of it ends in a traceback."""

import json
from random import Random
from typing import Any

import pytest

from schemas.codec import Avro
from schemas.contract import check_dataset, check_subscription
from schemas.control import Condition, Dataset, Mask, Subscription
from schemas.elements.fit import with_element_rules
from schemas.errors import RejectError
from schemas.rules import RULES
from schemas.text import Text
from tests.schemas.random_avro import Schemas

JUNK: list[Any] = ["null", "int", "string", "record", "enum", "fixed", "array", "map", "Thing", "R1", "E1", "", "中", "a.b", "decimal",
                   "uuid", "date", None, 0, 1, -1, True, 1.5, 1 << 40, [], {}, [[]], [None], ["x", "x"], {"type": "int"}, {"type": []}]
KEYS = ["type", "name", "namespace", "fields", "items", "values", "symbols", "size", "logicalType", "precision", "scale", "default",
        "aliases", "doc", "element", "level", "code_list", "__named_schemas", "__fastavro_parsed__"]
#: Texts in place of a schema.
TEXTS = ["", "[", "{}", "null", "1", '"x"', '"Thing"', "[" * 5000, '{"type":' * 3000, "9" * 5000, "NaN", "\ud800",
         '{"type":"record","name":1}']
OPTIONS = ["1", "-1", "a", "f0", "f0.f0", "items[].a", "", "[", "1e999", "NaN", "9" * 40, "sex", "中", "a|b", "2026-01-02", "reject",
           "suspect"]


def spoiled(rng: Random, node: Any) -> Any:
    """A schema with a few things in it that have no business there."""
    if rng.random() < 0.03:
        return rng.choice(JUNK)
    if isinstance(node, list):
        return [spoiled(rng, one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: spoiled(rng, value) for key, value in node.items() if rng.random() > 0.01}
    return made | ({rng.choice(KEYS): rng.choice(JUNK)} if rng.random() < 0.06 else {})


def written(rng: Random) -> str:
    name = rng.choice(list(RULES))
    options = ",".join(f"{rng.choice([*RULES[name].options, 'x'])}={rng.choice(OPTIONS)}" for _ in range(rng.randint(0, 2)))
    return rng.choice([name, f"{name}({options})", f"{name}({options}", options])


def drawn(rng: Random) -> Dataset:
    schema = Schemas(rng).row()[1]
    schema["fields"].insert(0, {"name": "id", "type": "string"})
    text = rng.choice(TEXTS) if rng.random() < 0.05 else json.dumps(spoiled(rng, schema) if rng.random() < 0.8 else schema)
    rules = {rng.choice(["id", "f0", "f1", "f0.f0", "f0[]", "f0{}", "f0[].f1", "", "[]", "中"]): (written(rng),)
             for _ in range(rng.randint(0, 2))} if rng.random() < 0.4 else {}
    return Dataset(id="a.thing", title="t", provider="a", key=(rng.choice(["id", "id", "id", "f0", ""]),), event_schema=1, row_schema=text,
                   rules=rules, division_field=rng.choice(["", "", "f0"]))


def subscription(rng: Random, dataset: Dataset) -> Subscription:
    names = [part["name"] for part in json.loads(dataset.row_schema)["fields"]] + ["nobody"]
    values = ("1", "a", "", "2026-01-02", "1e999", "NaN", "true", "9" * 5000, "00ff", "\ud800")
    return Subscription(
        id="t.a.thing", subscriber="t", dataset=dataset.id, purpose="p", output_schema=2, fields=tuple(rng.choices(names, k=3)),
        scope=tuple(Condition(field=rng.choice(names), op=rng.choice(["eq", "in", "prefix"]), values=tuple(rng.choices(values, k=2)))
                    for _ in range(2)),
        masks={rng.choice(names): Mask(kind=rng.choice(["keep_last", "hmac", "year", "null"]), n=rng.choice([0, 1, 4])) for _ in range(2)})


@pytest.mark.parametrize("part", range(4))
def test_whatever_a_dataset_or_a_subscription_says_is_answered_in_words(part: int) -> None:
    rng, right, told = Random(part), 0, set[str]()
    for _ in range(1500):
        dataset = drawn(rng)
        with_element_rules(dataset.row_schema, dataset.rules)
        problems = check_dataset(dataset)
        assert all(isinstance(one, Text) and one.zh and one.en for one in problems)
        told |= {one.en.partition(" field ")[0] for one in problems}
        if not problems:
            right += 1
            for _ in range(3):
                check_subscription(dataset, subscription(rng, dataset))
    assert right > 100
    assert len(told) > 100


def row(*fields: str) -> str:
    return f'{{"type":"record","name":"R","fields":[{",".join(fields)}]}}'


@pytest.mark.parametrize(("schema", "told"), [
    ('{"type":"record","name":"R"}', "the schema is of type record, which needs `fields`"),
    (row('{"name":1,"type":"int"}'), "the schema has a member, number 1, without `name` or `type`"),
    (row('{"name":"a","type":{"type":"array"}}'), "field a is of type array, which needs `items`"),
    (row('{"name":"a","type":{"type":"array","items":{"type":"enum","name":"E","symbols":["A",1]}}}'),
     "field a[] has a `symbols` that is not a list of texts"),
    (row('{"name":"a","type":{"type":"int","fields":[]}}'), "field a is of type int, which has no fields"),
    (row('{"name":"a","type":7}'), "field a is no type: that is a name, a list, or an object with `type`"),
    (row('{"name":"a","type":"int","aliases":"b"}'), "field a has a `aliases` that is not a list of texts")])
def test_what_has_not_the_form_of_a_schema_is_told_by_field(schema: str, told: str) -> None:
    with pytest.raises(RejectError) as refused:
        Avro(schema)
    assert refused.value.problem.en == told


def test_all_that_has_not_the_form_of_a_schema_is_told_at_once() -> None:
    with pytest.raises(RejectError) as refused:
        Avro(row('{"name":"a","type":7}', '{"name":"b","type":{"type":"fixed","name":"F","size":-1}}'))
    assert refused.value.problem.en.count(";") == 1
