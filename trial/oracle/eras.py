"""The plans of a run, oldest first, and under which of them each record was handled.

A bus may take up a new plan between any two records of a partition, but never goes back. So what stands on the output
lanes tells the era, and the record's fate is then judged under that era's plan alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import fastavro

from trial.oracle.avro import Codec, Unreadable, plain
from trial.oracle.plan import Plan
from trial.oracle.records import Record

__all__ = ["Eras"]

Place = tuple[str, int, int]


class Eras:
    """Under one plan there is nothing to find out, and no lane is read for it."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = tuple(plans)
        #: where a record lies -> the eras that its trace on the output lanes may be of
        self._told: dict[Place, frozenset[int]] = {}
        #: where a subscriber sees no position: its subscription, key and id -> the same of what came under them, oldest first
        self._masked: dict[tuple[object, ...], list[frozenset[int]]] = {}
        #: partition -> the era it has reached
        self._reached: dict[tuple[str, int], int] = {}

    @property
    def several(self) -> bool:
        return len(self.plans) > 1

    def writing(self, number: int) -> frozenset[int]:
        """The eras in which events go on under this schema id; one that comes back has several spans."""
        return frozenset(at for at, plan in enumerate(self.plans) if number in plan.present)

    def reading(self, number: int) -> frozenset[int]:
        """The eras in which events under this schema id can be read."""
        return frozenset(at for at, plan in enumerate(self.plans) if number in plan.by_schema)

    def read_clean(self, records: Iterable[Record], codec: Codec) -> None:
        """What clean wrote tells under which plan it handled the raw record."""
        for record in records:
            found = _position(record, codec)
            if found is not None and found[1] is not None:
                self._note(found[1], self.writing(found[0]))

    def read_inbox(self, records: Iterable[Record], codec: Codec, schemas: Mapping[int, tuple[str, frozenset[int]]]) -> None:
        """What route wrote does so for the clean record. `schemas`: output id -> subscription and its eras with it."""
        for record in records:
            found = _position(record, codec)
            if found is None or found[0] not in schemas:
                continue
            number, place, name = found
            contract, eras = schemas[number]
            if place is not None:
                self._note(place, eras)
            else:
                self._masked.setdefault((contract, record.key, name), []).append(eras)

    def read_letters(self, records: Iterable[Record], schema: Any) -> None:
        """A letter names the version of the plan it was written under."""
        shape = fastavro.parse_schema(plain(schema))
        for record in records:
            try:
                letter: Any = fastavro.schemaless_reader(BytesIO(record.value or b""), shape, None)
            except (EOFError, IndexError, ValueError):
                continue
            era = max((at for at, plan in enumerate(self.plans) if plan.version <= letter["plan_version"]), default=0)
            self._note((letter["lane"], letter["partition"], letter["offset"]), frozenset((era,)))

    def _note(self, place: Place, eras: frozenset[int]) -> None:
        """Several traces of one record must agree; where they do not, the last is believed, and the others found wrong."""
        self._told[place] = self._told.get(place, eras) & eras or eras

    def of_raw(self, record: Record) -> int:
        """The era of a raw record. A repeat leaves no trace; that it was known for one tells that its schema id was."""
        if (record.lane, record.partition, record.offset) in self._told:
            return self.of(record)
        return self.of(record, self.reading(int.from_bytes((record.value or b"")[1:5], "big")))

    def of_clean(self, record: Record, number: int, tokens: Iterable[tuple[object, ...]]) -> int:
        """The era in which a clean record was routed. Deliveries without a position are found by `tokens`; each speaks once."""
        spoken = [eras.pop(0) for eras in map(self._masked.get, tokens) if eras]
        return self.of(record, self.reading(number), *spoken)

    def of(self, record: Record, *among: frozenset[int]) -> int:
        """The era of a record, asked for in the order of its partition: the first it has not left that all traces allow."""
        here, everything = (record.lane, record.partition), frozenset(range(len(self.plans)))
        allowed = self._told.get((record.lane, record.partition, record.offset), everything)
        for eras in among:
            allowed = allowed & eras or allowed
        reached = self._reached.get(here, 0)
        self._reached[here] = min((era for era in allowed if era >= reached), default=reached)
        return self._reached[here]


def _position(record: Record, codec: Codec) -> tuple[int, Place | None, str] | None:
    """Schema id of an event, where it says it comes from, and its id; None for what is none."""
    try:
        number = codec.number(record.value or b"")
        meta = codec.trusted(record.value or b"")["meta"]
    except (Unreadable, EOFError, IndexError, ValueError):
        return None
    lane, _, partition = meta["stream"].rpartition("/")
    return number, (lane, int(partition), meta["seq"]) if partition.isdigit() else None, meta["id"]
