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
from schemas.rules import quiet as quiet_module
from schemas.rules.book import RULES
from schemas.rules.path import by_path
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
    assert told.findings == (Finding("name", "name_form", "fix", "示例　", "示例"),
                             Finding("birth_date", "date_form", "fix", "1949年12月31日", "1949-12-31"),
                             Finding("phone", "phone", "fix", "+86 138-0000-0000", "13800000000"))


def test_every_wrong_field_is_told_at_once_and_a_rejected_row_stays_as_it_came() -> None:
    row = slices(name=" 示", sex="7", birth_date="1949-02-30", phone="1", division="", address="路")
    told = JUDGE.judge(row, NOW)
    assert [(one.field, one.reason, one.severity) for one in told.findings] == [
        ("name", "name_form", "fix"), ("name", "too_short", "reject"), ("sex", "code_unknown", "reject"),
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
        assert ("birth_date", "date") in {(one.field, one.reason) for one in JUDGE.judge(row, midnight - 1).findings}
        # By then it is a date, though not that of the number.
        assert [one.reason for one in JUDGE.judge(row, midnight).findings] == ["id_other_birth"]
    assert JUDGE.judge(slices(), -700_000_000_000).findings[0].reason == "id_birth"


def test_null_is_left_to_required_alone() -> None:
    assert not JUDGE.judge(slices(phone=None), NOW).findings
    # Missing values are many: one is remembered like any other.
    assert b"\0" in dict(JUDGE._fields)[SCANNER.index["phone"]]
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
    monkeypatch.setattr(quiet_module, "_REMEMBERED", 8)
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


NESTED = Dataset(id="a.r", title="r", provider="a", key=("k",), event_schema=3, row_schema="""{"type": "record", "name": "R", "fields": [
  {"name": "k", "type": "string"}, {"name": "start", "type": "string"}, {"name": "end", "type": ["null", "string"]},
  {"name": "holder", "type": ["null", {"type": "record", "name": "H", "fields": [{"name": "name", "type": "string"}]}]},
  {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "I", "fields": [
    {"name": "code", "type": ["null", "string"]}, {"name": "amount", "type": "long"}, {"name": "start", "type": "string"}]}}},
  {"name": "tags", "type": {"type": "map", "values": "string"}}]}""", rules={
    "items[].code": ("blanks", "length(max=3)"), "end": ("date", "after(field=start)"), "holder.name": ("blanks", "required"),
    "items[].amount": ("range(min=0)",), "items": ("unique(by=code)",), "tags{}": ("blanks",), "start": ("required", "date"),
    "items[].start": ("after(field=start,then=suspect)",)})
ITEM: dict[str, Any] = {"code": "1", "amount": 1, "start": "2026-01-03"}
WHOLE: dict[str, Any] = {"k": "1", "start": "2026-01-01", "end": "2026-01-02",
                         "holder": {"name": "示例"}, "items": [ITEM], "tags": {"a": "b"}}


def nested(dataset: Dataset = NESTED, **changes: Any) -> tuple[dict[str, Any], Any]:
    """The row as judged, and the judgement."""
    scanner, judge = compiled(dataset)
    told = judge.judge(scanner.encode_row({**WHOLE, **changes}), NOW)
    return scanner.decode_row(told.row), told


def test_values_inside_records_arrays_and_maps_are_fixed_where_they_stand_and_told_by_their_place() -> None:
    row, told = nested(holder={"name": " 示例"}, tags={"secret": "x", "other": "b "}, items=[ITEM, {**ITEM, "code": "2 "}])
    assert row == {**WHOLE, "tags": {"secret": "x", "other": "b"}, "items": [ITEM, {**ITEM, "code": "2"}]}
    # A map's key is data, so its entry is told by its number.
    assert told.findings == (Finding("items[1].code", "blanks", "fix", "2 ", "2"), Finding("holder.name", "blanks", "fix", " 示例", "示例"),
                             Finding("tags{1}", "blanks", "fix", "b ", "b"))
    assert (told.fixed, told.rejected) == (True, False)


def test_rules_may_be_given_as_tables_in_tables() -> None:
    assert by_path({"name": ["a"], "holder": {"name": ["b"], "of": {"id": ["c"]}}, "items[]": {"code": ["d"]}}) == {
        "name": ["a"], "holder.name": ["b"], "holder.of.id": ["c"], "items[].code": ["d"]}


def test_a_right_row_with_records_and_arrays_passes_as_the_very_row_it_was() -> None:
    scanner, judge = compiled(NESTED)
    row = scanner.encode_row({**WHOLE, "holder": None, "items": [], "end": None})
    for _ in range(2):
        assert judge.judge(row, NOW) == (row, False, False, ())
        assert judge.judge(row, NOW).row is row


def test_every_finding_comes_at_once_those_across_values_last_and_judged_as_fixed() -> None:
    row, told = nested(start="20260105", items=[{**ITEM, "code": "1 "}, {**ITEM, "amount": -1},
                                                {"code": "12345", "amount": 0, "start": "x"}])
    assert told.rejected
    assert row["start"] == "20260105"
    assert [(one.field, one.reason, one.severity) for one in told.findings] == [
        ("items[0].code", "blanks", "fix"), ("items[2].code", "too_long", "reject"), ("items[1].amount", "too_small", "reject"),
        ("start", "date_form", "fix"), ("end", "order", "reject"), ("items", "repeated", "reject"),
        ("items[0].start", "order", "suspect"), ("items[1].start", "order", "suspect")]


def test_a_value_that_says_nothing_becomes_null_where_the_field_takes_null_and_is_rejected_elsewhere() -> None:
    dataset = NESTED.model_copy(update={"rules": {
        "k": ("placeholder",), "end": ("placeholder", "date"), "start": ("placeholder",), "items[].code": ("placeholder", "required"),
        "tags{}": ("placeholder",)}})
    row, told = nested(dataset, end="不详", items=[ITEM, {**ITEM, "code": "2"}])
    assert (row["end"], told.findings) == (None, (Finding("end", "placeholder", "fix", "不详", ""),))
    for changes, field in (({"start": "/"}, "start"), ({"k": "无"}, "k"), ({"tags": {"a": "暂无"}}, "tags{0}")):
        row, told = nested(dataset, **changes)
        assert told.rejected
        assert [(one.field, one.reason, one.severity) for one in told.findings] == [(field, "placeholder", "reject")]
    # The rules behind it see the null.
    assert [(one.field, one.reason) for one in nested(dataset, items=[{**ITEM, "code": "/"}])[1].findings] == [
        ("items[0].code", "placeholder"), ("items[0].code", "required")]


def test_what_is_remembered_of_values_inside_others_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet_module, "_REMEMBERED", 4)
    scanner, judge = compiled(NESTED)
    rows = [scanner.encode_row({**WHOLE, "items": [{**ITEM, "code": str(number % 5), "amount": number - 3}] * (1 + number % 2),
                                "tags": {"a": " " * (number % 3)}, "end": f"2026-01-0{1 + number % 4}"}) for number in range(40)]
    once = [judge.judge(row, NOW) for row in rows]
    assert once == [judge.judge(row, NOW) for row in reversed(rows)][::-1] == [compiled(NESTED)[1].judge(row, NOW) for row in rows]
    assert all(len(quiet) <= 4 for _, quiet in judge._fields)
    assert len({told.rejected for told in once}) == 2


def test_a_rule_across_fields_is_silent_where_a_part_is_null_or_rejected() -> None:
    assert not nested(start="2026-01-05", end=None, items=[])[1].findings
    few = NESTED.model_copy(update={"rules": {**NESTED.rules, "start": ("one_of(values=2026-01-01)",)}})
    assert [one.reason for one in nested(few, start="2026-01-05", items=[])[1].findings] == ["not_listed"]
    assert [one.reason for one in nested(start="2026-01-02", items=[])[1].findings] == ["order"]


def test_a_row_whose_fields_are_all_right_is_still_judged_across_them() -> None:
    scanner, judge = compiled(NESTED)
    good, bad = (scanner.encode_row({**WHOLE, "items": [], "end": end}) for end in ("2026-01-02", "2026-01-01"))
    for _ in range(2):
        assert not judge.judge(good, NOW).findings
        assert judge.judge(bad, NOW).findings == (Finding("end", "order", "reject", "2026-01-01"),)
