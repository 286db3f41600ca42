"""One subscription, compiled for the router: who is in scope, under which key, and the bytes that are delivered.

Everything is slices: fields are cut by position, only masked fields are read. `check_subscription` says beforehand what
would not compile.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter

from schemas.codec import EventScanner, Scanned, long_bytes
from schemas.codec.frame import prefix
from schemas.codec.varint import read_long, read_text, text_bytes
from schemas.control import Dataset, Subscription
from schemas.envelope import OPS, Op
from schemas.evolution import current_names
from schemas.masks import Blind, check_mask, compile_mask
from schemas.scope import check_condition, compile_condition, compile_scope
from schemas.text import Text

__all__ = ["Delivery", "check_subscription", "compile_subscription", "has_masked_key", "in_current_names"]

Pieces = Sequence[bytes]
_OP_BYTES = {op: bytes((2 * number,)) for number, op in enumerate(OPS)}

#: Stream "", epoch 0, seq 0: what stands where the key is masked.
_NO_POSITION = b"\0\0\0"
#: The length of 64 hex digits as Avro writes it.
_HEX_LENGTH = long_bytes(64)
#: Path tails remembered before they are forgotten and begun anew, and the longest one remembered, in bytes.
_TAILS = 10_000
_LONGEST_TAIL = 256


def in_current_names(subscription: Subscription, dataset: Dataset) -> Subscription:
    """The subscription by the names its fields have now; what was granted before a rename is named by an alias since."""
    names = current_names(dataset.row_schema)
    used = (*subscription.fields, *subscription.masks, *(condition.field for condition in subscription.scope))
    if all(names.get(name, name) == name for name in used):
        return subscription
    return subscription.model_copy(update={
        "fields": tuple(names.get(name, name) for name in subscription.fields),
        "masks": {names.get(name, name): mask for name, mask in subscription.masks.items()},
        "scope": tuple(one.model_copy(update={"field": names.get(one.field, one.field)}) for one in subscription.scope)})


def has_masked_key(subscription: Subscription, dataset: Dataset) -> bool:
    """Whether some key field is not granted in clear, so that key and id must be masked too."""
    subscription = in_current_names(subscription, dataset)
    return any(name not in subscription.fields or name in subscription.masks for name in dataset.key)


class Delivery:
    """What one subscription makes of an event. `scope_index` holds the conditions a router may index instead of trying.

    `value` is always right. Where neither `masked_key` nor `hop` is set, an event whose op stays and that has a row is
    `prefix`, its head, the position, its tail, the byte 2 and what `cut` gives: a router may put that together itself.
    """

    def __init__(self, subscription: Subscription, dataset: Dataset, scanner: EventScanner,
                 home_code: str, secret: bytes) -> None:
        blind = Blind(secret, subscription.id)
        subscription = in_current_names(subscription, dataset)
        self.subscription = subscription
        self.masked_key = has_masked_key(subscription, dataset)
        self.scope_index = tuple(compile_condition(condition, scanner) for condition in subscription.scope)
        self.holds: Callable[[Pieces], bool] = compile_scope(self.scope_index)
        self._blind = blind
        self._key_head = len(dataset.id) + 1
        self.prefix = prefix(subscription.output_schema)
        self.cut = _cutter(subscription, scanner, blind)
        self.hop = home_code if subscription.node else ""
        self._tails: dict[bytes, bytes] = {}

    def key(self, kafka_key: bytes) -> bytes:
        """The Kafka key it is delivered under; a marker's key names no record and stays."""
        if not self.masked_key or len(kafka_key) == self._key_head:
            return kafka_key
        return self._blind.hex(kafka_key[self._key_head:])

    def value(self, scanned: Scanned, op: Op, row: Pieces | None, stream_epoch: bytes, seq: int) -> bytes:
        """The framed event delivered for this one, as operation `op` with this row, at this position."""
        head, tail = scanned.head, scanned.tail
        if op != scanned.op:
            head = _with_op(head, op)
        if self.hop:
            tail = self.passed(tail)
        if self.masked_key:
            head, position = self._masked_head(head), _NO_POSITION
        else:
            position = stream_epoch + long_bytes(seq)
        if row is None:
            return b"".join((self.prefix, head, position, tail, b"\0"))
        return b"".join((self.prefix, head, position, tail, b"\2", *self.cut(row)))

    def _masked_head(self, head: bytes) -> bytes:
        size, start = read_long(head, 0)
        return _HEX_LENGTH + self._blind.hex(head[start:start + size]) + head[start + size:]

    def passed(self, tail: bytes) -> bytes:
        """Cause and path after this node: its code is appended to the path."""
        known = self._tails.get(tail)
        if known is None:
            path, _ = read_text(tail, 1)
            known = tail[:1] + text_bytes(f"{path}>{self.hop}" if path else self.hop)
            if len(tail) <= _LONGEST_TAIL:
                if len(self._tails) >= _TAILS:
                    self._tails.clear()
                self._tails[tail] = known
        return known


def compile_subscription(subscription: Subscription, dataset: Dataset, scanner: EventScanner,
                         home_code: str, secret: bytes) -> Delivery:
    """The subscription for events of this scanner. `home_code` is our node's code, `secret` keys every HMAC."""
    return Delivery(subscription, dataset, scanner, home_code, secret)


def _with_op(head: bytes, op: Op) -> bytes:
    size, start = read_long(head, 0)
    spot = start + size
    return head[:spot] + _OP_BYTES[op] + head[spot + 1:]


def _cutter(subscription: Subscription, scanner: EventScanner, blind: Blind) -> Callable[[Pieces], Sequence[bytes]]:
    """The granted slices of a row, in the subscription's order, masked where it says so."""
    numbers = [scanner.index[name] for name in subscription.fields]
    masks = [(spot, compile_mask(subscription.masks[name], scanner.field(scanner.index[name]), blind))
             for spot, name in enumerate(subscription.fields) if name in subscription.masks]
    granted: Callable[[Pieces], Sequence[bytes]] = itemgetter(*numbers)
    if len(numbers) == 1:
        only = numbers[0]
        granted = lambda row: (row[only],)  # noqa: E731 - itemgetter gives a bare value for a single field
    elif numbers == list(range(len(scanner.fields))):
        granted = tuple
    if not masks:
        return granted

    def cut(row: Pieces) -> list[bytes]:
        pieces = list(granted(row))
        for spot, mask in masks:
            pieces[spot] = mask(pieces[spot])
        return pieces

    return cut


def check_subscription(dataset: Dataset, subscription: Subscription, scanner: EventScanner) -> list[Text]:
    """Everything that is wrong with a subscription to this dataset, all of it at once."""
    problems = []
    subscription = in_current_names(subscription, dataset)
    if subscription.dataset != dataset.id or subscription.id != f"{subscription.subscriber}.{dataset.id}":
        problems.append(Text(f"订阅 {subscription.id} 须名为 <使用系统>.<数据资源>",
                             f"subscription {subscription.id} is not called <subscriber>.<dataset>"))
    if not subscription.fields or len(set(subscription.fields)) != len(subscription.fields):
        problems.append(Text("字段清单为空或有重复", "the field list is empty or names a field twice"))
    unknown = [name for name in subscription.fields if name not in scanner.index]
    if unknown:
        problems.append(Text(f"数据资源没有字段: {', '.join(unknown)}", f"no such fields: {', '.join(unknown)}"))
    for name, mask in subscription.masks.items():
        if name not in subscription.fields:
            problems.append(Text(f"脱敏字段 {name} 不在字段清单中", f"masked field {name} is not granted"))
        elif name in scanner.index:
            problems += check_mask(name, mask, scanner.field(scanner.index[name]))
    for condition in subscription.scope:
        problems += check_condition(condition, scanner)
    return problems
