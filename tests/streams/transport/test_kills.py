"""Workers are killed, frozen, joined and told to leave while events flow: each event once, in order, at the receiver."""

import logging
import random
import signal
import threading
import time
from collections import Counter, defaultdict

import pytest

from streams.transport.exits import CLEAN, FENCED
from tests.streams.transport.bus import CLEAN as CLEAN_LANE
from tests.streams.transport.bus import Bus
from wire.settings import TRANSACTION_TIMEOUT

pytestmark = pytest.mark.kafka

EVENTS = 20_000
SECONDS = 30


def test_every_event_arrives_once_and_in_order_whatever_happens_to_the_workers(bus: Bus) -> None:
    seed = random.randrange(1 << 32)
    logging.getLogger(__name__).warning("seed %d", seed)
    draw = random.Random(seed)
    bus.start(1)
    bus.start(2)
    publishing = threading.Thread(target=lambda: _publish_evenly(bus), daemon=True)
    publishing.start()
    for _ in range(3):
        slot = draw.choice((1, 2))
        bus.wait_until_it_has_joined(slot)
        bus.kill(slot)
        bus.start(slot)
        time.sleep(draw.uniform(0.5, 3))
    bus.start(3)
    bus.wait_until_it_has_joined(3)
    frozen = bus.workers[1]
    frozen.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    time.sleep(2)
    assert bus.end(3) == CLEAN
    time.sleep(max(TRANSACTION_TIMEOUT + 2 - (time.monotonic() - stopped), 0))
    frozen.send_signal(signal.SIGCONT)
    publishing.join()
    time.sleep(1)
    if frozen.poll() is not None:
        assert frozen.returncode == FENCED, bus.log(1)
        bus.start(1)
    for subscriber in ("tax", "police"):
        events = bus.inbox(EVENTS, patience=40, subscriber=subscriber)
        counted = Counter(event.meta.id for _, event in events)
        assert len(counted) == EVENTS, f"{subscriber}: {EVENTS - len(counted)} lost"
        assert len(events) == EVENTS, f"{subscriber}: {len(events) - EVENTS} doubled"
        of_key: dict[bytes, list[tuple[int, str]]] = defaultdict(list)
        for key, event in events:
            of_key[key].append((int(event.meta.id.rsplit("-", 1)[1]), event.meta.op))
        assert all(told == sorted(told) for told in of_key.values()), f"{subscriber}: out of order"
        # Each person comes into the scope of police and leaves it again: who held them before is remembered by whoever is next.
        turns = "c" + ("dr" if subscriber == "police" else "uu") * EVENTS
        assert all(turns.startswith("".join(op for _, op in told)) for told in of_key.values()), subscriber
    assert bus.count(CLEAN_LANE) == EVENTS
    assert bus.end(2) == CLEAN
    bus.end(1)
    assert bus.tallied() == Counter({(stage, ""): EVENTS for stage in ("arrived", "cleaned")} | {
        ("delivered", name): EVENTS for name in ("tax", "medical", "police")} | {("returned_up", "province"): EVENTS})


def _publish_evenly(bus: Bus) -> None:
    began, step = time.monotonic(), EVENTS // (SECONDS * 2)
    for at in range(0, EVENTS, step):
        bus.publish(range(at, min(at + step, EVENTS)), divisions=("341502", "340104"))
        time.sleep(max(began + at / EVENTS * SECONDS - time.monotonic(), 0))
