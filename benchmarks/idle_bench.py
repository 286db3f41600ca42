"""What a bus costs while nothing is exchanged: Kafka, a worker, the ledger and serve, in percent of one core.

Run it as `python -m benchmarks.idle_bench [--seconds N]`. A whole bus of the trial city without its departments; the figure is CPU
time over wall time of each process, next to a process that only sleeps and looks four times a second.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from benchmarks.measure import say, wait
from console.machine import LocalBus
from schemas.text import Text
from trial.city.luan import DIRECTORY
from trial.kafka.ports import draw_port

#: What a sleeper costs that looks as often as our processes do: the floor of the machine.
_SLEEPER = "import time\nwhile True: time.sleep(0.25)"
#: Processes rest this long after their start before they are measured.
_REST = 20.0


def processes(bus: LocalBus) -> dict[str, psutil.Process]:
    """Every process of the bus by its name."""
    found = {name: psutil.Process(pid) for name, (pid, *_) in bus.supervisor.states().items() if pid}
    kafka = next(each for each in psutil.Process().children(recursive=True) if "java" in each.name())
    return {"kafka": kafka, **found}


def used(each: psutil.Process) -> float:
    times = each.cpu_times()
    return float(times.user + times.system)


def ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/readyz", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle_bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()

    def told(name: str, what: Text) -> None:
        print(f"  {name}: {what.en}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        ledger, serve = (f"127.0.0.1:{port}" for port in (draw_port(), draw_port()))
        with LocalBus(Path(folder) / "home", told, ledger=ledger, serve=serve, workers=1) as bus:
            bus.start_kafka()
            bus.apply(DIRECTORY)
            for name, arguments in (("ledger", ("ledger",)), ("worker", ("worker", "--slot", "1")), ("serve", ("serve",))):
                bus.supervisor.start(bus.program(name, name, *arguments))
            wait(lambda: ready(serve), 60)
            wait(lambda: not bus.settle(), 60)
            time.sleep(_REST)
            sleeper = subprocess.Popen([sys.executable, "-c", _SLEEPER])
            try:
                watched = {**processes(bus), "a sleeper": psutil.Process(sleeper.pid)}
                before, began = {name: used(each) for name, each in watched.items()}, time.monotonic()
                time.sleep(options.seconds)
                wall = time.monotonic() - began
                cost = {name: (used(each) - before[name]) / wall * 100 for name, each in watched.items()}
                memory = {name: each.memory_info().rss / 1e6 for name, each in watched.items()}
            finally:
                sleeper.kill()
                sleeper.wait()
    for name, percent in cost.items():
        print(f"{name:34}{percent:8.2f} % of a core{memory[name]:8.0f} MB")
    say("Kafka, worker, ledger and serve idle, %", sum(cost.values()) - cost["a sleeper"], "≤", 10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
