"""`shutong demo`: the trial city once, from nothing to a judged report. Exit code 0 only if everything is right.

In its middle it kills a worker with -9, on purpose. Ctrl-C at any moment leaves no process and no lock behind.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from schemas.control import Plan
from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text
from trial.footprint import Footprint
from trial.judging import Judging
from trial.probe import Probe
from trial.publisher import RudePublisher
from trial.quiet import Changes, Quiet
from trial.report import Report, quantiles
from trial.running import RunningCity
from trial.tally_watch import TallyWatch
from trial.traffic import Sizes, Traffic
from trial.view import View
from trial.witness import Stopped

__all__ = ["run"]

T = TypeVar("T")
_FAILED, _INTERRUPTED = 1, 130
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LANES = ("raw.civil", "raw.health")


def run(events: int = 200_000, home: Path = Path(".shutong/demo"), seed: int = 1) -> int:
    """Run the whole rehearsal; its exit code."""
    view = View(Sizes.of(events).total)
    with view, _interruptible():
        demo = _Demo(Path(home), Sizes.of(events), seed, view)
        try:
            report, problems = demo.run()
        except (KeyboardInterrupt, Stopped):
            view.say("demo", Text("已中断，正在停止", "interrupted, stopping"))
            return _INTERRUPTED
        except BusError as error:
            view.say("demo", Text(f"✗ {error.problem.zh} → {error.advice.zh}", f"✗ {error.problem.en} → {error.advice.en}"))
            return _FAILED
        finally:
            with _deaf():
                demo.stop()
    report.seconds, report.memory_mb = round(view.elapsed, 1), round(demo.memory / 1e6)
    report.write(Path(home) / "report.json")
    view.console.print(report.shown(problems))
    return 0 if report.is_right() and not problems else _FAILED


class _Demo:
    """One rehearsal: the city, what is done to it, and who watches."""

    def __init__(self, home: Path, sizes: Sizes, seed: int, view: View) -> None:
        self._sizes, self._seed, self._view = sizes, seed, view
        self._city = RunningCity(home, view.say, records=sizes.villages + sizes.snapshot + sizes.inserts)
        self._stop = threading.Event()
        self._open = ExitStack()
        self._footprint = Footprint()
        self._open.callback(self._footprint.close)

    @property
    def memory(self) -> int:
        """The most memory that all processes together took, in bytes."""
        return self._footprint.highest

    def run(self) -> tuple[Report, list[str]]:
        """From an empty home to the figures, and what is wrong with them."""
        self._city.start_departments()
        traffic = Traffic(self._city.postgres, self._sizes, self._seed)
        self._open.callback(traffic.close)
        plan = self._start(traffic)
        watch = TallyWatch(self._city.settings())
        self._open.callback(watch.close)
        self._view.watch(watch.counts)
        self._snapshot(watch)
        rude = RudePublisher(self._city.settings("provider.health"), plan, "health.resident", "civil.village",
                             "health.clinic", traffic.stranger)
        self._open.callback(rude.close)
        probe = Probe(self._city.settings("subscriber.tax"), "deliver.tax")
        self._open.callback(probe.close)
        judging = Judging(self._city, plan, self._view.say, self._stop)
        self._open.callback(judging.close)
        self._live(traffic, rude, probe, plan, judging)
        self._view.say("demo", Text("停下工作进程和连接器；独立核对开始", "workers and connectors stop; the oracle begins"))
        with ThreadPoolExecutor(1, thread_name_prefix="judging") as pool:
            self._wait_for(pool.submit(self._city.rest))
            verdict = pool.submit(judging.judge, rude, traffic, probe.latencies())
            report, problems = self._wait_for(verdict, lambda: judging.waiting_for)
            report.rates = traffic.rates()
            report.latency_usual_ms = quantiles(probe.latencies(before=traffic.burst_at))
            return report, problems

    def stop(self) -> None:
        """Everything this rehearsal started."""
        self._stop.set()
        self._city.stop()
        self._open.close()

    def _start(self, traffic: Traffic) -> Plan:
        """The registers fill while the broker starts."""
        with ThreadPoolExecutor(1, thread_name_prefix="registers") as pool:
            filled = pool.submit(traffic.prepare, self._stop)
            try:
                self._city.start_kafka()
                plan = self._city.apply()
            except BaseException:
                self._stop.set()
                raise
            self._wait_for(filled, lambda: Text(f"登记簿填满（{traffic.done['snapshot']:,} 名居民）",
                                                f"the registers to fill ({traffic.done['snapshot']:,} residents)"))
        self._view.say("city", Text(f"{self._sizes.villages:,} 个社区村、{self._sizes.snapshot:,} 名居民已登记",
                                    f"{self._sizes.villages:,} villages and {self._sizes.snapshot:,} residents are registered"))
        self._city.start_bus()
        return plan

    def _snapshot(self, watch: TallyWatch) -> None:
        """The connectors' first reading of both registers, through to the inboxes."""
        wanted = self._sizes.villages + self._sizes.snapshot
        deadline = time.monotonic() + 60 + wanted / 1000
        while True:
            counts = watch.counts()
            settled = counts.get("returned_up", 0) + counts.get("quarantined", 0)
            self._view.wait(_snapshot_wait(wanted, counts.get("arrived", 0), settled))
            if counts.get("arrived", 0) >= wanted and settled >= wanted:
                self._view.wait(None)
                return
            if time.monotonic() > deadline:
                raise RetryError(Text("首次快照没有按时完成", "the first snapshot did not end in time"),
                                 advice=Text("查看 logs 目录中的日志", "read the logs in the logs directory"))
            self._breathe()

    def _live(self, traffic: Traffic, rude: RudePublisher, probe: Probe, plan: Plan, judging: Judging) -> None:
        """Live changes with a burst, a kill in its middle, people who come back, and then silence."""
        changes = Changes(self._city, _LANES)
        self._open.callback(changes.close)
        self._city.bus.settle()
        probe.measure()
        self._view.say("city", Text("快照完成，开始实时变更", "the snapshot is through; live changes begin"))
        with ThreadPoolExecutor(1, thread_name_prefix="traffic") as pool:
            self._wait_for(pool.submit(traffic.run, rude, self._stop, self._kill))
            quiet = Quiet(self._city, plan, judging.is_recorded)
            self._view.say("city", Text("部门不再变更，等待全部处理完", "the departments rest; waiting until all is handled"))
            self._wait_for(pool.submit(quiet.wait_for, changes, traffic.live(), self._stop, 120), lambda: quiet.waiting_for)
            self._wait_for(pool.submit(traffic.come_back))
            self._wait_for(pool.submit(quiet.wait, changes, traffic.live(), self._stop, 120), lambda: quiet.waiting_for)

    def _kill(self) -> None:
        pid = self._city.kill_worker()
        self._view.say("demo", Text(f"故意 kill -9 一个工作进程（{pid}）：任何计数都不应改变",
                                    f"kill -9 of a worker on purpose ({pid}): no count may change"))

    def _wait_for(self, work: "Future[T]", waiting_for: Callable[[], Text | None] = lambda: None) -> T:
        """The result of work in another thread, which is told to stop when this wait ends otherwise."""
        try:
            while not work.done():
                self._view.wait(waiting_for())
                self._breathe()
            return work.result()
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._view.wait(None)

    def _breathe(self) -> None:
        self._view.refresh()
        if self._city.halted is not None:
            raise HaltError(self._city.halted, advice=Text("排除原因后重新演练", "remove the cause and begin again"))
        time.sleep(0.25)


def _snapshot_wait(wanted: int, arrived: int, settled: int) -> Text:
    if arrived < wanted:
        return Text(f"首次快照：{wanted:,} 条已到达 {arrived:,} 条", f"the first snapshot: {arrived:,} of {wanted:,} arrived")
    return Text(f"首次快照分发到收件箱：{settled:,} / {wanted:,}", f"the first snapshot in the inboxes: {settled:,} of {wanted:,}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does. From the first of them on all are ignored: it is ending already."""
    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in _ENDINGS:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    with _heard(interrupt):
        yield


@contextmanager
def _deaf() -> Iterator[None]:
    """While everything is being stopped Ctrl-C changes nothing."""
    with _heard(signal.SIG_IGN):
        yield


@contextmanager
def _heard(how: "Callable[[int, FrameType | None], None] | signal.Handlers") -> Iterator[None]:
    before = {number: signal.signal(number, how) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    import argparse

    options = argparse.ArgumentParser(prog="python -m trial.demo", description=__doc__)
    options.add_argument("--events", type=int, default=200_000)
    options.add_argument("--home", type=Path, default=Path(".shutong/demo"))
    options.add_argument("--seed", type=int, default=1)
    raise SystemExit(run(**vars(options.parse_args())))
