"""What a compiled subscription delivers, against a slow way: decoded by fastavro, cut and masked as values, encoded again."""

import datetime as dt
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Avro, EventCodec, EventScanner, stream_prefix
from schemas.codec.fields import Field, text_of
from schemas.contract import check_subscription, compile_subscription, event_schema, output_schema
from schemas.control import Condition, Dataset, Mask, Subscription
from schemas.delivery import has_masked_key
from schemas.envelope import OPS, Event, Meta, kafka_key, marker_key
from schemas.masks import Blind, compile_mask
from tests.schemas.drawn import SHAPES, TEXT, metas, named
from trial.oracle.avro import Codec
from trial.oracle.plan import Plan
from trial.oracle.route import Router

SECRET, HOME = b"a secret of these tests", "341500"
#: The shapes each kind of mask takes.
MASKS = {"keep_last": ("string", "enum", "int", "long", "uuid"), "year": ("string", "date", "time", "exact time", "wall clock"),
         "null": tuple(SHAPES), "hmac": tuple(SHAPES)}
#: The shapes a scope may be on, each with a value.
SCOPED = {"string": "甲", "enum": "A", "int": "1", "long": "1", "boolean": "true", "date": "2026-01-02",
          "time": "2026-01-02T03:04:05+00:00",
          "exact time": "2026-01-02T03:04:05.000006+00:00", "wall clock": "2026-01-02T03:04:05", "time of day": "03:04:05",
          "exact time of day": "03:04:05.000006", "decimal": "0.10", "fixed decimal": "-1.00", "bytes": "00ff", "fixed": "00ff00ff",
          "uuid": "f47ac10b-58cc-4372-a567-0e02b2c3d479"}
DATES = st.dates().map(dt.date.isoformat) | TEXT


def hidden(item: Subscription, text: str) -> str:
    return hmac.new(SECRET, item.id.encode() + b"\0" + text.encode(), hashlib.sha256).hexdigest()


def shown(item: Subscription, name: str, value: Any) -> Any:
    """A value as the subscriber sees it."""
    mask = item.masks.get(name)
    if mask is None or value is None:
        return value
    if mask.kind == "keep_last":
        return text_of(value)[-mask.n:]
    if mask.kind == "hmac":
        return hidden(item, text_of(value))
    if mask.kind == "null":
        return None
    if isinstance(value, dt.datetime):
        return value.year if value.year == 9999 or value.tzinfo is None else (value + dt.timedelta(hours=8)).year
    if isinstance(value, dt.date):
        return value.year
    return int(value[:4]) if value[4:5] == value[7:8] == "-" and (value[:4] + value[5:7] + value[8:10]).isdecimal() else None


def in_scope(item: Subscription, row: dict[str, Any]) -> bool:
    for condition in item.scope:
        value = row[condition.field]
        if value is None:
            return False
        if condition.op == "prefix":
            if not any(value.startswith(start) for start in condition.values):
                return False
        elif text_of(value) not in condition.values:
            return False
    return True


@st.composite
def contracts(draw: st.DrawFn) -> tuple[Dataset, Subscription, list[Event]]:
    """A dataset, a right subscription to it, and some events."""
    shapes = ["string", *draw(st.lists(st.sampled_from(list(SHAPES)), max_size=5))]
    fields, values, nullable = [], {}, {}
    known: dict[str, list[str]] = {}
    for number, shape in enumerate(shapes):
        kind, value = named(draw, shape, number, known), SHAPES[shape][1]
        if shape == "string" and number:
            value = DATES
        nullable[f"f{number}"] = bool(number) and shape != "many" and draw(st.booleans())
        if nullable[f"f{number}"]:
            kind, value = draw(st.sampled_from([["null", kind], [kind, "null"]])), st.none() | value
        fields.append({"name": f"f{number}", "type": kind})
        values[f"f{number}"] = value
    names = list(values)
    rows = st.fixed_dictionaries(values)
    some = [draw(st.builds(Event, metas(), st.none() | rows, st.none())) for _ in range(draw(st.integers(1, 3)))]
    granted = tuple(draw(st.permutations(names))[:draw(st.integers(1, len(names)))])
    masks = {}
    for name in granted:
        fit = [kind for kind, which in MASKS.items() if shapes[int(name[1:])] in which]
        if fit and draw(st.booleans()):
            masks[name] = Mask(kind=draw(st.sampled_from(fit)), n=draw(st.integers(1, 5)))  # type: ignore[arg-type]
    scope = [draw(conditions(name, shape, some)) for name, shape in zip(names, shapes, strict=True)
             if shape in SCOPED and draw(st.integers(0, 2)) == 0]
    dataset = Dataset(id="test.thing", title="t", provider="test", key=("f0",), event_schema=1,
                      row_schema=json.dumps({"type": "record", "name": "Thing", "fields": fields}))
    return dataset, Subscription(id="tax.test.thing", subscriber="tax", dataset="test.thing", fields=granted, masks=masks,
                                 scope=tuple(scope), purpose="p", node=draw(st.sampled_from(["", "anhui"])), output_schema=9), some


@st.composite
def conditions(draw: st.DrawFn, name: str, shape: str, some: list[Event]) -> Condition:
    """A condition that often holds for one of the rows."""
    met = [text_of(event.row[name]) for event in some if event.row is not None and event.row[name] is not None]
    values = tuple(value for value in (*draw(st.permutations(met))[:2], SCOPED[shape]) if value)
    if shape == "string" and draw(st.booleans()):
        return Condition(field=name, op="prefix", values=tuple(value[:3] for value in values))
    return Condition(field=name, op="in", values=values) if draw(st.booleans()) else Condition(field=name, op="eq", values=values[:1])


@settings(max_examples=150)
@given(contracts(), st.sampled_from(OPS), st.integers(0, 1 << 40))
def test_a_delivery_is_what_the_slow_way_makes_of_the_event(case: tuple[Dataset, Subscription, list[Event]], op: Any, seq: int) -> None:
    dataset, item, some = case
    assert check_subscription(dataset, item) == []
    text = event_schema(dataset.id, dataset.row_schema)
    codec, scanner = EventCodec(text, 1), EventScanner(text, 1)
    delivery = compile_subscription(item, dataset, scanner, HOME, SECRET)
    out = EventCodec(output_schema(dataset, item), 9)
    assert delivery.masked_key == ("f0" not in item.fields or "f0" in item.masks)
    for event in some:
        scanned = scanner.scan(codec.encode(event))
        if event.row is not None:
            assert scanned.row is not None
            assert delivery.holds(scanned.row) == in_scope(item, dict(event.row))
        meta = event.meta._replace(op=op, stream="clean.test/3", epoch=0, seq=seq)
        if item.node:
            meta = meta._replace(path=f"{meta.path}>{HOME}" if meta.path else HOME)
        if delivery.masked_key:
            meta = meta._replace(id=hidden(item, meta.id), stream="", seq=0)
        row = event.row and {name: shown(item, name, event.row[name]) for name in item.fields}
        given = delivery.value(scanned, op, scanned.row, stream_prefix("clean.test/3", 0), seq)
        assert given == out.encode(Event(meta, row))


@settings(max_examples=150)
@given(contracts())
def test_a_delivery_is_what_the_oracle_makes_of_the_event(case: tuple[Dataset, Subscription, list[Event]]) -> None:
    dataset, item, some = case
    text = event_schema(dataset.id, dataset.row_schema)
    codec, scanner = EventCodec(text, 1), EventScanner(text, 1)
    delivery = compile_subscription(item, dataset, scanner, HOME, SECRET)
    texts = {1: text, 9: output_schema(dataset, item)}
    oracle = Codec(texts)
    plan = Plan({"version": 1, "nodes": [{"kind": "self", "code": HOME}], "departments": [], "lanes": {},
                 "schemas": [{"number": number, "text": each, "created": 1} for number, each in texts.items()],
                 "datasets": [dataset.model_dump()], "subscriptions": [item.model_dump()]})
    for number, event in enumerate(some):
        value = codec.encode(event)
        scanned = scanner.scan(value)
        router = Router(plan, plan.datasets[dataset.id], oracle, SECRET)
        expected = list(router.deliveries(oracle.read(value)[1], b"test.thing/x", 3, number))
        if event.row is not None and event.meta.op != "d":
            assert scanned.row is not None
            assert bool(expected) == delivery.holds(scanned.row)
            stamped = delivery.value(scanned, event.meta.op, scanned.row, stream_prefix("clean.test/3", 0), number)
            assert [one.value for one in expected] in ([], [stamped])


@given(TEXT.filter(bool))
def test_a_masked_key_is_the_hash_of_the_record_key_and_a_marker_stays_a_marker(text: str) -> None:
    for name, visible in (("f0", True), ("f1", False)):
        dataset, item = _two_fields(name)
        delivery = compile_subscription(item, dataset, EventScanner(event_schema(dataset.id, dataset.row_schema), 1), HOME, SECRET)
        key = kafka_key(dataset.id, text)
        assert delivery.key(key) == (key if visible else hidden(item, text).encode())
        assert delivery.key(marker_key(dataset.id)) == marker_key(dataset.id)


def _two_fields(granted: str, **changes: Any) -> tuple[Dataset, Subscription]:
    fields = [{"name": "f0", "type": "string"}, {"name": "f1", "type": ["null", "double"], "default": None}]
    dataset = Dataset(id="test.thing", title="t", provider="test", key=("f0",), event_schema=1,
                      row_schema=json.dumps({"type": "record", "name": "Thing", "fields": fields}))
    told: dict[str, Any] = {"id": "tax.test.thing", "subscriber": "tax", "dataset": "test.thing", "fields": (granted,),
                            "purpose": "p", "output_schema": 9}
    return dataset, Subscription(**(told | changes))


@pytest.mark.parametrize(("kind", "mask", "value", "seen"), [
    (["string", "int", "null"], "null", "秘密", None), (["string", "null", "int"], "null", None, None),
    (["null", "string", "int"], "null", 7, None), (["string", "int"], "null", 7, None), ("null", "null", None, None),
    ({"type": "null"}, "null", None, None), ({"type": "string", "element": "DE01"}, "year", "2026-01-02", 2026),
    (["null", {"type": "string", "element": "DE01"}], "year", "x", None), ([{"type": "long"}, {"type": "null"}], "null", 12, None)])
def test_a_masked_field_is_what_its_schema_promises_however_its_type_is_written(kind: Any, mask: Any, value: Any, seen: Any) -> None:
    fields = [{"name": "f0", "type": "string"}, {"name": "f1", "type": kind}]
    dataset, item = _two_fields("f1", fields=("f1", "f0"), masks={"f1": Mask(kind=mask, n=1)})
    dataset = dataset.model_copy(update={"row_schema": json.dumps({"type": "record", "name": "Thing", "fields": fields})})
    assert check_subscription(dataset, item) == []
    text = event_schema(dataset.id, dataset.row_schema)
    scanner, codec = EventScanner(text, 1), EventCodec(text, 1)
    scanned = scanner.scan(codec.encode(Event(Meta("i", "c", 0, "s", "t"), {"f0": "1", "f1": value})))
    delivery = compile_subscription(item, dataset, scanner, HOME, SECRET)
    out = EventCodec(output_schema(dataset, item), 9).decode(delivery.value(scanned, "c", scanned.row, b"\0\0", 0))
    assert out.row == {"f0": "1", "f1": seen}


def test_two_subscriptions_never_share_a_hash() -> None:
    keys = set()
    for subscriber in ("tax", "police"):
        dataset, item = _two_fields("f1", id=f"{subscriber}.test.thing", subscriber=subscriber)
        scanner = EventScanner(event_schema(dataset.id, dataset.row_schema), 1)
        for secret in (b"one", b"two"):
            keys.add(compile_subscription(item, dataset, scanner, HOME, secret).key(b"test.thing/1"))
    assert len(keys) == 4


@pytest.mark.parametrize(("moment", "year"), [("2025-12-31T15:59:59.999+00:00", 2025), ("2025-12-31T16:00:00+00:00", 2026),
                                              ("9999-12-31T23:59:59+00:00", 9999), ("0001-01-01T00:00:00+00:00", 1)])
def test_the_year_of_a_moment_is_the_year_in_china(moment: str, year: int) -> None:
    field = Field("f", {"type": "long", "logicalType": "timestamp-millis"})
    mask = compile_mask(Mask(kind="year"), field, Blind(b"", "tax.test.thing"))
    assert Avro("int").decode(mask(field.from_text(moment))) == year


def test_memory_of_masked_values_begins_anew_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.masks._REMEMBERED", 4)
    dataset, item = _two_fields("f0", masks={"f0": Mask(kind="hmac")})
    text = event_schema(dataset.id, dataset.row_schema)
    scanner, codec = EventScanner(text, 1), EventCodec(text, 1)
    delivery = compile_subscription(item, dataset, scanner, HOME, SECRET)
    out = EventCodec(output_schema(dataset, item), 9)
    for number in [*range(12), *range(12)]:
        scanned = scanner.scan(codec.encode(Event(Meta("i", "c", 0, "s", "t"), {"f0": str(number), "f1": None})))
        event = out.decode(delivery.value(scanned, "c", scanned.row, b"\0\0", 0))
        assert event.row == {"f0": hidden(item, str(number))}


def test_what_is_remembered_of_values_and_paths_has_a_bound_in_bytes() -> None:
    """Thousands of texts of a megabyte each would otherwise stay in a worker's memory."""
    dataset, item = _two_fields("f0", masks={"f0": Mask(kind="hmac")}, node="anhui")
    text = event_schema(dataset.id, dataset.row_schema)
    scanner, codec = EventScanner(text, 1), EventCodec(text, 1)
    delivery = compile_subscription(item, dataset, scanner, HOME, SECRET)
    mask = compile_mask(Mask(kind="hmac"), scanner.field(0), blind := Blind(SECRET, item.id))
    for number in range(20):
        long = f"{number}{'长' * 100_000}"
        scanned = scanner.scan(codec.encode(Event(Meta(long, "c", 0, "s", "t", path=long), {"f0": long, "f1": None})))
        assert scanned.row is not None
        assert hidden(item, long).encode() in delivery.value(scanned, "c", scanned.row, b"", 0)
        assert hidden(item, long).encode() == mask(scanned.row[0])[2:]
    kept = (mask.__self__, blind._known, delivery._tails, delivery._blind._known)  # type: ignore[attr-defined]
    assert sum(len(known) for memory in kept for known in memory) < 100_000


@pytest.mark.parametrize(("changes", "told"), [
    ({"fields": ()}, "empty"), ({"fields": ("f0", "f0")}, "twice"), ({"fields": ("f0", "nobody")}, "nobody"),
    ({"masks": {"f1": Mask(kind="null")}}, "not granted"), ({"masks": {"f0": Mask(kind="keep_last")}}, "at least 1"),
    ({"fields": ("f1",), "masks": {"f1": Mask(kind="year")}}, "does not fit"),
    ({"scope": (Condition(field="nobody", op="eq", values=("x",)),)}, "nobody does not exist"),
    ({"scope": (Condition(field="f0", op="eq", values=("x", "y")),)}, "eq takes one value"),
    ({"scope": (Condition(field="f0", op="in", values=("x", "")),)}, "empty value"),
    ({"scope": (Condition(field="f1", op="prefix", values=("1",)),)}, "only text"),
    ({"scope": (Condition(field="f1", op="eq", values=("1.0",)),)}, "of type double cannot be in a scope"),
    ({"id": "tax.test.other"}, "is not called"), ({"dataset": "test.other"}, "is not called")])
def test_a_subscription_that_makes_no_sense_is_told_why(changes: dict[str, Any], told: str) -> None:
    dataset, item = _two_fields("f0", **changes)
    (problem,) = check_subscription(dataset, item)
    assert told in problem.en


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
MOMENT = {"type": "long", "logicalType": "timestamp-millis"}


@pytest.mark.parametrize(("kind", "value", "told"), [
    (DECIMAL, "1.20", ""), (DECIMAL, "1.2", "write 1.2 as 1.20"), (DECIMAL, "1.234", "is no decimal"), (DECIMAL, "x", "is no decimal"),
    ("int", "7", ""), ("int", "07", "write 07 as 7"), ("int", "99999999999999", "is no int"), ("long", "99999999999999", ""),
    (["null", "int"], "2147483648", "is no int"), (MOMENT, "2026-01-02T00:00:00+00:00", ""),
    (MOMENT, "2026-01-02T08:00:00+08:00", "write 2026-01-02T08:00:00+08:00 as 2026-01-02T00:00:00+00:00"),
    (MOMENT, "2026-01-02T00:00:00", "is no timestamp-millis with its zone"), (MOMENT, "2026-01-02", "with its zone"),
    ({"type": "int", "logicalType": "date"}, "20260102", "write 20260102 as 2026-01-02"),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, "B", "is no enum"),
    ({"type": "string", "logicalType": "uuid"}, "F47AC10B58CC4372A5670E02B2C3D479", "as f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ({"type": "string", "logicalType": "uuid"}, "x", "is no uuid"),
    ({"type": "int", "logicalType": "time-millis"}, "25:00", "is no time-millis"),
    ({"type": "int", "logicalType": "time-millis"}, "03:04:05.000006", "as 03:04:05"),
    ({"type": "long", "logicalType": "local-timestamp-millis"}, "2026-01-02T00:00:00Z", "is no local-timestamp-millis"),
    ({"type": "long", "logicalType": "timestamp-micros"}, "2026-01-02T00:00:00", "is no timestamp-micros with its zone"),
    ("bytes", "FF", "write FF as ff"), ("bytes", "f", "is no bytes"), ("float", "1", "of type float cannot be in a scope"),
    ({"type": "array", "items": "int"}, "[1]", "of type array cannot be in a scope"),
    ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}, "1", "of type record cannot be in a scope"),
    (["null", {"type": "map", "values": "int"}], "1", "of type map cannot be in a scope"),
    (["int", "string"], "1", "of type other cannot be in a scope")])
def test_a_scope_value_is_one_the_field_may_have_spelt_as_the_streams_spell_it(kind: Any, value: str, told: str) -> None:
    fields = [{"name": "f0", "type": "string"}, {"name": "f1", "type": kind}]
    dataset, item = _two_fields("f0", scope=(Condition(field="f1", op="eq", values=(value,)),))
    dataset = dataset.model_copy(update={"row_schema": json.dumps({"type": "record", "name": "Thing", "fields": fields})})
    problems = [text.en for text in check_subscription(dataset, item)]
    assert len(problems) == bool(told)
    assert all(problem.startswith("scope on f1: ") and told in problem for problem in problems)


def test_all_mistakes_of_a_subscription_are_told_at_once() -> None:
    dataset, item = _two_fields("nobody", masks={"f9": Mask(kind="null")}, scope=(Condition(field="f8", op="eq", values=("x",)),))
    assert len(check_subscription(dataset, item)) == 3


def test_a_key_is_masked_unless_every_part_of_it_is_seen_in_clear() -> None:
    dataset, item = _two_fields("f0")
    pair = dataset.model_copy(update={"key": ("f0", "f1")})
    assert not has_masked_key(item, dataset)
    assert has_masked_key(item, pair)
    assert has_masked_key(item.model_copy(update={"masks": {"f0": Mask(kind="year")}}), dataset)
