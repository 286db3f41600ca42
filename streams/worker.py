"""The worker process: `shutong worker --slot N`, or `python -m streams.worker --slot N`. Configured by environment only.

SIGTERM and SIGINT: commit what was handled, hand the partitions on, end with 0. Killed or frozen, it loses nothing: the
next start of the slot fences it. The other exit codes are those of `streams.transport.exits`.
"""

import argparse
import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from schemas.errors import HaltError
from streams.agents import make_app
from streams.clean import clean
from streams.follower import Follower
from streams.heartbeat import Heartbeat
from streams.memory import Memory
from streams.route import route
from streams.settings import WorkerSettings
from streams.slot import Slot, take_slot
from streams.transport.engine import Engine
from streams.transport.exits import BROKEN, CLEAN, HALTED, end_process
from streams.transport.transaction import Handler
from streams.watchdog import Watchdog

__all__ = ["main", "run"]

_REPORT_EVERY = 2.0

logger = logging.getLogger(__name__)


def run(settings: WorkerSettings, *, clean: Handler = clean, route: Handler = route, memory: Memory | None = None,
        on_commit: Callable[[], None] = lambda: None) -> int:
    """Run a worker until it is told to end; its exit code. Whoever measures brings handlers and memory of their own."""
    try:
        slot = take_slot(settings.home, settings.host_name, settings.slot)
        follower = Follower(settings, settings.mask_secret())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(settings, slot, follower, clean, route, memory or Memory(settings.memory_limit), on_commit))
    except HaltError as error:
        logger.critical("%s", error)
        return HALTED
    return CLEAN


async def _work(settings: WorkerSettings, slot: Slot, follower: Follower, clean: Handler, route: Handler,
                memory: Memory, on_commit: Callable[[], None]) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    epoch = int(time.time())
    view = await _unless(told, asyncio.to_thread(follower.load))
    if view is None:
        end_process(CLEAN, "before a plan was read")
    engine = Engine(settings, slot.instance, epoch, view, memory)
    engine.transaction.on_commit = on_commit
    await _unless(told, asyncio.to_thread(engine.fence))
    if told.is_set():
        end_process(CLEAN, "before it began")
    engine.start(loop)
    follower.on_view = engine.follow_soon
    follower.start()
    Watchdog(engine, settings.stuck_after).start()
    heartbeat = Heartbeat(settings, slot, epoch, engine)
    app = make_app(engine, settings.home / "workers" / f"faust-{slot.number}", clean=clean, route=route)
    await app.start()
    heartbeat.state = "running"
    # Records and their slices hold no cycles; looking for some among them every 700 objects takes a twentieth of the CPU.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    logger.info("worker %s runs", slot.instance)
    while not told.is_set():
        if app.crashed:
            end_process(BROKEN, "Faust")
        await asyncio.to_thread(heartbeat.tell)
        await _unless(told, asyncio.sleep(_REPORT_EVERY))
    await engine.leave()
    follower.end()
    await asyncio.to_thread(heartbeat.bye)
    await app.stop()


async def _unless(told: asyncio.Event, work: Coroutine[Any, Any, Any]) -> Any:
    """What `work` gives, or None as soon as we are told to end; a thread it waits for goes on, so the process must end."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(told.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        tasks[1].cancel()
    if tasks[0].done():
        return tasks[0].result()
    tasks[0].cancel()
    return None


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="shutong worker", description=__doc__)
    parser.add_argument("--slot", type=int, default=0, help="the slot of this worker on its host; default: lowest free")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("faust", "mode", "streams.transport.faust"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    settings = WorkerSettings()
    return run(settings.model_copy(update={"slot": options.slot}) if options.slot else settings)


if __name__ == "__main__":
    sys.exit(main())
