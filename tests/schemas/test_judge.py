"""The judge over rows in slices: all findings at once, keys never changed, dates by arrival, nothing kept that misleads."""

import datetime as dt
from typing import Any

import pytest

from schemas.codec import EventScanner
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.datasets import standard_dataset
from schemas.errors import HaltError
from schemas.letter import Finding
from schemas.rules import Judge, canonical, compile_rules
from schemas.rules import judge as judge_module
from schemas.rules.book import RULES
from schemas.rules.rule import Check, rule
from schemas.rules.verdict import KEEP, suspect
from schemas.text import Text

NOW = 1_767_323_045_000
RESIDENT = standard_dataset("resident").declare("health.resident", 1)
GOOD: dict[str, Any] = {**standard_dataset("resident").examples[0], "phone": "13800000000"}


def compiled(dataset: Dataset = RESIDENT) -> tuple[EventScanner, Judge]:
    scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), dataset.event_schema)
    return scanner, compile_rules(dataset, scanner)


SCANNER, JUDGE = compiled()


def slices(**changes: Any) -> tuple[bytes, ...]:
    return SCANNER.encode_row({**GOOD, **changes})


def test_a_right_row_passes_as_the_very_row_it_was() -> None:
    row = slices()
    told = JUDGE.judge(row, NOW)
    assert told == (row, False, False, ())
    assert told.row is row


def test_fixes_are_made_and_told_with_before_and_after() -> None:
    told = JUDGE.judge(slices(name="示例　", birth_date="1949年12月31日", phone="+86 138-0000-0000"), NOW)
    assert SCANNER.decode_row(told.row) == GOOD
    assert (told.fixed, told.rejected) == (True, False)
    assert told.findings == (Finding("name", "blanks", "fix", "示例　", "示例"),
                             Finding("birth_date", "date_form", "fix", "1949年12月31日", "1949-12-31"),
                             Finding("phone", "phone", "fix", "+86 138-0000-0000", "13800000000"))


def test_every_wrong_field_is_told_at_once_and_a_rejected_row_stays_as_it_came() -> None:
    row = slices(name=" 示", sex="7", birth_date="1949-02-30", phone="1", division="", address="路")
    told = JUDGE.judge(row, NOW)
    assert [(one.field, one.reason, one.severity) for one in told.findings] == [
        ("name", "blanks", "fix"), ("name", "too_short", "reject"), ("sex", "code_unknown", "reject"),
        ("birth_date", "date", "reject"), ("phone", "phone", "reject"), ("division", "required", "reject"),
        ("address", "too_short", "reject")]
    assert (told.row, told.fixed, told.rejected) == (row, False, True)


def test_a_key_field_is_never_changed_but_the_right_spelling_is_proposed() -> None:
    row = slices(resident_id="11010519491231002x")
    told = JUDGE.judge(row, NOW)
    assert told.findings == (Finding("resident_id", "key_not_canonical", "reject", "11010519491231002x", "11010519491231002X"),)
    assert (told.row, told.rejected) == (row, True)


def test_a_date_is_judged_by_the_arrival_of_its_own_record_whatever_was_seen_before() -> None:
    midnight = 1_767_283_200_000  # 2026-01-02 in China
    row = slices(birth_date="2026-01-02")
    for _ in range(2):
        assert JUDGE.judge(row, midnight - 1).rejected
        assert not JUDGE.judge(row, midnight).rejected
    assert JUDGE.judge(slices(), -700_000_000_000).findings[0].reason == "id_birth"


def test_null_is_left_to_required_alone() -> None:
    assert not JUDGE.judge(slices(phone=None), NOW).findings
    _, judge = compiled(RESIDENT.model_copy(update={"rules": {"phone": ("phone", "required"), "updated_at": ("required",)}}))
    assert judge.judge(slices(phone=None), NOW).findings == (Finding("phone", "required", "reject"),)


def test_required_is_judged_on_every_type_of_field() -> None:
    shape = '{"type":"record","name":"R","fields":[{"name":"k","type":"string"},{"name":"n","type":["null","long"]},' \
            '{"name":"m","type":["null","string","long"]},{"name":"t","type":["string","null"]}]}'
    dataset = Dataset(id="a.r", title="r", provider="a", key=("k",), row_schema=shape, event_schema=3,
                      rules=dict.fromkeys("knmt", ("required",)))
    scanner, judge = compiled(dataset)
    assert not judge.judge(scanner.encode_row({"k": "1", "n": 0, "m": 5, "t": "x"}), NOW).findings
    told = judge.judge(scanner.encode_row({"k": " ", "n": None, "m": None, "t": None}), NOW)
    assert [one.field for one in told.findings] == ["k", "n", "m", "t"]


def test_what_is_remembered_stays_small_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "_REMEMBERED", 8)
    _, judge = compiled()
    rows = [slices(name=f"示例{number}", address=f"示例路{number}号" * (1 + number % 9)) for number in range(60)]
    rows += [slices(name="示" * (1 + number), sex=str(number)) for number in range(60)]
    once = [judge.judge(row, NOW) for row in rows]
    assert once == [judge.judge(row, NOW) for row in rows] == [compiled()[1].judge(row, NOW) for row in rows]
    assert all(len(quiet) <= 8 for _, quiet in judge._fields)


def test_a_long_text_is_judged_but_not_remembered() -> None:
    _, judge = compiled()
    assert judge.judge(slices(address="路" * 60_000), NOW).findings[0].reason == "too_long"
    assert all(len(piece) <= 64 for _, quiet in judge._fields for piece in quiet)


def test_a_suspect_value_goes_on_as_it_is_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    @rule(title=Text("", ""), clause="", reasons={}, examples=())
    def odd() -> Check:
        return lambda text: suspect("odd") if text == "示例" else KEEP

    monkeypatch.setitem(RULES, "odd", odd)
    _, judge = compiled(RESIDENT.model_copy(update={"rules": {"name": ("odd", "length(max=2)")}}))
    row = slices()
    assert judge.judge(row, NOW) == (row, False, False, (Finding("name", "odd", "suspect", "示例"),))
    assert not judge.judge(slices(name="例"), NOW).findings


def test_rules_that_are_none_stop_the_worker_with_advice() -> None:
    with pytest.raises(HaltError, match="lenght"):
        compiled(RESIDENT.model_copy(update={"rules": {"name": ("lenght",)}}))


def test_key_fields_are_sent_as_the_rules_want_them_and_what_none_can_mend_stays() -> None:
    mended = canonical(RESIDENT)
    assert mended("resident_id", "１1010519491231002x") == "11010519491231002X"
    assert mended("resident_id", "110105194912310021") == "110105194912310021"
    assert mended("updated_at", "x") == "x"
    ahead = f"{dt.date.today().year + 9}-01-01"
    assert mended("birth_date", ahead.replace("-", "/")) == ahead
