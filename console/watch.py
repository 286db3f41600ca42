"""What runs on this machine, and what it says of itself on Kafka: the rows of `shutong status`."""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
from pydantic import BaseModel, ValidationError

from console.connection import connect
from schemas.connector_status import STATUS_PREFIX, ConnectorStatus
from schemas.errors import BusError
from schemas.status import SILENT_AFTER, WorkerStatus
from wire.compacted import CompactedReader

__all__ = ["Row", "connector_reports", "parsed", "process_rows", "reports_of", "worker_reports"]

Row = dict[str, Any]
M = TypeVar("M", bound=BaseModel)


def process_rows(pid: int) -> list[Row]:
    """The supervisor and its children, oldest first; one that ends meanwhile is left out."""
    rows: list[Row] = []
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []
    for process in family:
        try:
            with process.oneshot():
                rows.append(_row(process))
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return rows


def reports_of(home: Path) -> dict[str, Row]:
    """What workers and connectors last said, by program as `process_rows` names them; empty where Kafka does not answer."""
    try:
        with CompactedReader(connect(home), ["bus.workers", "bus.cursors"]) as reader:
            tables = reader.load(patience=5)
    except BusError:
        return {}
    now = time.time()
    return worker_reports(tables["bus.workers"], now) | connector_reports(tables["bus.cursors"], now)


def worker_reports(table: dict[bytes, bytes], now: float, host: str = "") -> dict[str, Row]:
    """State and lag of each worker, or of those of one host; one that is silent too long is said to be."""
    found: dict[str, Row] = {}
    for told in parsed(WorkerStatus, table.values()):
        if host not in ("", told.host):
            continue
        lanes = told.lanes.values()
        found[f"worker {told.slot}"] = {
            "state": told.state if now - told.updated / 1000 < SILENT_AFTER else "silent",
            "lag_records": sum(lane.records for lane in lanes), "lag_seconds": max((lane.seconds for lane in lanes), default=0.0)}
    return found


def connector_reports(table: dict[bytes, bytes], now: float) -> dict[str, Row]:
    """How many connector instances are in which state, on the row of the process that runs them all."""
    told = parsed(ConnectorStatus, (value for key, value in table.items() if key.startswith(STATUS_PREFIX.encode())))
    fresh = [each for each in told if now - each.updated / 1000 < SILENT_AFTER]
    if not fresh:
        return {}
    states = Counter(each.state for each in fresh)
    return {"connect": {"state": ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
                        "lag_seconds": max(each.lag_seconds for each in fresh)}}


def parsed(kind: type[M], values: Iterable[bytes]) -> tuple[M, ...]:
    """What can be read; a newer writer's is not ours to judge."""
    found: list[M] = []
    for value in values:
        try:
            found.append(kind.model_validate_json(value))
        except ValidationError:
            continue
    return tuple(found)


def _row(process: psutil.Process) -> Row:
    times = process.cpu_times()
    return {"pid": str(process.pid), "program": _program(process.cmdline()), "memory_mb": round(process.memory_info().rss / 1e6),
            "since": datetime.fromtimestamp(process.create_time()).isoformat(" ", "seconds"),
            "cpu_seconds": round(times.user + times.system, 1)}


def _program(command: list[str]) -> str:
    """`worker 1`, `connect`, `kafka`, …; the supervisor itself is `up`."""
    if "kafka.Kafka" in command:
        return "kafka"
    if any("postgres" in part for part in command[:1]):
        return "postgresql"
    if "console" in command:
        words = [part for part in command[command.index("console") + 1:] if not part.startswith("--")]
        return " ".join(words) if words and words[0] in ("worker", "connect", "ledger", "serve") else "up"
    return "up"
