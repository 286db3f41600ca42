"""The demo as a person types it: a whole city, a killed worker, a judged report, and nothing left behind."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from trial.traffic import Sizes

pytestmark = pytest.mark.kafka

FIELDS = ["published", "cleaned", "fixed", "quarantined", "duplicates", "held_back", "delivered", "returned_up", "lost", "duplicated",
          "out_of_order", "wrong_content", "books_balanced", "ledger_equals_count", "peak", "latency_ms", "seconds", "versions"]
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


def start(*command: str) -> "subprocess.Popen[str]":
    """A command in a process group of its own, in English, as from a terminal that keeps what it prints."""
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "SHUTONG_LANG": "en"})


def left_behind(home: Path) -> list[str]:
    """Processes that still work under this home."""
    found = []
    for process in psutil.process_iter(["cmdline", "name", "environ"]):
        words = " ".join(process.info["cmdline"] or ()) + " ".join((process.info["environ"] or {}).values())
        if str(home) in words and process.pid != os.getpid():
            found.append(process.info["name"])
    return found


def test_a_city_exchanges_data_and_every_figure_is_right(tmp_path: Path) -> None:
    home = tmp_path / "city"
    done = start("-m", "console", "demo", "--events", "5000", "--home", str(home))
    out, _ = done.communicate(timeout=170)
    assert done.returncode == 0, out
    report: dict[str, Any] = json.loads((home / "report.json").read_text(encoding="utf-8"))
    assert list(report) == FIELDS
    assert [report[name] for name in ("lost", "duplicated", "out_of_order", "wrong_content")] == [0] * 4
    assert report["books_balanced"] is report["ledger_equals_count"] is True
    assert report["published"] == report["cleaned"] + report["quarantined"] + report["duplicates"]
    assert report["published"] == Sizes.of(5000).total + VILLAGE_CHANGES + RUDE
    assert report["returned_up"] == report["cleaned"] > report["fixed"] > 0
    assert set(report["delivered"]) == {"tax", "police", "medical"}
    assert 0 < report["delivered"]["tax"] < report["delivered"]["police"] < report["delivered"]["medical"] < report["cleaned"]
    assert report["quarantined"] > 0
    assert report["duplicates"] > 0
    assert report["held_back"] > 0
    assert 0 < report["peak"]["second"] <= report["peak"]["minute"]
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert {"kafka", "python", "chdb"} <= set(report["versions"])
    assert re.search(r"kill -9 of a worker on purpose \(\d+\)", out)
    assert "SIGKILL" in out
    assert "Report of the rehearsal" in out
    assert left_behind(home) == []


def test_a_record_that_was_not_for_a_subscriber_fails_the_demo_and_is_named(tmp_path: Path) -> None:
    done = start("-c", SPOILED, str(tmp_path / "city"))
    out, _ = done.communicate(timeout=170)
    assert done.returncode == 1, out
    report = json.loads((tmp_path / "city" / "report.json").read_text(encoding="utf-8"))
    assert [report[name] for name in ("lost", "duplicated", "out_of_order", "wrong_content")] == [0, 1, 0, 0]
    assert report["ledger_equals_count"] is True
    assert report["published"] == Sizes.of(1000).total + VILLAGE_CHANGES + RUDE
    assert re.search(r"✗ duplicated: deliver\.tax/0/\d+ was delivered before", out)
    assert left_behind(tmp_path / "city") == []


def test_ctrl_c_at_any_moment_leaves_no_process_and_no_lock_behind(tmp_path: Path) -> None:
    home, moments = tmp_path / "city", random.Random(time.time_ns())
    for longest in (0.5, 5.0, 16.0):
        demo = start("-m", "console", "demo", "--events", "1000", "--home", str(home))
        try:
            demo.wait(moments.uniform(longest / 3, longest))
        except subprocess.TimeoutExpired:
            demo.send_signal(signal.SIGINT)
        out, _ = demo.communicate(timeout=60)
        # While Python itself still starts, its own word is all there is.
        assert demo.returncode in (130, -signal.SIGINT), out
        assert demo.returncode < 0 or "Traceback" not in out
        assert left_behind(home) == []
    again = start("-c", "import sys; from pathlib import Path; from trial.running import RunningCity;"
                        "city = RunningCity(Path(sys.argv[1]), lambda *_: None); city.start_departments(); city.stop()", str(home))
    assert again.communicate(timeout=60)
    assert again.returncode == 0
