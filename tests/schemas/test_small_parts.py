"""Names, lanes, texts, errors and control objects: what the other rooms take for granted about them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import text as text_module
from schemas.control import (
    ConnectorInstance,
    ControlObject,
    Dataset,
    Department,
    LaneState,
    Node,
    Plan,
    PlanRecord,
    SchemaReference,
    SchemaText,
    Subject,
    SubjectVersion,
    Subscription,
)
from schemas.datasets import standard_dataset, standard_names
from schemas.errors import BusError, HaltError, RejectError, RetryError
from schemas.lanes import CONTROL_KINDS, LANE_KINDS, LARGEST_MESSAGE, lane_kind, room_for
from schemas.names import TALLIES, Names, avro_name, is_name
from schemas.text import Text, language, set_language

SEGMENT = st.from_regex(r"[a-z][a-z0-9-]*", fullmatch=True)
_MIB = 1 << 20


@given(SEGMENT, st.sampled_from(["", "t-1x.", "luan."]))
def test_a_topic_tells_its_lane_and_the_lane_its_department(provider: str, prefix: str) -> None:
    names = Names(prefix)
    for lane in (names.raw(provider), names.clean(provider), names.dead(provider)):
        assert names.lane(names.topic(lane)) == lane
        assert names.topic(lane) == prefix + lane
        assert Names.provider_of(lane) == provider
        assert is_name(lane)


def test_every_name_on_kafka_bears_the_prefix_so_that_buses_never_meet() -> None:
    one, other = (Names(prefix) for prefix in ("a.", "b."))
    for say in (lambda names: names.group("worker"), lambda names: names.user("worker"), lambda names: names.topic(TALLIES),
                lambda names: names.transactional_id("worker", "host-1"), lambda names: names.transactional_id("bus.control")):
        assert say(one).startswith("a.")
        assert say(one).removeprefix("a.") == say(other).removeprefix("b.")
    assert Names().transactional_id("bus.control") == "bus.control"
    assert Names().transactional_id("worker", "host-1") == "worker.host-1"


@pytest.mark.parametrize(("text", "good"), [("health", True), ("old-village.v2", True), ("", False), ("Health", False), ("1a", False),
                                            ("a..b", False), ("a.", False), ("a_b", False), ("卫健委", False), ("a\n", False)])
def test_a_name_is_made_of_lower_case_segments(text: str, good: bool) -> None:
    assert is_name(text) is good


def test_a_dash_becomes_an_underscore_in_avro() -> None:
    assert avro_name("med-ins") == "med_ins"


@pytest.mark.parametrize(("lane", "kind", "largest"), [
    ("raw.health", "raw", _MIB), ("clean.health", "clean", 5 * _MIB // 2), ("clean-log.health", "clean-log", 5 * _MIB // 2),
    ("deliver.tax", "deliver", 5 * _MIB // 4), ("dead.health", "dead", 2 * _MIB), ("bus.tallies", "bus.tallies", _MIB),
    ("bus.plan", "bus.plan", _MIB), ("raw.health.resident", "raw", _MIB)])
def test_a_lane_has_the_limits_of_its_kind(lane: str, kind: str, largest: int) -> None:
    row = lane_kind(lane)
    assert (row.kind, row.max_message) == (kind, largest)
    assert room_for(lane) == largest - 1024
    assert row.topic_config()["max.message.bytes"] == str(largest)


def test_a_lane_of_no_kind_stops_whoever_asks() -> None:
    for lane in ("rawhealth", "bus", "bus.unheard-of", ""):
        with pytest.raises(HaltError):
            lane_kind(lane)


def test_the_client_takes_what_the_largest_lane_takes() -> None:
    assert max(row.max_message for row in LANE_KINDS.values()) == LARGEST_MESSAGE


def test_only_the_bureau_writes_the_control_topics_and_publishers_write_raw_alone() -> None:
    for kind, row in LANE_KINDS.items():
        assert ("provider.*" in row.writers) == (kind == "raw"), kind
        assert not any(role.startswith("subscriber") for role in row.writers), kind
    assert {kind for kind, row in LANE_KINDS.items() if "subscriber.*" in row.readers} == {"deliver"}
    assert CONTROL_KINDS[-1] == "bus.plan"
    assert all(LANE_KINDS[kind].writers == ("control",) for kind in CONTROL_KINDS)


def test_only_raw_takes_the_broker_s_time_and_what_is_compacted_keeps_no_clock() -> None:
    for kind, row in LANE_KINDS.items():
        config = row.topic_config()
        assert (config["message.timestamp.type"] == "LogAppendTime") == (kind == "raw")
        assert ("retention.ms" in config) == ("delete" in config["cleanup.policy"])
        assert int(config["segment.bytes"]) >= 64 * _MIB


def test_a_text_speaks_the_chosen_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "_chosen", "zh")
    text = Text("数通", "shutong")
    assert (language(), str(text), f"{text}") == ("zh", "数通", "数通")
    set_language("en")
    assert (language(), str(text)) == ("en", "shutong")
    with pytest.raises(ValueError, match="fr"):
        set_language("fr")


@pytest.mark.parametrize(("environment", "chosen"), [({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "en_US.UTF-8"}, "en"), ({}, "zh"),
                                                     ({"LANG": "zh_CN", "SHUTONG_LANG": "en"}, "en"), ({"LANG": "C.UTF-8"}, "zh")])
def test_the_language_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], chosen: str) -> None:
    for name in ("SHUTONG_LANG", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert text_module._from_environment() == chosen


def test_an_error_says_what_is_wrong_and_what_to_do_in_the_chosen_language(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, advice = Text("错", "wrong"), Text("改", "mend it")
    errors: list[BusError] = [RejectError("code", problem, advice=advice), RetryError(problem, advice=advice, after=2),
                              HaltError(problem, advice=advice)]
    for error in errors:
        monkeypatch.setattr(text_module, "_chosen", "en")
        assert str(error) == "wrong → mend it"
        monkeypatch.setattr(text_module, "_chosen", "zh")
        assert str(error) == "错 → 改"
    assert (errors[0].code, errors[1].after) == ("code", 2)  # type: ignore[attr-defined]
    kinds = [type(error) for error in errors]
    assert not any(issubclass(one, other) for one in kinds for other in kinds if one is not other)


OBJECTS: list[ControlObject] = [
    Department(id="health", title="卫健委", roles=("provider",), streams={"health.population": 1}),
    Node(id="luan", code="341500", title="六安", kind="self"),
    SchemaText(id="1", number=1, subject="health.ResidentEvent", text="{}",
               references=(SchemaReference(name="n.Place", subject="n.Place", version=2),)),
    Subject(id="health.ResidentEvent", versions=(SubjectVersion(version=1, number=1), SubjectVersion(version=2, number=4, deleted=True)),
            level="FULL"),
    standard_dataset("resident").declare("health.resident", 1),
    Subscription(id="tax.health.resident", subscriber="tax", dataset="health.resident", fields=("name",), purpose="p", output_schema=2),
    PlanRecord(version=3, ends={"bus.datasets": 4}, lanes={"raw.health": LaneState(partitions=2, new=False)}),
    ConnectorInstance(id="health.pg", kind="sql_table", direction="source", department="health", config={"table": "t"})]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: type(item).__name__)
def test_a_control_object_comes_back_from_its_topic_as_it_was(item: ControlObject) -> None:
    assert type(item).model_validate_json(item.to_json()) == item
    with pytest.raises(ValidationError):
        type(item).model_validate({**item.model_dump(), "surprise": 1})
    with pytest.raises(ValidationError):
        item.created = 9


@pytest.mark.parametrize("changes", [{"id": "Health"}, {"id": "a.b"}, {"id": "a_b"}, {"roles": ("boss",)}])
def test_a_department_is_named_as_lanes_are(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Department(**{"id": "health", "title": "卫健委", "roles": ("provider",)} | changes)


def test_a_plan_knows_which_node_it_is() -> None:
    nodes = {name: Node(id=name, code="341500", title="t", kind=kind) for name, kind in (("anhui", "upper"), ("luan", "self"))}  # type: ignore[arg-type]
    home = Plan(nodes=nodes).home
    assert home is not None
    assert home.id == "luan"
    assert Plan().home is None


@pytest.mark.parametrize("name", standard_names())
def test_a_standard_dataset_is_declared_by_any_department_and_may_be_changed(name: str) -> None:
    standard = standard_dataset(name)
    dataset = standard.declare(f"civil.{name}", 5, title="别名", cycle="day")
    assert isinstance(dataset, Dataset)
    assert (dataset.provider, dataset.event_schema, dataset.title, dataset.cycle) == ("civil", 5, "别名", "day")
    assert (dataset.key, dataset.rules) == (standard.key, standard.rules)
    assert (Path(__file__).parents[2] / "schemas/datasets" / name / "row.avsc").read_text(encoding="utf-8") == dataset.row_schema


def test_a_standard_that_there_is_not_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(RejectError, match="real-estate, resident, ") as caught:
        standard_dataset("horse")
    assert caught.value.code == "unknown_standard"


def test_a_machine_that_stalls_fails_no_drawn_test() -> None:
    assert settings().deadline is None
