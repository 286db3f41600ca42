"""The home of a running city: emptied only if it is a city's, and only while nobody lives there."""

import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from schemas.errors import HaltError, RetryError
from schemas.text import Text
from streams.memory import DEFAULT_LIMIT, row_cost
from streams.settings import WorkerSettings
from streams.transport.exits import BROKEN, HALTED, MEANING
from trial import running as module
from trial.running import RunningCity


def city(home: Path) -> RunningCity:
    return RunningCity(home, lambda name, what: None)


def test_a_directory_that_is_no_city_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    one = city(tmp_path)
    with pytest.raises(HaltError):
        one.start_departments()
    one.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


class Workers:
    """A supervisor whose worker is between two starts at first."""

    def __init__(self, pids: list[int | None], dies: bool = True) -> None:
        self.pids, self.dies, self.killed = pids, dies, list[str]()

    def states(self) -> dict[str, tuple[int | None, int]]:
        pid = self.pids.pop(0) if len(self.pids) > 1 else self.pids[0]
        return {"ledger": (7, 0), "worker-1": (pid, 0)}

    def signal(self, name: str, what: signal.Signals) -> None:
        assert what == signal.SIGKILL
        self.killed.append(name)
        if self.dies:
            self.pids = [None]


def with_workers(home: Path, workers: Workers) -> RunningCity:
    one = city(home)
    one._bus = SimpleNamespace(supervisor=workers)  # type: ignore[assignment]
    return one


def test_a_worker_that_runs_is_killed_and_no_other(tmp_path: Path) -> None:
    workers = Workers([None, None, 41])
    assert with_workers(tmp_path, workers).kill_worker() == 41
    assert workers.killed == ["worker-1"]


@pytest.mark.parametrize(("workers", "said"), [(Workers([None]), "没有运行中的工作进程"), (Workers([41], dies=False), "没有被强杀")])
def test_a_kill_that_was_none_is_not_announced(tmp_path: Path, workers: Workers, said: str) -> None:
    with pytest.raises(RetryError, match=said):
        with_workers(tmp_path, workers).kill_worker(0.1)


def test_workers_have_room_for_a_large_city_and_no_other_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "start_departments", lambda server: None)
    monkeypatch.setattr(module, "connect_environment", lambda server: {})
    room = {}
    for records in (1_000, 2_000_000):
        one = RunningCity(tmp_path / "home", lambda name, what: None, records)
        one.start_departments()
        try:
            told = one.bus._known("worker")["SHUTONG_MEMORY_LIMIT"]
            assert WorkerSettings(memory_limit=told, secret=SecretStr("s")).memory_limit == int(told)  # type: ignore[arg-type]
            assert one.bus._known("connect") == {}
            room[records] = int(told)
        finally:
            one.stop()
    assert room[1_000] == DEFAULT_LIMIT
    assert room[2_000_000] > 2_000_000 * row_cost(b"health.resident/341502199001011234")


def test_the_last_word_of_a_process_that_needs_a_person_is_kept(tmp_path: Path) -> None:
    one, logs = city(tmp_path), tmp_path / "logs"
    logs.mkdir()
    (logs / "worker-1.log").write_text("INFO started\nCRITICAL the router's memory needs more\n\n")
    one._hear("worker-1", Text("结束了", f"ended ({MEANING[BROKEN].en})"))
    assert one.halted is None
    one._hear("worker-1", Text("结束了", f"ended ({MEANING[HALTED].en}), restarts in 30.0 s"))
    assert one.halted is not None
    assert one.halted.en == "worker-1: CRITICAL the router's memory needs more"


def test_a_city_that_runs_is_not_emptied_by_another_and_its_home_is_free_when_it_stops(tmp_path: Path) -> None:
    first, second = city(tmp_path / "home"), city(tmp_path / "home")
    first.start_departments()
    try:
        with pytest.raises(HaltError, match=str(tmp_path)):
            second.start_departments()
        second.stop()
        assert first.postgres.running
    finally:
        first.stop()
    (tmp_path / "home" / "old").mkdir()
    second.start_departments()
    second.stop()
    assert not (tmp_path / "home" / "old").exists()
