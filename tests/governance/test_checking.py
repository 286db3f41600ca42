"""A city directory with much wrong in it: all of it is said at once, with or without a bus."""

from pathlib import Path

import pytest

from governance.apply import Standing
from governance.checking import check_city
from schemas.control import Plan
from tests.governance.test_compile import after, compiled, edit
from tests.governance.visits import FIELDS, VISIT, changed, field, write


def told(folder: Path, now: Standing | None = None) -> dict[str, str]:
    """Every problem by its file."""
    found: dict[str, str] = {}
    for problem in check_city(folder, now):
        found[problem.where] = f"{found.get(problem.where, '')}\n{problem.text.zh}".strip()
    return found


@pytest.fixture
def now(folder: Path) -> Standing:
    """What is in force after the directory was applied, with data on the lanes."""
    return Standing(after(Plan(), compiled(folder, Plan())), {}, frozenset({"raw.health", "clean.health"}))


def test_a_right_directory_has_no_problem(folder: Path, now: Standing) -> None:
    assert told(folder) == {}
    assert told(folder, now) == {}


def test_files_shapes_rules_and_references_are_told_together_without_a_bus(folder: Path) -> None:
    (folder / "departments" / "tax.toml").write_text("title = ", encoding="utf-8")
    edit(folder, "datasets/health.resident.toml", "standard", "standart")
    write(folder, [*FIELDS, field("bad", {"type": "fixed", "name": "F", "size": 2}, default="x")])
    edit(folder, "datasets/health.visit.toml", "key", 'rules = { note = ["no_rule"], gone = ["required"] }\nkey')
    (folder / "subscriptions" / "police.health.nothing.toml").write_text('fields = ["a"]\npurpose = "p"\n', encoding="utf-8")
    found = told(folder)
    assert "不是合法的 TOML" in found["departments/tax.toml"]
    assert "standart" in found["datasets/health.resident.toml"]
    for said in ("字段 bad 的默认值不是2 字节的 F", "没有规则 no_rule", "不存在的字段 gone"):
        assert said in found["datasets/health.visit.toml"]
    assert found["subscriptions/police.health.nothing.toml"] == "部门 police 未登记为 subscriber\n没有数据资源 health.nothing"
    assert found.keys() == {"departments/tax.toml", "datasets/health.resident.toml", "datasets/health.visit.toml",
                            "subscriptions/police.health.nothing.toml"}, "what leans on a file that cannot be read is no problem more"


def test_against_what_is_in_force_changes_and_broken_subscriptions_are_told_too(folder: Path, now: Standing) -> None:
    write(folder, [*changed("count", type="string"), field("level", "int")])
    edit(folder, "departments/health.toml", "partitions = 2", "partitions = 3")
    (folder / "datasets" / "health.resident.toml").write_text("standard = ", encoding="utf-8")
    (folder / "city.toml").write_text("[node]\nid = 1", encoding="utf-8")
    assert not {"departments/health.toml", f"subscriptions/tax.{VISIT}.toml"} & told(folder).keys()
    found = told(folder, now)
    assert "登记为 2 个分区" in found["departments/health.toml"]
    assert "字段 count：32 位整数（int） 不能读作 文本（string）" in found[f"datasets/{VISIT}.toml"]
    assert "字段 level：数据中没有这个" in found[f"datasets/{VISIT}.toml"]
    assert "中断这个在用订阅" in found[f"subscriptions/tax.{VISIT}.toml"]
    assert "删去了" not in "".join(found.values()), "a file that cannot be read was not taken out"


def test_a_dataset_taken_out_is_told_where_its_file_was(folder: Path, now: Standing) -> None:
    for path in (folder / "datasets" / f"{VISIT}.toml", *(folder / "subscriptions").glob(f"*{VISIT}.toml")):
        path.unlink()
    assert "删去了" in told(folder, now)[f"datasets/{VISIT}.toml"]
