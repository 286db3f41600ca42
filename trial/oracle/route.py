"""Who gets what, recomputed: scope on the row before and after, field cut, masks, masked keys (I-2, I-12).

Keeps the scope fields of every record's last row, where the bus remembers only who holds it.
"""

import datetime as dt
import hmac
from collections.abc import Iterator, Mapping
from hashlib import sha256
from sys import intern
from typing import Any, NamedTuple

from trial.oracle.avro import Codec
from trial.oracle.places import Shape, text_of
from trial.oracle.plan import Dataset, Plan, Subscription

__all__ = ["Delivery", "Router"]

Row = Mapping[str, Any]
_SHANGHAI = dt.timedelta(hours=8)


class Delivery(NamedTuple):
    """One event a subscriber must get. `token` finds it in the inbox again: by position, or by masked key and id."""

    subscription: Subscription
    key: bytes
    value: bytes
    row: Row | None
    token: tuple[object, ...]


class Router:
    """Follows one dataset's cleaned events in the order of each record."""

    def __init__(self, plan: Plan, dataset: Dataset, codec: Codec, secret: bytes) -> None:
        self._plan = plan
        self._codec = codec
        self._secret = secret
        self._dataset = dataset
        self._contracts = [(item, _key_is_masked(item, dataset)) for item in
                           (_in_names_of_now(item, dataset) for item in plan.of_dataset(dataset.id))]
        self._rows: dict[bytes, Row] = {}
        self._shape = Shape(dataset.row_schema)
        self._scope_fields = {condition["field"] for item, _ in self._contracts for condition in item.scope}
        self.lane = dataset.lane
        self.contracts = tuple(item for item, _ in self._contracts)

    def deliveries(self, event: Mapping[str, Any], key: bytes, partition: int, offset: int) -> Iterator[Delivery]:
        """What the subscribers get of the cleaned event at this place; also moves what is remembered."""
        op, after = event["meta"]["op"], event["row"]
        before = self.follow(event, key)
        stamp = {"stream": intern(f"{self._dataset.lane}/{partition}"), "epoch": 0, "seq": offset}
        for contract, masked in self._contracts:
            given = _op(contract, self._shape, op, before, after)
            if given:
                yield self._deliver(contract, masked, {**event["meta"], **stamp, "op": given}, key, after)

    def masked_tokens(self, key: bytes, name: str) -> Iterator[tuple[object, ...]]:
        """What finds this record's deliveries again in the inboxes that see no position."""
        for contract, masked in self._contracts:
            if masked:
                yield contract.id, self._hmac(contract, key.decode().partition("/")[2]).encode(), self._hmac(contract, name)

    def follow(self, event: Mapping[str, Any], key: bytes) -> Row | None:
        """Remember the event's row; the row before it, as far as this one knows."""
        after = event["row"]
        # What was let through counts; the event's own word for it only where nothing was. An event of a log has no before.
        before: Row | None = None if self._dataset.log else self._rows.get(key) or event["before"]
        if after is None or self._dataset.log:
            self._rows.pop(key, None)
        else:
            self._rows[key] = {name: intern(after[name]) if isinstance(after[name], str) else after[name] for name in self._scope_fields}
        return before

    def _deliver(self, contract: Subscription, masked: bool, meta: dict[str, Any], key: bytes, row: Row | None) -> Delivery:
        place = (contract.id, meta["stream"], meta["seq"])
        if contract.node:
            meta["path"] = f"{meta['path']}>{self._plan.home}" if meta["path"] else self._plan.home
        if masked:
            meta.update(stream="", epoch=0, seq=0, id=self._hmac(contract, meta["id"]))
            key = self._hmac(contract, key.decode().partition("/")[2]).encode()
            place = (contract.id, key, meta["id"])
        shown = None if row is None or meta["op"] == "d" else self._shown(contract, row)
        return Delivery(contract, key, self._codec.write(contract.schema, {"meta": meta, "row": shown}), shown, place)

    def _shown(self, contract: Subscription, row: Row) -> Row:
        now = self._dataset.now
        return {name: self._mask(contract, contract.masks.get(now(name)), row[now(name)], now(name)) for name in contract.fields}

    def _mask(self, contract: Subscription, mask: Mapping[str, Any] | None, value: Any, name: str) -> Any:
        if mask is None:
            return value
        if mask["kind"] == "null":
            return self._shape.nothing(name)
        read = self._shape.value(name, value)
        if read is None:
            return None
        match mask["kind"]:
            case "hmac":
                return self._hmac(contract, text_of(read))
            case "keep_last":
                return _keep_last(text_of(read), mask["n"])
            case _:
                return _year(read)

    def _hmac(self, contract: Subscription, text: str) -> str:
        return hmac.new(self._secret, contract.id.encode() + b"\0" + text.encode(), sha256).hexdigest()


def _op(contract: Subscription, shape: Shape, op: str, before: Row | None, after: Row | None) -> str:
    """The operation as this subscriber sees it; empty if it sees nothing. An update that lets a known row in reads."""
    if not contract.scope:
        return op
    held = before is not None and _in_scope(contract, shape, before)
    if after is None or not _in_scope(contract, shape, after):
        return "d" if held else ""
    return "r" if op == "u" and before is not None and not held else op


def _in_scope(contract: Subscription, shape: Shape, row: Row) -> bool:
    return all(_met(condition, shape.value(condition["field"], row[condition["field"]])) for condition in contract.scope)


def _met(condition: Mapping[str, Any], value: Any) -> bool:
    if value is None:
        return False
    text = text_of(value)
    if condition["op"] == "prefix":
        return any(text.startswith(wanted) for wanted in condition["values"])
    return text in condition["values"]


def _key_is_masked(contract: Subscription, dataset: Dataset) -> bool:
    clear = {dataset.now(name) for name in contract.fields} - set(contract.masks)
    return not clear.issuperset(dataset.key)


def _in_names_of_now(contract: Subscription, dataset: Dataset) -> Subscription:
    """Scope and masks by the names the fields have now; what is shown keeps the names it was granted by."""
    return contract._replace(scope=tuple({**one, "field": dataset.now(one["field"])} for one in contract.scope),
                             masks={dataset.now(name): mask for name, mask in contract.masks.items()})


def _keep_last(text: str, count: int) -> str:
    return text[-count:] if count else ""


def _year(value: Any) -> int | None:
    """The year of a day, of a moment as China's clocks have it, of a clock on the wall, or of a text that is a date."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None and value.year < dt.MAXYEAR:
        value += _SHANGHAI
    if isinstance(value, dt.date):
        return value.year
    text = str(value)
    return int(text[:4]) if len(text) == 10 and text[4] == text[7] == "-" else None
