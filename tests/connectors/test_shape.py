"""A row is packed as the fitting and the codec together would have it, and refused where they refuse it."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.canonical import canonical_for
from connectors.fitting import Misfit
from connectors.page import Page, Refused, packed, ready
from connectors.shape import Shape
from schemas.codec import EventCodec
from schemas.codec.writer import EventWriter
from schemas.contract import event_schema
from schemas.control import Dataset
from schemas.datasets import standard_dataset
from schemas.envelope import Event, Meta

ROW_SCHEMA = json.dumps({"type": "record", "name": "Thing", "fields": [
    {"name": "id", "type": "string"}, {"name": "part", "type": "long"}, {"name": "name", "type": ["null", "string"]},
    {"name": "size", "type": ["null", "int"]}, {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "sex", "type": {"type": "enum", "name": "Sex", "symbols": ["F", "M"]}},
    {"name": "price", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}]},
    {"name": "well", "type": "boolean"}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]})  # fmt: skip
DATASET = Dataset(id="health.thing", title="物", provider="health", key=("id", "part"), row_schema=ROW_SCHEMA, event_schema=3,
                  rules={"id": ("full_width",)})  # fmt: skip
SHAPE = Shape(DATASET, canonical_for(DATASET))
ONE_KEY = DATASET.model_copy(update={"key": ("id",)})
TEXT = event_schema(DATASET.id, ROW_SCHEMA)
CODEC = EventCodec(TEXT, 3)
EVENTS = EventWriter(TEXT, 3, "hr.core", "health.things", 7)
META = Meta("health.things:7:5", "r", 99, "hr.core", "health.things", 7, 5, "snapshot")

ODD = st.one_of(
    st.none(), st.text(st.characters(), max_size=5), st.sampled_from(["", "F", "2", "３", "2026-01-02", "true", "\ud800"]),
    st.integers(-5, 5), st.sampled_from([1 << 31, 1 << 63]), st.floats(), st.booleans(), st.dates(), st.datetimes(),
    st.datetimes(timezones=st.just(dt.timezone(dt.timedelta(hours=8)))), st.decimals(-9, 9, places=2), st.just(b"x"))  # fmt: skip
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["a", "人１", "9" * 99]), "part": st.integers(0, 1 << 40), "name": st.none() | st.text("人a", max_size=3),
    "size": st.none() | st.just(4), "day": st.dates(), "sex": st.sampled_from(["F", "M"]), "price": st.just(Decimal("1.50")),
    "well": st.booleans(),
    "at": st.datetimes(dt.datetime(2, 1, 1), timezones=st.just(dt.UTC)) | st.datetimes(dt.datetime(2, 1, 1))}  # fmt: skip


@given(st.fixed_dictionaries({name: st.one_of(good, good, good, good, good, good, good, ODD) for name, good in FITTING.items()}),
       st.booleans())  # fmt: skip
def test_a_row_is_packed_as_fitting_and_codec_have_it_or_refused_by_the_same_field(row: dict[str, Any], one_key: bool) -> None:
    shape = Shape(ONE_KEY, canonical_for(ONE_KEY)) if one_key else SHAPE
    values = [row[field] for field in shape.fields]
    try:
        wanted: Any = shape.fit(row)
    except Misfit as misfit:
        wanted = Refused("x.csv:3", f"{misfit.field}:{misfit.reason}")
    if isinstance(wanted, Refused):
        assert packed(shape, row, "x.csv:3") == wanted
    else:
        key, piece = shape.pack(values)
        assert key == shape.key_of(wanted)
        assert EVENTS.write("r", 99, 5, "snapshot", piece) == CODEC.encode(Event(META, wanted))


def test_a_key_is_packed_in_its_canonical_form() -> None:
    row: dict[str, Any] = {"id": "ＡＢ１", "part": "2", "day": dt.date(2026, 1, 2), "sex": "F", "well": "是", "at": "2026-01-02"}
    key, piece = SHAPE.pack([row.get(field) for field in SHAPE.fields])
    assert key == b'health.thing/["AB1","2"]'
    event = CODEC.decode(EVENTS.write("u", 1, 1, "live", piece))
    assert event.row is not None
    assert event.row["id"] == "AB1"


def test_a_page_says_what_row_changes_say() -> None:
    rows = [(f"k{n}", n, None, 1, dt.date(2026, 1, 2), "F", None, True, dt.datetime(2026, 1, 2), "mark") for n in range(3)]
    page = Page("r", "snapshot", SHAPE.fields, rows, [7, 8, 9], [SHAPE.pack(row[:-1]) for row in rows])
    assert [change.at for change in page] == [7, 8, 9]
    assert [tuple(one) for one in ready(SHAPE, page)] == [tuple(one) for one in ready(SHAPE, list(page))]
    assert list(page[1:]) == [page[1], page[2]]


def test_a_register_of_enterprises_is_taken_from_sql_with_its_money_and_its_dates() -> None:
    standard = standard_dataset("enterprise")
    shape = Shape(dataset := standard.declare("market.enterprise", 3), canonical_for(dataset))
    row = {**standard.examples[0], "registered_capital": Decimal("500000"), "established_on": dt.date(2019, 5, 6), "sector": 15,
           "phone": None, "updated_at": dt.datetime(2026, 1, 2, 11, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=8)))}
    fitted = shape.fit(row)
    assert (fitted["registered_capital"], fitted["established_on"], fitted["sector"]) == (Decimal("500000.00"), "2019-05-06", "15")
    codec = EventCodec(event_schema(dataset.id, dataset.row_schema), 3)
    assert codec.decode(codec.encode(Event(META, fitted))).row == {**standard.examples[0], "phone": None}


def test_a_key_that_is_a_code_is_sent_as_the_code_whatever_word_the_table_has() -> None:
    standard = standard_dataset("social-insurance")
    shape = Shape(dataset := standard.declare("security.contribution", 3), canonical_for(dataset))
    fitted = shape.fit({**standard.examples[0], "kind": "养老保险"})
    assert fitted["kind"] == "pension"
    assert standard_dataset("social-insurance").key == ("resident_id", "kind", "month")
