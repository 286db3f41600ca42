"""`python -m console.health PROCESS`: whether the process of this environment does its work. For a container's healthcheck.

worker, connect: it reported to Kafka a moment ago. ledger, serve: it answers `/readyz`. Exits 0, or 1 with a sentence.
"""

import sys
import time
from collections.abc import Callable

import httpx
from pydantic import ValidationError

from connectors.settings import ConnectSettings
from console.output import print_error, print_note
from console.serve.settings import ServeSettings
from console.watch import connector_reports, worker_reports
from ledger.settings import LedgerSettings
from schemas.errors import BusError, RetryError
from schemas.text import Text
from streams.settings import WorkerSettings
from wire.compacted import read_compacted

__all__ = ["CHECKS", "main"]

_PATIENCE = 5.0


def _worker() -> None:
    settings = WorkerSettings()
    reports = worker_reports(read_compacted(settings, "bus.workers"), time.time(), settings.host_name)
    if settings.slot:
        reports = {name: row for name, row in reports.items() if name == f"worker {settings.slot}"}
    if not any(row["state"] in ("starting", "running") for row in reports.values()):
        raise _unwell(Text("没有工作进程的近期报告", "no recent report of the worker"))


def _connect() -> None:
    settings = ConnectSettings()
    if read_compacted(settings, "bus.connectors") and not connector_reports(read_compacted(settings, "bus.cursors"), time.time()):
        raise _unwell(Text("没有连接器的近期报告", "no recent report of the connectors"))


def _ledger() -> None:
    _answers(LedgerSettings().ledger_address)


def _serve() -> None:
    _answers(ServeSettings().serve_address)


def _answers(address: str) -> None:
    """Asked on this very machine: what listens everywhere is asked on loopback, under a name it answers to."""
    port = address.rpartition(":")[2]
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=_PATIENCE, trust_env=False)
    except httpx.HTTPError as error:
        why = type(error).__name__
        raise _unwell(Text(f"端口 {port} 没有应答（{why}）", f"port {port} does not answer ({why})")) from None
    if answer.status_code != httpx.codes.OK:
        raise _unwell(Text(f"端口 {port} 回答 {answer.status_code}", f"port {port} answers {answer.status_code}"))


def _unwell(what: Text) -> RetryError:
    return RetryError(what, advice=Text("查看它的日志", "read its log"))


#: Process -> its check.
CHECKS: dict[str, Callable[[], None]] = {"worker": _worker, "connect": _connect, "ledger": _ledger, "serve": _serve}


def main(arguments: list[str]) -> int:
    """The exit code."""
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print_note(Text(f"用法：python -m console.health {'|'.join(CHECKS)}", f"usage: python -m console.health {'|'.join(CHECKS)}"))
        return 2
    try:
        CHECKS[arguments[0]]()
    except BusError as error:
        print_error(error)
        return 1
    except ValidationError as error:
        print_note(Text(f"环境设置有误（{error.error_count()} 处）", f"wrong settings ({error.error_count()})"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
