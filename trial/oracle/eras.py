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
        #: where a record lies -> the era that its trace on an output lane speaks of
        self._told: dict[Place, int] = {}
        #: where a subscriber sees no position: its subscription, key and id -> the eras of what came under them, oldest first
        self._masked: dict[tuple[object, ...], list[int]] = {}
        #: partition -> the era it has reached
        self._reached: dict[tuple[str, int], int] = {}

    @property
    def several(self) -> bool:
        return len(self.plans) > 1

    def first_with(self, number: int) -> int:
        """The first era in which events go on under this schema id."""
        return next((at for at, plan in enumerate(self.plans) if number in plan.present), len(self.plans) - 1)

    def of_raw(self, record: Record) -> int:
        """The era of a raw record. A repeat leaves no trace; that it was known for one tells that its schema id was."""
        number = int.from_bytes((record.value or b"")[1:5], "big")
        if (record.lane, record.partition, record.offset) in self._told:
            return self.of(record)
        return self.of(record, next((at for at, plan in enumerate(self.plans) if number in plan.by_schema), 0))

    def read_clean(self, records: Iterable[Record], codec: Codec) -> None:
        """What clean wrote tells under which plan it handled the raw record."""
        for record in records:
            try:
                number = codec.number(record.value or b"")
                meta = codec.trusted(record.value or b"")["meta"]
            except (Unreadable, EOFError, IndexError, ValueError):
                continue
            lane, _, partition = meta["stream"].rpartition("/")
            if partition.isdigit():
                self._told[lane, int(partition), meta["seq"]] = self.first_with(number)

    def read_inbox(self, records: Iterable[Record], codec: Codec, schemas: Mapping[int, tuple[str, int]]) -> None:
        """What route wrote does so for the clean record. `schemas`: output id -> subscription and its first era with it."""
        for record in records:
            try:
                number = codec.number(record.value or b"")
                meta = codec.trusted(record.value or b"")["meta"]
            except (Unreadable, EOFError, IndexError, ValueError):
                continue
            lane, _, partition = meta["stream"].rpartition("/")
            if number not in schemas:
                continue
            contract, era = schemas[number]
            if partition.isdigit():
                place = lane, int(partition), meta["seq"]
                self._told[place] = max(era, self._told.get(place, 0))
            elif not meta["stream"]:
                self._masked.setdefault((contract, record.key, meta["id"]), []).append(era)

    def read_letters(self, records: Iterable[Record], schema: Any) -> None:
        """A letter names the version of the plan it was written under."""
        shape = fastavro.parse_schema(plain(schema))
        for record in records:
            try:
                letter: Any = fastavro.schemaless_reader(BytesIO(record.value or b""), shape, None)
            except (EOFError, IndexError, ValueError):
                continue
            place = letter["lane"], letter["partition"], letter["offset"]
            era = max((at for at, plan in enumerate(self.plans) if plan.version <= letter["plan_version"]), default=0)
            self._told[place] = max(era, self._told.get(place, 0))

    def of_masked(self, tokens: Iterable[tuple[object, ...]]) -> int:
        """The era that deliveries without a position speak of; each speaks once."""
        return max((eras.pop(0) for eras in map(self._masked.get, tokens) if eras), default=0)

    def of(self, record: Record, least: int = 0) -> int:
        """The era of a record, asked for in the order of its partition; not before `least`."""
        here = record.lane, record.partition
        told = self._told.get((record.lane, record.partition, record.offset), 0)
        self._reached[here] = max(self._reached.get(here, 0), told, least)
        return self._reached[here]
