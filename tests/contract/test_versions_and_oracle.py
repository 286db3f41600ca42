"""A dataset that changes in mid-run, with old and new events interleaved: bus and oracle, written apart, say the same.

The oracle resolves by fastavro, whole rows at once; the bus carries slices over. The plans are those governance compiles.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from governance.city import read_city
from governance.compile import compile_change
from governance.declared import City
from schemas.codec import EventCodec
from schemas.contract import event_schema
from schemas.control import Condition, Mask, Plan
from schemas.envelope import Event, Meta, kafka_key
from schemas.evolution import row_misfits
from streams.chunk import Chunk, Part
from streams.clean import clean
from streams.memory import Memory
from streams.plan import WorkingPlan, working_plan
from streams.recollection import Recollection
from streams.route import route
from tests.governance.test_compile import after
from tests.trial.city_world import CLINIC, NOW, PLAN, POPULATION, RESIDENT, SECRET, World, Writing, _write
from tests.trial.test_oracle import verdict_on
from trial.city.luan import DIRECTORY

Fields = list[dict[str, Any]]
CITY = read_city(DIRECTORY)
#: The residents' own fields, and some of the kinds that change in more ways.
HOLDER = {"type": "record", "name": "Holder", "fields": [
    {"name": "name", "type": "string"}, {"name": "count", "type": "int"},
    {"name": "tags", "type": {"type": "array", "items": "int"}}]}
EXTRA: Fields = [
    {"name": "visits", "type": "int"}, {"name": "ratio", "type": ["null", "float"]}, {"name": "note", "type": "bytes"},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"], "default": "a"}},
    {"name": "holder", "type": HOLDER}, {"name": "spare", "type": "string"}]
FIRST_FIELDS: Fields = json.loads(CITY.datasets[RESIDENT].row_schema)["fields"] + EXTRA
#: What is asked of values inside the record, whatever that is called by then.
INSIDE = {"holder.name": ("blanks", "length(min=1,max=3)"), "holder.count": ("range(min=0,max=8)",), "holder.tags[]": ("range(max=150)",)}
GRANTED = {"tax": ("visits", "ratio", "note", "holder"), "police": ("visits", "kind"), "medical": ("kind", "holder")}
PEOPLE = [Writing(seed).resident() for seed in (11, 12, 13)]


def declared(fields: Fields) -> City:
    """The trial city with residents of this shape, and subscriptions that are granted some of what is not standard."""
    names = {alias: one["name"] for one in fields for alias in one.get("aliases", ())}
    holder = next(one["type"] for one in fields if isinstance(one["type"], dict) and one["type"].get("name") == "Holder")
    inside = {alias: one["name"] for one in holder["fields"] for alias in one.get("aliases", ())}
    item = CITY.datasets[RESIDENT]
    row = {**json.loads(item.row_schema), "fields": fields}
    resident = item.model_copy(update={
        "row_schema": json.dumps(row, ensure_ascii=False), "key": tuple(names.get(name, name) for name in item.key),
        "division_field": names.get(item.division_field, item.division_field),
        "rules": {_renamed(path, names, inside): tuple(_reading(use, names) for use in uses)
                  for path, uses in (item.rules | INSIDE).items()}})
    agreed = {}
    for name, file in CITY.subscriptions.items():
        more = GRANTED.get(name.split(".")[0], ()) if name.endswith(RESIDENT) else ()
        masks = file.masks | ({"visits": Mask(kind="hmac")} if name == f"police.{RESIDENT}" else {})
        scope = (*file.scope, Condition(field="visits", op="in", values=("0", "7"))) if name == f"tax.{RESIDENT}" else file.scope
        agreed[name] = file.model_copy(update={"fields": file.fields + more, "masks": masks, "scope": scope})
    return CITY.model_copy(update={"datasets": {**CITY.datasets, RESIDENT: resident}, "subscriptions": agreed})


def _first(field: dict[str, Any]) -> str:
    """What a field inside the record was called in the first version."""
    return str((field.get("aliases") or [field["name"]])[0])


def _renamed(path: str, names: dict[str, str], inside: dict[str, str]) -> str:
    first, dot, rest = path.partition(".")
    name, brackets, more = rest.partition("[]")
    return names.get(first, first) + dot + inside.get(name, name) + brackets + more


def _reading(use: str, names: dict[str, str]) -> str:
    """A rule that reads another field reads it under its new name."""
    return re.sub(r"(?<=[(,]id=)\w+", lambda name: names.get(name[0], name[0]), use)


def next_plan(current: Plan, fields: Fields) -> Plan:
    change = compile_change(current, {}, declared(fields), lanes_with_data=frozenset({"raw.health", "clean.health"}))
    return after(current, change)


FIRST = next_plan(Plan(), FIRST_FIELDS)


class Shape(NamedTuple):
    """A version: its fields, and what each was called at first."""

    fields: Fields
    names: dict[str, str]


@st.composite
def evolutions(draw: st.DrawFn, shape: Shape, number: int) -> Shape:
    """The fields after some of all that may happen to them."""
    chosen = draw(st.sets(st.sampled_from(["add", "remove", "promote", "rename", "nested", "symbols", "reorder"]), min_size=1))
    fields, names = [dict(one) for one in shape.fields], dict(shape.names)
    for one in fields:
        first = names.get(one["name"], one["name"])
        if "promote" in chosen and first in ("visits", "ratio", "note") and draw(st.booleans()):
            one["type"] = {"visits": "long", "ratio": ["null", "double"], "note": draw(st.sampled_from(["string", "bytes"]))}[first]
        if "symbols" in chosen and first == "kind":
            one["type"] = {**one["type"], "symbols": [*one["type"]["symbols"], f"c{number}"]}
        if "nested" in chosen and first == "holder":
            one["type"] = draw(holders(one["type"], number))
        if "rename" in chosen and draw(st.integers(0, 3)) == 0:
            old = one["name"]
            one |= {"name": f"{first}{number}", "aliases": [*one.get("aliases", ()), old]}
            names[one["name"]] = first
    if "remove" in chosen:
        fields = [one for one in fields if names.get(one["name"], one["name"]) != "spare"]
    if "add" in chosen:
        new = [(f"email{number}", ["null", "string"], None), (f"level{number}", "long", -70), (f"city{number}", "string", "六安")]
        fields += [{"name": name, "type": kind, "default": default}
                   for name, kind, default in draw(st.lists(st.sampled_from(new), min_size=1, unique_by=str))]
    if "reorder" in chosen:
        fields = draw(st.permutations(fields))
    return Shape(list(fields), names)


@st.composite
def holders(draw: st.DrawFn, kind: dict[str, Any], number: int) -> dict[str, Any]:
    """The nested record after some of the same."""
    fields = [dict(one) for one in kind["fields"]]
    for one in fields:
        if _first(one) == "count" and draw(st.booleans()):
            one["type"] = draw(st.sampled_from(["long", "double"])) if one["type"] == "int" else one["type"]
        if _first(one) == "tags" and draw(st.booleans()):
            one["type"] = {"type": "array", "items": "double"}
        if draw(st.integers(0, 3)) == 0:
            one |= {"name": f"{_first(one)}{number}", "aliases": [*one.get("aliases", ()), one["name"]]}
    if draw(st.booleans()):
        fields.append({"name": f"more{number}", "type": "boolean", "default": True})
    return {**kind, "fields": draw(st.permutations(fields))}


@st.composite
def rows(draw: st.DrawFn, shape: Shape) -> dict[str, Any]:
    """A row as a writer of this version has it."""
    person = draw(st.sampled_from(PEOPLE)) | draw(st.fixed_dictionaries({}, optional={
        "phone": st.sampled_from([None, "12", "+86 13812345678"]), "status": st.sampled_from(["registered", "moved", "x"]),
        "division": st.sampled_from(["341502", "340100", ""])}))
    return {one["name"]: draw(values(one, shape.names.get(one["name"], one["name"]), person)) for one in shape.fields}


@st.composite
def values(draw: st.DrawFn, field: dict[str, Any], first: str, person: dict[str, Any]) -> Any:
    match first:
        case "visits":
            return draw(st.sampled_from([0, 7, -1, 1 << 20] + ([1 << 40] if field["type"] == "long" else [])))
        case "ratio":
            return draw(st.sampled_from([None, 0.5, -2.0] + ([0.1] if "double" in field["type"] else [])))
        case "note":
            texts = ["", "界", "n" * 70]
            return draw(st.sampled_from(texts if field["type"] == "string" else [*(text.encode() for text in texts), b"\xff"]))
        case "kind":
            return draw(st.sampled_from(field["type"]["symbols"]))
        case "holder":
            had = {"name": draw(st.sampled_from(["王", " 王 ", "王明", ""])), "count": draw(st.sampled_from([0, 0, 8, 9])),
                   "tags": draw(st.lists(st.integers(0, 200), max_size=2))}
            return {one["name"]: had.get(_first(one), False) for one in field["type"]["fields"]}
        case "spare":
            return draw(st.sampled_from(["", "s"]))
        case _:
            return person.get(first, field.get("default"))


def incompatible(new: Shape, old: Shape) -> bool:
    """Whether a version cannot come back: it lacks the aliases of what was renamed, or a type was widened since."""
    texts = [json.dumps({"type": "record", "name": "R", "fields": shape.fields}) for shape in (new, old)]
    names = [{one["name"] for one in shape.fields} for shape in (new, old)]
    return bool(row_misfits(*texts)) or not names[0] <= names[1]


class Sent(NamedTuple):
    """One event on raw, by a writer of some version."""

    version: int
    key: bytes
    value: bytes


@st.composite
def sends(draw: st.DrawFn, shapes: Sequence[Shape], plans: Sequence[Plan], seq: int) -> Sent:
    """An event of any version that there is by then."""
    version = draw(st.integers(0, len(shapes) - 1))
    shape = shapes[version]
    row = draw(rows(shape))
    op = draw(st.sampled_from("cuuudr"))
    before = draw(st.none() | rows(shape))
    stream, position = draw(st.sampled_from([CLINIC, POPULATION])), draw(st.sampled_from([seq, seq, seq, seq - 3, -1]))
    meta = Meta(f"i{seq}", op, NOW, "s", stream, 0, position)  # type: ignore[arg-type]
    key = next(row[one["name"]] for one in shape.fields if shape.names.get(one["name"], one["name"]) == "resident_id")
    given = None if op == "d" else row
    if before is not None:
        before = {name: row[name] if row[name] == key else value for name, value in before.items()}
    number = plans[version].datasets[RESIDENT].event_schema
    codec = EventCodec(plans[version].schemas[number].text, number)
    return Sent(version, kafka_key(RESIDENT, key), codec.encode(Event(meta, given, before)))


class Worker:
    """Clean and route over a world, a slice at a time, with whatever plan they have by then."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.lanes = world, plan
        self.memory = Memory()
        self.done: dict[tuple[str, int], int] = {}

    def begin(self, work: WorkingPlan) -> None:
        """As after a restart: marks come back by the offset's metadata, who holds what is read back from the lane."""
        fresh = Memory()
        for lane in (*work.lanes("raw"), *work.lanes("clean")):
            for partition in range(self.lanes.lanes[lane].partitions):
                told = self.memory.of(lane, partition).metadata() if (lane, partition) in self.memory else ""
                learnt = Recollection(work)
                learnt.learn(self.records(lane, partition)[:self.done.get((lane, partition), 0)] if lane.startswith("clean.") else [])
                fresh.restore(lane, partition, told, learnt.rows)
        self.memory = fresh

    def records(self, lane: str, partition: int) -> list[Any]:
        return [(one.offset, one.timestamp, one.key, one.value) for one in self.world.read(lane) if one.partition == partition]

    def handle(self, stage: Any, work: WorkingPlan, most: int) -> None:
        """At most so many more records of each partition of a stage."""
        for lane in work.lanes(stage):
            for partition in range(self.lanes.lanes[lane].partitions):
                at = self.done.get((lane, partition), 0)
                records = self.records(lane, partition)[at:at + most]
                chunk = Chunk(stage, 1, [Part(lane, partition, records)])
                handled = (clean if stage == "raw" else route)(chunk, work, self.memory, NOW + 60_000)
                assert not handled.waiting
                self.memory.apply(handled.changes)
                self.done[lane, partition] = at + len(records)
                _write(self.world, self.lanes, handled)


@settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.data())
def test_bus_and_oracle_agree_on_a_run_in_which_a_dataset_changes(data: st.DataObject) -> None:
    shapes, plans = [Shape(FIRST_FIELDS, {})], [FIRST]
    for number in range(2, 2 + data.draw(st.integers(1, 2))):
        came_back = number > 2 and not incompatible(shapes[-2], shapes[-1]) and data.draw(st.booleans())
        event(f"an earlier shape comes back: {came_back}")
        shapes.append(shapes[-2] if came_back else data.draw(evolutions(shapes[-1], number)))
        plans.append(next_plan(plans[-1], shapes[-1].fields))
    writing = Writing(1)
    for lane in FIRST.lanes:
        writing.world.lanes[lane] = []
    worker, seq, work = Worker(writing.world, FIRST), 0, None
    for era, plan in enumerate(plans):
        work = working_plan(plan, SECRET, before=work)
        if era == 0 or data.draw(st.booleans()):
            worker.begin(work)
        for _ in range(data.draw(st.integers(1, 3))):
            for _ in range(data.draw(st.integers(0, 4))):
                seq += 1
                sent = data.draw(sends(shapes[:era + 1], plans, seq))
                event(f"written under {sent.version}, by then {era}")
                writing.raw("raw.health", sent.key, sent.value)
            for stage in ("raw", "clean"):
                worker.handle(stage, work, data.draw(st.integers(0, 6)))
    for stage in ("raw", "clean"):
        worker.handle(stage, work, 1000)
    verdict = verdict_on(plans[-1], writing.world, plans[:-1])
    assert verdict.examples == []
    assert not verdict.problems.counts
    present = plans[-1].datasets[RESIDENT].event_schema
    assert event_schema(RESIDENT, plans[-1].datasets[RESIDENT].row_schema) == plans[-1].schemas[present].text
    assert PLAN.lanes.keys() == FIRST.lanes.keys()
