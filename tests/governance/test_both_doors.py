"""A dataset's next version comes by its city file or through the registry: one id, one judgement, whichever came first."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from governance.apply import Standing
from governance.checking import check_city
from governance.evolving import check_registered
from governance.registry import changes
from governance.registry.avro_text import canonical
from governance.registry.errors import RegistryError
from governance.registry.registered import Candidate, Registered
from schemas.contract import event_schema
from schemas.control import Plan
from tests.governance.registry.world import World
from tests.governance.test_compile import after, compiled, refusals
from tests.governance.visits import FIELDS, KIND, VISIT, changed, field, without, write

SUBJECT = "health.VisitEvent"
NEXT = [*FIELDS, field("ward", "string", default="")]


@pytest.fixture
def first(folder: Path) -> Plan:
    return after(Plan(), compiled(folder, Plan()))


def event(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """The event schema of a dataset with these fields, as a department's program may have it."""
    row = json.dumps({"type": "record", "name": "Visit", "fields": fields})
    made: dict[str, Any] = json.loads(event_schema(VISIT, row))
    return made


def registered(plan: Plan, schema: dict[str, Any], **more: Any) -> tuple[Plan, int]:
    world = World(plan)
    number = world.do(lambda known: changes.register(known, SUBJECT, Candidate(canonical(json.dumps(schema))), **more))
    return world.plan, number


def turned(node: Any) -> Any:
    """The same schema with the keys of every object the other way round."""
    if isinstance(node, dict):
        return {key: turned(node[key]) for key in reversed(node)}
    return [turned(each) for each in node] if isinstance(node, list) else node


@pytest.mark.parametrize("written", [lambda schema: schema, turned], ids=["letter by letter", "keys the other way round"])
def test_what_was_registered_first_is_the_dataset_s_next_version_under_its_id(folder: Path, first: Plan, written: Any) -> None:
    plan, number = registered(first, written(event(NEXT)))
    write(folder, NEXT)
    change = compiled(folder, plan)
    dataset = after(plan, change).datasets[VISIT]
    assert (dataset.version, dataset.event_schema) == (2, number)
    assert number not in {schema.number for schema in change.objects["bus.schemas"]}  # type: ignore[attr-defined]
    assert SUBJECT not in {subject.id for subject in change.objects["bus.subjects"]}
    assert not compiled(folder, after(plan, change))


def test_what_was_applied_first_is_registered_under_its_id(folder: Path, first: Plan) -> None:
    write(folder, NEXT)
    plan = after(first, compiled(folder, first))
    again, number = registered(plan, event(NEXT))
    assert (again, number) == (plan, plan.datasets[VISIT].event_schema)


@pytest.mark.parametrize("fields", [
    NEXT, without("note"), changed("count", type="long"), changed("count", type="string"), [*FIELDS, field("ward", "string")],
    changed("kind", type={**KIND, "symbols": ["in"]}), changed("seen", type={"type": "long", "logicalType": "timestamp-micros"})])
def test_both_doors_take_and_refuse_the_same(folder: Path, first: Plan, fields: Any) -> None:
    without_subscriptions = replace(first, subscriptions={})  # of which the registry knows nothing
    for path in (folder / "subscriptions").glob("*.visit.toml"):
        path.unlink()
    said = changes.check(Registered(first), SUBJECT, Candidate(canonical(json.dumps(event(fields)))))
    write(folder, fields)
    problems = check_city(folder, Standing(without_subscriptions))
    assert bool(said) == bool(problems)
    for told, problem in zip(said, problems, strict=True):
        assert told.rpartition("): ")[2].removeprefix("row.") in problem.text.en or problem.text.en.rpartition(": ")[2] in told


def test_apply_refuses_what_does_not_read_a_version_that_others_registered(folder: Path, first: Plan) -> None:
    """A publisher may have written by it; once it is deleted in the registry nothing stands in the way."""
    plan, _ = registered(first, event([*FIELDS, field("ward", "string", default="")]))
    write(folder, [*FIELDS, field("ward", "int", default=0)])
    refused = refusals(folder, plan)["datasets/health.visit"]
    assert SUBJECT in refused
    assert "version 2" in refused
    assert "ward" in refused
    assert [problem.where for problem in check_city(folder, Standing(plan))] == ["datasets/health.visit.toml"]
    world = World(plan)
    world.do(lambda known: changes.delete_version(known, SUBJECT, 2))
    assert compiled(folder, world.plan)


def test_a_level_that_was_set_for_the_subject_binds_apply_too(folder: Path, first: Plan) -> None:
    """FULL_TRANSITIVE: earlier versions must read what the new one writes."""
    world = World(first)
    world.do(lambda known: changes.set_level(known, SUBJECT, "FULL_TRANSITIVE"))
    narrower = changed("count", type="long")
    write(folder, narrower)
    assert "version 1 cannot read" in refusals(folder, world.plan)["datasets/health.visit"]
    with pytest.raises(RegistryError):
        registered(world.plan, event(narrower))
    assert compiled(folder, first)


def test_schema_fields_and_rules_change_in_one_apply(folder: Path, first: Plan) -> None:
    """A new version, a rule on its new field, and a new subscription that asks for it: all in one version of the plan."""
    write(folder, NEXT)
    dataset = folder / "datasets/health.visit.toml"
    dataset.write_text(dataset.read_text() + '[rules]\nward = ["required"]\n')
    (folder / "departments/police.toml").write_text('title = "公安局"\nroles = ["subscriber"]\n')
    (folder / "subscriptions/police.health.visit.toml").write_text('fields = ["number", "ward"]\npurpose = "核验"\n')
    plan = after(first, compiled(folder, first))
    made = plan.datasets[VISIT]
    assert (made.version, made.rules["ward"], made.versions[0].version) == (2, ("required",), 1)
    output = plan.schemas[plan.subscriptions["police.health.visit"].output_schema]
    assert '"ward"' in output.text
    assert plan.subscriptions["tax.health.visit"] == first.subscriptions["tax.health.visit"]
    assert not compiled(folder, plan)


def test_what_the_registry_takes_for_no_schema_is_a_refusal_like_others(first: Plan) -> None:
    text = json.dumps({"type": "enum", "name": "E", "symbols": ["a", "a"]})
    assert len(list(check_registered(Registered(first), SUBJECT, text, None))) == 1
    assert list(check_registered(Registered(first), "nobody.E", text, None)) == []
