"""Where each sink instance stands, in the receiver's own database: moved in the transaction that stores the rows.

Positions say that everything before them stands in one table, so that table is noted with them. Where it is gone or
another one, going on would leave a table that silently lacks what came before.
"""

import time
from collections.abc import Mapping

import sqlalchemy as sa

from connectors.sinks.sql_upsert import upsert
from schemas.errors import HaltError
from schemas.text import Text

__all__ = ["PositionTable"]

_NAME = "shutong_positions"
_KEY = ("instance", "lane", "lane_partition")
_TARGETS = "shutong_targets"

Place = tuple[str, int]


class PositionTable:
    """The rows of one instance in `shutong_positions`: the next offset of each lane and partition. `shutong_targets` says
    in which table the deliveries before them stand."""

    def __init__(self, instance: str, schema: str | None) -> None:
        self._instance = instance
        comment = "数通连接器的读取位置，请勿修改 / positions of shutong connectors: do not edit"
        self._targets = sa.Table(
            _TARGETS,
            sa.MetaData(),
            sa.Column("instance", sa.String(200), primary_key=True),
            sa.Column("target", sa.String(500), nullable=False),
            schema=schema,
            comment=comment,
        )
        self._mine = sa.select(self._targets.c.target).where(self._targets.c.instance == instance)
        self._table = sa.Table(
            _NAME,
            sa.MetaData(),
            sa.Column("instance", sa.String(200), primary_key=True),
            sa.Column("lane", sa.String(200), primary_key=True),
            sa.Column("lane_partition", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("next_offset", sa.BigInteger, nullable=False),
            sa.Column("moved_at", sa.BigInteger, nullable=False),
            schema=schema,
            comment=comment,
        )

    def open(self, connection: sa.Connection, target: str, *, stands: bool) -> dict[Place, int]:
        """Make the tables if they are missing; the positions of this instance, which has this target table.

        HaltError: there are positions, but the target is not the one they belong to, or `stands` no more.
        """
        for table in (self._table, self._targets):
            table.create(connection, checkfirst=True)
        known = self._read(connection, lock=False)
        told = connection.scalar(self._mine)
        if known and told not in (None, target):
            raise self._not_ours(
                Text(
                    f"连接器 {self._instance} 的读取位置属于表 {told}，不属于表 {target}",
                    f"the positions of connector {self._instance} belong to table {told}, not to {target}",
                )
            )
        if known and not stands:
            raise self._not_ours(
                Text(
                    f"表 {target} 已不存在，而连接器 {self._instance} 的读取位置还在",
                    f"table {target} is gone, but the positions of connector {self._instance} are there",
                )
            )
        if told != target:
            upsert(connection, self._targets, ["instance"], [{"instance": self._instance, "target": target}])
        return known

    def move(self, connection: sa.Connection, known: Mapping[Place, int], to: Mapping[Place, int]) -> None:
        """From the known positions to these. Another process that moved them meanwhile is a HaltError, and nothing is stored."""
        # One after the other, also before there are positions: the target's row is always there to be locked.
        connection.execute(self._mine.with_for_update()).all()
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

    def _not_ours(self, problem: Text) -> HaltError:
        anew = f"delete from {self._table.fullname} where instance = '{self._instance}'"
        return HaltError(
            problem,
            advice=Text(
                f"恢复原来的表；若确要重新开始，执行 {anew}：从通道中最早的交付读起，更早的要重新订阅才有",
                f"restore the table; to begin anew on purpose, `{anew}`: it reads from the earliest delivery on the lane on, "
                "what is older comes with a new subscription",
            ),
        )

    def _read(self, connection: sa.Connection, *, lock: bool) -> dict[Place, int]:
        table = self._table
        query = sa.select(table.c.lane, table.c.lane_partition, table.c.next_offset).where(
            table.c.instance == self._instance
        )
        if lock:
            query = query.with_for_update()
        return {(lane, number): offset for lane, number, offset in connection.execute(query)}
