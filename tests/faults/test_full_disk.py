"""A disk that is really full: what needs room says so in both languages, loses nothing, and goes on when there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.machine import LocalBus
from ledger.settings import LedgerSettings
from ledger.store import Store
from schemas.errors import HaltError, RetryError
from trial.kafka import LocalKafka

ROWS = 500


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    at = tmp_path / "disk"
    at.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(at)], capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    path = disk / "filling"
    with pytest.raises(OSError, match="No space"), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    return path


def columns(first: int) -> dict[str, list[object]]:
    places = range(first, first + ROWS)
    return {"lane": ["raw.health"] * ROWS, "lp": [0] * ROWS, "upto": list(places), "hour": [1_700_000_000] * ROWS, "records": [1] * ROWS}


def test_the_ledger_waits_for_room_and_what_was_recorded_is_there(disk: Path) -> None:
    settings = LedgerSettings(home=disk / "home", clickhouse="")
    with Store(settings) as store:
        store.insert("raw_count", columns(0))
        filling = fill(disk)
        with pytest.raises(RetryError) as full:
            for first in range(ROWS, 100 * ROWS, ROWS):
                store.insert("raw_count", columns(first))
        assert "检查 ClickHouse 的磁盘" in full.value.advice.zh
        assert "check disk" in full.value.advice.en
        filling.unlink()
        reached = store.rows("SELECT max(upto) AS upto, count() AS rows FROM raw_count")[0]
        assert reached["rows"] == reached["upto"] + 1, "an insert is whole or not there"
        store.insert("raw_count", columns(reached["rows"]))
        assert store.rows("SELECT count() AS rows FROM raw_count")[0]["rows"] == reached["rows"] + ROWS


def test_kafka_is_not_started_where_it_would_die_of_it(disk: Path) -> None:
    with pytest.raises(HaltError) as small:
        LocalKafka(disk / "kafka").start()
    assert "至少需要 300 MB" in small.value.problem.zh
    assert "needs at least 300 MB" in small.value.problem.en
    assert "腾出空间" in small.value.advice.zh
    assert "free some space" in small.value.advice.en


def test_a_home_on_a_full_disk_is_said_and_taken_when_there_is_room(disk: Path) -> None:
    filling = fill(disk)
    (disk / "home").mkdir()
    with LocalBus(disk / "home", lambda name, what: None, ledger="127.0.0.1:0", serve="127.0.0.1:0") as bus:
        with pytest.raises(HaltError) as full:
            bus.take_home()
        assert "磁盘空间" in full.value.advice.zh
        assert "disk" in full.value.advice.en
    filling.unlink()
    with LocalBus(disk / "home", lambda name, what: None, ledger="127.0.0.1:0", serve="127.0.0.1:0") as bus:
        bus.take_home()
