"""kill -9 of each process of a bus in turn, while departments publish: every one comes back by itself and no count changes."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from schemas.text import Text
from trial.judging import Judging
from trial.publisher import RudePublisher
from trial.quiet import Changes, Quiet
from trial.running import RunningCity
from trial.tally_watch import TallyWatch
from trial.traffic import Sizes, Traffic

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SIZES = Sizes.of(4000)
PATIENCE = 90.0


class Heard:
    """What the bus told a person."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, name: str, what: Text) -> None:
        self.lines.append(f"{time.monotonic():.1f} {name}: {what.en}")

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Departments(threading.Thread):
    """The departments at work until they are told that it is enough; they rest while their own server is away."""

    def __init__(self, traffic: Traffic, rude: RudePublisher) -> None:
        super().__init__(name="departments", daemon=True)
        self.at_work = threading.Lock()
        self.failed: BaseException | None = None
        self._traffic, self._rude = traffic, rude
        self._enough = threading.Event()

    def run(self) -> None:
        left = 1.0
        try:
            while not self._enough.wait(0.25):
                left *= 0.985
                with self.at_work:
                    self._traffic.step(1 - left, self._rude)
            self._traffic.finish(self._rude)
        except BaseException as error:
            self.failed = error

    def end(self) -> None:
        self._enough.set()
        self.join(PATIENCE)
        assert not self.is_alive()
        assert self.failed is None, repr(self.failed)


class Exchange:
    """A trial city whose first snapshot is through, with everything that judges it."""

    def __init__(self, home: Path, open_: ExitStack) -> None:
        self.heard, self.stop = Heard(), threading.Event()
        self.city = RunningCity(home, self.heard)
        open_.callback(self.city.stop)
        self.city.start_departments()
        self.traffic = Traffic(self.city.postgres, SIZES, seed=9)
        open_.callback(self.traffic.close)
        self.traffic.prepare(self.stop)
        self.city.start_kafka()
        self.plan = self.city.apply()
        self.city.start_bus()
        self.watch = TallyWatch(self.city.settings())
        open_.callback(self.watch.close)
        self.rude = RudePublisher(self.city.settings("provider.health"), self.plan, "health.resident", "civil.village",
                                  "health.clinic", self.traffic.stranger)
        open_.callback(self.rude.close)
        self.judging = Judging(self.city, self.plan, self.heard, self.stop)
        open_.callback(self.judging.close)
        until(lambda: sum(self.watch.counts().get(stage, 0) for stage in ("returned_up", "quarantined"))
              >= SIZES.villages + SIZES.snapshot, self.heard)
        self.changes = Changes(self.city, ("raw.civil", "raw.health"))
        open_.callback(self.changes.close)
        self.traffic.phase = "live"
        self.departments = Departments(self.traffic, self.rude)
        self.departments.start()

    def log(self, name: str) -> str:
        """What a process wrote."""
        return (self.city.home / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def moves_on(self) -> None:
        """Wait until new changes of the department's table came through to the inboxes."""
        for stage in ("sent", "returned_up"):
            before = self.watch.counts().get(stage, 0)
            until(lambda: self.watch.counts().get(stage, 0) > before, self.heard)  # noqa: B023

    def kill(self, name: str) -> None:
        """kill -9 of one process; wait until the supervisor has it running again and the exchange goes on."""
        restarts = self.city.bus.supervisor.states()[name][1]
        self.city.bus.supervisor.signal(name, signal.SIGKILL)
        until(lambda: self.city.bus.supervisor.states()[name][1] > restarts, self.heard)
        self.moves_on()

    def answers(self, name: str) -> None:
        """Wait until a process answers over HTTP."""
        def ready() -> bool:
            try:
                return httpx.get(f"http://{self.city.bus.addresses[name]}/healthz", timeout=5, trust_env=False).is_success
            except httpx.TransportError:
                return False

        until(ready, self.heard)


def until(true: Callable[[], bool], heard: Heard) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, str(heard)
        time.sleep(0.05)


@contextmanager
def exchange(home: Path) -> Iterator[Exchange]:
    with ExitStack() as open_:
        yield Exchange(home, open_)


def test_kill_9_of_each_process_in_turn_changes_no_count(tmp_path: Path) -> None:
    with exchange(tmp_path / "city") as bus:
        city, heard = bus.city, bus.heard
        bus.moves_on()
        for name in ("worker-1", "connect", "ledger", "serve"):
            bus.kill(name)
        bus.answers("ledger")
        bus.answers("serve")

        broker = city.bus.admin.bootstrap
        city.kill_kafka()
        until(lambda: "没有应答" in bus.log("ledger") or "没有应答" in bus.log("connect"), heard)
        city.mend()
        assert city.bus.admin.bootstrap == broker
        bus.moves_on()

        with bus.departments.at_work:
            city.postgres.kill()
            until(lambda: "检查数据库是否运行" in bus.log("connect"), heard)
            city.mend()
            bus.traffic.reconnect()
        bus.moves_on()

        bus.departments.end()
        Quiet(city, bus.plan, bus.judging.is_recorded).wait(bus.changes, bus.traffic.live(), bus.stop, PATIENCE)
        city.rest()
        report, problems = bus.judging.judge(bus.rude, bus.traffic, [])
        assert problems == [], str(heard)
        assert (report.lost, report.duplicated, report.out_of_order, report.wrong_content) == (0, 0, 0, 0)
        assert report.books_balanced
        assert report.ledger_equals_count
        assert report.published > SIZES.total
        said = str(heard)
        assert said.count("ended (SIGKILL), restarts in") == 4, said
        # A worker whose Kafka client does not come back ends itself and goes on; nobody is waited for.
        assert "a person is needed" not in said, said
        assert "has taken over" not in said, said
        assert said.count("ended unexpectedly") == 2, said
