"""A worker that does nothing, exactly once, next to Quix Streams doing the same on the same lane of the same Kafka.

`make bench` makes the peer's own environment (`benchmarks/peers`); by hand: `python -m benchmarks.peers_bench PYTHON [--events N]`,
PYTHON being the interpreter of that environment. Each must have read the whole lane and ended well before a figure is shown.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import say, wait
from benchmarks.transport_bench import Bench, Figures, password_of
from tests.streams.transport.bus import RAW
from trial.kafka import LocalKafka
from wire.publisher import Publisher

CHILD = Path(__file__).parent / "peers" / "quix_child.py"
PYTHON = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"


def quix(bench: Bench, python: Path) -> Figures:
    """Fill a raw lane, let the peer read it to its end."""
    bus = bench.bus()
    with Publisher(bus.admin) as publisher:
        for number, (_, _, key, data) in enumerate(bench.raw):
            publisher.send(RAW, key, data, partition=number % 2)
    file, topic = bus.home / "figures.json", bus.admin.names.topic(RAW)
    environment = bus.environment(SHUTONG_KAFKA_USER=bus.admin.kafka_user, SHUTONG_KAFKA_PASSWORD=password_of(bus))
    environment.pop("PYTHONPATH")
    with (bus.home / "quix.log").open("wb") as log:
        child = subprocess.Popen([python, CHILD, topic, str(bench.events), file], env=environment, stdout=log, stderr=log)
    try:
        wait(lambda: child.poll() is not None, 240)
        if child.returncode != 0 or not file.exists():
            sys.exit(f"the peer did not end well: {(bus.home / 'quix.log').read_text()[-500:]}")
    finally:
        child.kill()
        bus.stop()
    figures: Figures = json.loads(file.read_text())
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers_bench", description=__doc__)
    parser.add_argument("python", nargs="?", type=Path, default=PYTHON)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.python.exists():
        print(f"no peer to compare with: {options.python} is not there; `make bench` makes it")
        return 0
    with tempfile.TemporaryDirectory() as folder, LocalKafka(Path(folder) / "kafka", die_with_parent=True) as kafka:
        bench = Bench(kafka, Path(folder), options.events)
        rounds = [(bench.run("noop"), quix(bench, options.python)) for _ in range(options.rounds)]
    middle = [{name: statistics.median(each[who][name] for each in rounds) for name in ("rate", "cpu")} for who in (0, 1)]
    print(f"{'':34}{'events/s':>10}{'CPU µs':>9}   median of {options.rounds} × {options.events} events")
    for title, figures in zip(("no-op agent, exactly-once", "Quix Streams, exactly-once"), middle, strict=True):
        print(f"{title:34}{figures['rate']:10,.0f}{figures['cpu']:9.1f}")
    say("no-op / Quix Streams, events/s", middle[0]["rate"] / middle[1]["rate"], "≥", 4)
    return 0


if __name__ == "__main__":
    sys.exit(main())
