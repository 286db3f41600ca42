"""From what is in force and what is declared to a change: numbers, versions, refusals."""

from dataclasses import replace
from pathlib import Path

import pytest

from governance.city import read_city
from governance.compile import Change, compile_change
from governance.diff import diff
from governance.problems import RefusedError
from schemas.control import (
    ConnectorInstance,
    Department,
    LaneState,
    Plan,
    SchemaReference,
    SchemaText,
    Subscription,
)
from schemas.lanes import MOST_STREAMS
from wire.rights import BUREAU

NO_DATA: frozenset[str] = frozenset()


def compiled(folder: Path, current: Plan, used: frozenset[str] = NO_DATA) -> Change:
    return compile_change(current, {}, read_city(folder), lanes_with_data=used)


def after(current: Plan, change: Change) -> Plan:
    """The plan as a worker would know it once the change is written."""
    tables: dict[str, dict[object, object]] = {
        "bus.departments": dict(current.departments), "bus.nodes": dict(current.nodes),
        "bus.datasets": dict(current.datasets), "bus.subscriptions": dict(current.subscriptions)}
    schemas = dict(current.schemas)
    for topic, items in change.objects.items():
        for item in items:
            if topic == "bus.schemas":
                schemas[item.number] = item  # type: ignore[attr-defined]
            elif topic in tables:
                tables[topic][item.id] = item
    subjects = {**current.subjects, **{item.id: item for item in change.objects["bus.subjects"]}}
    return Plan(change.version, tables["bus.departments"], tables["bus.nodes"], schemas,  # type: ignore[arg-type]
                tables["bus.datasets"], tables["bus.subscriptions"], change.lanes, subjects)  # type: ignore[arg-type]


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refusals(folder: Path, current: Plan, used: frozenset[str] = NO_DATA) -> dict[str, str]:
    with pytest.raises(RefusedError) as caught:
        compiled(folder, current, used)
    return {refusal.name: str(refusal.text) for refusal in caught.value.refusals}


@pytest.fixture
def first(city_folder: Path) -> Plan:
    return after(Plan(), compiled(city_folder, Plan()))


def test_a_first_apply_numbers_schemas_and_streams_and_makes_every_lane(first: Plan) -> None:
    assert first.version == 1
    assert sorted(first.schemas) == [1, 2, 3]
    assert first.departments["health"].streams == {"health.population": 1, "health.clinic": 2, "replay": 3}
    assert first.lanes["raw.health"].partitions == first.lanes["clean.health"].partitions == 2
    assert {"dead.health", "deliver.tax", "deliver.province", "bus.tallies"} <= set(first.lanes)
    assert first.datasets["health.resident"].created == 1


def test_what_a_city_declares_are_subjects_of_the_registry(first: Plan) -> None:
    found = {name: [(each.version, each.number) for each in subject.versions] for name, subject in first.subjects.items()}
    events = {"health.ResidentEvent": 1, "province.health.ResidentEvent": 2, "tax.health.ResidentEvent": 3}
    assert found == {name: [(1, number)] for name, number in events.items()}
    assert all(subject.created == subject.changed == 1 for subject in first.subjects.values())


def test_a_schema_that_was_registered_from_outside_before_keeps_its_id_and_stands_for_the_dataset_now(
        city_folder: Path, first: Plan) -> None:
    before = SchemaText(id="9", number=9, subject="health.Draft", text=first.schemas[1].text)
    change = compiled(city_folder, Plan(version=4, schemas={9: before}))
    plan = after(Plan(version=4, schemas={9: before}), change)
    assert plan.datasets["health.resident"].event_schema == 9
    assert (plan.schemas[9].subject, plan.schemas[9].text) == ("health.ResidentEvent", before.text)
    assert [each.number for each in plan.subjects["health.ResidentEvent"].versions] == [9]
    assert not compiled(city_folder, plan)


def test_a_text_that_needs_references_is_not_taken_for_the_same_text_without(city_folder: Path, first: Plan) -> None:
    other = SchemaText(id="9", number=9, subject="health.Draft", text=first.schemas[1].text,
                       references=(SchemaReference(name="a.B", subject="a.B", version=1),))
    assert after(Plan(), compiled(city_folder, Plan(schemas={9: other}))).datasets["health.resident"].event_schema == 10


def test_a_plan_from_before_the_registry_is_not_rewritten_for_it(city_folder: Path, first: Plan) -> None:
    assert not compiled(city_folder, replace(first, subjects={}))


def test_only_lanes_that_workers_read_begin_as_new(first: Plan) -> None:
    assert {lane for lane, state in first.lanes.items() if state.new} == {"raw.health", "clean.health"}


def test_applying_the_same_directory_again_changes_nothing(city_folder: Path, first: Plan) -> None:
    assert not compiled(city_folder, first)
    assert diff(first, {}, compiled(city_folder, first)) == []


def test_a_stream_keeps_its_number_and_a_new_one_gets_a_number_never_used(city_folder: Path, first: Plan) -> None:
    edit(city_folder, "departments/health.toml", '"health.population", "health.clinic"', '"health.new", "health.clinic"')
    second = after(first, compiled(city_folder, first))
    assert second.departments["health"].streams == {"health.population": 1, "health.clinic": 2, "replay": 3, "health.new": 4}


def test_every_provider_has_the_stream_of_the_replayer_and_names_none_so_itself(city_folder: Path, first: Plan) -> None:
    old = first.departments["health"].model_copy(update={"streams": {"health.population": 1, "health.clinic": 2}})
    before = replace(first, departments={**first.departments, "health": old})
    assert after(before, compiled(city_folder, before)).departments["health"].streams["replay"] == 3
    assert not any("replay" in each.streams for each in first.departments.values() if "provider" not in each.roles)
    edit(city_folder, "departments/health.toml", '"health.clinic"', '"replay"')
    assert "replay" in refusals(city_folder, first)["departments/health"]


def test_more_streams_than_a_partition_can_remember_are_refused(city_folder: Path, first: Plan) -> None:
    """Streams taken out count too: their marks stay."""
    for count in (MOST_STREAMS - 2, MOST_STREAMS - 1):
        names = ", ".join(f'"s-{number}"' for number in range(count))
        path = city_folder / "departments/health.toml"
        path.write_text(f'title = "卫健委"\nroles = ["provider"]\nstreams = [{names}]\npartitions = 2\n', encoding="utf-8")
        if count == MOST_STREAMS - 2:
            assert len(after(first, compiled(city_folder, first)).departments["health"].streams) == MOST_STREAMS + len(["replay"])
    assert str(MOST_STREAMS + 1) in refusals(city_folder, first)["departments/health"]


def test_the_same_schema_text_keeps_its_id_and_another_gets_the_next(city_folder: Path, first: Plan) -> None:
    (city_folder / "datasets/health.migrant.toml").write_text('standard = "resident"\n')
    second = after(first, compiled(city_folder, first))
    assert second.datasets["health.resident"].event_schema == first.datasets["health.resident"].event_schema
    assert second.datasets["health.migrant"].event_schema == 4


@pytest.mark.parametrize(("one", "other"), [("health.a-2", "health.a2"), ("health.a-b", "health.a--b")])
def test_a_dataset_whose_schema_would_bear_the_name_of_another_s_is_refused(city_folder: Path, one: str, other: str) -> None:
    """Both would get one schema id, and all events of one of them would be taken for the other's."""
    (city_folder / f"datasets/{one}.toml").write_text('standard = "resident"\n')
    first = after(Plan(), compiled(city_folder, Plan()))
    (city_folder / f"datasets/{other}.toml").write_text('standard = "village"\n')
    for current, later in ((first, other), (Plan(), max(one, other))):
        told = refusals(city_folder, current)
        assert set(told) == {f"datasets/{later}"}
        assert (one if later == other else other) in told[f"datasets/{later}"]


def test_a_new_dataset_with_its_subscriptions_joins_live(city_folder: Path, first: Plan) -> None:
    (city_folder / "datasets/health.migrant.toml").write_text('standard = "resident"\n')
    (city_folder / "subscriptions/tax.health.migrant.toml").write_text('fields = ["name"]\npurpose = "p"\n')
    change = compiled(city_folder, first, used=frozenset({"raw.health", "clean.health"}))
    assert [item.id for item in change.objects["bus.subscriptions"]] == ["tax.health.migrant"]


def test_a_subscription_taken_out_is_revoked_and_stays_on_record(city_folder: Path, first: Plan) -> None:
    (city_folder / "subscriptions/tax.health.resident.toml").unlink()
    change = compiled(city_folder, first)
    (item,) = change.objects["bus.subscriptions"]
    assert isinstance(item, Subscription)
    assert (item.state, item.created, item.changed) == ("revoked", 1, 2)
    assert [(line.sign, line.id) for line in diff(first, {}, change)] == [("-", "tax.health.resident")]


def test_a_new_subscription_where_data_already_lies_is_refused_by_name(city_folder: Path, first: Plan) -> None:
    (city_folder / "departments/police.toml").write_text('title = "公安局"\nroles = ["subscriber"]\n')
    (city_folder / "subscriptions/police.health.resident.toml").write_text('fields = ["name"]\npurpose = "p"\n')
    assert compiled(city_folder, first)
    told = refusals(city_folder, first, used=frozenset({"clean.health"}))
    assert "clean.health" in told["subscriptions/police.health.resident"]


def test_a_revoked_subscription_cannot_slip_back_in_over_data(city_folder: Path, first: Plan) -> None:
    path = city_folder / "subscriptions/tax.health.resident.toml"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    second = after(first, compiled(city_folder, first))
    path.write_text(text, encoding="utf-8")
    assert "subscriptions/tax.health.resident" in refusals(city_folder, second, used=frozenset({"raw.health"}))


@pytest.mark.parametrize(("old", "new"), [
    ('"341502"', '"341503"'), ('"name", "division"]', '"division"]'), ('purpose', 'masks = { name = { kind = "null" } }\npurpose'),
    ('purpose', 'node = "anhui"\npurpose')])
def test_a_changed_scope_field_list_mask_or_node_is_refused(city_folder: Path, first: Plan, old: str, new: str) -> None:
    edit(city_folder, "subscriptions/tax.health.resident.toml", old, new)
    assert set(refusals(city_folder, first)) == {"subscriptions/tax.health.resident"}


def test_everything_refused_is_told_at_once(city_folder: Path, first: Plan) -> None:
    edit(city_folder, "departments/health.toml", "partitions = 2", "partitions = 3")
    edit(city_folder, "datasets/health.resident.toml", 'standard = "resident"', 'standard = "village"')
    (city_folder / "departments/tax.toml").unlink()
    (city_folder / "subscriptions/tax.health.resident.toml").unlink()
    (city_folder / "subscriptions/province.health.resident.toml").unlink()
    told = refusals(city_folder, first)
    assert {"departments/health", "datasets/health.resident", "departments/tax"} <= set(told)


def test_a_dataset_whose_rules_or_key_make_no_sense_is_refused_by_name(city_folder: Path, first: Plan) -> None:
    (city_folder / "datasets/health.migrant.toml").write_text(
        'standard = "resident"\nkey = ["updated_at"]\n[rules]\nname = ["lenght(min=2)"]\n')
    with pytest.raises(RefusedError) as caught:
        compiled(city_folder, first)
    told = [refusal.text.en for refusal in caught.value.refusals if refusal.name == "datasets/health.migrant"]
    assert len(told) == 2
    assert "updated_at" in told[0]
    assert "lenght" in told[1]


def test_a_purpose_or_title_may_change_while_the_bus_runs(city_folder: Path, first: Plan) -> None:
    edit(city_folder, "subscriptions/tax.health.resident.toml", "核验", "专项附加扣除核验")
    change = compiled(city_folder, first, used=frozenset({"raw.health"}))
    (line,) = diff(first, {}, change)
    assert (line.sign, line.id) == ("~", "tax.health.resident")
    assert "核验 → 专项附加扣除核验" in line.keys[0]


def test_lanes_keep_their_state_over_later_changes(city_folder: Path, first: Plan) -> None:
    settled = replace(first, lanes={lane: state.model_copy(update={"new": False}) for lane, state in first.lanes.items()})
    edit(city_folder, "subscriptions/tax.health.resident.toml", "核验", "另用")
    assert not any(state.new for state in compiled(city_folder, settled).lanes.values())


def test_a_user_is_needed_for_who_has_something_to_do_and_every_other_role_is_idle(city_folder: Path, first: Plan) -> None:
    change = compiled(city_folder, first)
    assert set(change.roles) == {*BUREAU, "provider.health", "subscriber.tax", "subscriber.province"}
    assert set(change.idle) == {"subscriber.health", "provider.tax", "provider.province"}
    (city_folder / "subscriptions/tax.health.resident.toml").unlink()
    for current in (first, after(first, compiled(city_folder, first))):
        change = compiled(city_folder, current)
        assert "subscriber.tax" not in change.roles
        assert "subscriber.tax" in change.idle


def test_a_date_in_a_connector_s_config_is_the_same_the_next_time(city_folder: Path, first: Plan) -> None:
    path = city_folder / "connectors/health.population.toml"
    path.parent.mkdir()
    path.write_text('kind = "sql_table"\ndirection = "source"\ndepartment = "health"\n[config]\nsince = 2020-01-01\nat = [07:30:00]\n')
    city = read_city(city_folder)
    (item,) = compile_change(first, {}, city, lanes_with_data=NO_DATA).objects["bus.connectors"]
    stored = ConnectorInstance.model_validate_json(item.to_json())
    assert stored.config == {"since": "2020-01-01", "at": ["07:30:00"]}
    again = compile_change(first, {stored.id: stored}, city, lanes_with_data=NO_DATA)
    assert diff(first, {stored.id: stored}, again) == []


LOG = 'standard = "village"\nkind = "log"\n'


def test_a_log_gets_a_clean_lane_of_its_own_that_workers_begin_at_0(city_folder: Path, first: Plan) -> None:
    assert "clean-log.health" not in first.lanes
    (city_folder / "datasets/health.visit.toml").write_text(LOG)
    change = compiled(city_folder, first)
    assert change.lanes["clean-log.health"] == LaneState(partitions=2, new=True)
    assert [item.kind for item in change.objects["bus.datasets"]] == ["log"]  # type: ignore[attr-defined]


def test_a_registered_dataset_keeps_its_kind(city_folder: Path, first: Plan) -> None:
    edit(city_folder, "datasets/health.resident.toml", 'standard = "resident"', 'standard = "resident"\nkind = "log"')
    told = refusals(city_folder, first)
    assert "log" in told["datasets/health.resident"]


def test_a_new_subscription_to_a_log_is_refused_where_the_log_s_own_lane_holds_data(city_folder: Path) -> None:
    (city_folder / "datasets/health.visit.toml").write_text(LOG)
    first = after(Plan(), compiled(city_folder, Plan()))
    (city_folder / "subscriptions/tax.health.visit.toml").write_text('fields = ["name"]\npurpose = "p"\n')
    assert compiled(city_folder, first, used=frozenset({"clean.health"}))
    told = refusals(city_folder, first, used=frozenset({"clean-log.health"}))
    assert "clean-log.health" in told["subscriptions/tax.health.visit"]


def test_a_stop_line_is_the_department_s_and_held_lanes_stay_held_over_an_apply(city_folder: Path, first: Plan) -> None:
    edit(city_folder, "departments/health.toml", "partitions = 2", "partitions = 2\nstop_line = { letters = 50 }")
    held = replace(first, lanes={**first.lanes, "raw.health": first.lanes["raw.health"].model_copy(update={"held": 3})})
    change = compiled(city_folder, held)
    assert change.lanes["raw.health"].held == 3
    (item,) = change.objects["bus.departments"]
    assert isinstance(item, Department)
    assert item.stop_line is not None
    assert (item.stop_line.letters, item.stop_line.window_seconds) == (50, 60)


OWN = ('{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"}, {"name": "sex", "type": "string", '
       '"element": "sex"}, {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}}]}')


def own_dataset(folder: Path, more: str, schema: str = OWN) -> None:
    (folder / "datasets/thing.avsc").write_text(schema, encoding="utf-8")
    (folder / "datasets/health.thing.toml").write_text(
        f'schema = "thing.avsc"\ntitle = "物"\nkey = ["id"]\n{more}', encoding="utf-8")


def test_a_dataset_s_own_cases_are_run_before_it_is_registered(city_folder: Path) -> None:
    good = 'example = { id = "1", sex = "2", fee = "1.50" }\n[[cases]]\nsays = "words"\ngiven = { sex = "女" }\nbecomes = { sex = "2" }\n'
    own_dataset(city_folder, good + 'findings = ["sex fix code_form"]\n')
    change = compiled(city_folder, Plan())
    (dataset,) = (item for item in change.objects["bus.datasets"] if item.id == "health.thing")
    assert dataset.rules == {"sex": ("code(list=GB/T 2261.1)",)}  # type: ignore[attr-defined]
    own_dataset(city_folder, good)
    assert "用例“words”：发现的问题是 sex fix code_form，文件写的是 -" in refusals(city_folder, Plan())["datasets/health.thing"]
    own_dataset(city_folder, 'example = { id = "1", sex = "7", fee = "1.50" }\n')
    assert "用例“example”：发现的问题是 sex reject code_unknown" in refusals(city_folder, Plan())["datasets/health.thing"]


def test_a_dataset_that_does_not_agree_with_its_elements_is_refused(city_folder: Path) -> None:
    own_dataset(city_folder, "", OWN.replace('"element": "sex"', '"element": "horse"'))
    assert "数据元 horse 不存在" in refusals(city_folder, Plan())["datasets/health.thing"]


def test_a_mask_that_makes_no_sense_for_the_element_is_refused(city_folder: Path) -> None:
    path = city_folder / "subscriptions/tax.health.resident.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"name", ', '"name", "sex", ') + 'masks = { sex = { kind = "hmac" } }\n',
                    encoding="utf-8")
    assert "不宜用 hmac 脱敏" in refusals(city_folder, Plan())["subscriptions/tax.health.resident"]
