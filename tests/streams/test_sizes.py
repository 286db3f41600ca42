"""What is put out fits its lane, whatever came in: a record no lane takes would end its worker again and again."""

import json
from typing import Any

import pytest

from schemas.codec import EventCodec, decode_letter
from schemas.contract import check_dataset, check_subscription, event_schema
from schemas.control import Dataset, Mask, Plan, SchemaText, Subscription
from schemas.envelope import Event, Meta, kafka_key
from schemas.lanes import LARGEST_MESSAGE, room_for
from schemas.letter import Finding, Letter
from schemas.rules.book import every_example, use_of
from streams.chunk import Handled, Output
from streams.clean import clean
from streams.letters import letter_output
from streams.plan import working_plan
from streams.route import route
from tests.streams.world import NOW, SECRET, STREAM, chunk, city, memory

FIELDS: list[dict[str, Any]] = [{"name": "id", "type": "string"}, {"name": "text", "type": "string"},
                                {"name": "other", "type": ["null", "string"], "default": None}]
ROW_SCHEMA = json.dumps({"type": "record", "name": "Photo", "fields": FIELDS})
#: What one raw record may hold on the wire; compressed it may unpack to any size.
RAW = 1 << 20
SIZES = [RAW - 300, 2_700_000]


def size(output: Output) -> int:
    _, value, key, _, _, headers = output
    return len(value or b"") + len(key) + sum(len(name) + len(told) for name, told in headers or ())


def reached(handled: Handled) -> list[str]:
    """The lanes of the outputs, each of which its lane takes, and the client, which has the room of the largest lane."""
    sizes = [(output[0], size(output)) for output in handled.outputs]
    del handled
    assert [(lane, found) for lane, found in sizes if not found <= room_for(lane) < LARGEST_MESSAGE] == []
    return [lane for lane, _ in sizes]


def plan_of(rules: dict[str, tuple[str, ...]], fields: list[dict[str, Any]], *subscriptions: Subscription) -> Plan:
    base, row = city(), json.dumps({"type": "record", "name": "Photo", "fields": fields})
    dataset = Dataset(id="health.photo", title="照片", provider="health", key=("id",), row_schema=row, event_schema=8, rules=rules)
    assert check_dataset(dataset) == []
    assert [check_subscription(dataset, item) for item in subscriptions] == [[] for _ in subscriptions]
    schema = SchemaText(id="8", number=8, subject="health.PhotoEvent", text=event_schema(dataset.id, row))
    return Plan(version=1, departments=base.departments, nodes=base.nodes, lanes=base.lanes, schemas={8: schema},
                datasets={dataset.id: dataset}, subscriptions={item.id: item for item in subscriptions})


def cleaned(plan: Plan, row: dict[str, Any], **meta: Any) -> tuple[bytes, Handled]:
    """The raw value and what clean makes of it."""
    event = Event(Meta("i", "c", NOW, "health.core", STREAM, 0, 1)._replace(**meta), row)
    value = EventCodec(plan.schemas[8].text, 8).encode(event)
    key = kafka_key("health.photo", row["id"])
    return value, clean(chunk("raw.health", [(0, NOW, key, value)]), working_plan(plan, SECRET), memory(("raw.health", 0)), NOW)


def fixable(written: str, given: str, length: int) -> str:
    """A text of this many bytes that the rule fixes as it fixes its example; "" if it fixes short ones only."""
    for pad in ("示", "\x01", '"', "x", " "):
        blown = pad * ((length - len(given.encode())) // len(pad.encode()))
        for text in (blown + given, given + blown):
            if use_of(written).on(text, NOW).severity == "fix":
                return text
    return ""


FIXES = sorted({(example.use or rule.name, example.given or "") for rule, example in every_example() if example.verdict.severity == "fix"
                and example.verdict.value is not None})


def test_the_fixing_rules_are_tried_with_long_texts() -> None:
    tried = {written.partition("(")[0] for written, given in FIXES if fixable(written, given, 4000)}
    assert tried >= {"blanks", "full_width", "date", "phone"}


@pytest.mark.parametrize("length", SIZES)
@pytest.mark.parametrize(("written", "given"), FIXES)
def test_what_a_rule_fixes_fits_the_clean_lane_with_all_that_is_told_of_it(written: str, given: str, length: int) -> None:
    text = fixable(written, given, length) or given
    _, handled = cleaned(plan_of({"text": (written,)}, FIELDS), {"id": "1", "text": text})
    lanes = reached(handled)
    assert lanes == ["clean.health"] or (lanes == ["dead.health"] and length > RAW)


def test_a_fix_too_long_to_tell_is_told_by_field_and_reason_and_a_short_one_whole() -> None:
    plan = plan_of({"text": ("blanks",), "other": ("blanks",)}, FIELDS)
    value, handled = cleaned(plan, {"id": "1", "text": f" {'示' * 340_000}", "other": " 短"})
    [(lane, out, _, _, _, headers)] = handled.outputs
    assert (lane, headers is None, out is None) == ("clean.health", False, False)
    [(name, told)] = headers or []
    assert (name, json.loads(told)) == ("findings", [
        {"field": "text", "reason": "blanks", "severity": "fix", "before": "", "after": ""},
        {"field": "other", "reason": "blanks", "severity": "fix", "before": " 短", "after": "短"}])
    assert len(out or b"") > len(value) - 10


def test_a_record_with_ever_so_many_fixes_of_characters_that_json_spells_at_length_still_fits() -> None:
    names = [f"f{number}" for number in range(4_000)]
    plan = plan_of(dict.fromkeys(names, ("blanks",)), [{"name": name, "type": "string"} for name in ("id", *names)])
    _, handled = cleaned(plan, {"id": "1", **dict.fromkeys(names, "\x01" * 255 + " ")})
    assert reached(handled) == ["clean.health"]


@pytest.mark.parametrize("length", SIZES)
@pytest.mark.parametrize("stream", [STREAM, "x" * 3_000_000])
def test_a_letter_about_a_record_of_any_size_fits(stream: str, length: int) -> None:
    plan = plan_of({"text": ("length(max=2)",), "other": ("blanks",)}, FIELDS)
    for fields in ({"text": "长" * (length // 3)}, {"text": "长长长", "other": f" {'长' * (length // 3)}"}):
        value, handled = cleaned(plan, {"id": "1", **fields}, stream=stream)
        assert reached(handled) == ["dead.health"]
        letter = decode_letter(handled.outputs[0][1] or b"")
        # Whatever a raw lane takes is in the letter; a longer one stays where the letter says.
        is_whole, is_taken = letter.value == value, len(value) <= RAW
        assert is_whole == is_taken
        assert letter.stream == stream[:200]


def test_a_letter_of_the_largest_parts_imaginable_fits() -> None:
    huge, full = "长" * 1_000_000, Finding("f" * 128, "blanks", "fix", "长" * 200, "长" * 200)
    findings = (Finding(huge, "blanks", "fix", huge, huge),) * 3 + (full,) * 5_000
    whole = Letter("raw.health", 0, 1, NOW, NOW, "health.photo", "tax.health.photo", huge, 0, 1, findings, "1", 1,
                   huge.encode(), huge.encode())
    for letter in (whole, whole._replace(key=None, value=None), whole._replace(findings=()), whole._replace(stream="s"),
                   whole._replace(findings=findings[3:], key=b"", value=b"x" * RAW)):
        output = letter_output(letter)
        room = room_for("dead.health") - size(output)
        assert room >= 0
        told = decode_letter(output[1] or b"")
        assert (told.lane, told.offset, told.subscription) == ("raw.health", 1, "tax.health.photo")
        assert {one.reason for one in told.findings} == {one.reason for one in letter.findings}
    assert len(told.value or b"") == RAW


@pytest.mark.parametrize("length", [RAW - 300, 1_300_000, 2_600_000])
@pytest.mark.parametrize("granted", [{}, {"masks": {"text": Mask(kind="hmac")}}, {"masks": {"id": Mask(kind="hmac")}}, {"node": "anhui"}])
def test_what_is_delivered_fits_its_inbox_and_what_does_not_is_a_letter(granted: dict[str, Any], length: int) -> None:
    item = Subscription(id="tax.health.photo", subscriber="tax", dataset="health.photo", fields=("id", "text", "other"),
                        purpose="p", output_schema=9, **granted)
    plan = plan_of({}, FIELDS, item)
    for row in ({"id": "1", "text": "长" * (length // 3)}, {"id": "1" * length, "text": ""},
                {"id": "1", "text": "1", "other": "x" * length}):
        outputs = cleaned(plan, row, path="340000")[1].outputs
        sent = [(4, NOW, key, value) for lane, value, key, *_ in outputs if lane == "clean.health"]
        assert sent or length > RAW
        if sent:
            handled = route(chunk("clean.health", sent), working_plan(plan, SECRET), memory(("clean.health", 0)), NOW)
            assert len(reached(handled)) == 1
