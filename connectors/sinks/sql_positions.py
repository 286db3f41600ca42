"""Where each sink instance stands, in the receiver's own database: moved in the transaction that stores the rows."""

import time
from collections.abc import Mapping

import sqlalchemy as sa

from connectors.sinks.sql_upsert import upsert
from schemas.errors import HaltError
from schemas.text import Text

__all__ = ["PositionTable"]

_NAME = "shutong_positions"
_KEY = ("instance", "lane", "lane_partition")

Place = tuple[str, int]


class PositionTable:
    """The rows of one instance in `shutong_positions`: the next offset of each lane and partition."""

    def __init__(self, instance: str, schema: str | None) -> None:
        self._instance = instance
        self._table = sa.Table(
            _NAME,
            sa.MetaData(),
            sa.Column("instance", sa.String(200), primary_key=True),
            sa.Column("lane", sa.String(200), primary_key=True),
            sa.Column("lane_partition", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("next_offset", sa.BigInteger, nullable=False),
            sa.Column("moved_at", sa.BigInteger, nullable=False),
            schema=schema,
            comment="数通连接器的读取位置，请勿修改 / positions of shutong connectors: do not edit",
        )

    def open(self, connection: sa.Connection) -> dict[Place, int]:
        """Make the table if it is missing; the positions of this instance."""
        self._table.create(connection, checkfirst=True)
        return self._read(connection, lock=False)

    def move(self, connection: sa.Connection, known: Mapping[Place, int], to: Mapping[Place, int]) -> None:
        """From the known positions to these. Another process that moved them meanwhile is a HaltError, and nothing is stored."""
        if self._read(connection, lock=True) != dict(known):
            raise HaltError(
                Text(
                    f"另一个进程也在运行连接器 {self._instance}", f"another process runs connector {self._instance} too"
                ),
                advice=Text(
                    "同一连接器只能运行一个进程；保留其中一个", "run one process for a connector; stop the other"
                ),
            )
        now = int(time.time() * 1000)
        upsert(
            connection,
            self._table,
            _KEY,
            [
                {
                    "instance": self._instance,
                    "lane": lane,
                    "lane_partition": number,
                    "next_offset": offset,
                    "moved_at": now,
                }
                for (lane, number), offset in to.items()
                if known.get((lane, number)) != offset
            ],
        )

    def _read(self, connection: sa.Connection, *, lock: bool) -> dict[Place, int]:
        table = self._table
        query = sa.select(table.c.lane, table.c.lane_partition, table.c.next_offset).where(
            table.c.instance == self._instance
        )
        if lock:
            query = query.with_for_update()
        return {(lane, number): offset for lane, number, offset in connection.execute(query)}
