"""The demo as a person types it: a whole city, a killed worker, a judged report, and nothing left behind."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from trial.traffic import Sizes

pytestmark = pytest.mark.kafka

FIELDS = ["published", "cleaned", "fixed", "quarantined", "duplicates", "held_back", "delivered", "returned_up", "lost",
          "duplicated", "out_of_order", "wrong_content", "books_balanced", "ledger_equals_count", "peak", "latency_ms", "quality",
          "latency_usual_ms", "rates", "seconds", "memory_mb", "versions"]
#: What the village register and the rude program publish in a short demo: the same seed, the same events.
VILLAGE_CHANGES, RUDE = 24, 287
#: A stray record of another subscriber's inbox, put there between the exchange and the judgement.
SPOILED = """
import sys
from pathlib import Path
from trial import demo
from trial.judging import Judging
from wire.publisher import Publisher
from wire.reading import read_all

right = Judging.judge

def spoiled(self, *rest):
    settings = self._city.settings()
    record = next(read_all(settings, ["deliver.tax"]))
    with Publisher(settings) as publisher:
        publisher.send("deliver.tax", record.key, record.value)
        publisher.flush()
    return right(self, *rest)

Judging.judge = spoiled
sys.exit(demo.run(events=1000, home=Path(sys.argv[1])))
"""


class Demo:
    """A command as from a terminal: a process group of its own, whose output is kept; in English, with no setting of ours."""

    def __init__(self, *command: str) -> None:
        clean = {name: word for name, word in os.environ.items() if not name.startswith("SHUTONG_")}
        self._process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                         process_group=0, env={**clean, "SHUTONG_LANG": "en"})
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return "".join(self._said)

    def end(self, timeout: float) -> int:
        """Its exit code, when it has ended; a failure when it does not."""
        code = self._process.wait(timeout)
        self._reader.join(10)
        return code

    def wait_until(self, said: str, timeout: float) -> None:
        """Return when it has said so, or has ended."""
        deadline = time.monotonic() + timeout
        while said not in self.out and self._process.poll() is None:
            assert time.monotonic() < deadline, self.out
            time.sleep(0.05)

    def rest(self, seconds: float) -> bool:
        """Let it work for so long; whether it still does."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def signal(self, what: signal.Signals) -> None:
        """What a terminal sends, to the whole group."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, what)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line)


@pytest.fixture
def start() -> Iterator[Callable[..., Demo]]:
    """Starts commands; what still runs at the end of the test is ended then, with all it started."""
    running: list[Demo] = []

    def begin(*command: str) -> Demo:
        running.append(Demo(*command))
        return running[-1]

    yield begin
    for demo in running:
        demo.signal(signal.SIGINT)
        try:
            demo.end(30)
        except subprocess.TimeoutExpired:
            demo.signal(signal.SIGKILL)  # what it started is on a leash
            demo.end(10)


def left_behind(home: Path) -> list[str]:
    """Processes that still work under this home."""
    found = []
    for process in psutil.process_iter(["cmdline", "name", "environ"]):
        words = " ".join(process.info["cmdline"] or ()) + " ".join((process.info["environ"] or {}).values())
        if str(home) in words and process.pid != os.getpid():
            found.append(process.info["name"])
    return found


def test_a_city_exchanges_data_and_every_figure_is_right(tmp_path: Path, start: Callable[..., Demo]) -> None:
    home = tmp_path / "city"
    demo = start("-m", "console", "demo", "--events", "5000", "--home", str(home))
    code, out = demo.end(170), demo.out
    assert code == 0, out
    report: dict[str, Any] = json.loads((home / "report.json").read_text(encoding="utf-8"))
    assert list(report) == FIELDS
    assert [report[name] for name in ("lost", "duplicated", "out_of_order", "wrong_content")] == [0] * 4
    assert report["books_balanced"] is report["ledger_equals_count"] is True
    assert report["published"] == report["cleaned"] + report["quarantined"] + report["duplicates"]
    assert report["published"] == Sizes.of(5000).total + VILLAGE_CHANGES + 40 + RUDE
    assert report["returned_up"] == report["cleaned"] > report["fixed"] > 0
    assert set(report["delivered"]) == {"tax", "police", "medical"}
    assert 0 < report["delivered"]["tax"] < report["delivered"]["police"] < report["delivered"]["medical"] < report["cleaned"]
    assert report["quarantined"] > 0
    assert report["duplicates"] > 0
    assert report["held_back"] > 0
    assert 0 < report["peak"]["second"] <= report["peak"]["minute"]
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert 0 < report["latency_usual_ms"]["p50"] <= report["latency_usual_ms"]["p99"]
    assert 0 < report["rates"]["live"] < report["rates"]["burst"]
    assert report["memory_mb"] > 0
    assert {"kafka", "python", "chdb"} <= set(report["versions"])
    assert re.search(r"kill -9 of a worker on purpose \([1-9]\d+\)", out)
    assert "SIGKILL" in out
    assert "Report of the rehearsal" in out
    assert left_behind(home) == []
    assert list((home / "oracle").glob("*.answer")) == []


def test_a_record_that_was_not_for_a_subscriber_fails_the_demo_and_is_named(tmp_path: Path, start: Callable[..., Demo]) -> None:
    demo = start("-c", SPOILED, str(tmp_path / "city"))
    code, out = demo.end(170), demo.out
    assert code == 1, out
    report = json.loads((tmp_path / "city" / "report.json").read_text(encoding="utf-8"))
    assert [report[name] for name in ("lost", "duplicated", "out_of_order", "wrong_content")] == [0, 1, 0, 0]
    assert report["ledger_equals_count"] is True
    assert report["published"] == Sizes.of(1000).total + VILLAGE_CHANGES + 28 + RUDE
    assert re.search(r"✗ duplicated: deliver\.tax/0/\d+ was delivered before", out)
    assert left_behind(tmp_path / "city") == []


def is_free(home: Path, start: Callable[..., Demo]) -> bool:
    """Whether another city can live there."""
    again = start("-c", "import sys; from pathlib import Path; from trial.running import RunningCity;"
                        "city = RunningCity(Path(sys.argv[1]), lambda *_: None); city.start_departments(); city.stop()", str(home))
    return again.end(60) == 0


def test_ctrl_c_at_any_moment_leaves_no_process_and_no_lock_behind(tmp_path: Path, start: Callable[..., Demo]) -> None:
    seed = time.time_ns()
    home, moments = tmp_path / "city", random.Random(seed)
    for longest in (0.5, 5.0, 16.0):
        demo, moment = start("-m", "console", "demo", "--events", "1000", "--home", str(home)), moments.uniform(longest / 3, longest)
        told = f"seed {seed}, Ctrl-C after {moment:.3f} s"
        demo.rest(moment)
        demo.signal(signal.SIGINT)
        code, out = demo.end(60), demo.out
        # While Python itself still starts, its own word is all there is.
        assert code in (130, -signal.SIGINT), f"{told}: {out}"
        assert code < 0 or "Traceback" not in out, f"{told}: {out}"
        assert left_behind(home) == [], told
    assert is_free(home, start)


@pytest.mark.parametrize(("events", "said", "signals"), [
    (20_000, "live changes begin", [signal.SIGINT, signal.SIGINT]), (1_000, "the oracle begins", [signal.SIGTERM])])
def test_a_signal_in_a_later_phase_ends_the_demo_and_a_second_one_does_not_disturb_it(
        tmp_path: Path, start: Callable[..., Demo], events: int, said: str, signals: list[signal.Signals]) -> None:
    home = tmp_path / "city"
    demo = start("-m", "console", "demo", "--events", str(events), "--home", str(home))
    demo.wait_until(said, 120)
    for number in signals:
        demo.signal(number)
        demo.wait_until("interrupted, stopping", 30)
    code, out = demo.end(60), demo.out
    assert code == 130, out
    assert "Traceback" not in out
    assert "the departments rest" not in out.partition("interrupted")[2]
    assert not (home / "report.json").exists()
    assert left_behind(home) == []
    assert is_free(home, start)
