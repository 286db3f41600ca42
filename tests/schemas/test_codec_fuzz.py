"""The scanner against fastavro on random schemas of every type: what fastavro reads we read with the same value, and vice versa.

FUZZ says how many schemas (2,000 without it); the seed of each is its number, and a failure tells it. Whatever one takes and the
other does not is on the list of `strict_reader.DECISIONS`, or a bug.
"""

import io
import json
import os
from collections import Counter
from random import Random
from typing import Any

import fastavro
import pytest

from schemas.codec import EventCodec, EventScanner, Scanned
from schemas.codec.ends import DEEPEST
from schemas.contract import event_schema
from schemas.envelope import Event, Meta
from schemas.errors import RejectError
from tests.schemas.random_avro import Free, Plain, Schemas, damaged
from tests.schemas.strict_reader import DECISIONS, Refused, Strict

SCHEMAS = int(os.environ.get("FUZZ") or 2000)
PARTS = 8
#: Rows per schema that are spelt plainly, that are spelt freely, and damaged copies of each of them; random bytes.
PLAIN, FREE, DAMAGED, RANDOM = 3, 3, 3, 3
META = Meta("id", "c", 1_700_000_000_000, "s", "t", 1, 2, "live", "")


class Case:
    """One random schema, read both ways. A row travels in an event, the last thing in it, whose other bytes are right."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = Random(seed)
        text, self.schema = Schemas(self.rng).row()
        event = json.loads(event_schema("test.thing", text))
        event["fields"].pop()  # `before` would be a second row
        whole = json.dumps(event)
        self.head = EventCodec(whole, 9).encode(Event(META, None))[:-1] + b"\2"
        self.scanner = EventScanner(whole, 9)
        self.parsed = fastavro.parse_schema({**self.schema, "namespace": "test"})
        self.strict = Strict(self.schema, DEEPEST + 1)  # the row is a record too
        self.seen = Counter[str]()

    def theirs(self, row: bytes) -> tuple[Any] | None:
        """The value fastavro sees in all of these bytes."""
        source = io.BytesIO(row)
        try:
            value = fastavro.schemaless_reader(source, self.parsed, None, return_record_name=True, return_record_name_override=True)
        except Exception:
            return None
        return (value,) if source.tell() == len(row) else None

    def ours(self, row: bytes) -> Scanned | None:
        try:
            return self.scanner.scan(self.head + row)
        except RejectError:
            return None

    def decision(self, row: bytes) -> str:
        """The decision against these bytes, which fastavro reads."""
        try:
            self.strict.read(row)
        except Refused as refused:
            return str(refused)
        return ""

    def compare(self, row: bytes) -> Scanned | None:
        """Both sides on one row."""
        theirs, ours = self.theirs(row), self.ours(row)
        if theirs is None:
            assert ours is None, "we read what fastavro does not"
            self.seen["refused by both"] += 1
            return None
        why = self.decision(row)
        assert (ours is None) == bool(why), why or "fastavro reads what we do not, and no decision says so"
        if ours is None:
            self.seen[why] += 1
            return None
        assert ours.row is not None
        assert repr(self.scanner.decode_row(ours.row)) == repr(theirs[0])
        self.seen["read by both"] += 1
        joined = b"".join(ours.row)
        if joined != row:
            self.seen["rewritten"] += 1
            self.settled(joined, ours)
        for number, piece in enumerate(ours.row):
            assert self.scanner.text(number, piece) == self.scanner.text(number, bytes(piece))
        return ours

    def settled(self, joined: bytes, scanned: Scanned) -> None:
        """What was rewritten is read without being rewritten again."""
        before = self.scanner.rewritten
        again = self.ours(joined)
        assert again is not None
        assert again.row == scanned.row
        assert self.scanner.split(joined) == scanned.row
        assert self.scanner.rewritten == before

    def usual(self, row: bytes) -> None:
        """A row as writers spell it takes the fast path and is cut, not rewritten."""
        before = self.scanner.rewritten
        scanned = self.compare(row)
        assert scanned is not None
        assert scanned.row is not None
        assert b"".join(scanned.row) == row
        assert self.scanner.rewritten == before
        self.write(self.scanner.decode_row(scanned.row))

    def write(self, value: Any) -> None:
        """A value is written as fastavro writes it, and that takes the fast path. In unions fastavro chooses by the Python value, may
        choose a branch that cannot hold it (an enum's symbol as a uuid) or fail to (a text after a date): then we refuse it."""
        try:
            ours = b"".join(self.scanner.encode_row(value))
        except RejectError as error:
            ours = b""
            self.seen[error.code] += 1
        out, before = io.BytesIO(), self.scanner.rewritten
        try:
            fastavro.schemaless_writer(out, [self.parsed], value, strict_allow_default=True)
        except ValueError:
            assert not ours
            return
        theirs = out.getvalue()[1:]
        if self.theirs(theirs) is None or self.decision(theirs):
            assert not ours
            return
        assert ours == theirs
        scanned = self.ours(theirs)
        assert scanned is not None
        assert b"".join(scanned.row or ()) == theirs
        assert self.scanner.rewritten == before
        self.seen["written by both"] += 1

    def run(self) -> Counter[str]:
        """All rows of this schema."""
        plain, free = Plain(self.rng, self.schema), Free(self.rng, self.schema)
        for number in range(PLAIN + FREE):
            row = (plain if number < PLAIN else free).spell(self.schema)
            if number < PLAIN:
                self.usual(row)
            else:
                self.compare(row)
            for _ in range(DAMAGED):
                self.compare(damaged(self.rng, row))
        for _ in range(RANDOM):
            self.compare(self.rng.randbytes(self.rng.randint(0, 40)))
        return self.seen


def fuzz(seeds: range) -> Counter[str]:
    """All that was seen on these schemas; a failure names its seed."""
    seen = Counter[str]()
    for seed in seeds:
        try:
            seen += Case(seed).run()
        except BaseException as error:
            error.add_note(f"the schema of seed {seed}")
            raise
    return seen


@pytest.mark.timeout(900 + SCHEMAS)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_scanner_and_fastavro_agree_on_random_schemas(part: int) -> None:
    seen = fuzz(range(part, SCHEMAS, PARTS))
    print(f"{sum(seen.values())} cases: {dict(seen.most_common())}")  # noqa: T201 - shown with -s
    usual = {"read by both", "refused by both", "rewritten", "written by both"}
    assert usual <= set(seen) <= usual | set(DECISIONS) | {"unencodable"}
    assert len(set(seen) & set(DECISIONS)) >= 3, "damage no longer meets what is decided"
