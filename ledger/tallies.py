"""From a message of bus.tallies to rows of both its tables, and where a batch must be cut. Pure: no Kafka, no ClickHouse.

A row is known by (lp, lo, li): ledger partition, offset, index within the message and the table. The index counts the
message's rows in order of their Shanghai month, so that a message cuts a batch as rarely as it can; decoding again gives
it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from ledger.shanghai import month_of
from schemas.codec import decode_tallies
from schemas.envelope import CAUSES
from schemas.errors import HaltError, RejectError
from schemas.quality import SEVERITIES
from schemas.reasons import DIMENSIONS
from schemas.tally import STAGES, FindingTally, Tally
from schemas.text import Text

__all__ = ["BATCH_ROWS", "COLUMNS", "FINDING_COLUMNS", "Batch", "Row", "RowPlace", "rows_of"]

#: Rows of one insert at most; I-15 allows 100,000, half of them is as quick and takes half the memory.
BATCH_ROWS = 50_000

COLUMNS = ("lp", "lo", "li", "at", "stage", "cause", "dept", "dataset", "subscriber", "division", "records", "bytes",
           "fixed", "lat_min", "lat_max", "lat_sum", "lat_b", "lat_c", "worker", "worker_epoch")

FINDING_COLUMNS = ("lp", "lo", "li", "at", "cause", "dept", "dataset", "dimension", "field", "reason", "severity", "records")

_UINT32 = (1 << 32) - 1
_UINT64 = (1 << 64) - 1


class RowPlace(NamedTuple):
    """Where a row came from."""

    lp: int
    lo: int
    li: int


Row = tuple[Any, ...]
T = TypeVar("T", Tally, FindingTally)


def rows_of(partition: int, offset: int, value: bytes) -> tuple[list[Row], list[Row]]:
    """The rows of one message for tally and for finding, each in order of month and index. A HaltError when it cannot be
    read: skipping it would lose."""
    try:
        worker, epoch, tallies, findings = decode_tallies(value)
    except RejectError as error:
        raise _unreadable(partition, offset, error.problem) from error
    if max(len(tallies), len(findings)) > 1 << 16 or not 0 <= epoch <= _UINT32:
        raise _unreadable(partition, offset, Text("行数或进程代数超出范围", "too many rows, or an epoch out of range"))
    return ([_row(RowPlace(partition, offset, index), tally, worker, epoch) for index, tally in enumerate(_by_month(tallies))],
            [_found(RowPlace(partition, offset, index), finding) for index, finding in enumerate(_by_month(findings))])


def _by_month(told: Sequence[T]) -> list[T]:
    return sorted(told, key=lambda one: month_of(min(max(one.key.at, 0), _UINT32)))


def _found(place: RowPlace, finding: FindingTally) -> Row:
    key = finding.key
    wrong = next((name for name, right in (
        ("at", 0 <= key.at <= _UINT32), ("cause", key.cause in CAUSES), ("dimension", key.dimension in DIMENSIONS),
        ("severity", key.severity in SEVERITIES if key.reason else not key.severity), ("records", 0 <= finding.records <= _UINT64),
    ) if not right), "")  # fmt: skip
    if wrong:
        raise _unreadable(place.lp, place.lo, Text(f"问题第 {place.li} 行的 {wrong} 不合规", f"{wrong} of finding {place.li} is wrong"))
    return (*place, *key, finding.records)


def _row(place: RowPlace, tally: Tally, worker: str, epoch: int) -> Row:
    wrong = _wrong_in(tally)
    if wrong:
        raise _unreadable(place.lp, place.lo, Text(f"第 {place.li} 行的 {wrong} 不合规", f"{wrong} of row {place.li} is wrong"))
    return (*place, *tally.key, tally.records, tally.bytes, tally.fixed, min(tally.lat_min, _UINT32),
            min(tally.lat_max, _UINT32), tally.lat_sum, tally.lat_b, tally.lat_c, worker, epoch)  # fmt: skip


def _wrong_in(tally: Tally) -> str:
    """The name of the first field that the table could not hold as it is; ClickHouse would wrap it around silently."""
    key = tally.key
    if not 0 <= key.at <= _UINT32:
        return "at"
    if key.stage not in STAGES:
        return "stage"
    if key.cause not in CAUSES:
        return "cause"
    for name in ("records", "bytes", "fixed", "lat_min", "lat_max", "lat_sum"):
        if not 0 <= getattr(tally, name) <= _UINT64:
            return name
    if len(tally.lat_b) != len(tally.lat_c) or not all(0 <= bucket <= 255 for bucket in tally.lat_b):
        return "lat_b"
    return "" if all(0 <= count <= _UINT32 for count in tally.lat_c) else "lat_c"


def _unreadable(partition: int, offset: int, why: Text) -> HaltError:
    return HaltError(
        Text(f"无法读取计数条：分区 {partition}，位置 {offset}：{why.zh}",
             f"a tally message cannot be read: partition {partition}, offset {offset}: {why.en}"),
        advice=Text("记账已停在这一条之前，什么也没有丢；请升级 ledger，或查明是谁写了 bus.tallies",
                    "recording stands before it, nothing is lost: upgrade the ledger, or find out who wrote to bus.tallies"),
    )  # fmt: skip


class Batch:
    """Rows of one table and one month, column by column, waiting for their insert. The fourth column is the second."""

    def __init__(self, names: Sequence[str] = COLUMNS) -> None:
        self._names = names
        self._columns: list[list[Any]] = [[] for _ in names]
        self.month = 0

    def __len__(self) -> int:
        return len(self._columns[0])

    def fill(self, rows: Iterable[Row]) -> Iterator["Batch"]:
        """Add rows in offset order; yields itself whenever it must be inserted and cleared before the next row."""
        for row in rows:
            month = month_of(row[3])
            if len(self) and (month != self.month or len(self) >= BATCH_ROWS):
                yield self
            self.month = month
            for column, value in zip(self._columns, row, strict=True):
                column.append(value)

    def columns(self) -> dict[str, list[Any]]:
        """What to insert."""
        return dict(zip(self._names, self._columns, strict=True))

    def seconds(self) -> set[int]:
        """The arrival seconds in it."""
        return set(self._columns[3])

    def clear(self) -> None:
        """It has been inserted."""
        for column in self._columns:
            column.clear()
