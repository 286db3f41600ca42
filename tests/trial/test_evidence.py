"""The evidence beside the lanes: what was acknowledged, what stood in a source, what stands in a sink; each spoiled in turn."""

import datetime as dt
import json
import os
import pickle
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import bus_schema
from tests.trial.city_world import NOW, PLAN, POLICE, SECRET, World, city_world, village_row
from trial import witness as module
from trial.evidence import Evidence, check_sinks, check_sources, check_tallies, plan_as_json
from trial.oracle import Record, Verdict, judge
from trial.publisher import send_digest
from trial.witness import Answer, Witness
from wire.reading import Record as OnLane

LETTERS = json.loads(bus_schema("letter"))
PLACES = "police.civil.village"
Tables = dict[tuple[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def world() -> World:
    return city_world()


@pytest.fixture
def verdict(world: World) -> Verdict:
    return judge(plan_as_json(PLAN), SECRET, world.read, letter_schema=LETTERS, tables=[POLICE, PLACES])


def moment(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as a database has it."""
    at = row.get("updated_at")
    return {**row, **({} if not isinstance(at, int) else {"updated_at": dt.datetime.fromtimestamp(at / 1000, dt.UTC)})}


def tables_of(world: World) -> Tables:
    world.store(PLACES)
    places = list(world.sink.values())
    world.store(POLICE)
    return {("civil", "village"): [moment(row) for row in world.tables["civil.register"].values()],
            ("health", "resident"): [moment(row) for row in world.tables["health.population"].values()],
            ("police", "resident"): [moment(row) for row in world.sink.values()],
            ("police", "village"): [moment(row) for row in places]}


def found(verdict: Verdict, tables: Tables) -> dict[str, int]:
    def rows(database: str, table: str) -> Iterator[dict[str, Any]]:
        return iter(tables[database, table])

    check_sources(rows, PLAN, verdict)
    check_sinks(rows, verdict)
    return dict(verdict.problems.counts)


def test_tables_that_are_as_they_must_be_are_right(world: World, verdict: Verdict) -> None:
    assert found(verdict, tables_of(world)) == {}


@pytest.mark.parametrize("table", [("civil", "village"), ("health", "resident"), ("police", "resident"), ("police", "village")])
def test_a_row_too_few_one_too_many_and_one_that_is_another_are_named(world: World, table: tuple[str, str]) -> None:
    def spoiled(change: Any) -> dict[str, int]:
        tables = tables_of(world)
        change(tables[table])
        return found(judge(plan_as_json(PLAN), SECRET, world.read, letter_schema=LETTERS, tables=[POLICE, PLACES]), tables)

    def stray(rows: list[dict[str, Any]]) -> None:
        key = "_key" if "_key" in rows[0] else next(iter(rows[0]))
        rows.append({**rows[0], key: rows[0][key] + "9"})

    assert spoiled(lambda rows: rows.pop()) == {"lost": 1}
    assert spoiled(lambda rows: rows[0].update(name="别人")) == {"wrong_content": 1}
    assert spoiled(stray) == ({"lost": 1} if table[0] != "police" else {"wrong_content": 1})


def test_an_acknowledged_send_that_is_not_on_raw_is_lost_and_one_that_is_there_twice_is_duplicated() -> None:
    sends = [(b"k", b"one"), (b"k", None), (None, b"two")]
    acknowledged = Counter(send_digest(key, value) for key, value in sends)

    def outcome(on_raw: list[tuple[bytes | None, bytes | None]]) -> dict[str, int]:
        lane = [(OnLane("raw.health", 0, number, NOW, key, value), []) for number, (key, value) in enumerate(on_raw)]
        evidence, verdict = Evidence(lambda name: lane, acknowledged), Verdict()
        assert len(list(evidence.records("raw.health"))) == evidence.read == len(on_raw)
        evidence.check_sends(verdict)
        return dict(verdict.problems.counts)

    assert outcome([*sends, (b"k", b"by another")]) == {}
    assert outcome(sends[1:]) == {"lost": 1}
    assert outcome([*sends, sends[1], sends[2]]) == {"duplicated": 2}


def test_headers_reach_the_oracle_beside_their_records() -> None:
    evidence = Evidence(lambda name: [(OnLane(name, 0, 0, NOW, b"k", b"v"), [("findings", b"[]")])], Counter())
    assert list(evidence.records("clean.health")) == [Record("clean.health", 0, 0, NOW, b"k", b"v", [("findings", b"[]")])]


def test_a_tally_that_is_missing_on_its_lane_is_named(world: World, verdict: Verdict) -> None:
    spoiled = world.copy()
    check_tallies(spoiled.tally_lane(), verdict)
    assert not verdict.problems.counts
    del spoiled.tallies[5]
    check_tallies(spoiled.tally_lane(), verdict)
    assert dict(verdict.problems.counts) == {"ledger": 1}


# ---- a witness


def test_what_a_witness_leaves_behind_tells_of_nobody_and_is_gone_when_it_was_read(
        world: World, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "testify", lambda question: Answer(verdict, 7))
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(None, pipe)
    path = tmp_path / "clean.answer"
    module.main(reading, path)
    data = path.read_bytes()
    numbers = [str(row["resident_id"]).encode() for row in world.tables["health.population"].values()]
    assert len(numbers) > 50
    assert not [number for number in numbers if number in data]
    assert village_row(0)["code"].encode() not in data
    assert path.stat().st_mode & 0o777 == 0o600

    witness = object.__new__(Witness)
    witness._answer, witness._log = path, tmp_path / "log"
    witness._process = type("Done", (), {"poll": lambda self: 0, "returncode": 0})()  # type: ignore[assignment]
    assert witness.answer(threading.Event()).read == 7
    assert not list(tmp_path.iterdir())
