"""The service hall on real Kafka: nested records, arrays, maps, money and events of licences through a real worker, judged."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.codec import EventCodec, bus_schema
from schemas.envelope import Event
from schemas.rules.path import general
from tests.streams.transport.bus import Bus
from tests.streams.world import SECRET
from tests.trial.hall_world import Hall, hall_plan
from trial.evidence import check_tallies, plan_as_json, tallies_of
from trial.kafka import LocalKafka
from trial.oracle import Record, Verdict, judge
from wire.publisher import Publisher
from wire.reading import read_all, read_with_headers

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


@pytest.fixture
def hall(kafka: LocalKafka, prefix: str, tmp_path: Path) -> Iterator[Bus]:
    """A bus with the hall's plan in force."""
    plan = hall_plan()
    lanes = {lane: state.partitions for lane, state in plan.lanes.items() if not lane.startswith("bus.")}
    bus = Bus(kafka, prefix, tmp_path, plan=plan, lanes=lanes)
    yield bus
    bus.stop()


def judged(bus: Bus) -> Verdict:
    """The oracle over every lane, and its count against the tallies."""
    def lane(name: str) -> Iterator[Record]:
        return (Record(*record, headers) for record, headers in read_with_headers(bus.admin, [name]))

    verdict = judge(plan_as_json(bus.plan), SECRET, lane, letter_schema=json.loads(bus_schema("letter")))
    check_tallies(tallies_of(bus.admin), verdict)
    return verdict


def settle(bus: Bus, sent: int, patience: float = 60) -> None:
    """Until the worker has nothing left to do."""
    until = time.monotonic() + patience
    while True:
        status = bus.statuses().get("h-1")
        arrived = status.stages["arrived"].total if status and "arrived" in status.stages else 0
        if status and arrived == sent and not status.not_begun and {lag.records for lag in status.lanes.values()} == {0}:
            return
        assert time.monotonic() < until, (status, bus.log(1))
        time.sleep(0.3)


def delivered(bus: Bus, subscription: str) -> list[Event]:
    """What a subscription has been given, decoded."""
    item = bus.plan.subscriptions[subscription]
    codec = EventCodec(bus.plan.schemas[item.output_schema].text, item.output_schema)
    head = b"\0" + item.output_schema.to_bytes(4, "big")
    return [codec.decode(record.value) for record in read_all(bus.admin, [f"deliver.{item.subscriber}"])
            if record.value and record.value.startswith(head)]


def test_the_hall_exchanges_nested_rows_arrays_money_and_events_and_every_record_is_right(hall: Bus) -> None:
    departments = Hall(hall.plan)
    sent = list(departments.events())
    with Publisher(hall.admin, linger_ms=20) as publisher:
        for lane, key, value in sent:
            publisher.send(lane, key, value)
    hall.start(1)
    settle(hall, len(sent))
    assert hall.end(1) == 0
    verdict = judged(hall)
    assert verdict.examples == []
    assert (verdict.lost, verdict.duplicated, verdict.out_of_order, verdict.wrong_content) == (0, 0, 0, 0)
    assert verdict.ledger_equals_count
    books = verdict.books
    assert books.total("arrived") == len(sent)
    assert books.by_subscriber("quarantined")[""] == sum(departments.rejected.values())
    assert books.fixed > 100
    assert books.total("held_back") > 0
    assert books.total("returned_up") > 0
    assert {(general(field), reason) for field, reason in verdict.reasons} >= {
        ("status", "code_unknown"), ("approved_on", "order"), ("valid_to", "order"), ("holder.subject", "code_unknown"),
        ("items[].amount", "too_small"), ("attachments{}", "too_short"), ("changed_fields[]", "placeholder"), ("holders", "repeated"),
        ("sex", "id_other_sex"), ("address", "encoding_lost")}

    changed = {row["licence_number"] for row in departments.rows["approval.permit"][:60]}
    rows = {row["licence_number"]: row for row in departments.clean["approval.permit"] if row["licence_number"] not in changed}
    given = {event.row["licence_number"]: event.row for event in delivered(hall, "police.approval.permit")
             if event.row and event.row["licence_number"] in rows}
    assert given
    for number, row in given.items():
        assert row["holder"] == rows[number]["holder"]
        assert row["items"] == rows[number]["items"]
        assert row["valid_to"] == rows[number]["valid_to"]
    reported = [event.row for event in delivered(hall, "province.approval.permit") if event.row and event.row["licence_number"] in rows]
    assert all(row["fee"] == rows[row["licence_number"]]["fee"] and row["attachments"] == rows[row["licence_number"]]["attachments"]
               for row in reported)
    assert any(row["attachments"] for row in reported)
    masked = [event.row for event in delivered(hall, "credit.approval.permit") if event.row]
    assert {row["holder"] for row in masked} == {None}
    assert {row["valid_from"] for row in masked} <= set(range(2001, 2026))
    acts = Counter(event.row["act"] for event in delivered(hall, "credit.approval.permit-event") if event.row)
    assert set(acts) == {"revoke", "cancel", "suspend"}
