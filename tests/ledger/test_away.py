"""ClickHouse as a server: how it is spoken to, what its absence means, and that the recorder goes on where it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from pydantic import SecretStr, ValidationError

from ledger.days import Days
from ledger.duty import Duty
from ledger.recorder import Recorder, Recording
from ledger.settings import LedgerSettings
from ledger.store import TABLES, Store
from schemas.codec import decode_tallies, encode_tallies
from schemas.errors import HaltError, RetryError
from schemas.tally import Tally, TallyKey
from tests.ledger.drawn import encoded, messages, second
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
        assert sum(sql.count("CREATE TABLE IF NOT EXISTS") for sql, _ in server.said) == len(TABLES) == 8


def test_the_ports_and_names_nobody_gave_are_clickhouses_own(asked: tuple[dict[str, Any], Server]) -> None:
    found, server = asked
    with Store(at("http://ch")):
        assert (found["port"], found["secure"], found["username"], found["password"]) == (8123, False, "default", "")
        assert server.database == "shutong"


ROW = {"lane": ["raw.x"], "lp": [0], "upto": [1], "hour": [0], "records": [1]}


def recording(store: Store, sent: list[bytes]) -> Recording:
    """A recorder that has taken over, and read all of it from where the table is."""
    found = Recording(store, Days(store))
    for offset, value in enumerate(sent):
        found.take(0, offset, value)
    return found


def test_a_recorder_that_slept_with_rows_in_its_memory_adds_nothing_behind_its_successor(tmp_path: Path) -> None:
    sent = encoded(messages(3, 20, [second("2026-11-01T09:00:00")]))
    with HttpServer(tmp_path) as server, Store(at(server.url), "recorder") as first, Store(at(server.url), "recorder") as next_:
        recording(first, sent[:9]).flush()
        asleep, awake = recording(first, sent), recording(next_, sent)
        awake.flush()
        with pytest.raises(HaltError) as caught:
            asleep.flush()
        assert "ledger" in caught.value.advice.en
        [row] = next_.rows("SELECT count() AS rows, uniqExact(lp, lo, li) AS different FROM tally")
        assert row["rows"] == row["different"] == sum(len(decode_tallies(value).rows) for value in sent)
        [row] = next_.rows("SELECT count() AS rows, uniqExact(lp, lo, li) AS different FROM finding")
        assert row["rows"] == row["different"] == sum(len(decode_tallies(value).findings) for value in sent) > 0
        awake.take(0, len(sent), sent[0])
        awake.flush()


def test_an_insert_that_was_begun_before_a_successor_took_over_is_ended_by_it(tmp_path: Path) -> None:
    """Refuse, then end: the other way round one could begin in between."""
    with HttpServer(tmp_path) as server, Store(at(server.url), "auditor") as store:
        store.take_over()
    said = [asked.sql.split()[0] for asked in server.asked if asked.sql.startswith(("KILL", "-- Be this writer"))]
    assert said == ["--", "KILL"]


def test_on_a_server_too_one_insert_is_one_part(tmp_path: Path) -> None:
    message = encode_tallies("w", 1, [Tally(TallyKey(second("2026-11-01T09:00:00") + n, "arrived", "live", "h", "h.r"), 1, 1)
                                      for n in range(2000)])  # fmt: skip
    with HttpServer(tmp_path) as server, Store(at(server.url), "recorder") as store:
        store.run("SYSTEM STOP MERGES tally")
        recording(store, [message] * 25).flush()
        [row] = store.rows("SELECT count() AS parts, sum(rows) AS rows FROM system.parts WHERE table = 'tally' AND active "
                           "AND database = currentDatabase()")
        assert row == {"parts": 1, "rows": 50_000}


def test_a_writers_inserts_have_names_on_the_server_and_a_successor_ends_those_and_no_others(tmp_path: Path) -> None:
    with HttpServer(tmp_path) as server:
        settings = at(f"{server.url}/books", prefix="luan.")
        with Store(settings, "recorder") as recorder, Store(settings, "auditor") as auditor:
            auditor.take_over()
            recorder.take_over()
            for store in (recorder, recorder, auditor):
                store.insert("raw_count", ROW)
            assert auditor.rows("SELECT count() AS rows FROM raw_count") == [{"rows": 3}]
    *names, other = [asked.words["query_id"] for asked in server.inserts("raw_count")]
    _, kill = [asked for asked in server.asked if asked.sql.startswith("KILL")]
    assert kill.sql == "KILL QUERY WHERE startsWith(query_id, {inserts:String}) SYNC"
    ended = kill.words["param_inserts"]
    assert len(set(names)) == 2
    assert all(name.startswith(ended) for name in names)
    assert not other.startswith(ended)
    assert ended == "shutong-ledger/books/luan./recorder/"


def test_an_insert_whose_answer_never_came_is_sent_once_and_the_table_is_asked(tmp_path: Path) -> None:
    with HttpServer(tmp_path) as server, Store(at(server.url), "recorder") as store:
        store.take_over()
        server.meddle = lambda asked: bool(asked.body) and server.answer(asked) is not None
        with pytest.raises(RetryError):
            store.insert("raw_count", ROW)
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
        monkeypatch.setattr(Store, "take_over", lambda store: None)
        until(lambda: recorder.status.settled and recorder.status.rows > 0)
        assert duty.status.state == "running"
    finally:
        duty.stop()
        bus.close()
    assert duty.error is None
    with Store(on_kafka) as store:
        [row] = store.rows("SELECT count() AS rows, uniqExact(lp, lo, li) AS different FROM tally")
    assert row == {"rows": sum(map(len, sent)), "different": sum(map(len, sent))}
