"""What registrations and deletions write, and refuse: whatever the order, an id means one schema for ever."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.registry import changes
from governance.registry.avro_text import canonical
from governance.registry.errors import RegistryError
from governance.registry.registered import LEAST, Candidate, Registered
from governance.registry.versions import LATEST
from schemas.contract import event_schema, event_subject, output_schema, output_subject
from schemas.control import Plan, SchemaReference, SchemaText, Subject, Subscription
from schemas.datasets import standard_dataset
from tests.governance.registry.world import World, candidate

OPTIONAL = (["null", "string"], None)
DATASET = standard_dataset("resident").declare("health.resident", 1)
SUBSCRIPTION = Subscription(id="tax.health.resident", subscriber="tax", dataset="health.resident", fields=("name",), purpose="p",
                            output_schema=2)
EVENT, OUTPUT = event_subject(DATASET.id), output_subject(SUBSCRIPTION)
TEXTS = {1: (EVENT, event_schema(DATASET.id, DATASET.row_schema)), 2: (OUTPUT, output_schema(DATASET, SUBSCRIPTION))}
CITY = Plan(version=4, datasets={DATASET.id: DATASET}, subscriptions={SUBSCRIPTION.id: SUBSCRIPTION},
            schemas={number: SchemaText(id=str(number), number=number, subject=subject, text=text)
                     for number, (subject, text) in TEXTS.items()})


def refused(call: Callable[[], object]) -> int:
    with pytest.raises(RegistryError) as caught:
        call()
    return caught.value.number


def register(world: World, subject: str, schema: Candidate) -> int:
    return world.do(lambda known: changes.register(known, subject, schema))


def next_event(**fields: object) -> Candidate:
    """The dataset's event with more fields in its row."""
    row = DATASET.row_schema.rstrip().removesuffix("}").rstrip().removesuffix("]")
    more = ", ".join(f'{{"name": "{name}", {text}}}' for name, text in fields.items())
    return Candidate(event_schema(DATASET.id, f"{row}, {more}]}}"))


def test_registering_again_writes_nothing() -> None:
    world = World()
    number = register(world, "a.B", candidate(a="int"))
    version = world.plan.version
    assert register(world, "a.B", candidate(a="int")) == number
    assert world.plan.version == version


def test_schemas_of_a_plan_that_knew_no_subjects_are_subjects_in_the_order_of_their_ids() -> None:
    newer = SchemaText(id="7", number=7, subject=EVENT, text=next_event(x='"type": "string", "default": ""').text)
    world = World(replace(CITY, schemas={**CITY.schemas, 7: newer}))
    assert world.known.names() == [EVENT, OUTPUT]
    assert [world.known.find(EVENT, version)[0].number for version in (1, 2)] == [1, 7]
    assert world.known.find(OUTPUT, LATEST)[0].number == 2
    third = register(world, EVENT, next_event(x='"type": "string", "default": ""', y='"type": "int", "default": 0'))
    assert third == 8
    assert [each.number for each in world.plan.subjects[EVENT].versions] == [1, 7, 8], "its old versions are written down with it"


def test_a_subject_that_was_deleted_for_good_does_not_come_back_by_its_schemas() -> None:
    world = World()
    register(world, "a.B", candidate(a="int"))
    world.do(lambda known: changes.delete_subject(known, "a.B"))
    world.do(lambda known: changes.delete_subject(known, "a.B", permanent=True))
    assert world.known.names(deleted=True) == []
    assert refused(lambda: world.known.schema(1)) == 40403


def test_a_version_s_number_is_not_given_again_while_a_later_one_is_known() -> None:
    world = World()
    for fields in ({"a": "int"}, {"a": "int", "b": OPTIONAL}):
        register(world, "a.B", candidate(**fields))
    for permanent in (False, True):
        world.do(lambda known: changes.delete_version(known, "a.B", 1, permanent=permanent))  # noqa: B023
    register(world, "a.B", candidate(a="int", b=OPTIONAL, c=OPTIONAL))
    assert world.known.versions("a.B") == [2, 3]


def test_an_event_can_only_go_on_with_a_schema_that_reads_all_earlier_ones() -> None:
    world = World(CITY)
    assert world.known.level_of(EVENT) == LEAST
    assert register(world, EVENT, Candidate(canonical(TEXTS[1][1]))) == 1, "what it is already may be registered by anybody's tool"
    assert refused(lambda: register(world, EVENT, next_event(x='"type": "string"'))) == 409
    assert register(world, EVENT, next_event(x='"type": "string", "default": ""')) == 3


@pytest.mark.parametrize("level", ["NONE", "FORWARD", "BACKWARD", "FULL", "FORWARD_TRANSITIVE"])
def test_what_the_bus_uses_cannot_be_made_to_ask_for_less(level: str) -> None:
    world = World(CITY)
    for subject in (EVENT, OUTPUT):
        assert refused(lambda: world.do(lambda known: changes.set_level(known, subject, level))) == 42205  # type: ignore[arg-type]  # noqa: B023
    world.do(lambda known: changes.set_level(known, "n.Other", level))  # type: ignore[arg-type]


def test_a_version_in_use_or_before_it_is_not_deleted_one_behind_it_is() -> None:
    ahead = next_event(x='"type": "string", "default": ""')
    world = World(CITY)
    register(world, EVENT, ahead)
    for subject in (EVENT, OUTPUT):
        assert refused(lambda: world.do(lambda known: changes.delete_subject(known, subject))) == 42206  # noqa: B023
        assert refused(lambda: world.do(lambda known: changes.delete_version(known, subject, 1))) == 42206  # noqa: B023
    assert world.do(lambda known: changes.delete_version(known, EVENT, 2)) == 2
    register(world, EVENT, ahead)
    world.plan = replace(world.plan, datasets={DATASET.id: DATASET.model_copy(update={"event_schema": 3})})
    with pytest.raises(RegistryError, match=r"dataset health\.resident"):
        world.do(lambda known: changes.delete_version(known, EVENT, 1))
    assert refused(lambda: world.do(lambda known: changes.delete_version(known, EVENT, 3))) == 42206


def test_what_a_revoked_subscription_was_given_stays_readable() -> None:
    revoked = SUBSCRIPTION.model_copy(update={"state": "revoked"})
    world = World(replace(CITY, subscriptions={revoked.id: revoked}))
    assert refused(lambda: world.do(lambda known: changes.delete_subject(known, OUTPUT))) == 42206


def test_a_level_goes_with_the_last_version_and_may_come_before_the_first() -> None:
    world = World()
    world.do(lambda known: changes.set_level(known, "a.B", "FULL"))
    register(world, "a.B", candidate(a="int"))
    assert world.known.level_of("a.B") == "FULL"
    world.do(lambda known: changes.delete_subject(known, "a.B"))
    assert world.known.level_of("a.B") == "BACKWARD"


@pytest.mark.parametrize("name", ["", " a", "a\n", "a\x00b", ":.x:a", "x" * 256])
def test_a_name_nobody_could_use_is_refused(name: str) -> None:
    assert refused(lambda: register(World(), name, candidate(a="int"))) == 42208


def test_a_referenced_version_stays_until_what_references_it_is_gone() -> None:
    world = World()
    register(world, "n.Place", candidate("Place", town="string"))
    reference = SchemaReference(name="n.Place", subject="n.Place", version=1)
    register(world, "n.Person", candidate("Person", reference, home="n.Place"))
    assert refused(lambda: world.do(lambda known: changes.delete_version(known, "n.Place", 1))) == 42206
    world.do(lambda known: changes.delete_subject(known, "n.Person"))
    world.do(lambda known: changes.delete_version(known, "n.Place", 1))
    assert refused(lambda: world.do(lambda known: changes.delete_version(known, "n.Place", 1, permanent=True))) == 42206, \
        "what is deleted softly can be asked for, and needs it"
    world.do(lambda known: changes.delete_subject(known, "n.Person", permanent=True))
    assert world.do(lambda known: changes.delete_version(known, "n.Place", 1, permanent=True)) == 1


def test_a_reference_to_a_version_that_means_something_else_now_is_another_schema() -> None:
    world, reference = World(), SchemaReference(name="n.Place", subject="n.Place", version=1)
    register(world, "n.Place", candidate("Place", town="string"))
    person = candidate("Person", reference, home="n.Place")
    first = register(world, "n.Person", person)
    for subject in ("n.Person", "n.Place"):
        world.do(lambda known: changes.delete_subject(known, subject))  # noqa: B023
        world.do(lambda known: changes.delete_subject(known, subject, permanent=True))  # noqa: B023
    register(world, "n.Place", candidate("Place", street="string"))
    assert register(world, "n.Person", person) > first


def test_apply_gives_a_subject_a_version_for_what_it_uses_and_no_second_one() -> None:
    assert changes.with_registered(CITY, [(EVENT, 1), (OUTPUT, 2)]) == [], "old plans are not rewritten"
    grown = changes.with_registered(CITY, [(EVENT, 1), (EVENT, 9)])
    assert [[(each.version, each.number) for each in subject.versions] for subject in grown] == [[(1, 1), (2, 9)]]
    again = changes.with_registered(replace(CITY, subjects={EVENT: grown[0]}), [(EVENT, 9), (EVENT, 1)])
    assert again == []
    gone = Subject(id=EVENT, versions=tuple(each.model_copy(update={"deleted": True}) for each in grown[0].versions))
    back = changes.with_registered(replace(CITY, subjects={EVENT: gone}), [(EVENT, 9)])
    assert [(each.version, each.number, each.deleted) for each in back[0].versions] == [(1, 1, True), (2, 9, True), (3, 9, False)]


SCHEMAS = [candidate(a="int"), candidate(a="int", b=OPTIONAL), candidate(a="string"), candidate("Other", a="int")]
STEPS = st.lists(st.tuples(st.sampled_from(["register", "delete", "forget", "delete version", "forget version"]),
                           st.sampled_from(["a.A", "a.B"]), st.integers(0, len(SCHEMAS) - 1)), max_size=30)


@given(STEPS)
def test_whatever_is_registered_and_deleted_an_id_means_one_schema_and_versions_only_grow(steps: list[tuple[str, str, int]]) -> None:
    world, meant, given_out, numbers_refused = World(), dict[int, str](), dict[str, int](), set[int]()
    for what, subject, at in steps:
        def step(known: Registered, what: str = what, subject: str = subject, at: int = at) -> changes.Outcome[object]:
            match what:
                case "register":
                    return changes.register(known, subject, SCHEMAS[at])  # type: ignore[return-value]
                case "delete" | "forget":
                    return changes.delete_subject(known, subject, permanent=what == "forget")  # type: ignore[return-value]
                case _:
                    return changes.delete_version(known, subject, at + 1, permanent=what.startswith("forget"))  # type: ignore[return-value]
        try:
            answer = world.do(step)
        except RegistryError as error:
            numbers_refused.add(error.number)
            continue
        if what == "register":
            assert isinstance(answer, int)
            assert meant.setdefault(answer, SCHEMAS[at].text) == SCHEMAS[at].text
            assert world.known.schema(answer).text == SCHEMAS[at].text
            assert world.known.lookup(subject, SCHEMAS[at]) is not None
        numbers = [each.version for each in world.known.subjects[subject].versions]
        assert numbers == sorted(set(numbers))
        if what == "register" and numbers:
            assert numbers[-1] >= given_out.get(subject, 0)
        given_out[subject] = numbers[-1] if numbers else 0
        assert set(meant) == set(world.plan.schemas), "no schema is ever forgotten"
        assert not any(each for each in world.plan.subjects.values() if all(v.deleted for v in each.versions) and each.level)
    assert numbers_refused <= {409, 40401, 40402, 40404, 40405, 40406, 40407}
