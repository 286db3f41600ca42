"""ClickHouse, embedded or a server, with the same code: SQL from the files beside this one, rows out, columns in.

A `Store` belongs to one thread (the embedded engine has no async client; open one store a thread). `insert` is one part
of one partition or nothing. Errors are ours: never with a bound value, RetryError when waiting helps, else HaltError.
"""

import contextlib
import io
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import Error

from ledger.settings import LedgerSettings
from schemas.errors import BusError, HaltError, RetryError
from schemas.text import Text

__all__ = ["TABLES", "Store", "statement"]

TABLES = ("tally", "day_route", "day_peak", "finding", "day_quality", "raw_count", "subscription_change", "writer")

_DATABASE = "shutong"

#: What inserts are called on a server: this, database, prefix of the bus, writer and a number of their own. So a writer can
#: end and await its predecessor's, and nobody else's.
_INSERTS = "shutong-ledger"

#: ClickHouse's codes for what no waiting repairs: wrong SQL, wrong table, wrong rights, wrong password.
_OURS = {16, 36, 42, 43, 46, 47, 50, 53, 60, 62, 81, 115, 117, 179, 184, 192, 193, 194, 207, 215, 386, 497, 516, 691}

#: What an insert says whose writer is another one by now: FUNCTION_THROW_IF_VALUE_IS_NON_ZERO.
_TAKEN_OVER = 395


@cache
def statement(name: str) -> Template:
    """The SQL of ledger/sql/<name>.sql. `$word` is put in by us, `{word:Type}` is bound by ClickHouse."""
    return Template((files("ledger") / "sql" / f"{name}.sql").read_text(encoding="utf-8"))


class Store:
    """One thread's connection. Opened by `with` or `open`; the tables exist afterwards. `writer`: who inserts, if anybody."""

    def __init__(self, settings: LedgerSettings, writer: str = "") -> None:
        self._settings = settings
        self._database = urlsplit(settings.clickhouse).path.strip("/") or _DATABASE
        self._inserts = "/".join((_INSERTS, self._database, settings.prefix, writer, ""))
        self._claim = {"writer": writer, "token": ""}
        self._structures: dict[str, dict[str, str]] = {}
        self._client: Any = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def open(self) -> None:
        """Connect and make what is missing. A RetryError while the engine or the server cannot be had."""
        self.close()
        with _in_our_words():
            self._client = self._embedded() if self._settings.embedded else self._server()
        try:
            self._make_tables()
        except BusError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection; the embedded engine ends with its last one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The result, a dict a row; times as aware UTC datetimes."""
        with _in_our_words():
            return list(self._client.query(sql, parameters=dict(parameters or {})).named_results())

    def run(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run what returns nothing."""
        with _in_our_words():
            self._client.command(sql, parameters=dict(parameters or {}))

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Insert all rows as one block: one part, or an error. After an error nobody knows; ask the table."""
        body = json.dumps(list(columns.values()), ensure_ascii=False, separators=(",", ":")).encode()
        if not self._claim["token"]:
            with _in_our_words():
                self._client.raw_insert(table, list(columns), io.BytesIO(body), fmt="JSONCompactColumns")
            return
        sql = statement("insert_as").substitute(table=table, columns=", ".join(columns), structure=self._structure(table, columns))
        # A setting, for the server reads a query's name in the URL; clickhouse-connect's transport settings are headers.
        name = {"query_id": f"{self._inserts}{uuid.uuid4()}"}
        with _in_our_words():
            # A command, not a raw insert: that is sent a second time by the client when a server closes the connection.
            self._client.command(sql, parameters=self._claim, data=body, settings=name)

    def take_over(self) -> None:
        """Before the table is asked how far it is: what a predecessor has not inserted by now, it never will.

        On a server an insert can outlive the process that sent it, or be sent by one that slept. First those to come are
        refused, then those that have begun are ended and awaited. The embedded engine has one process.
        """
        if not self._settings.embedded:
            self._claim["token"] = str(uuid.uuid4())
            self.run(statement("take_over").template, self._claim)
            self.run("KILL QUERY WHERE startsWith(query_id, {inserts:String}) SYNC", {"inserts": self._inserts})

    def _structure(self, table: str, columns: Iterable[str]) -> str:
        """The columns' types, as text within a text."""
        if table not in self._structures:
            self._structures[table] = {row["name"]: row["type"] for row in self.rows(f"DESCRIBE TABLE {table}")}
        types = self._structures[table]
        return ", ".join(f"{name} {types[name]}" for name in columns).replace("\\", "\\\\").replace("'", "\\'")

    def _embedded(self) -> Any:
        path = self._settings.path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise HaltError(
                Text(f"无法建立账本目录 {path}（{error.strerror}）", f"cannot make the ledger directory {path} ({error.strerror})"),
                advice=Text("检查 SHUTONG_HOME 的路径、权限和磁盘空间", "check path, rights and disk space of SHUTONG_HOME"),
            ) from None
        try:
            return clickhouse_connect.get_client(interface="chdb", path=str(path), **self._options())
        except Error:
            raise _not_opened(path) from None

    def _server(self) -> Any:
        address = urlsplit(self._settings.clickhouse)
        secure = address.scheme == "https"
        return clickhouse_connect.get_client(
            host=address.hostname, port=address.port or (8443 if secure else 8123), secure=secure,
            username=address.username or "default", password=self._settings.password(),
            connect_timeout=5, send_receive_timeout=60, query_retries=0,
            autogenerate_session_id=False, **self._options(),
        )  # fmt: skip

    def _options(self) -> dict[str, Any]:
        memory = self._settings.memory
        settings = {"max_threads": 2, "max_insert_threads": 1, "async_insert": 0, "max_partitions_per_insert_block": 1,
                    "max_memory_usage": memory, "max_bytes_before_external_group_by": memory // 3,
                    "do_not_merge_across_partitions_select_final": 1}  # fmt: skip
        return {"settings": settings, "tz_mode": "aware", "show_clickhouse_errors": "scrub"}

    def _make_tables(self) -> None:
        if not self.rows("SELECT 1 AS found FROM system.databases WHERE name = {name:String}", {"name": self._database}):
            self.run(f"CREATE DATABASE IF NOT EXISTS `{self._database}`")
        self._client.database = self._database
        for table in TABLES:
            self.run(statement(table).template)


@contextlib.contextmanager
def _in_our_words() -> Iterator[None]:
    """ClickHouse's errors quote bound values; only code and name go on."""
    try:
        yield
    except Error as error:
        raise _translated(error) from None


def _translated(error: Error) -> BusError:
    if error.code is None:
        return RetryError(
            Text("ClickHouse 没有应答", "ClickHouse does not answer"),
            advice=Text("检查 SHUTONG_CLICKHOUSE 的地址以及服务是否在运行；恢复后会自动继续",
                        "check the address in SHUTONG_CLICKHOUSE and that the server runs; it goes on by itself"),
        )  # fmt: skip
    if error.code == _TAKEN_OVER:
        return HaltError(
            Text("另一个账本进程已接手写入同一个 ClickHouse", "another ledger process has taken over writing to this ClickHouse"),
            advice=Text("同一套总线只运行一个 ledger；本进程没有再写入任何内容，停掉多余的一个",
                        "run one ledger a bus; this one has written nothing since: stop the one that is too many"),
        )  # fmt: skip
    name = f"{error.code} {error.name or ''}".strip()
    problem = Text(f"ClickHouse 拒绝了请求（{name}）", f"ClickHouse refused ({name})")
    if error.code in _OURS:
        return HaltError(problem, advice=Text("检查账号权限、口令和表结构（ledger/sql）",
                                              "check rights, password and tables (ledger/sql)"))  # fmt: skip
    return RetryError(problem, advice=Text("检查 ClickHouse 的磁盘和内存；恢复后会自动继续",
                                           "check disk and memory of ClickHouse; it goes on by itself"))  # fmt: skip


def _not_opened(path: Path) -> RetryError:
    """The embedded engine says code 36 to everything; its lock file names who has the directory."""
    holder = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        first, *_ = (path / "status").read_text(encoding="utf-8").splitlines() or [""]
        holder = first.removeprefix("PID: ") if first.startswith("PID: ") else ""
    return RetryError(
        Text(f"无法打开账本目录 {path}；上一次打开它的进程号是 {holder or '未知'}",
             f"cannot open the ledger directory {path}; process {holder or 'unknown'} opened it last"),
        advice=Text("同一目录只能有一个 ledger 进程：查看它是否还在运行；否则检查权限和磁盘空间",
                    "one ledger process a directory: see whether that one still runs; if not, check rights and disk space"),
    )  # fmt: skip
