"""route and the counts done the slow way, from the words of the design alone: decoded rows, one subscription after another."""

import hashlib
import hmac
from collections import Counter
from typing import Any

from schemas.codec import EventCodec
from schemas.control import Plan, Subscription
from schemas.envelope import Event
from streams.chunk import Record

Told = tuple[str, bytes, Event]
#: stage, cause, subscriber, arrival second
Count = tuple[str, str, str, int]


class SlowRouter:
    """Remembers whole rows, by key. `route` gives the outputs of one clean record in the order of their lanes."""

    def __init__(self, plan: Plan, secret: bytes, codecs: dict[int, EventCodec]) -> None:
        self.plan, self.secret, self.codecs = plan, secret, codecs
        self.rows: dict[bytes, dict[str, Any]] = {}
        self.counts: Counter[Count] = Counter()

    def route(self, lane: str, partition: int, record: Record) -> list[Told]:
        """What every live subscription is told of this record."""
        offset, arrived, key, value = record
        assert key is not None
        if value is None:
            self.rows.pop(key, None)
            return []
        dataset, codec = next((item, self.codecs[item.event_schema]) for item in self.plan.datasets.values()
                              if value[1:5] == item.event_schema.to_bytes(4, "big"))
        event = codec.decode(value)
        if event.meta.op == "m":
            return []
        before = self.rows.get(key, event.before)
        told = []
        for item in self.plan.subscriptions.values():
            if item.dataset == dataset.id and item.state == "live":
                op = _op(item, event, before)
                stage = "held_back" if op is None else "returned_up" if item.node else "delivered"
                self.counts[stage, event.meta.cause, item.subscriber, arrived // 1000] += 1
                if op is not None:
                    told.append(self._output(item, dataset.key, event, op, key, f"{lane}/{partition}", offset))
        if event.row is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = dict(event.row)
        return told

    def _output(self, item: Subscription, key_fields: tuple[str, ...], event: Event, op: str, key: bytes, stream: str,
                offset: int) -> Told:
        meta = event.meta._replace(op=op, stream=stream, epoch=0, seq=offset)  # type: ignore[arg-type]
        if any(name not in item.fields or name in item.masks for name in key_fields):
            key = self._hidden(item, key.split(b"/", 1)[1].decode()).encode()
            meta = meta._replace(id=self._hidden(item, meta.id), stream="", epoch=0, seq=0)
        if item.node:
            home = self.plan.home
            assert home is not None
            meta = meta._replace(path=f"{meta.path}>{home.code}" if meta.path else home.code)
        row = None
        if op != "d":
            assert event.row is not None
            row = {name: self._shown(item, name, event.row[name]) for name in item.fields}
        return f"deliver.{item.subscriber}", key, Event(meta, row)

    def _shown(self, item: Subscription, name: str, value: Any) -> Any:
        mask = item.masks.get(name)
        if mask is None or value is None:
            return value
        if mask.kind == "keep_last":
            return value[-mask.n:]
        if mask.kind == "year":
            return int(value[:4])
        return self._hidden(item, value) if mask.kind == "hmac" else None

    def _hidden(self, item: Subscription, text: str) -> str:
        return hmac.new(self.secret, item.id.encode() + b"\0" + text.encode(), hashlib.sha256).hexdigest()


def holds(item: Subscription, row: Any) -> bool:
    """Whether a row is in a subscription's scope."""
    def one(condition: Any) -> bool:
        value = row[condition.field]
        if value is None:
            return False
        if condition.op == "prefix":
            return any(value.startswith(start) for start in condition.values)
        return value in condition.values

    return all(one(condition) for condition in item.scope)


def _op(item: Subscription, event: Event, before: Any) -> str | None:
    op = event.meta.op
    if not item.scope:
        return op
    held = before is not None and holds(item, before)
    now = event.row is not None and holds(item, event.row)
    if now:
        return "r" if op == "u" and before is not None and not held else op
    return "d" if held else None
