"""A ClickHouse server as clickhouse-connect meets it: its HTTP, with the real embedded engine behind, and notes of what came.

The engine reads no request's body, so `input(...)` becomes the file the body was put into; the rest of the SQL is run as
it came. Queries under their names, and KILL, are noted only: the engine runs one at a time.
"""

import http.server
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError


class Asked(NamedTuple):
    """One request: its SQL, the words of its URL, its body where that is data."""

    sql: str
    words: dict[str, str]
    body: bytes


class HttpServer:
    """Listens on a port of its own until the `with` ends. `meddle` sees a request first; True: it is cut off unanswered."""

    def __init__(self, home: Path) -> None:
        self.asked: list[Asked] = []
        self.meddle: Callable[[Asked], bool] = lambda asked: False
        self._body = home / "body"
        self._engine: Any = clickhouse_connect.get_client(interface="chdb", path=str(home / "engine"))._backend
        self._lock = threading.Lock()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def inserts(self, table: str) -> list[Asked]:
        """What was put into a table from outside."""
        return [asked for asked in self.asked if asked.sql.startswith(f"INSERT INTO {table} (") and asked.body]

    def answer(self, asked: Asked) -> bytes:
        """What the engine says to it."""
        sql = asked.sql
        if sql.startswith("KILL"):
            return b""
        with self._lock:
            self._body.write_bytes(asked.body)
            if "FROM input(" in sql:
                sql = sql.replace("FROM input(", f"FROM file('{self._body}', JSONCompactColumns, ")
                sql = sql.removesuffix("FORMAT JSONCompactColumns")
            elif asked.body:
                sql = sql.replace(" FORMAT ", f" FROM INFILE '{self._body}' FORMAT ")
            words = {name.removeprefix("param_"): word for name, word in asked.words.items() if name.startswith("param_")}
            found = self._engine._run(sql, "TabSeparated", params=words, database=asked.words.get("database"))
            return bytes(found.bytes() or b"")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._engine.close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = _asked(dict(parse_qsl(urlsplit(self.path).query)), self._read())
                server.asked.append(asked)
                if server.meddle(asked):
                    self.close_connection = True
                    return
                try:
                    self._say(200, server.answer(asked))
                except DatabaseError as error:
                    self._say(500, str(error).encode(), {"X-ClickHouse-Exception-Code": str(error.code)})

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _read(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, word in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, word)
                self.end_headers()
                self.wfile.write(body)

        return Handler


def _asked(words: dict[str, str], body: bytes) -> Asked:
    if "query" in words:
        return Asked(words["query"], words, body)
    if body.startswith(b"INSERT"):
        head, _, rest = body.partition(b"\n")
        return Asked(head.decode(), words, rest)
    return Asked(body.decode(), words, b"")
