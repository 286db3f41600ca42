"""ClickHouse as a server: how it is spoken to, what its absence means, and that the recorder goes on where it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from pydantic import SecretStr, ValidationError

from ledger.duty import Duty
from ledger.recorder import Recorder
from ledger.settings import LedgerSettings
from ledger.store import Store
from schemas.errors import HaltError, RetryError
from tests.ledger.drawn import messages, second
from tests.ledger.live import Bus, free_address, until
from tests.ledger.server import HttpServer
from wire.settings import KafkaSettings


class Server:
    """Stands where clickhouse-connect's client would; notes what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.database = ""
        self.error: Exception | None = None

    def query(self, sql: str, parameters: dict[str, Any]) -> "Server":
        return self

    def named_results(self) -> list[dict[str, Any]]:
        return []

    def command(self, sql: str, parameters: dict[str, Any]) -> None:
        self.said.append((sql, parameters))
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, Any], Server]]:
    """What the client was made with, and its stand-in."""
    found: dict[str, Any] = {}
    server = Server()

    def make(**arguments: Any) -> Server:
        found.update(arguments)
        return server

    monkeypatch.setattr(clickhouse_connect, "get_client", make)
    return found, server


def at(url: str, **more: Any) -> LedgerSettings:
    return LedgerSettings(clickhouse=url, **more)


def test_a_server_is_spoken_to_as_the_address_says_and_with_the_settings_exactly_once_rests_on(
        asked: tuple[dict[str, Any], Server]) -> None:
    found, server = asked
    with Store(at("https://books@ch.city:9440/exchange", clickhouse_password=SecretStr("s3cret"))):
        assert (found["host"], found["port"], found["secure"], found["username"], found["password"]) == (
            "ch.city", 9440, True, "books", "s3cret")
        assert found["query_retries"] == 0, "a repeated insert would count twice"
        assert {name: found["settings"][name] for name in ("async_insert", "max_insert_threads", "max_partitions_per_insert_block")} == {
            "async_insert": 0, "max_insert_threads": 1, "max_partitions_per_insert_block": 1}
        assert found["show_clickhouse_errors"] == "scrub"
        assert server.database == "exchange"
        assert server.said[0][0] == "CREATE DATABASE IF NOT EXISTS `exchange`"
        assert sum(sql.count("CREATE TABLE IF NOT EXISTS") for sql, _ in server.said) == 5


def test_the_ports_and_names_nobody_gave_are_clickhouses_own(asked: tuple[dict[str, Any], Server]) -> None:
    found, server = asked
    with Store(at("http://ch")):
        assert (found["port"], found["secure"], found["username"], found["password"]) == (8123, False, "default", "")
        assert server.database == "shutong"


def test_a_writers_inserts_have_names_on_the_server_and_a_successor_ends_those_and_no_others(tmp_path: Path) -> None:
    with HttpServer(tmp_path) as server:
        settings = at(f"{server.url}/books", prefix="luan.")
        with Store(settings, "recorder") as recorder, Store(settings, "auditor") as auditor:
            for store in (recorder, recorder, auditor):
                store.insert("raw_count", {"lane": ["raw.x"], "lp": [0], "upto": [1], "hour": [0], "records": [1]})
            recorder.end_other_inserts()
            assert auditor.rows("SELECT count() AS rows FROM raw_count") == [{"rows": 3}]
    *names, other = [asked.words["query_id"] for asked in server.inserts("raw_count")]
    [kill] = [asked for asked in server.asked if asked.sql.startswith("KILL")]
    assert kill.sql == "KILL QUERY WHERE startsWith(query_id, {inserts:String}) SYNC"
    ended = kill.words["param_inserts"]
    assert len(set(names)) == 2
    assert all(name.startswith(ended) for name in names)
    assert not other.startswith(ended)
    assert ended == "shutong-ledger/books/luan./recorder/"


def test_an_insert_whose_answer_never_came_is_sent_once_and_the_table_is_asked(tmp_path: Path) -> None:
    with HttpServer(tmp_path) as server, Store(at(server.url), "recorder") as store:
        server.meddle = lambda asked: bool(asked.body) and server.answer(asked) is not None
        with pytest.raises(RetryError):
            store.insert("raw_count", {"lane": ["raw.x"], "lp": [0], "upto": [1], "hour": [0], "records": [1]})
        assert store.rows("SELECT count() AS rows FROM raw_count") == [{"rows": 1}]


@pytest.mark.parametrize(("error", "kind"), [
    (OperationalError("refused to 王小明"), RetryError), (DatabaseError("memory 王小明", code=241), RetryError),
    (DatabaseError("no right 王小明", code=497), HaltError), (DatabaseError("syntax 王小明", code=62), HaltError)])
def test_what_clickhouse_says_becomes_a_wait_or_a_halt_and_no_value_is_repeated(
        asked: tuple[dict[str, Any], Server], error: Exception, kind: type[Exception]) -> None:
    _, server = asked
    with Store(at("http://ch")) as store:
        server.error = error
        with pytest.raises(kind) as caught:
            store.run("SELECT {v:String}", {"v": "王小明"})
        assert "王小明" not in repr(caught.value)
        assert caught.value.__cause__ is None


def test_an_address_with_a_password_or_without_a_host_is_refused() -> None:
    for url in ("http://books:secret@ch:8123", "ch:8123", "ftp://ch"):
        with pytest.raises(ValidationError) as caught:
            at(url)
        assert "secret" not in str(caught.value)


@pytest.mark.kafka
def test_while_clickhouse_is_away_the_recorder_waits_and_then_goes_on_with_nothing_lost_or_doubled(
        on_kafka: LedgerSettings, admin: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away: a port that refuses. Back: the embedded engine in its place."""
    away = on_kafka.model_copy(update={"clickhouse": f"http://{free_address()}"})
    sent = messages(1, 40, [second("2026-11-01T09:00:00")])
    bus, recorder = Bus(admin), Recorder(away)
    bus.tell(sent[:20])
    duty = Duty("recorder", recorder.work, lambda: None)
    duty.start()
    try:
        until(lambda: duty.status.failures >= 2)
        assert "ClickHouse" in duty.status.problem
        bus.tell(sent[20:])
        monkeypatch.setattr(Store, "_server", Store._embedded)
        monkeypatch.setattr(Store, "end_other_inserts", lambda store: None)
        until(lambda: recorder.status.settled and recorder.status.rows > 0)
        assert duty.status.state == "running"
    finally:
        duty.stop()
        bus.close()
    assert duty.error is None
    with Store(on_kafka) as store:
        [row] = store.rows("SELECT count() AS rows, uniqExact(lp, lo, li) AS different FROM tally")
    assert row == {"rows": sum(map(len, sent)), "different": sum(map(len, sent))}
