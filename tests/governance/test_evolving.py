"""A dataset's next version: what may follow, what is refused and why, and which live subscriptions it would break."""

import json
from pathlib import Path
from typing import Any

import pytest

from governance.diff import diff
from governance.problems import RefusedError
from schemas.control import Plan
from tests.governance.test_compile import after, compiled, edit, refusals
from tests.governance.visits import FIELDS, KIND, VISIT, changed, field, without, write


@pytest.fixture
def first(folder: Path) -> Plan:
    return after(Plan(), compiled(folder, Plan()))


def test_a_compatible_change_is_the_next_version_and_keeps_the_one_before(folder: Path, first: Plan) -> None:
    write(folder, [*changed("count", type="long"), field("email", ["null", "string"], default=None)])
    second = after(first, compiled(folder, first, frozenset({"raw.health", "clean.health"})))
    was, now = first.datasets[VISIT], second.datasets[VISIT]
    assert (now.version, [(each.version, each.event_schema) for each in now.versions]) == (2, [(1, was.event_schema)])
    assert now.event_schema == max(second.schemas) - 1
    assert not compiled(folder, second)


def test_an_output_whose_text_stays_keeps_its_id_and_another_gets_a_new_one(folder: Path, first: Plan) -> None:
    write(folder, changed("count", type="long"))
    second = after(first, compiled(folder, first))
    ids = [{name: plan.subscriptions[f"{name}.{VISIT}"].output_schema for name in ("tax", "province")} for plan in (first, second)]
    assert ids[0]["province"] == ids[1]["province"]
    assert ids[0]["tax"] != ids[1]["tax"]
    assert second.schemas[ids[0]["tax"]].subject == second.schemas[ids[1]["tax"]].subject


def test_a_new_layout_of_the_same_schema_is_no_new_version(folder: Path, first: Plan) -> None:
    path = folder / "datasets" / "visit.avsc"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    second = after(first, compiled(folder, first))
    assert (second.datasets[VISIT].version, second.datasets[VISIT].versions) == (1, ())


def test_a_shape_that_comes_back_is_the_present_one_under_its_old_id(folder: Path, first: Plan) -> None:
    write(folder, changed("note", doc="说明"))
    second = after(first, compiled(folder, first))
    write(folder, FIELDS)
    third = after(second, compiled(folder, second))
    now = third.datasets[VISIT]
    assert (now.version, now.event_schema) == (3, first.datasets[VISIT].event_schema)
    assert [each.event_schema for each in now.versions] == [second.datasets[VISIT].event_schema]


def test_the_difference_is_told_by_field(folder: Path, first: Plan) -> None:
    write(folder, [*changed("phone", name="mobile", aliases=["phone"]), field("email", "string", default="")])
    [line] = [line for line in diff(first, {}, compiled(folder, first)) if line.kind == "datasets"]
    assert "version: 1 → 2" in line.keys
    assert "row_schema: phone → mobile, +email" in line.keys


def test_a_renamed_field_is_delivered_under_the_name_it_was_granted_by(folder: Path, first: Plan) -> None:
    fields = [{**one, "name": {"phone": "mobile", "number": "no", "area": "place"}.get(one["name"], one["name"]), "aliases": [one["name"]]}
              if one["name"] in ("phone", "number", "area") else one for one in FIELDS]
    write(folder, fields)
    edit(folder, "datasets/health.visit.toml", '"number"', '"no"')
    second = after(first, compiled(folder, first))
    assert second.datasets[VISIT].key == ("no",)
    assert second.subscriptions == first.subscriptions


@pytest.mark.parametrize(("fields", "said"), [
    (changed("count", type="string"), "字段 count：32 位整数（int） 不能读作 文本（string）"),
    ([*FIELDS, field("level", "int")], "字段 level：数据中没有这个32 位整数（int）字段，它也没有默认值"),
    (changed("kind", type={**KIND, "symbols": ["in"]}), "字段 kind：枚举中没有 out，也没有 default 符号代替"),
    (changed("seen", type={"type": "long", "logicalType": "timestamp-micros"}), "字段 seen：由毫秒时刻（timestamp-millis）改为微秒时刻"),
    (changed("number", name="no"), "字段 no：数据中没有这个文本（string）字段"),
    (changed("number", type="bytes"), "主键字段 number 的类型改变了")])
def test_what_cannot_read_the_earlier_version_is_refused_in_words(folder: Path, first: Plan, fields: Any, said: str) -> None:
    write(folder, fields)
    assert said in "\n".join(_refused(folder, first, f"datasets/{VISIT}"))


def test_a_key_is_made_of_the_same_fields_for_ever(folder: Path, first: Plan) -> None:
    edit(folder, "datasets/health.visit.toml", '"number"', '"area"')
    assert _refused(folder, first, f"datasets/{VISIT}") == ["主键由 number 改为 area；主键不能变，改名须写 aliases"]


def _refused(folder: Path, plan: Plan, name: str) -> list[str]:
    """Every refusal of one name."""
    with pytest.raises(RefusedError) as caught:
        compiled(folder, plan)
    return [str(refusal.text) for refusal in caught.value.refusals if refusal.name == name]


def test_every_earlier_version_must_be_read_not_the_last_alone(folder: Path, first: Plan) -> None:
    write(folder, without("seen"))
    second = after(first, compiled(folder, first))
    write(folder, [*without("seen"), field("seen", "string", default="")])
    assert _refused(folder, second, f"datasets/{VISIT}") == [
        "读不了版本 1 的数据。字段 seen：毫秒时刻（timestamp-millis） 不能读作 文本（string）"]


@pytest.mark.parametrize(("fields", "broken"), [
    (without("note"), {"tax": "数据资源没有字段: note", "province": "数据资源没有字段: note"}),
    (without("area"), {"tax": "范围条件的字段 area 不存在"}),
    (changed("area", type="bytes"), {"tax": "范围条件 area: 只有文本可按前缀"}),
    (changed("phone", type=["null", "bytes"]), {"tax": "字段 phone 的类型 bytes 不能用 keep_last 脱敏"}),
    (changed("note", type="bytes"), {"province": "同一个值的 hmac 会变"}),
    (changed("count", type="string"), {"tax": "字段 count：32 位整数（int） 不能读作 文本（string）"})])
def test_the_subscriptions_that_would_break_are_named(folder: Path, first: Plan, fields: Any, broken: dict[str, str]) -> None:
    write(folder, fields)
    told = refusals(folder, first)
    named = {name.split("/")[1].split(".")[0]: text for name, text in told.items() if name.startswith("subscriptions/")}
    assert named.keys() == broken.keys()
    for name, said in broken.items():
        assert said in named[name]
        assert f"{VISIT} 的新模式会中断这个在用订阅" in named[name]


def test_a_subscription_that_has_ended_breaks_no_more(folder: Path, first: Plan) -> None:
    (folder / "subscriptions" / "tax.health.visit.toml").unlink()
    second = after(first, compiled(folder, first))
    write(folder, without("area"))
    assert after(second, compiled(folder, second)).datasets[VISIT].version == 2


def test_a_schema_that_is_none_is_said_once_and_of_the_dataset(folder: Path, first: Plan) -> None:
    write(folder, [*FIELDS, field("bad", "no-such-type")])
    assert refusals(folder, first).keys() == {f"datasets/{VISIT}"}
