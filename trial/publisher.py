"""A department's own program that behaves badly: undecodable bytes, repeats, foreign streams and schemas, oversized records.

It publishes to its lane as a registered provider, through wire. Every acknowledged send is remembered as a digest, so
that raw can be searched for it; `said` tells what was meant by it all.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

from schemas.codec import EventCodec
from schemas.control import Dataset, Plan
from schemas.envelope import Cause, Event, Meta, Op, kafka_key, key_text
from schemas.errors import RejectError
from schemas.lanes import room_for
from trial.city.residents import Resident
from trial.expectations import Said
from wire.publisher import Publisher
from wire.settings import KafkaSettings

__all__ = ["RudePublisher", "send_digest"]

_UNKNOWN_SCHEMA = 987_654
_FAR = 1 << 41
#: Milliseconds: longer than any update cycle, and further ahead than any clock.
_AWAY, _AHEAD = 400 * 86_400_000, 3_600_000


def send_digest(key: bytes | None, value: bytes | None) -> bytes:
    """What an acknowledged send and its record on raw have in common."""
    return blake2b(b"%d/%b/%b" % (len(key or b""), key or b"", value or b""), digest_size=12).digest()


class RudePublisher:
    """Publishes turns of good and bad events of one dataset. `acknowledged` counts each digest that Kafka confirmed."""

    def __init__(self, settings: KafkaSettings, plan: Plan, dataset: str, foreign: str, stream: str,
                 people: Callable[[], Resident]) -> None:
        self._dataset, self._foreign = plan.datasets[dataset], plan.datasets[foreign]
        self._codec = _codec(plan, self._dataset)
        self._foreign_codec = _codec(plan, self._foreign)
        self._stream, self._people = stream, people
        self._lane = f"raw.{self._dataset.provider}"
        self._publisher = Publisher(settings)
        self._random = random.Random(20_260_102)
        self._epoch, self._seq = 0, 0
        self._clock = 0
        self._living: list[dict[str, Any]] = []
        self._last: tuple[bytes | None, bytes | None] = (b"", b"")
        self._open: list[tuple[bytes, bool]] = []
        self.acknowledged: Counter[bytes] = Counter()
        self._values = 0
        self._refused = 0
        self._kinds_said: Counter[str] = Counter()

    def turn(self) -> None:
        """One round: each kind of behaviour once, in a random order, then wait for Kafka's acknowledgement."""
        kinds = list(self._kinds())
        self._random.shuffle(kinds)
        for act in kinds:
            act()
            self._kinds_said[_name(act)] += 1
        self._publisher.flush()
        self.acknowledged.update(digest for digest, _ in self._open)
        self._values += sum(is_value for _, is_value in self._open)
        self._open.clear()

    @property
    def said(self) -> Said:
        """What was meant by all that was acknowledged."""
        return Said(frozenset(map(_name, self._kinds())), self._kinds_said, self._values, self._refused, self._stream)

    def close(self) -> None:
        """Let go of the connection."""
        self._publisher.close()

    def _kinds(self) -> Iterator[Callable[[], None]]:
        yield from (self._newcomer,) * 6
        yield from (self._correction, self._correction_with_before, self._departure, self._departure_with_before)
        yield from (self._repeat, self._repeat, self._unnumbered, self._next_epoch, self._old_epoch, self._far_ahead)
        yield from (self._noise, self._torn, self._wrong_magic, self._trailing, self._unknown_schema)
        yield from (self._foreign_stream, self._foreign_schema, self._foreign_key, self._unclean_key)
        yield from (self._oversized, self._tombstone)

    # ---- events as they should be

    def _newcomer(self) -> None:
        row = self._row()
        self._living.append(row)
        self._event("c", row)

    def _correction(self) -> None:
        row = self._someone()
        row["phone"] = f"+86-139-{self._random.randrange(10**4):04}-{self._random.randrange(10**4):04}"
        self._event("u", row)

    def _correction_with_before(self) -> None:
        row = self._someone()
        before = dict(row)
        row["status"] = "registered" if row["status"] == "moved" else "moved"
        self._event("u", row, before)

    def _departure(self) -> None:
        self._event("d", None, key=self._key(self._leaving()))

    def _departure_with_before(self) -> None:
        row = self._leaving()
        self._event("d", None, row, key=self._key(row))

    def _unnumbered(self) -> None:
        row = self._row()
        self._living.append(row)
        self._event("c", row, seq=-1)

    # ---- positions

    def _repeat(self) -> None:
        self._send(*self._last)

    def _next_epoch(self) -> None:
        """It was away, numbers anew, and sends what happened meanwhile: too late."""
        self._epoch, self._seq = self._epoch + 1, 0
        self._clock = -_AWAY
        self._newcomer()
        self._clock = 0

    def _old_epoch(self) -> None:
        if self._epoch:
            self._event("u", self._someone(), seq=self._seq, epoch=self._epoch - 1)
        else:
            self._newcomer()

    def _far_ahead(self) -> None:
        """Of a record that this epoch has just named, so that its partition knows how far the epoch is."""
        self._newcomer()
        self._clock = _AHEAD
        self._event("u", self._living[-1], seq=self._seq + _FAR)
        self._clock = 0

    # ---- bytes that are no event

    def _noise(self) -> None:
        """Never with a first byte of 0, behind which four more would be a schema id."""
        self._send(b"noise", bytes((self._random.randrange(1, 256),)) + self._random.randbytes(63))

    def _torn(self) -> None:
        value = self._encoded(self._row())
        self._send(b"torn", value[:self._random.randrange(6, len(value))])

    def _wrong_magic(self) -> None:
        self._send(b"magic", b"\1" + self._encoded(self._row())[1:])

    def _trailing(self) -> None:
        self._send(b"trailing", self._encoded(self._row()) + b"\0")

    def _unknown_schema(self) -> None:
        value = self._encoded(self._row())
        self._send(b"unknown", b"\0" + _UNKNOWN_SCHEMA.to_bytes(4, "big") + value[5:])

    # ---- events that are not this department's to send

    def _foreign_stream(self) -> None:
        row = self._row()
        self._send(self._key(row), self._encoded(row, stream="civil.register"))

    def _foreign_schema(self) -> None:
        code = "341502001001"
        row = {"code": code, "name": "冒名社区", "street_code": code[:9], "street": "某街道", "area_code": code[:6],
               "area": "金安区", "city": "六安市", "updated_at": _now()}
        value = self._foreign_codec.encode(Event(self._meta("c", self._stream, self._seq + 1), row))
        self._send(kafka_key(self._foreign.id, code), value)

    def _foreign_key(self) -> None:
        self._send(self._key(self._row()), self._encoded(self._row()))

    def _unclean_key(self) -> None:
        row = self._row()
        row["resident_id"] = f" {row['resident_id']}"
        self._event("c", row)

    # ---- the rest

    def _oversized(self) -> None:
        row = self._row()
        row["address"] = "长" * (room_for(self._lane) // 3 + 1)
        try:
            self._event("c", row)
        except RejectError:
            self._refused += 1

    def _tombstone(self) -> None:
        self._send(self._key(self._row()), None)

    def _event(self, op: Op, row: dict[str, Any] | None, before: dict[str, Any] | None = None, *, key: bytes = b"",
               seq: int | None = None, epoch: int | None = None) -> None:
        if seq is None:
            self._seq += 1
        meta = self._meta(op, self._stream, self._seq if seq is None else seq, self._epoch if epoch is None else epoch)
        value = self._codec.encode(Event(meta, row, before))
        self._send(key or self._key(row or {}), value)
        self._last = key or self._key(row or {}), value

    def _encoded(self, row: dict[str, Any], stream: str = "") -> bytes:
        return self._codec.encode(Event(self._meta("c", stream or self._stream, self._seq + 1, self._epoch), row))

    def _meta(self, op: Op, stream: str, seq: int, epoch: int = 0, cause: Cause = "live") -> Meta:
        return Meta(f"{self._random.getrandbits(96):024x}", op, _now() + self._clock, "health.clinic", stream, epoch, seq, cause)

    def _send(self, key: bytes | None, value: bytes | None) -> None:
        self._publisher.send(self._lane, key, value)
        self._open.append((send_digest(key, value), value is not None))

    def _key(self, row: dict[str, Any]) -> bytes:
        return kafka_key(self._dataset.id, key_text([row[name] for name in self._dataset.key]))

    def _row(self) -> dict[str, Any]:
        return {**self._people()._asdict(), "updated_at": _now()}

    def _someone(self) -> dict[str, Any]:
        if not self._living:
            self._newcomer()
        return self._random.choice(self._living)

    def _leaving(self) -> dict[str, Any]:
        row = self._someone()
        self._living.remove(row)
        return row


def _name(act: Callable[[], None]) -> str:
    return act.__name__.strip("_")


def _codec(plan: Plan, dataset: Dataset) -> EventCodec:
    return EventCodec(plan.schemas[dataset.event_schema].text, dataset.event_schema)


def _now() -> int:
    return int(time.time() * 1000)
