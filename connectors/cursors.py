"""Cursors on `bus.cursors`: the main record under the instance's id, its parts under `<instance>/<part>`.

Read once a predecessor is fenced, to the end in the sense of I-4; written inside the transaction that publishes.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.base import Cursor
from connectors.rejects import Rejects
from schemas.errors import HaltError
from schemas.text import Text
from wire.reading import read_all
from wire.settings import KafkaSettings

__all__ = ["CURSORS", "Stored", "load", "new_epoch", "records"]

CURSORS = "bus.cursors"
_REJECTS = "rejects"
_EPOCH_ZERO = 1_767_225_600  # 2026-01-01 UTC


@dataclass(frozen=True)
class Stored:
    """All that an instance resumes from. `published` is the offset behind its last event on each raw partition."""

    epoch: int
    seq: int = 0
    cursor: Cursor = field(default_factory=Cursor)
    published: dict[int, int] = field(default_factory=dict)
    rejects: Rejects = field(default_factory=Rejects)

    def after(self, **changes: Any) -> "Stored":
        """The same with some things changed."""
        return replace(self, **changes)


def new_epoch() -> int:
    """The epoch of a numbering that starts anew: minutes since 2026, so above that of any cursor that was lost."""
    return int(time.time() - _EPOCH_ZERO) // 60


def load(settings: KafkaSettings, instance: str) -> Stored | None:
    """What the instance has committed; None if it never has."""
    mine: dict[str, bytes] = {}
    head = f"{instance}/"
    for record in read_all(settings, [CURSORS]):
        key = (record.key or b"").decode()
        if key == instance or key.startswith(head):
            if record.value is None:
                mine.pop(key, None)
            else:
                mine[key] = record.value
    if instance not in mine:
        return None
    told = json.loads(mine[instance])
    missing = [name for name in told["parts"] if head + name not in mine]
    if missing:
        raise HaltError(
            Text(f"连接器 {instance} 的游标不完整", f"the cursor of connector {instance} is incomplete"),
            advice=Text(
                "删除其游标记录后重新开始：将重新读取全部数据",
                "remove its cursor records and start again: everything is read anew",
            ),
        )
    parts = {name: mine[head + name] for name in told["parts"]}
    rejects = Rejects.from_json(parts.pop(_REJECTS, None))
    return Stored(
        told["epoch"],
        told["seq"],
        Cursor(told["position"], parts),
        {int(number): offset for number, offset in told["published"].items()},
        rejects,
    )


def records(instance: str, now: Stored, before: Stored | None) -> Iterator[tuple[bytes, bytes | None]]:
    """Keys and values that bring `bus.cursors` from one state to the next; only parts that changed."""
    parts, old = _parts(now), _parts(before) if before is not None else {}
    for name, data in parts.items():
        if old.get(name) != data:
            yield f"{instance}/{name}".encode(), data
    for name in old.keys() - parts.keys():
        yield f"{instance}/{name}".encode(), None
    told = {
        "version": 1,
        "epoch": now.epoch,
        "seq": now.seq,
        "position": now.cursor.position,
        "published": now.published,
        "parts": list(parts),
    }
    yield instance.encode(), json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _parts(stored: Stored) -> dict[str, bytes]:
    parts = dict(stored.cursor.parts)
    if stored.rejects.count:
        parts[_REJECTS] = stored.rejects.to_json()
    return parts
