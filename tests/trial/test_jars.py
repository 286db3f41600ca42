"""Kafka's jars: what the lock promises, and what a bad, broken or absent repository does to a fetch."""

import os
import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.errors import HaltError, RetryError
from trial.kafka import jars


class Repository(ThreadingHTTPServer):
    """A Maven repository on this machine that serves a folder of jars and keeps account of what was asked."""

    def __init__(self, libs: Path) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.libs = libs
        self.asked: list[str] = []
        self.spoiled: set[str] = set()
        self.cut: set[str] = set()
        self.held: set[str] = set()
        self.let_go = threading.Event()
        self.let_gone: list[str] = []


class Page(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        file = self.server.libs / name
        if not file.is_file():
            return self.send_error(404)
        self.server.asked.append(name)
        if name in self.server.held:
            self.server.let_go.wait(10)
            self.server.let_gone.append(name)
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if name in self.server.cut:
            self.server.cut.discard(name)
            content = content[: len(content) // 2]
        self.wfile.write(bytes(len(content)) if name in self.server.spoiled else content)
        return None

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def good() -> Path:
    """The real jars, from this machine's cache."""
    return jars.fetch()


@pytest.fixture
def repository(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with Repository(good) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        name_as_repository(server.server_address[1], tmp_path, monkeypatch)
        yield server
        server.shutdown()
        thread.join()


def name_as_repository(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "jgo.conf"
    config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))


def stock(cache: Path, good: Path, *, but: set[str]) -> None:
    """Fill a cache with every jar except some."""
    cache.mkdir()
    for jar in jars.locked():
        if jar.name not in but:
            (cache / jar.name).symlink_to(good / jar.name)


def test_the_lock_names_each_jar_once_with_a_hash_and_no_address() -> None:
    lines = jars.locked()
    assert len({(jar.group, jar.artifact) for jar in lines}) == len(lines) == 46
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in lines)
    assert "//" not in Path(jars.__file__).with_name("jars.lock").read_text()


def test_only_missing_jars_are_fetched_and_progress_is_told(repository: Repository, good: Path, tmp_path: Path) -> None:
    missing = {jar.name for jar in jars.locked()[:3]}
    stock(tmp_path / "cache", good, but=missing)
    told: list[tuple[int, int]] = []
    folder = jars.fetch(tmp_path / "cache", lambda done, total: told.append((done, total)))
    assert set(repository.asked) == missing
    assert told == [(43, 46), (44, 46), (45, 46), (46, 46)]
    assert {path.name for path in folder.iterdir()} == {jar.name for jar in jars.locked()}
    jars.fetch(folder)
    assert len(repository.asked) == 3


def test_of_two_that_begin_together_one_fetches_and_the_other_has_it_too(repository: Repository, good: Path, tmp_path: Path) -> None:
    missing = {jar.name for jar in jars.locked()[:5]}
    stock(tmp_path / "cache", good, but=missing)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(jars.fetch, [tmp_path / "cache"] * 2))
    assert folders == [tmp_path / "cache"] * 2
    assert sorted(repository.asked) == sorted(missing)


def test_a_jar_with_another_hash_is_refused_and_does_not_stay(
    repository: Repository, good: Path, tmp_path: Path
) -> None:
    bad, fine = jars.locked()[0], jars.locked()[1]
    repository.spoiled = {bad.name}
    stock(tmp_path / "cache", good, but={bad.name, fine.name})
    with pytest.raises(HaltError, match=bad.artifact) as refused:
        jars.fetch(tmp_path / "cache")
    assert "SHA-256" in refused.value.problem.zh
    assert not (tmp_path / "cache" / bad.name).exists()
    assert not list((tmp_path / "cache").glob("part-*"))


def test_a_jar_spoiled_in_the_cache_is_fetched_again(repository: Repository, good: Path, tmp_path: Path) -> None:
    jar = jars.locked()[0]
    stock(tmp_path / "cache", good, but={jar.name})
    (tmp_path / "cache" / jar.name).write_bytes(b"half a jar")
    jars.fetch(tmp_path / "cache")
    assert (tmp_path / "cache" / jar.name).read_bytes() == (good / jar.name).read_bytes()


def test_a_connection_cut_in_the_middle_of_a_jar_is_tried_again(
    repository: Repository, good: Path, tmp_path: Path
) -> None:
    jar = jars.locked()[0]
    repository.cut = {jar.name}
    stock(tmp_path / "cache", good, but={jar.name})
    jars.fetch(tmp_path / "cache")
    assert repository.asked == [jar.name, jar.name]


def test_ctrl_c_waits_for_no_download(repository: Repository, good: Path, tmp_path: Path) -> None:
    jar = jars.locked()[0]
    repository.held = {jar.name}
    stock(tmp_path / "cache", good, but={jar.name})

    def interrupt() -> None:
        while not repository.asked:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    began = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        jars.fetch(tmp_path / "cache")
    assert repository.let_gone == [], "the repository has not answered yet"
    downloads = [thread for thread in threading.enumerate() if thread not in began and thread.name.startswith("jars")]
    assert all(thread.daemon for thread in downloads), "nor does the end of the process wait"
    repository.let_go.set()
    for thread in downloads:
        thread.join()
    repository.held.clear()
    jars.fetch(tmp_path / "cache")
    assert (tmp_path / "cache" / jar.name).read_bytes() == (good / jar.name).read_bytes()


def test_a_repository_without_the_jar_says_which_one(repository: Repository, good: Path, tmp_path: Path) -> None:
    jar = jars.locked()[0]
    stock(tmp_path / "cache", good, but={jar.name})
    repository.libs = tmp_path
    with pytest.raises(HaltError, match=jar.artifact):
        jars.fetch(tmp_path / "cache")


def test_offline_says_what_else_can_be_done(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as closed:
        port = closed.server_address[1]
    name_as_repository(port, tmp_path, monkeypatch)
    monkeypatch.setattr(jars, "_PAUSES", (0.0,))
    stock(tmp_path / "cache", good, but={jars.locked()[0].name})
    with pytest.raises(RetryError) as offline:
        jars.fetch(tmp_path / "cache")
    for advice in offline.value.advice:
        assert "KAFKA_HOME" in advice
        assert "SHUTONG_BOOTSTRAP" in advice


def test_an_unpacked_kafka_comes_before_the_cache(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(HaltError, match="KAFKA_HOME"):
        jars.fetch()
    stock(tmp_path / "libs", good, but=set())
    assert jars.fetch() == tmp_path / "libs"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HaltError, match="file"):
        jars.fetch(tmp_path / "file" / "cache")
