"""From what Kafka, ledger and quarantine say to what is shown and what needs attention. Pure."""

import time
from dataclasses import replace

import pytest

from console.serve.assembling import Seen, assemble
from console.serve.kafka_watch import KafkaView
from console.serve.lag import Behind
from console.serve.silence import ALLOWED, silent_datasets
from console.serve.snapshot import Duty, Snapshot
from console.serve.watching import Trouble
from ledger.client import DutyState, SubscriptionBook
from schemas.control import LaneState
from schemas.reasons import DIMENSIONS
from schemas.text import Text
from tests.console.serve.conftest import (
    DATASET,
    FOUND,
    PLAN,
    QUALITY,
    books,
    connector,
    figure,
    instance,
    kafka_view,
    ledger_view,
    quarantine_view,
    worker,
)  # fmt: skip

AWAY = Trouble(Text("没有应答", "does not answer"), Text("启动它", "start it"))


def shown(kafka: KafkaView | None = None, **ledger: object) -> Snapshot:
    now = time.time()
    view = replace(ledger_view(), **ledger)  # type: ignore[arg-type]
    well = KafkaView(PLAN, (worker(),), (instance("health.people"),), (connector("health.people"),),
                     (Behind("raw.health", 1, 3, 0.2, "workers"),))
    return assemble(now, 1.5, Seen("kafka", kafka or well, now), Seen("ledger", view, now), Seen("quarantine", quarantine_view(), now))


def codes(snapshot: Snapshot) -> list[str]:
    return [each.code for each in snapshot.attention]


def test_a_healthy_bus_needs_no_attention() -> None:
    assert codes(shown()) == []


def test_everything_wrong_is_named_the_grave_first() -> None:
    found = shown(kafka_view(), books=books("imbalanced"), last_arrival={})
    assert codes(found) == ["books_imbalanced", "connector_halted", "connector_silent", "worker_silent", "lane_behind", "dataset_silent"]
    assert [each.level for each in found.attention] == ["bad"] * 3 + ["warn"] * 3
    for each in found.attention:
        assert all((*each.problem, *each.advice))


def test_figures_of_the_ledger_are_summed_by_stage_and_never_over_stages() -> None:
    volume = shown().volume
    assert volume is not None
    assert volume.stages == {"arrived": 54321, "cleaned": 54000, "delivered": 108642, "quarantined": 321}
    assert (volume.exchange, volume.exchange_live, volume.fixed) == (108642, 100000, 77)


def test_a_worker_that_is_silent_counts_for_nothing_now() -> None:
    found = shown(KafkaView(PLAN, (worker(1), worker(2), worker(3, ago=11)), (), (), ()))
    assert found.throughput == {"arrived": 80.0, "delivered": 209.0}
    assert [each.state for each in found.workers] == ["silent", "running", "running"]
    assert codes(found) == ["worker_silent"]


def test_without_any_worker_the_exchange_stands_still() -> None:
    assert codes(shown(KafkaView(PLAN))) == ["no_worker"]
    assert codes(shown(KafkaView(PLAN, (worker(1, ago=60),)))) == ["no_worker"]


@pytest.mark.parametrize(("state", "ago", "paused", "expected"), [
    ("running", 0, False, "running"), ("running", 30, False, "silent"), ("paused", 0, True, "paused"),
    ("stopped", 30, False, "stopped"), ("", 0, False, "missing"), ("", 0, True, "paused")])
def test_a_connector_is_what_it_says_unless_it_fell_silent(state: str, ago: float, paused: bool, expected: str) -> None:
    told = (connector("health.people", state, ago),) if state else ()
    view = KafkaView(PLAN, (worker(),), (instance("health.people", paused=paused),), told)
    assert shown(view).connectors[0].state == expected


def test_the_status_of_an_instance_that_was_removed_is_not_shown() -> None:
    assert shown(KafkaView(PLAN, (worker(),), (), (connector("health.gone"),))).connectors == ()


@pytest.mark.parametrize("cycle", sorted(ALLOWED))
def test_a_dataset_is_silent_when_its_cycle_passed_without_an_arrival(cycle: str) -> None:
    dataset = DATASET.model_copy(update={"cycle": cycle})
    now = time.time()
    assert silent_datasets([dataset], {DATASET.id: now - ALLOWED[cycle] + 5}, now) == ()
    assert [each.dataset for each in silent_datasets([dataset], {DATASET.id: now - ALLOWED[cycle] - 5}, now)] == [DATASET.id]
    assert [each.last for each in silent_datasets([dataset], {}, now)] == [0]


def test_nothing_is_called_silent_before_the_ledger_has_spoken() -> None:
    now = time.time()
    found = assemble(now, 1.5, Seen("kafka", KafkaView(PLAN, (worker(),)), now), Seen("ledger"), Seen("quarantine"))
    assert found.silent == ()


def test_a_ledger_that_went_away_keeps_its_figures_and_says_since_when() -> None:
    now = time.time()
    ledger = Seen("ledger", ledger_view(), now - 40, AWAY)
    found = assemble(now, 1.5, Seen("kafka", KafkaView(PLAN, (worker(),)), now), ledger, Seen("quarantine", quarantine_view(), now))
    assert found.origin("ledger").state == "stale"
    assert found.origin("ledger").as_of == int((now - 40) * 1000)
    assert found.volume is not None
    assert codes(found) == ["ledger_stale"]


def test_one_that_never_answered_is_away_and_gives_no_figure() -> None:
    now = time.time()
    found = assemble(now, 1.5, Seen("kafka", KafkaView(PLAN, (worker(),)), now), Seen("ledger", trouble=AWAY), Seen("quarantine"))
    assert [origin.state for origin in found.origins] == ["fresh", "away", "starting"]
    assert (found.volume, found.books, found.recorder) == (None, None, None)


def test_books_that_differ_name_the_line_and_the_difference() -> None:
    line = SubscriptionBook(subscription="tax.health.resident", subscriber="tax", dataset=DATASET.id, hour="2026-01-01T08:00:00+08:00",
                            cleaned=9, delivered=7, returned_up=0, returned_down=0, held_back=0, quarantined=0, in_flight=0,
                            difference=2, partial=False, state="imbalanced")  # fmt: skip
    found = shown(books=books("imbalanced").model_copy(update={"subscriptions": (line,)}))
    assert found.books is not None
    assert found.books.state == "imbalanced"
    assert found.books.wrong == (("tax.health.resident", "2026-01-01T08:00:00+08:00", 2),)


def test_a_recorder_that_waits_is_told_while_the_exchange_goes_on() -> None:
    state = ledger_view().recorder
    assert state is not None
    assert codes(shown(recorder=state.model_copy(update={"recorder": DutyState(state="waiting")}))) == ["recorder_waits"]


def test_a_lane_that_is_held_is_grave_at_its_stop_line_and_told_by_hand() -> None:
    raw = Behind("raw.health", 1, 40, 90.0, "workers")
    at_line = worker(1).model_copy(update={"held": ("raw.health",)})
    for held, state, code, level in ((at_line, LaneState(), "stop_line", "bad"),
                                     (at_line, LaneState(held=3, released=2), "stop_line", "bad"),
                                     (worker(1), LaneState(held=3, released=2), "lane_held", "warn")):
        view = replace(kafka_view(), plan=replace(PLAN, lanes={"raw.health": state}), workers=(held,), connectors=(), instances=(),
                       lanes=(raw,))
        (told,) = shown(view).attention
        assert (told.code, told.level) == (code, level)
        assert "40" in told.problem.en
        assert "shutong lane release raw.health" in told.advice.en


def test_the_dataset_furthest_from_right_comes_first_with_its_worst_reasons() -> None:
    good = QUALITY.model_copy(update={"dataset": "civil.village", "provider": "civil", "validity": figure(0, 10)})
    noise = QUALITY.model_copy(update={"dataset": "", "validity": figure(9, 9), "completeness": figure(0, 0), "consistency": figure(0, 0)})
    empty = good.model_copy(update={name: figure(0, 0) for name in DIMENSIONS} | {"dataset": "a.b"})
    many = tuple(FOUND[0].model_copy(update={"field": f"f{number}", "records": number}) for number in range(5))
    found = shown(quality=(empty, good, QUALITY, noise), findings=many)
    assert [row.dataset for row in found.quality] == ["", DATASET.id, "civil.village", "a.b"]
    assert [row.weakest for row in found.quality] == ["validity", "validity", "completeness", ""]
    assert found.quality[0].title == Text("health：无法辨认", "health: unreadable")
    assert [one.title.en for one in found.quality[1].worst] == ["f4", "f3", "f2"]
    assert found.quality[2].worst == ()
    validity = found.quality[1].figures["validity"]
    assert (validity.shown, validity.flawed, validity.of, validity.day, validity.fell) == ("97.00%", 1629, 54300, -2.0, True)
    assert not found.quality[1].figures["completeness"].fell


def test_late_lanes_come_first_and_the_others_stay_where_they_are() -> None:
    lanes = (Behind("clean.a", 1, 9, 1.0, "workers"), Behind("raw.b", 1, 5, 0.1, "workers"), Behind("raw.a", 1, 0, 0.0, "workers"),
             Behind("clean.z", 1, 7, 90.0, "offsets"))
    found = shown(KafkaView(PLAN, (worker(),), (), (), lanes))
    assert [lane.lane for lane in found.lanes] == ["clean.z", "raw.a", "raw.b", "clean.a"]
    assert found.lanes_total == 21


def test_the_page_is_sent_the_worst_rows_of_a_large_city_and_the_metrics_have_all() -> None:
    lanes = tuple(Behind(f"raw.d{number:04}", 1, number, float(number), "offsets") for number in range(3000))
    found = shown(KafkaView(PLAN, (worker(),), (), (), lanes))
    assert len(found.lanes) == 3000
    assert len(found.for_page()) < 60_000
    assert b"raw.d2999" in found.for_page()


def test_letters_of_a_schema_that_is_known_now_and_do_not_go_out_need_a_look() -> None:
    now = time.time()
    well = Seen("kafka", KafkaView(PLAN, (worker(),), (), (), ()), now)

    def told(duty: Duty) -> list[str]:
        return codes(assemble(now, 1.5, well, Seen("ledger", ledger_view(), now), Seen("quarantine", quarantine_view(), now), (duty,)))

    assert told(Duty(name="replay", done=9)) == []
    assert told(Duty(name="replay", done=9, left=2)) == ["replay_left"]
    assert told(Duty(name="replay", problem=AWAY.problem, advice=AWAY.advice)) == ["replay_waits"]
    assert told(Duty(name="stop_line", problem=AWAY.problem, advice=AWAY.advice)) == ["stop_line_waits"]
